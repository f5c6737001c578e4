package plugins

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"sluice/plugins/meter"
)

// Limits bound what one plugin may use.
type Limits struct {
	ModuleBytes  int           // of an upload
	MemoryBytes  int           // of one instance; a multiple of 64 KiB
	FuelPerRow   int64         // a call of n rows may burn n times this,
	FuelPerBatch int64         // and at most this
	FuelStart    int64         // of each of _initialize, open and describe
	BatchTime    time.Duration // processor time of one call with its retries; past it the job fails
	CallRows     int           // rows in one call
	CallBytes    int           // cells and their bytes in one call; a single row may have more
	RowsOut      int           // answered for one input row
	BytesOut     int           // answered by one call, and four times this for one Process
	ErrorsOut    int           // errors of a call, per input row
	OpenBytes    int           // JSON that open or describe answers
	LogLines     int           // of one job; the rest is counted
	LogBytes     int
	MaxTraps     int // guilty rows of one job; past them the job fails
}

// DefaultLimits suit plugins that clean and map fields, with room to spare.
func DefaultLimits() Limits {
	return Limits{
		ModuleBytes:  8 << 20,
		MemoryBytes:  64 << 20,
		FuelPerRow:   100_000_000, // a cell of a megabyte, byte by byte
		FuelPerBatch: 200_000_000,
		FuelStart:    200_000_000,
		BatchTime:    500 * time.Millisecond,
		CallRows:     1024,
		CallBytes:    512 << 10,
		RowsOut:      100,
		BytesOut:     16 << 20,
		ErrorsOut:    16,
		OpenBytes:    1 << 20,
		LogLines:     1000,
		LogBytes:     64 << 10,
		MaxTraps:     100,
	}
}

const pageBytes = 64 << 10

// Validate reports every problem of l, by field.
func (l Limits) Validate() error {
	var errs []error
	positive := func(field string, n int64) {
		if n <= 0 {
			errs = append(errs, fmt.Errorf("%s is %d; it must be positive", field, n))
		}
	}
	positive("ModuleBytes", int64(l.ModuleBytes))
	positive("FuelPerRow", l.FuelPerRow)
	positive("FuelPerBatch", l.FuelPerBatch)
	positive("FuelStart", l.FuelStart)
	positive("BatchTime", int64(l.BatchTime))
	positive("CallRows", int64(l.CallRows))
	positive("CallBytes", int64(l.CallBytes))
	positive("RowsOut", int64(l.RowsOut))
	positive("BytesOut", int64(l.BytesOut))
	positive("ErrorsOut", int64(l.ErrorsOut))
	positive("OpenBytes", int64(l.OpenBytes))
	positive("LogLines", int64(l.LogLines))
	positive("LogBytes", int64(l.LogBytes))
	if l.MemoryBytes < pageBytes || l.MemoryBytes%pageBytes != 0 || l.MemoryBytes > 1<<30 {
		errs = append(errs, fmt.Errorf("MemoryBytes is %d; it must be a multiple of 65536 up to 1 GiB", l.MemoryBytes))
	}
	if l.BytesOut > 256<<20 {
		errs = append(errs, fmt.Errorf("BytesOut is %d; it must be at most 256 MiB", l.BytesOut))
	}
	if l.MaxTraps < 0 {
		errs = append(errs, fmt.Errorf("MaxTraps is %d; it must not be negative", l.MaxTraps))
	}
	return errors.Join(errs...)
}

// meter returns the limits of what a module may declare.
func (l Limits) meter() meter.Limits {
	m := meter.DefaultLimits()
	m.MaxModuleBytes, m.MaxOutputBytes = l.ModuleBytes, max(m.MaxOutputBytes, 4*l.ModuleBytes)
	m.MaxMemoryPages = l.MemoryBytes / pageBytes
	return m
}

// batchFuel is what a call of n rows may burn.
func (l Limits) batchFuel(n int) int64 {
	if int64(n) >= l.FuelPerBatch/l.FuelPerRow {
		return l.FuelPerBatch
	}
	return int64(n) * l.FuelPerRow
}

// Config is what a Sandbox is made of.
type Config struct {
	Dir    string // for the compile cache; only we write there
	Limits Limits

	// Child is the command that runs CompileChild, at most one at a time: this
	// very binary and an argument by which its main knows.
	Child    []string
	ChildCPU time.Duration // processor time of one; it limits itself to that

	Guests        int   // that run at once; 0: GOMAXPROCS
	MaxInstances  int   // alive at once, running or idle; 0: eight for each of Guests
	MaxModules    int   // kept compiled in memory though no job uses them
	MaxCacheBytes int64 // of the cache on disk

	Events Events
}

// DefaultConfig is a Config without Dir and Child.
func DefaultConfig() Config {
	return Config{Limits: DefaultLimits(), ChildCPU: 8 * time.Second, MaxModules: 16, MaxCacheBytes: 1 << 30}
}

// Validate reports every problem of c, by field.
func (c Config) Validate() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, fmt.Errorf("%s is empty; it must name a folder", "Dir"))
	}
	if len(c.Child) == 0 {
		errs = append(errs, fmt.Errorf("%s is empty; it must name the command that compiles", "Child"))
	}
	if c.ChildCPU < time.Second || c.ChildCPU > time.Minute {
		errs = append(errs, fmt.Errorf("%s is %v; it must be between 1s and 1m", "ChildCPU", c.ChildCPU))
	}
	for field, n := range map[string]int64{"Guests": int64(c.Guests), "MaxInstances": int64(c.MaxInstances),
		"MaxModules": int64(c.MaxModules), "MaxCacheBytes": c.MaxCacheBytes} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("%s is %d; it must not be negative", field, n))
		}
	}
	return errors.Join(append(errs, c.Limits.Validate())...)
}

func (c Config) withDefaults() Config {
	if c.Guests == 0 {
		c.Guests = runtime.GOMAXPROCS(0)
	}
	if c.MaxInstances == 0 {
		c.MaxInstances = 8 * c.Guests
	}
	c.Events = c.Events.withDefaults()
	return c
}
