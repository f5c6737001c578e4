package badgerkv

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"sluice/storage"
)

// Config says where a store lies and how it is run. Zero fields take the value of
// DefaultConfig.
type Config struct {
	Dir string

	ValueLogFileSize int64         // bytes of one value log file, 1 MiB to 1 GiB
	MemTableSize     int64         // bytes; see minMemTableSize
	MinFreeBytes     uint64        // commits are refused when the disk has less left, or a quarter of it
	StallAfter       time.Duration // commits are refused when the one before hangs this long
	CollectEvery     time.Duration // how often the collector looks; negative: only Compact collects

	Logger *slog.Logger // nil: no log
	Events Events

	diskSpace func(dir string) (free, total uint64, err error) // for tests; nil: the system's
}

// Events are called from the store's goroutines, which they must not block.
type Events struct {
	Committed func(Group)     // after each fsync
	Collected func(files int) // after each collection that removed value log files
}

// Group is what one fsync made durable.
type Group struct {
	Commits, Keys, Bytes int
	Took                 time.Duration // writing and fsync
}

// minMemTableSize makes Badger's limits of one transaction, 15 % of it, hold the
// largest commit: values from valueThreshold on count as 12 bytes, so 999 keys and
// values that are just smaller make 1.4 MB.
const minMemTableSize = 16 << 20

// valueThreshold is the size from which a value goes to the value log. A small
// import writes its job and its rows, of about 1 KB each: in the memtable they
// would fill it, and be written twice more, every 10,000 imports.
const valueThreshold = 256

// formatVersion is checked by Badger's manifest: a folder of another format is
// not opened.
const formatVersion = 1

// DefaultConfig returns the settings for a store in dir.
func DefaultConfig(dir string) Config {
	return Config{
		Dir:              dir,
		ValueLogFileSize: 64 << 20,
		MemTableSize:     minMemTableSize,
		MinFreeBytes:     256 << 20,
		StallAfter:       15 * time.Second,
		CollectEvery:     time.Minute,
	}
}

// complete fills in what is zero and reports what is out of range.
func (c Config) complete() (Config, error) {
	d := DefaultConfig(c.Dir)
	if c.ValueLogFileSize == 0 {
		c.ValueLogFileSize = d.ValueLogFileSize
	}
	if c.MemTableSize == 0 {
		c.MemTableSize = d.MemTableSize
	}
	if c.MinFreeBytes == 0 {
		c.MinFreeBytes = d.MinFreeBytes
	}
	if c.StallAfter == 0 {
		c.StallAfter = d.StallAfter
	}
	if c.CollectEvery == 0 {
		c.CollectEvery = d.CollectEvery
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.diskSpace == nil {
		c.diskSpace = storage.DiskSpace
	}
	switch {
	case c.Dir == "":
		return c, fmt.Errorf("storage: Dir is empty")
	case c.ValueLogFileSize < 1<<20 || c.ValueLogFileSize > 1<<30:
		return c, fmt.Errorf("storage: ValueLogFileSize is %d, must be 1 MiB to 1 GiB", c.ValueLogFileSize)
	case c.MemTableSize < minMemTableSize || c.MemTableSize > 1<<30:
		return c, fmt.Errorf("storage: MemTableSize is %d, must be 16 MiB to 1 GiB", c.MemTableSize)
	}
	return c, nil
}

// options are Badger's, set in code and never from a string. RATIONALE.md has the
// measurements behind them.
func (c Config) options(log badger.Logger) badger.Options {
	o := badger.DefaultOptions(c.Dir)
	o.Logger = log
	o.ExternalMagicVersion = formatVersion
	o.MetricsEnabled = false  // they are global to the process
	o.DetectConflicts = false // guards are judged by the committer

	o.SyncWrites = true
	o.ValueThreshold = valueThreshold
	o.ValueLogFileSize = c.ValueLogFileSize
	o.MemTableSize = c.MemTableSize
	o.NumMemtables = 2
	o.NumCompactors = 2      // the least that Badger takes
	o.NumLevelZeroTables = 1 // compacted at once, so that dead values are known
	o.NumLevelZeroTablesStall = 8

	o.Compression = options.None // row groups are compressed already
	o.BlockCacheSize = 0         // nothing to decompress: blocks are views of mapped files
	o.IndexCacheSize = 0
	o.ChecksumVerificationMode = options.NoVerification // see verifyTables; values have their own
	return o
}
