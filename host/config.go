package host

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"sluice/plugins"
)

// Config is everything an operator can set. Start from DefaultConfig.
type Config struct {
	Addr      string // of the API; port 0 picks a free one
	AdminAddr string // of metrics and pprof; empty: off
	Data      string // folder of everything that lasts

	TLSCert string // PEM files of the API's certificate and key, read again
	TLSKey  string // when they change; both empty: plain HTTP

	MaxConnections int
	MaxHeaderBytes int   // request line and headers together
	MaxJSONBytes   int64 // a JSON body, decoded
	MaxStreamBytes int64 // a raw upload, decoded
	MaxQueuedJobs  int   // jobs of one tenant that have not ended
	MaxReportBytes int64 // failed rows' cells and results of one job

	HeaderTimeout time.Duration // from a request's first byte to its last header
	BodyTimeout   time.Duration // for each bodyStep bytes of a body
	WriteTimeout  time.Duration // for each write of an answer
	IdleTimeout   time.Duration // between two requests of a connection
	ShutdownGrace time.Duration // for running requests and jobs when the server stops

	RateLimit int // requests in 60 s of a key that says nothing else
	KeyCache  int // keys held in memory

	// PluginChild is the command that compiles a module in a process of its own;
	// its main calls plugins.CompileChild.
	PluginChild    []string
	PluginMemory   int   // bytes of one instance
	PluginRowFuel  int64 // of one row
	PluginFuel     int64 // of one batch
	PluginMaxTraps int   // guilty rows after which a job fails

	PluginMaxModuleBytes int // of an upload
	PluginMaxRowsOut     int // answered for one row
	PluginMaxBytesOut    int // answered by one call
	PluginMaxErrors      int // of one row
	PluginMaxLogLines    int // of one job
	PluginMaxLogBytes    int

	// PluginBatchTime is the processor time of one batch with its retries.
	PluginBatchTime time.Duration

	// PluginCompileTime is the processor time that compiling and trying a module
	// may take; past it the module is refused. A slow machine needs more.
	PluginCompileTime time.Duration
}

// CompileCommand is the argument by which the binary knows that it was started to
// compile a module.
const CompileCommand = "compile-plugin"

// pluginLimits are the sandbox's limits, as far as they can be set.
func (c Config) pluginLimits() plugins.Limits {
	l := plugins.DefaultLimits()
	l.MemoryBytes, l.FuelPerRow, l.FuelPerBatch = c.PluginMemory, c.PluginRowFuel, c.PluginFuel
	l.MaxTraps, l.BatchTime = c.PluginMaxTraps, c.PluginBatchTime
	l.ModuleBytes, l.RowsOut, l.BytesOut = c.PluginMaxModuleBytes, c.PluginMaxRowsOut, c.PluginMaxBytesOut
	l.ErrorsOut, l.LogLines, l.LogBytes = c.PluginMaxErrors, c.PluginMaxLogLines, c.PluginMaxLogBytes
	return l
}

// DefaultConfig is what a server does when it is told nothing.
func DefaultConfig() Config {
	limits := plugins.DefaultLimits()
	return Config{
		Addr:      "127.0.0.1:8080",
		AdminAddr: "127.0.0.1:8081",
		Data:      "./data",

		MaxConnections: 4096,
		MaxHeaderBytes: 16 << 10,
		MaxJSONBytes:   20 << 20,
		MaxStreamBytes: 10 << 30,
		MaxQueuedJobs:  10_000,
		MaxReportBytes: 1 << 30,

		HeaderTimeout: 30 * time.Second,
		BodyTimeout:   60 * time.Second,
		WriteTimeout:  60 * time.Second,
		IdleTimeout:   2 * time.Minute,
		ShutdownGrace: 30 * time.Second,

		RateLimit: 1000,
		KeyCache:  10_000,

		PluginChild:    ownChild(),
		PluginMemory:   limits.MemoryBytes,
		PluginRowFuel:  limits.FuelPerRow,
		PluginFuel:     limits.FuelPerBatch,
		PluginMaxTraps: limits.MaxTraps,

		PluginMaxModuleBytes: limits.ModuleBytes,
		PluginMaxRowsOut:     limits.RowsOut,
		PluginMaxBytesOut:    limits.BytesOut,
		PluginMaxErrors:      limits.ErrorsOut,
		PluginMaxLogLines:    limits.LogLines,
		PluginMaxLogBytes:    limits.LogBytes,

		PluginBatchTime:   limits.BatchTime,
		PluginCompileTime: plugins.DefaultConfig().ChildCPU,
	}
}

