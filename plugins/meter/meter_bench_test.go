package meter

import (
	"testing"
	"time"
)

func BenchmarkRewrite(b *testing.B) {
	wasm := goGuest(b)
	b.SetBytes(int64(len(wasm)))
	b.ReportAllocs()
	for b.Loop() {
		if out, _, err := Rewrite(wasm, DefaultLimits()); err != nil || len(out) < len(wasm) {
			b.Fatal(len(out), err)
		}
	}
}

// BenchmarkOverhead alternates calls of a guest with and without the meter and
// reports the fastest of each, which a loaded machine disturbs least.
func BenchmarkOverhead(b *testing.B) {
	e := engines(b)[0]
	f := func(name string, wasm []byte, works ...work) {
		plain, metered := e.start(b, wasm), e.start(b, mustRewrite(b, wasm))
		for _, g := range []*guest{plain, metered} {
			if init := g.mod.ExportedFunction("_initialize"); init != nil {
				if _, err := init.Call(g.ctx); err != nil {
					b.Fatal(err)
				}
			}
		}
		for _, w := range works {
			b.Run(name+"/"+w.name, func(b *testing.B) {
				fastest := func(g *guest, best *time.Duration) uint64 {
					start := time.Now()
					got, err := g.call(w.name, w.arg)
					if err != nil {
						b.Fatal(err)
					}
					if took := time.Since(start); *best == 0 || took < *best {
						*best = took
					}
					return got[0]
				}
				var without, with time.Duration
				before, rounds := metered.spent(), int64(0)
				for b.Loop() {
					if fastest(plain, &without) != fastest(metered, &with) {
						b.Fatal("results differ")
					}
					rounds++
				}
				b.ReportMetric(100*(float64(with)/float64(without)-1), "%overhead")
				b.ReportMetric(float64(without), "ns-plain")
				b.ReportMetric(float64(with), "ns-metered")
				b.ReportMetric(float64(metered.spent()-before)/float64(rounds), "fuel/op")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
	f("C", cGuest(b), work{"rows", 10}, work{"sieve", 300_000}, work{"fib", 22}, work{"sum", 1_000_000},
		work{"crc", 100_000}, work{"matmul", 1}, work{"sort", 3})
	f("Go", goGuest(b), work{"rows", 1000}, work{"library", 2000}, work{"deep", 1500})
}
