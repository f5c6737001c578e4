package enginetest

import (
	"bytes"
	"io"
	"os"
	"sync"

	"sluice/engine"
)

// Spool is an engine.Spool in memory.
type Spool struct {
	mu    sync.Mutex
	files map[string]*file
}

type file struct {
	data    []byte
	durable bool
}

// NewSpool returns an empty spool.
func NewSpool() *Spool { return &Spool{files: map[string]*file{}} }

// Create implements engine.Spool.
func (s *Spool) Create(id string) (engine.SpoolWriter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[id] = &file{}
	return &spoolWriter{s: s, id: id, f: s.files[id]}, nil
}

// Open implements engine.Spool.
func (s *Spool) Open(id string) (engine.SpoolReader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[id]
	if !ok || !f.durable {
		return nil, os.ErrNotExist
	}
	return spoolReader{bytes.NewReader(f.data)}, nil
}

// Remove implements engine.Spool.
func (s *Spool) Remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, id)
	return nil
}

// Sweep implements engine.Spool.
func (s *Spool) Sweep(keep func(id string) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.files {
		if !keep(id) {
			delete(s.files, id)
		}
	}
	return nil
}

// Files tells how many uploads the spool holds.
func (s *Spool) Files() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.files)
}

type spoolWriter struct {
	s  *Spool
	id string
	f  *file
}

func (w *spoolWriter) Write(p []byte) (int, error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.f.data = append(w.f.data, p...)
	return len(p), nil
}

func (w *spoolWriter) Commit() error {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.f.durable {
		return os.ErrClosed
	}
	w.f.durable = true
	return nil
}

func (w *spoolWriter) Abort() error { return w.s.Remove(w.id) }

type spoolReader struct{ *bytes.Reader }

var _ io.Closer = spoolReader{}

func (spoolReader) Close() error { return nil }
