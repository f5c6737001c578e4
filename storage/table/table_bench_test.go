package table

import (
	"context"
	"fmt"
	"math/rand"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice/engine/company"
	"sluice/storage/memkv"
)

// benchOps makes n upserts of records of about 150 bytes.
func benchOps(from, n int, update bool) []company.Op {
	rnd := rand.New(rand.NewSource(int64(from)))
	cities := []string{"Berlin", "Oslo", "San Francisco", "Paris", "London", "Springfield"}
	industries := []string{"Software", "Retail", "Manufacturing", "Logistics", "Health Care"}
	words := []string{"global", "leader", "in", "cloud", "paper", "and", "steel", "for", "small", "teams", "since", "solutions", "data", "trusted"}
	ops := make([]company.Op, n)
	var b company.Builder
	for i := range ops {
		b.Reset()
		domain := fmt.Sprintf("company%d-%x.com", from+i, rnd.Intn(4096))
		if update {
			domain = fmt.Sprintf("company%d-%x.com", from+i, rand.New(rand.NewSource(int64(from+i))).Intn(4096))
		}
		desc := ""
		for range 7 {
			desc += words[rnd.Intn(len(words))] + " "
		}
		b.Text[company.Domain] = []byte(domain)
		b.Text[company.Name] = fmt.Appendf(nil, "Company %d", from+i)
		b.Text[company.Industry] = []byte(industries[rnd.Intn(len(industries))])
		b.Text[company.Website] = []byte("https://www." + domain + "/")
		b.Text[company.Size] = []byte("201-500")
		b.Text[company.City] = []byte(cities[rnd.Intn(len(cities))])
		b.Text[company.Phone] = fmt.Appendf(nil, "+49 30 %07d", rnd.Intn(10000000))
		b.Text[company.Description] = []byte(desc)
		ops[i] = company.Op{Kind: company.Upsert, Update: update, Patch: b.Append(nil)}
	}
	return ops
}

func applyAll(tb testing.TB, tab *Table, ops []company.Op, results []company.Result) {
	for at := 0; at < len(ops); {
		n := 0
		err := tab.Update(context.Background(), func(tx *Tx) (err error) {
			for n = 0; at+n < len(ops); {
				end := min(len(ops), at+n+2000)
				did, err := tx.Apply(ops[at+n:end], results[at+n:end])
				if err != nil {
					return err
				}
				n += did
				if at+n < end {
					break
				}
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
		at += n
	}
}

const benchRows = 1_000_000

// cpu returns the processor time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportRows reports the rate by the clock and the processor time a row, which
// says more where other work shares the machine.
func reportRows(b *testing.B, rows int, used time.Duration) {
	n := float64(rows) * float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(used)/n, "cpu-ns/row")
}

func BenchmarkCreate(b *testing.B) {
	ops, results := benchOps(0, benchRows, false), make([]company.Result, benchRows)
	bytes := 0
	for i := range ops {
		bytes += len(ops[i].Patch)
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	from := cpu()
	for b.Loop() {
		s, tab := mustOpen(b, memkv.New(), testOptions())
		applyAll(b, tab, ops, results)
		if n, _ := tab.Count(context.Background()); n != benchRows {
			b.Fatal(n)
		}
		mustClose(b, s)
	}
	reportRows(b, benchRows, cpu()-from)
}

func benchExisting(b *testing.B, change func(i int, op *company.Op), order func(ops []company.Op)) {
	ops, results := benchOps(0, benchRows, false), make([]company.Result, benchRows)
	s, tab := mustOpen(b, memkv.New(), testOptions())
	applyAll(b, tab, ops, results)
	round, used := 0, time.Duration(0)
	var bb company.Builder
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		round++
		for i := range ops {
			if bb.View.Decode(ops[i].Patch.Record()) != nil {
				b.Fatal("decode")
			}
			bb.Text[company.Phone] = fmt.Appendf(nil, "+49 %d %07d", round, i)
			ops[i].Patch = bb.Append(nil)
			change(i, &ops[i])
		}
		order(ops)
		b.StartTimer()
		from := cpu()
		applyAll(b, tab, ops, results)
		used += cpu() - from
		if n, _ := tab.Count(context.Background()); n != benchRows {
			b.Fatal(n)
		}
	}
	reportRows(b, benchRows, used)
	mustClose(b, s)
}

func BenchmarkSkip(b *testing.B) {
	benchExisting(b, func(int, *company.Op) {}, func([]company.Op) {})
}

func BenchmarkUpdateInOrder(b *testing.B) {
	benchExisting(b, func(_ int, op *company.Op) { op.Update = true }, func([]company.Op) {})
}

func BenchmarkUpdateRandom(b *testing.B) {
	rnd := rand.New(rand.NewSource(1))
	benchExisting(b, func(_ int, op *company.Op) { op.Update = true }, func(ops []company.Op) {
		rnd.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	})
}

func BenchmarkSingleRows64(b *testing.B) {
	ops := benchOps(0, 200_000, false)
	b.ReportAllocs()
	from := cpu()
	for b.Loop() {
		s, tab := mustOpen(b, memkv.New(), testOptions())
		var wg sync.WaitGroup
		for w := range 64 {
			wg.Go(func() {
				var result [1]company.Result
				for i := w; i < len(ops); i += 64 {
					if err := tab.Update(context.Background(), func(tx *Tx) error {
						_, err := tx.Apply(ops[i:i+1], result[:])
						return err
					}); err != nil || result[0].Outcome != company.Created {
						b.Error(err, result)
						return
					}
				}
			})
		}
		wg.Wait()
		mustClose(b, s)
	}
	reportRows(b, len(ops), cpu()-from)
}

// BenchmarkOpen opens a table whose last rows are not folded; it says how many.
func BenchmarkOpen(b *testing.B) {
	const rows = 3_000_000
	kv := memkv.New()
	s, tab := mustOpen(b, kv, testOptions())
	results := make([]company.Result, benchRows/4)
	for from := 0; from < rows; from += len(results) {
		applyAll(b, tab, benchOps(from, len(results), false), results)
	}
	v := tab.view.Load()
	mustClose(b, s)
	for b.Loop() {
		s, tab := mustOpen(b, kv, testOptions())
		if n, _ := tab.Count(context.Background()); n != rows {
			b.Fatal(n)
		}
		mustClose(b, s)
	}
	b.ReportMetric(float64(v.next-v.folded.next), "unfolded-rows")
}
