// Package sluice is what a Sluice plugin in Go is written against. Build it with
// the stock toolchain:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags=-w -o plugin.wasm
//
// A plugin registers itself in a variable of package main, because a plugin's main
// is never called:
//
//	func main() {}
//
//	var _ = sluice.Register(sluice.Plugin{Name: "mine", Version: "1.0.0", Open: open})
//
//	func open(job *sluice.Job) (func(*sluice.Row), error) {
//		company, site := job.Input("Company"), job.Input("Website")
//		name, domain := job.Output("name"), job.Output("domain")
//		job.Pass("phone", "Phone")
//		return func(r *sluice.Row) {
//			if r.Blank(company) {
//				r.Reject(company, "no_name", "a company needs a name")
//				return
//			}
//			r.Copy(name, company)
//			r.Set(domain, strings.ToLower(r.Text(site)))
//		}, nil
//	}
//
// # Rows
//
// A row is answered when the function returns, unless it was skipped or rejected
// or Emit was called. Fields that were not set are absent. What a row's methods
// return are views, valid until the function returns: strings.Clone what stays.
// A part of a view is answered without being copied.
//
// # Size and speed
//
// The package imports nothing that is heavy. Plugins should not import fmt,
// encoding/json, net or crypto: they make the module several times as large and
// its start slow; strconv, strings and bytes are light. Garbage is collected
// between batches, and only when there is some.
//
// On other platforms than wasip1 the package compiles and Try runs a plugin
// natively, for tests.
package sluice
