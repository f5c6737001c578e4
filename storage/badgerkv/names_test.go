package badgerkv

import (
	"os"
	"path/filepath"
	"testing"
)

// Every value log that a commit fills has its name synced by the commit's end; an
// opened store knows those that are there.
func TestNamesOfValueLogs(t *testing.T) {
	kv := openStore(t, func(c *Config) { c.ValueLogFileSize = 1 << 20 })
	newest := func() uint32 {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(kv.cfg.Dir, "*.vlog"))
		if err != nil {
			t.Fatal(err)
		}
		return uint32(len(files))
	}
	for range 6 {
		rewrite(t, kv, 20_000, 1)
		if kv.names.last != newest() {
			t.Fatalf("names are durable up to %d, of %d", kv.names.last, newest())
		}
	}
	if newest() < 3 {
		t.Fatalf("%d files show nothing", newest())
	}
	again, err := openNames(kv.cfg.Dir)
	if err != nil || again.last != newest() {
		t.Fatalf("%d of %d, %v", again.last, newest(), err)
	}
}

// A folder that can't be synced fails the commit that needs it.
func TestNamesFail(t *testing.T) {
	n := &names{dir: filepath.Join(t.TempDir(), "gone")}
	if err := n.sync(); err != nil { // there is nothing new
		t.Fatal(err)
	}
	if _, err := openNames(n.dir); err == nil {
		t.Fatal("a folder that is not there was synced")
	}
	if err := os.WriteFile(n.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.sync(); err == nil {
		t.Fatal("a file was taken for a folder")
	}
}
