package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"sluice/engine"
)

// What all uploads hold in memory is bounded: past it they are spooled, and
// imported all the same.
func TestUploadsMemory(t *testing.T) {
	h := newHarness(t, func(c *engine.Config) { c.UploadsMemory = 1000 })
	upload := func(name string) *engine.Upload {
		u := h.NewUpload(engine.CSV)
		_, err := fmt.Fprintf(u, "name,domain,description\n%s,%s.com,%s\n", name, name, strings.Repeat("d", 700))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	spooled := func(want int) {
		t.Helper()
		if got := h.spool.Files(); got != want {
			t.Errorf("%d uploads are spooled, want %d", got, want)
		}
	}
	first := upload("first")
	spooled(0)
	second := upload("second")
	spooled(1)
	for _, u := range []*engine.Upload{first, second} {
		data, err := h.Import(context.Background(), engine.Request{Tenant: tenant, Upload: u, Options: engine.Options{HasHeader: true}})
		if err != nil || data.CreatedCount != 1 {
			t.Fatalf("%+v, %v", data, err)
		}
	}
	spooled(0)
	third := upload("third")
	spooled(0) // the first gave its memory back
	third.Abort()
	third.Abort()
	fourth := upload("fourth")
	spooled(0)
	upload("fifth").Abort() // which went to the spool, and gives back nothing
	sixth := upload("sixth")
	spooled(1)
	sixth.Abort()
	fourth.Abort()
	spooled(0)
}

// Imports that are read at once wait for each other past the bound, and none
// that fails keeps its share.
func TestImportMemory(t *testing.T) {
	h := newHarness(t, func(c *engine.Config) { c.ImportMemory = 1 })
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.send(engine.CSV, "nothing\n1\n", engine.Options{HasHeader: true, Mapping: map[string]string{"a": "b"}}); err == nil {
		t.Fatal("a wrong mapping was taken")
	}
	u := h.NewUpload(engine.CSV)
	if _, err := u.Write([]byte("name\nx\n")); err != nil {
		t.Fatal(err)
	}
	_, err := h.Import(ended, engine.Request{Tenant: tenant, Upload: u, Options: engine.Options{HasHeader: true}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an import whose request ended: %v", err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			data, err := h.send(engine.CSV, fmt.Sprintf("name,domain\nx,x%d.com\n", i), engine.Options{HasHeader: true})
			if err != nil || data.CreatedCount != 1 {
				t.Errorf("%+v, %v", data, err)
			}
		})
	}
	wg.Wait()
}
