package plugins

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/engine/batch"
	"sluice/plugins/plugintest"
)

// box makes a sandbox in a temporary folder.
func box(tb testing.TB, change func(*Config)) *Sandbox {
	tb.Helper()
	c := DefaultConfig()
	c.Dir = tb.TempDir()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	c.Child = []string{exe, childArg}
	c.ChildCPU = testChildCPU
	if change != nil {
		change(&c)
	}
	b, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return b
}

func bytesOf(wasm []byte) Source {
	return func(context.Context) ([]byte, error) { return wasm, nil }
}

func jobOf(wasm []byte, columns ...string) Job {
	return Job{ID: "imp_co_1", Plugin: Info{Name: "p", Version: 1, SHA256: Hash(wasm)}, Columns: columns, Seed: 7, Clock: 1_700_000_000_000_000_000}
}

func open(tb testing.TB, b *Sandbox, wasm []byte, columns ...string) *Session {
	tb.Helper()
	s, err := b.Open(context.Background(), "acme", jobOf(wasm, columns...), bytesOf(wasm))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// rowsOf makes a batch of text cells; "-" is an absent one.
func rowsOf(rows ...[]string) *batch.Batch {
	b := &batch.Batch{}
	b.Reset(len(rows[0]))
	for i, row := range rows {
		b.Rows = append(b.Rows, batch.Row{Number: uint64(i + 1)})
		for _, cell := range row {
			if cell == "-" {
				b.Cells = append(b.Cells, batch.NewCell(batch.Absent, 0, 0))
				continue
			}
			b.Cells = append(b.Cells, b.Append(batch.Text, []byte(cell)))
		}
	}
	return b
}

// lines renders an answer, one line a row.
func lines(b *batch.Batch) string { return render(b) }

func itoa(n int) string { return strconv.Itoa(n) }

func faults(b *batch.Batch) string {
	var s strings.Builder
	for _, f := range b.Faults {
		s.WriteString(strings.Join([]string{itoa(f.Row), itoa(f.Column), string(f.Code), f.Message}, " ") + "\n")
	}
	return s.String()
}

func TestEcho(t *testing.T) {
	b := box(t, nil)
	wasm := plugintest.Guest{Answer: `{"columns":["name","domain"]}`}.Bytes()
	s := open(t, b, wasm, "Company", "Site")
	in, out := rowsOf([]string{"Acme", "acme.example"}, []string{"", "-"}, []string{"dropped", "x"}, []string{"Bolt", "bolt.example"}), &batch.Batch{}
	in.Fail(2, 0, "malformed", "no")
	columns, err := s.Process(context.Background(), in, out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"name", "domain"}, columns); diff != "" {
		t.Error(diff)
	}
	want := "0: 0\"Acme\" 0\"acme.example\"\n1: 0\"\" 1\"\"\n3: 0\"Bolt\" 0\"bolt.example\"\n"
	if diff := cmp.Diff(want, lines(out)); diff != "" {
		t.Error(diff)
	}
	if fuel, rows, _ := s.Fuel(); fuel <= 0 || rows != 3 {
		t.Errorf("fuel %d for %d rows", fuel, rows)
	}
}
