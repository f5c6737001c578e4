package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/engine"
	"sluice/storage"
)

// The upload of a queued import is damaged, gone or cut.
func TestCheckUploads(t *testing.T) {
	f := newFolder(t)
	damage := func(want string, change func(file []byte) []byte) {
		t.Helper()
		was := f.upload(f.job, change)
		rep := f.check()
		if len(rep.Problems) != 1 || rep.Problems[0].Text != fmt.Sprintf("import %s is queued and needs its upload: %s", f.job, want) {
			t.Errorf("%+v, want %q", rep.Problems, want)
		}
		f.upload(f.job, func([]byte) []byte { return was })
	}
	const what = "the upload was damaged on the server's disk: "
	const again = "; send the file again"
	damage(what+"block 0, bytes 0 to 16383, has another checksum"+again, func(file []byte) []byte { file[700] ^= 4; return file })
	size := len(rows(900))
	damage(fmt.Sprintf("%sblock 1, bytes 16384 to %d, has another checksum%s", what, size-1, again), func(file []byte) []byte { file[len(file)-1] ^= 128; return file })
	damage(what+"it ends within a checksum, at byte 5 of the file"+again, func(file []byte) []byte { return file[:5] })
	damage(fmt.Sprintf("%s0 bytes are there, %d were accepted%s", what, size, again), func([]byte) []byte { return nil })
	if rep := f.check(); !rep.Sound() {
		t.Errorf("%+v", rep.Problems)
	}
	if err := os.Remove(f.uploadPath(f.job)); err != nil {
		t.Fatal(err)
	}
	if rep := f.check(); len(rep.Problems) != 1 || !strings.HasSuffix(rep.Problems[0].Text, "needs its upload: the upload is gone from the server's disk"+again) {
		t.Errorf("%+v", rep.Problems)
	}
}

// A server takes up imports whose uploads were damaged, or came from an earlier
// program: each ends by itself, and a damaged one has changed nothing.
func TestDamagedUploads(t *testing.T) {
	f := newFolder(t)
	csv := strings.ReplaceAll(rows(60_000), ".example", ".test") // several commits
	flipped, cut, gone, plain := f.queue(csv), f.queue(csv), f.queue(csv), f.queue(csv)
	f.upload(flipped, func(file []byte) []byte { file[len(file)-100] ^= 1; return file })
	f.upload(cut, func(file []byte) []byte { return file[:len(file)-1000] })
	if err := os.Remove(f.uploadPath(gone)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.uploadPath(plain)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(strings.TrimSuffix(f.uploadPath(plain), "2"), []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Addr, cfg.AdminAddr, cfg.Data, cfg.PluginChild = "127.0.0.1:0", "", f.data, []string{os.Args[0], CompileCommand}
	s := serve(t, cfg)
	c := s.house("acme")
	failed := func(id, message string) {
		t.Helper()
		d := c.ended(id)
		if d.Status != engine.Failed || d.Failure == nil || d.RowCount+d.RecordCount+d.CreatedCount+d.UpdatedCount+d.SkippedCount+d.FailedCount != 0 {
			t.Fatalf("%+v", d)
		}
		if !strings.HasPrefix(d.Failure.Message, message) || !strings.HasSuffix(d.Failure.Message, "; send the file again") {
			t.Fatalf("%q, want %q", d.Failure.Message, message)
		}
	}
	if d := c.ended(f.job); d.Status != engine.Completed || d.RowCount != 900 {
		t.Fatalf("%+v", d)
	}
	last := len(csv) - len(csv)%16384
	failed(flipped, fmt.Sprintf("the upload was damaged on the server's disk: block %d, bytes %d to %d, has another checksum", last/16384, last, len(csv)-1))
	failed(cut, "the upload was damaged on the server's disk: ")
	failed(gone, "the upload is gone from the server's disk")
	// Nothing of the others is there, or these would not all be new.
	if d := c.ended(plain); d.Status != engine.Completed || d.CreatedCount != 60_000 {
		t.Fatalf("%+v", d)
	}
}

// Rule 2.30: a server whose store was found damaged is not ready, and says why.
func TestDamagedIsNotReady(t *testing.T) {
	f := newFolder(t)
	cfg := DefaultConfig()
	cfg.Addr, cfg.AdminAddr, cfg.Data, cfg.PluginChild = "127.0.0.1:0", "", f.data, []string{os.Args[0], CompileCommand}
	s := serve(t, cfg)
	s.house("acme").ended(f.job)
	s.do("GET", "/readyz", "", "").want(t, 200, "")
	tables, err := filepath.Glob(filepath.Join(f.data, storeFolder, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%v, %v", tables, err)
	}
	if err := os.Remove(tables[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.backend.kv.Compact(context.Background()); !errors.Is(err, storage.ErrDamaged) {
		t.Fatal(err)
	}
	r := s.do("GET", "/readyz", "", "")
	r.want(t, 503, "overloaded")
	if !strings.Contains(string(r.body), `"The store is damaged and takes no writes; restore the last backup."`) {
		t.Errorf("%s", r.body)
	}
	s.do("GET", "/healthz", "", "").want(t, 200, "")
}

// A flipped bit among the store's keys is named, by check and at the start.
func TestCheckDamagedTable(t *testing.T) {
	f := newFolder(t)
	tables, err := filepath.Glob(filepath.Join(f.data, storeFolder, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%v, %v", tables, err)
	}
	file, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	file[len(file)/3] ^= 16
	if err := os.WriteFile(tables[0], file, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Addr, cfg.AdminAddr, cfg.Data = "127.0.0.1:0", "", f.data
	_, checked := Check(context.Background(), f.data, testLogger(t))
	_, opened := Open(context.Background(), cfg, testLogger(t))
	for _, err := range []error{checked, opened} {
		if !errors.Is(err, storage.ErrDamaged) || !strings.Contains(err.Error(), "table "+tables[0]) {
			t.Errorf("%v", err)
		}
	}
}
