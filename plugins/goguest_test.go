package plugins

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/engine/batch"
	"sluice/plugins/plugintest"
)

func TestGoGuest(t *testing.T) {
	wasm := plugintest.BuildGo(t, "testdata/goguest")
	b := box(t, nil)
	began := time.Now()
	s := open(t, b, wasm, "Company", "Website")
	t.Logf("%d bytes, opened in %v", len(wasm), time.Since(began))
	in, out := rowsOf([]string{"Acme", "https://acme.example/about"}, []string{"Bad", "bad"}, []string{"Boom", "boom"},
		[]string{"Bolt", "http://bolt.example:80"}), &batch.Batch{}
	columns, err := s.Process(context.Background(), in, out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"custom.Company", "domain"}, columns); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("0: 0\"Acme\" 0\"acme.example\"\n3: 0\"Bolt\" 0\"bolt.example\"\n", lines(out)); diff != "" {
		t.Error(diff)
	}
	got := faults(in)
	want := "1 1 bad_website the website is bad\n2 -1 plugin_trap the plugin trapped: unreachable after \"panic: boom\" in main.process < sluice_v1_process\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	began = time.Now()
	second, err := b.Open(context.Background(), "acme", jobOf(wasm, "Company", "Website"), bytesOf(wasm))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("opened again in %v", time.Since(began))
	if err := second.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(context.Background(), "acme", jobOf(wasm, "Company"), bytesOf(wasm)); err == nil ||
		err.Error() != "import_failed: there is no column Website" {
		t.Errorf("open's refusal: %v", err)
	}
}
