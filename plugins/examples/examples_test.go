package examples

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/engine/batch"
	"sluice/plugins"
	"sluice/plugins/plugintest"
	"sluice/plugins/sandboxtest"
)

var update = flag.Bool("update", false, "write the golden reports")

const childArg = "-examples.child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		plugintest.BecomeChild()
		os.Exit(plugins.CompileChild(os.Stdin, os.Stdout, os.Stderr))
	}
	remove := plugintest.BuildChild()
	code := m.Run()
	remove()
	os.Exit(code)
}

// module returns the module of an example: the committed one, or of Go a fresh
// build.
func module(tb testing.TB, name string) []byte {
	tb.Helper()
	if _, err := os.Stat(filepath.Join(name, "main.go")); err == nil {
		return plugintest.BuildGo(tb, name)
	}
	wasm, err := os.ReadFile(filepath.Join(name, name+".wasm"))
	if err != nil {
		tb.Fatal(err)
	}
	if len(wasm) > 1<<20 {
		tb.Errorf("%s.wasm has %d bytes; a committed module has less than 1 MB", name, len(wasm))
	}
	return wasm
}

func open(tb testing.TB, b *plugins.Sandbox, wasm []byte, columns []string, config string) (*plugins.Session, error) {
	tb.Helper()
	job := plugins.Job{ID: "imp_co_1", Plugin: plugins.Info{Name: "p", Version: 1, SHA256: plugins.Hash(wasm)},
		Columns: columns, Config: json.RawMessage(config), Seed: 7, Clock: 1_700_000_000_000_000_000}
	s, err := b.Open(context.Background(), "acme", job, func(context.Context) ([]byte, error) { return wasm, nil })
	if err != nil {
		return nil, err
	}
	tb.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return s, nil
}

func readCSV(tb testing.TB, file string) (columns []string, rows *batch.Batch) {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	rows = &batch.Batch{}
	rows.Reset(len(records[0]))
	for i, record := range records[1:] {
		rows.Rows = append(rows.Rows, batch.Row{Number: uint64(i + 1)})
		for _, cell := range record {
			rows.Cells = append(rows.Cells, rows.Append(batch.Text, []byte(cell)))
		}
	}
	return records[0], rows
}

// report renders what became of each row, as the golden files have it.
func report(columns, fields []string, in, out *batch.Batch) string {
	var s strings.Builder
	answered := 0
	for i := range in.Rows {
		said := false
		for _, f := range in.Faults {
			if f.Row != i {
				continue
			}
			said = true
			column := "-"
			if f.Column != batch.NoColumn {
				column = columns[f.Column]
			}
			fmt.Fprintf(&s, "row %d: rejected, column %s, %s: %s\n", i+1, column, f.Code, f.Message)
		}
		for ; answered < len(out.Source) && int(out.Source[answered]) == i; answered++ {
			said = true
			fmt.Fprintf(&s, "row %d:\n", i+1)
			for j, c := range out.Row(answered) {
				if c.Kind() != batch.Absent {
					fmt.Fprintf(&s, "  %s = %s%s\n", fields[j], [...]string{"", "", "null", "number ", "bool ", "json "}[c.Kind()], out.Bytes(c))
				}
			}
		}
		if !said {
			fmt.Fprintf(&s, "row %d: skipped\n", i+1)
		}
	}
	return s.String()
}

func TestExamples(t *testing.T) {
	b := sandboxtest.Open(t, childArg)
	for _, name := range []string{"cleaner", "hubspot", "salesforce", "rules"} {
		t.Run(name, func(t *testing.T) {
			wasm := module(t, name)
			cases, err := filepath.Glob(filepath.Join(name, "testdata", "*.csv"))
			if err != nil || len(cases) == 0 {
				t.Fatalf("no test data: %v", err)
			}
			for _, file := range cases {
				t.Run(filepath.Base(file), func(t *testing.T) { golden(t, b, wasm, strings.TrimSuffix(file, ".csv")) })
			}
		})
	}
}

// golden imports base.csv with the configuration base.json and holds the report
// against base.txt; base.json may be missing.
func golden(t *testing.T, b *plugins.Sandbox, wasm []byte, base string) {
	config, err := os.ReadFile(base + ".json")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	columns, in := readCSV(t, base+".csv")
	s, err := open(t, b, wasm, columns, string(config))
	got := ""
	if err != nil {
		got = "refused: " + err.Error() + "\n"
	} else {
		out := &batch.Batch{}
		fields, err := s.Process(context.Background(), in, out)
		if err != nil {
			t.Fatal(err)
		}
		got = report(columns, fields, in, out)
		fuel, rows, _ := s.Fuel()
		t.Logf("%d bytes, %d fuel a row", len(wasm), fuel/max(rows, 1))
	}
	if *update {
		if err := os.WriteFile(base+".txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(base + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}
