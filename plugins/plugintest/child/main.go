// Command child compiles one module, as the server's binary does when it starts
// itself for that. Tests under the race detector build it without.
package main

import (
	"os"

	"sluice/plugins"
)

func main() { os.Exit(plugins.CompileChild(os.Stdin, os.Stdout, os.Stderr)) }
