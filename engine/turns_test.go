package engine_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"sluice/engine"
	"sluice/engine/enginetest"
	"sluice/engine/fault"
)

// gatedSpool holds up each Commit until it is let go, and counts.
type gatedSpool struct {
	*enginetest.Spool
	begun chan struct{} // one for each Commit that began
	goOn  chan struct{}

	mu        sync.Mutex
	now, most int
}

func (s *gatedSpool) Create(id string) (engine.SpoolWriter, error) {
	w, err := s.Spool.Create(id)
	return gatedWriter{w, s}, err
}

func (s *gatedSpool) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += n
	s.most = max(s.most, s.now)
}

type gatedWriter struct {
	engine.SpoolWriter
	s *gatedSpool
}

func (w gatedWriter) Commit() error {
	w.s.add(1)
	defer w.s.add(-1)
	w.s.begun <- struct{}{}
	<-w.s.goOn
	return w.SpoolWriter.Commit()
}

// sendRows imports so many rows of 150 bytes.
func sendRows(ctx context.Context, e *engine.Engine, rows int) (engine.State, error) {
	u := e.NewUpload(engine.CSV)
	if _, err := u.Write([]byte("name\n" + strings.Repeat(strings.Repeat("a", 150)+"\n", rows))); err != nil {
		return "", err
	}
	d, err := e.Import(ctx, engine.Request{Tenant: tenant, KeyID: "k", Upload: u, Options: options()})
	if err != nil {
		return "", err
	}
	return d.Status, nil
}

// Few uploads at once are made durable, the others in turn. Meanwhile a small
// import is done, for which they leave memory, and who waits for a turn can give up.
func TestUploadsTakeTurns(t *testing.T) {
	const uploads, atOnce = 40, 2
	spool := &gatedSpool{Spool: enginetest.NewSpool(), begun: make(chan struct{}, uploads+1), goOn: make(chan struct{})}
	cfg := engine.DefaultConfig()
	cfg.ImportMemory = 1                                                                   // one import's rows are read at once
	e := engine.New(cfg, enginetest.NewStore(), spool, nil, slog.New(slog.DiscardHandler)) // never started: all wait
	var all errgroup.Group
	for range uploads {
		all.Go(func() error {
			status, err := sendRows(context.Background(), e, 600)
			if err == nil && status != engine.Queued {
				t.Errorf("status %s", status)
			}
			return err
		})
	}
	for range atOnce {
		<-spool.begun
	}
	if status, err := sendRows(context.Background(), e, 1); err != nil || status != engine.Completed {
		t.Fatalf("%s, %v", status, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := sendRows(ctx, e, 600); err == nil || !strings.HasSuffix(err.Error(), "context canceled") || fault.CodeOf(err) != fault.Internal {
		t.Fatalf("given up: %v", err)
	}
	for n := range uploads {
		spool.goOn <- struct{}{}
		if n < uploads-atOnce {
			<-spool.begun
		}
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	if spool.most != atOnce || spool.Files() != uploads {
		t.Fatalf("%d at once, %d uploads", spool.most, spool.Files())
	}
}

// gatedReads holds up each first read of an upload until it is let go, and counts.
type gatedReads struct {
	*enginetest.Spool
	begun chan struct{}
	goOn  chan struct{}

	now, most atomic.Int64
}

func (s *gatedReads) Open(id string) (engine.SpoolReader, error) {
	r, err := s.Spool.Open(id)
	return &gatedReader{SpoolReader: r, s: s}, err
}

type gatedReader struct {
	engine.SpoolReader
	s    *gatedReads
	read bool
}

func (r *gatedReader) ReadAt(p []byte, off int64) (int, error) {
	if !r.read {
		r.read = true
		now := r.s.now.Add(1)
		for most := r.s.most.Load(); now > most && !r.s.most.CompareAndSwap(most, now); most = r.s.most.Load() {
		}
		defer r.s.now.Add(-1)
		r.s.begun <- struct{}{}
		<-r.s.goOn
	}
	return r.SpoolReader.ReadAt(p, off)
}

// Uploads are looked at by half of the processors at once, the others in turn;
// meanwhile a small import is done.
func TestLooksTakeTurns(t *testing.T) {
	const uploads, atOnce = 20, 2
	spool := &gatedReads{Spool: enginetest.NewSpool(), begun: make(chan struct{}, uploads), goOn: make(chan struct{})}
	cfg := engine.DefaultConfig()
	cfg.Workers, cfg.UploadMemory = 2*atOnce, 100
	e := engine.New(cfg, enginetest.NewStore(), spool, nil, slog.New(slog.DiscardHandler)) // never started: all wait
	var all errgroup.Group
	for range uploads {
		all.Go(func() error {
			_, err := sendRows(context.Background(), e, 600)
			return err
		})
	}
	for range atOnce {
		<-spool.begun
	}
	if status, err := sendRows(context.Background(), e, 0); err != nil || status != engine.Completed {
		t.Fatalf("%s, %v", status, err)
	}
	for n := range uploads {
		spool.goOn <- struct{}{}
		if n < uploads-atOnce {
			<-spool.begun
		}
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	if most := spool.most.Load(); most != atOnce {
		t.Fatalf("%d at once", most)
	}
}
