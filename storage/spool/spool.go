// Package spool keeps the decompressed body of an upload in one file a job, in
// blocks with checksums, from the first byte received until the job has ended.
//
// Create gives a Writer, which has the disk begin with every 2 MB that it wrote, so
// that Commit has little left to wait for. After Commit the file
// survives a crash; whoever commits the job's record does it after that, and at
// start Sweep removes the spools that have no record. A Reader may read while the
// Writer still writes, and wait for more.
//
// A Writer belongs to one goroutine; all else may be called from several.
package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"sluice/engine/fault"
	"sluice/storage"
)

// ErrID is what an id that is no safe file name gives.
var ErrID = errors.New("spool: id must be 1 to 128 letters, digits, _ and -")

// Options of a Spool. Zero fields take the value of DefaultOptions.
type Options struct {
	// MinFreeBytes must stay free on the disk, or a third of it if that is less.
	// It is more than the store's own reserve: uploads stop before commits do.
	MinFreeBytes uint64

	Calls Calls
}

// Calls are what a Spool does to the disk, so that tests can fail the Nth.
type Calls struct {
	Write   func(f *os.File, p []byte) (int, error)
	Read    func(f *os.File, p []byte, off int64) (int, error)
	Start   func(f *os.File, off, n int64) error // writing these bytes to the disk, without waiting for it
	Sync    func(f *os.File) error               // the file's data and size
	SyncDir func(dir string) error
	Space   func(dir string) (free, total uint64, err error)
}

// DefaultOptions returns the settings for production.
func DefaultOptions() Options {
	return Options{
		MinFreeBytes: 512 << 20,
		Calls: Calls{
			Write:   (*os.File).Write,
			Read:    (*os.File).ReadAt,
			Start:   startData,
			Sync:    syncData,
			SyncDir: storage.SyncDir,
			Space:   storage.DiskSpace,
		},
	}
}

func (o Options) complete() Options {
	d := DefaultOptions()
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = d.MinFreeBytes
	}
	if o.Calls.Write == nil {
		o.Calls.Write = d.Calls.Write
	}
	if o.Calls.Read == nil {
		o.Calls.Read = d.Calls.Read
	}
	if o.Calls.Start == nil {
		o.Calls.Start = d.Calls.Start
	}
	if o.Calls.Sync == nil {
		o.Calls.Sync = d.Calls.Sync
	}
	if o.Calls.SyncDir == nil {
		o.Calls.SyncDir = d.Calls.SyncDir
	}
	if o.Calls.Space == nil {
		o.Calls.Space = d.Calls.Space
	}
	return o
}

// Spool is a folder of spooled uploads.
type Spool struct {
	dir  string
	opts Options
	size atomic.Int64

	mu      sync.Mutex
	writing map[string]*growth // by id
}

// Open opens the spool folder, which it makes when there is none.
func Open(dir string, opts Options) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool folder: %w", err)
	}
	s := &Spool{dir: dir, opts: opts.complete(), writing: make(map[string]*growth)}
	return s, s.each(func(_ string, info fs.FileInfo) error {
		s.size.Add(info.Size())
		return nil
	})
}

// Size returns the bytes of all spools' files.
func (s *Spool) Size() int64 { return s.size.Load() }

// Remove deletes a spool; one that is gone already is no error. While it is being
// written only its Writer can.
func (s *Spool) Remove(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	if s.growth(id) != nil {
		return errors.New("remove spool: it is being written")
	}
	for _, end := range []string{suffix, plainSuffix} {
		path := s.path(id, end)
		info, err := os.Stat(path)
		if err == nil {
			err = os.Remove(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return fmt.Errorf("remove spool: %w", err)
		}
		s.size.Add(-info.Size())
	}
	return nil
}

// Sweep removes the spools that keep does not want and that nobody writes, and
// returns how many.
func (s *Spool) Sweep(keep func(id string) bool) (removed int, err error) {
	err = s.each(func(id string, _ fs.FileInfo) error {
		if s.growth(id) != nil || keep(id) {
			return nil
		}
		removed++
		return s.Remove(id)
	})
	return removed, err
}

// each calls fn for every spool in the folder.
func (s *Spool) each(fn func(id string, info fs.FileInfo) error) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("list spools: %w", err)
	}
	for _, entry := range entries {
		id, ok := strings.CutSuffix(entry.Name(), suffix)
		if !ok {
			id, ok = strings.CutSuffix(entry.Name(), plainSuffix)
		}
		if !ok || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		} else if err != nil {
			return fmt.Errorf("list spools: %w", err)
		}
		if err := fn(id, info); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spool) path(id, end string) string { return filepath.Join(s.dir, id+end) }

// checkID refuses ids that could name another file.
func checkID(id string) error {
	if len(id) == 0 || len(id) > 128 {
		return ErrID
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return ErrID
		}
	}
	return nil
}

// room refuses to write when little space is left.
func (s *Spool) room(bytes int) error {
	free, total, err := s.opts.Calls.Space(s.dir)
	if err != nil {
		return fmt.Errorf("ask for disk space: %w", err)
	}
	if need := min(s.opts.MinFreeBytes, total/3) + uint64(bytes); free < need {
		return fault.New(fault.Overloaded, "The disk is nearly full: %d MB are free, %d MB are needed. Free some, or lower the reserve.",
			free>>20, need>>20)
	}
	return nil
}

// begin notes that id is being written, unless it is already.
func (s *Spool) begin(id string, g *growth) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing[id] != nil {
		return false
	}
	s.writing[id] = g
	return true
}

func (s *Spool) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.writing, id)
}

// growth returns nil when id is not being written.
func (s *Spool) growth(id string) *growth {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writing[id]
}
