// Package chaos holds a guest that succeeds, errs or traps at each of its entry
// points as its config says, and with each row as the row says; guest/chaos.c tells how.
// Tests give it to whatever must survive a guest's end.
package chaos

import _ "embed"

//go:embed guest/chaos.wasm
var module []byte

// Module is the guest; a copy.
func Module() []byte { return append([]byte(nil), module...) }
