// Package bench measures Sluice as its users meet it: the real binary as a
// process of its own, driven over HTTP on the loopback with real-shaped files,
// beside the systems that people would take instead and beside the floor, which
// is what the machine can do with the same bytes at all.
//
// Run takes a Config and returns a Report; METHODOLOGY.md says what is measured,
// from where, and what is unfair to whom. Everything that a run makes lies in one
// temporary folder and in processes that end with the context; both are gone when
// Run returns, however it returns. Two runs may go on at once, but would measure
// each other.
package bench
