package plugins

import (
	"context"
	"fmt"
	"testing"

	"sluice/engine/batch"
	"sluice/plugins/plugintest"
)

// benchRows is 1,000 rows of 8 columns, about 110 bytes each; the second column
// is a URL.
func benchRows() *batch.Batch {
	b := &batch.Batch{}
	b.Reset(8)
	for i := range 1000 {
		b.Rows = append(b.Rows, batch.Row{Number: uint64(i + 1)})
		for _, v := range []string{fmt.Sprint("Company ", i), fmt.Sprintf("https://www.company-%d.example/about", i), "Software",
			"Berlin", "Germany", "+49 30 123456", "201-500", "A company like many others"} {
			b.Cells = append(b.Cells, b.Append(batch.Text, []byte(v)))
		}
	}
	return b
}

func benchProcess(b *testing.B, s *Session) {
	in, out := benchRows(), &batch.Batch{}
	for range 3 {
		if _, err := s.Process(context.Background(), in, out); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(in.Arena)))
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := s.Process(context.Background(), in, out); err != nil || len(out.Source) != 1000 {
			b.Fatal(err, len(out.Source))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}

// BenchmarkBorder is what crossing costs: the guest answers its input's cells.
func BenchmarkBorder(b *testing.B) {
	wasm := plugintest.Guest{Answer: `{"columns":["name","website","industry","city","country","phone","size","description"]}`}.Bytes()
	benchProcess(b, mustDirect(b, wasm, nil, "a", "b", "c", "d", "e", "f", "g", "h"))
}

// BenchmarkScan is a hand-written guest that looks at each byte of each cell.
func BenchmarkScan(b *testing.B) {
	wasm := plugintest.Guest{Locals: "i32 i32 i32 i32 i32",
		Answer: `{"columns":["name","website","industry","city","country","phone","size","description"]}`, Process: `
		local.get 0 i32.load 8 local.set 1
		local.get 1 local.get 0 i32.load 0 local.get 0 i32.load 4 i32.mul i32.const 8 i32.mul i32.add local.set 2
		block void loop void
			local.get 1 local.get 2 i32.ge_u br_if 1
			local.get 1 i32.load 0 local.set 3
			local.get 3 local.get 1 i32.load 4 i32.const 0xfffffff i32.and i32.add local.set 4
			block void loop void
				local.get 3 local.get 4 i32.ge_u br_if 1
				local.get 5 local.get 3 i32.load8_u 0 i32.add local.set 5
				local.get 3 i32.const 1 i32.add local.set 3
				br 0
			end end
			local.get 1 i32.const 8 i32.add local.set 1
			br 0
		end end` + plugintest.EchoProcess}.Bytes()
	benchProcess(b, mustDirect(b, wasm, nil, "a", "b", "c", "d", "e", "f", "g", "h"))
}

// BenchmarkGo is a guest in plain Go: URL → domain, the rest passed on.
func BenchmarkGo(b *testing.B) {
	wasm := plugintest.BuildGo(b, "testdata/goguest")
	benchProcess(b, mustDirect(b, wasm, nil, "Company", "Website", "Industry", "City", "Country", "Phone", "Size", "About"))
}

// BenchmarkStart is what a small import through a Go guest pays: an instance,
// _initialize and open.
func BenchmarkStart(b *testing.B) {
	for name, wasm := range map[string][]byte{"go": plugintest.BuildGo(b, "testdata/goguest"), "small": guiltyGuest("unreachable")} {
		b.Run(name, func(b *testing.B) {
			limits := DefaultLimits()
			m := metered(b, wasm, limits)
			box := &Sandbox{limits: limits, events: Events{}.withDefaults(), gate: newGate(2), instances: newPool(4)}
			b.ReportAllocs()
			for b.Loop() {
				s, err := openIn(b, box, m, "acme", jobOf(wasm, "Company", "Website"))
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
