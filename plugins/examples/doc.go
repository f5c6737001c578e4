// Package examples holds plugins that are useful as they are, one a folder: its
// source, a file to try it with, and what must become of that file. The modules
// of those that are not Go lie beside their source; `make guests` rebuilds them.
package examples
