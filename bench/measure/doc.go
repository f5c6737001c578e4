// Package measure is what the bench reads of the machine and of processes, and
// the few statistics it makes of it. Processes are read from Linux's /proc; on
// other systems those readings fail and the bench says so.
package measure