// ownChild starts this very binary again.
func ownChild() []string {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	return []string{path, CompileCommand}
}

// ConfigError is all that is wrong with a Config.
type ConfigError []ConfigProblem

// ConfigProblem is what is wrong with one field.
type ConfigProblem struct{ Field, Problem string }

func (e ConfigError) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.Field + ": " + p.Problem
	}
	return "configuration: " + strings.Join(lines, "\n")
}

// Validate reports every problem of c at once, each with its field, as a
// ConfigError.
func (c Config) Validate() error {
	var errs ConfigError
	bad := func(field, format string, args ...any) {
		errs = append(errs, ConfigProblem{field, fmt.Sprintf(format, args...)})
	}
	addr := func(field, value string) {
		if _, _, err := net.SplitHostPort(value); err != nil {
			bad(field, "%q is not host:port", value)
		}
	}
	between := func(field string, value, least, most int64) {
		if value < least || value > most {
			bad(field, "%d is not from %d to %d", value, least, most)
		}
	}
	within := func(field string, d, least, most time.Duration) {
		if d < least || d > most {
			bad(field, "%v is not from %v to %v", d, least, most)
		}
	}
	positive := func(field string, d time.Duration) {
		if d <= 0 {
			bad(field, "%s is not above 0", d)
		}
	}
	addr("Addr", c.Addr)
	if c.AdminAddr != "" {
		addr("AdminAddr", c.AdminAddr)
	}
	if c.Data == "" {
		bad("Data", "is empty")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		bad("TLSKey", "the certificate and its key go together: set both, or neither")
	}
	between("MaxConnections", int64(c.MaxConnections), 1, 1<<20)
	between("MaxHeaderBytes", int64(c.MaxHeaderBytes), 4<<10, 1<<20)
	between("MaxJSONBytes", c.MaxJSONBytes, 1<<10, 1<<30)
	between("MaxStreamBytes", c.MaxStreamBytes, 1<<10, 1<<50)
	between("MaxQueuedJobs", int64(c.MaxQueuedJobs), 1, 1<<20)
	between("MaxReportBytes", c.MaxReportBytes, 0, 1<<50)
	positive("HeaderTimeout", c.HeaderTimeout)
	positive("BodyTimeout", c.BodyTimeout)
	positive("WriteTimeout", c.WriteTimeout)
	positive("IdleTimeout", c.IdleTimeout)
	positive("ShutdownGrace", c.ShutdownGrace)
	between("RateLimit", int64(c.RateLimit), 1, maxRateLimit)
	between("KeyCache", int64(c.KeyCache), 1, 10_000_000)
	between("PluginMemory", int64(c.PluginMemory), 64<<10, 1<<30)
	if c.PluginMemory > 64<<10 && c.PluginMemory%(64<<10) != 0 {
		bad("PluginMemory", "%d is no multiple of 65536", c.PluginMemory)
	}
	between("PluginRowFuel", c.PluginRowFuel, 1, 1<<50)
	between("PluginFuel", c.PluginFuel, 1, 1<<50)
	between("PluginMaxTraps", int64(c.PluginMaxTraps), 0, 1<<30)
	between("PluginMaxModuleBytes", int64(c.PluginMaxModuleBytes), 1<<10, 64<<20)
	between("PluginMaxRowsOut", int64(c.PluginMaxRowsOut), 1, 1<<20)
	between("PluginMaxBytesOut", int64(c.PluginMaxBytesOut), 1<<10, 256<<20)
	between("PluginMaxErrors", int64(c.PluginMaxErrors), 1, 1<<10)
	between("PluginMaxLogLines", int64(c.PluginMaxLogLines), 1, 1<<20)
	between("PluginMaxLogBytes", int64(c.PluginMaxLogBytes), 1<<10, 64<<20)
	within("PluginBatchTime", c.PluginBatchTime, 10*time.Millisecond, time.Minute)
	within("PluginCompileTime", c.PluginCompileTime, time.Second, time.Minute)
	if len(c.PluginChild) == 0 {
		bad("PluginChild", "is empty")
	}
	if len(errs) == 0 {
		return nil
	}
	return errs
}
