package host

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	runtimemetrics "runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/plugins/conform/chaos"
	"sluice/plugins/plugintest"
)

// chase is a guest whose every load misses the cache: each address hangs on what
// the last one held, anywhere in 64 MB. It never ends.
func chase() []byte {
	return plugintest.Guest{Memory: 1000, Locals: "i32", Process: `loop void
		local.get 1 i32.const 1103515245 i32.mul i32.const 12345 i32.add local.set 1
		local.get 1 i32.const 0x3ffffff i32.and i32.const 62000000 i32.rem_u i32.load8_u 0 local.get 1 i32.add local.set 1
		br 0 end unreachable`}.Bytes()
}

// strain is what other requests notice while something goes on.
type strain struct {
	took     []time.Duration // of the other tenant's requests, sorted
	stopping time.Duration   // longest stop of the world for the collector until all stood still
	wrong    string          // an answer that was not the right one
}

func (s *strain) quantile(q float64) time.Duration {
	return s.took[min(int(q*float64(len(s.took))), len(s.took)-1)]
}

// underStrain imports small files for a tenant of its own, one by one, with the
// collector running, until fn returns.
func underStrain(t testing.TB, c *house, fn func()) *strain {
	t.Helper()
	other := c.testServer.house("globex")
	other.http = &http.Client{Transport: &http.Transport{}} // the contract's judge takes its time
	defer other.http.CloseIdleConnections()
	before := pauses()
	ended, s := make(chan struct{}), &strain{}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
				runtime.GC()
				time.Sleep(5 * time.Millisecond)
			}
		}
	})
	wg.Go(func() {
		for i := time.Now().UnixNano(); ; i++ { // so that each run's companies are new
			select {
			case <-ended:
				return
			default:
			}
			began := time.Now()
			code, body, err := other.quick(fmt.Sprintf("name,domain\nA %d,a%d.example\nB,a%d.example\n", i, i, i))
			s.took = append(s.took, time.Since(began))
			if err != nil || code != 200 || !strings.Contains(body, `"created_count":1,"updated_count":0,"skipped_count":1`) {
				s.wrong = fmt.Sprintf("%d %s %v", code, body, err)
			}
			time.Sleep(time.Millisecond)
		}
	})
	fn()
	close(ended)
	wg.Wait()
	slices.Sort(s.took)
	s.stopping = longest(before, pauses())
	return s
}

// quick imports a CSV without a judge.
func (c *house) quick(csv string) (code int, body string, err error) {
	req, err := http.NewRequest("POST", "http://"+c.Addr()+importPath, strings.NewReader(csv))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "text/csv")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// pauses is the histogram of how long the collector took to stop the world.
func pauses() *runtimemetrics.Float64Histogram {
	sample := []runtimemetrics.Sample{{Name: "/sched/pauses/stopping/gc:seconds"}}
	runtimemetrics.Read(sample)
	h := sample[0].Value.Float64Histogram()
	return &runtimemetrics.Float64Histogram{Counts: slices.Clone(h.Counts), Buckets: h.Buckets}
}

// longest is the upper bound of the highest bucket that grew.
func longest(before, after *runtimemetrics.Float64Histogram) time.Duration {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] > before.Counts[i] {
			bound := after.Buckets[i+1]
			if math.IsInf(bound, 1) {
				bound = after.Buckets[i]
			}
			return time.Duration(bound * float64(time.Second))
		}
	}
	return 0
}

// A guest that spins, or misses the cache with each load, is stopped, and others
// get their answers meanwhile. The bounds are for what hangs; the benchmark beside
// this one tells the figures.
func TestOthersBesideSpinningGuests(t *testing.T) {
	f := func(name string, wasm []byte, row string, want ...string) {
		t.Helper()
		c := newPluginHouse(t)
		c.use("spin", wasm)
		var took time.Duration
		s := underStrain(t, c, func() {
			for range 3 {
				began := time.Now()
				said := c.csv("", "name,domain\n"+row+",x.example\n").said(t)
				took = max(took, time.Since(began))
				if !slices.Contains(want, said) {
					t.Errorf("%s: %s", name, said)
				}
			}
		})
		t.Logf("%s: stopped within %v, others' p50 %v, p99 %v of %d, the collector's stop %v", name, took, s.quantile(.5), s.quantile(.99), len(s.took), s.stopping)
		if s.wrong != "" {
			t.Errorf("%s: another tenant's import: %s", name, s.wrong)
		}
		if took > hang || s.quantile(.99) > time.Minute || s.stopping > time.Minute {
			t.Errorf("%s: stopped within %v, others' p99 %v, the collector's stop %v", name, took, s.quantile(.99), s.stopping)
		}
	}
	f("loop", chaos.Module(), "!spin", "200 completed 0+0+0+1=1 [1:2 plugin_trap]")
	f("pointer chase", chase(), "x", "200 completed 0+0+0+1=1 [1:2 plugin_trap]", "422 import_failed")
}

// BenchmarkBesideGuests tells what other requests and the collector notice of a
// tenant whose guests never end.
func BenchmarkBesideGuests(b *testing.B) {
	f := func(name string, wasm []byte, row string) {
		b.Run(name, func(b *testing.B) {
			c := newPluginHouse(b)
			if wasm != nil {
				c.use("spin", wasm)
			}
			var all []time.Duration
			var stopping, took time.Duration
			for b.Loop() {
				s := underStrain(b, c, func() {
					if wasm == nil {
						time.Sleep(3 * time.Second)
						return
					}
					var wg sync.WaitGroup
					for range 3 {
						wg.Go(func() {
							for until := time.Now().Add(3 * time.Second); time.Now().Before(until); {
								began := time.Now()
								if _, _, err := c.quick("name,domain\n" + row + ",x.example\n"); err != nil {
									b.Error(err)
								}
								took = max(took, time.Since(began))
							}
						})
					}
					wg.Wait()
				})
				if s.wrong != "" {
					b.Fatal(s.wrong)
				}
				all = append(all, s.took...)
				stopping = max(stopping, s.stopping)
			}
			slices.Sort(all)
			s := &strain{took: all}
			b.ReportMetric(float64(s.quantile(.5).Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(s.quantile(.99).Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(stopping.Microseconds())/1000, "gc-stop-ms")
			b.ReportMetric(float64(took.Milliseconds()), "stopped-ms")
		})
	}
	f("idle", nil, "")
	f("loop", chaos.Module(), "!spin")
	f("chase", chase(), "x")
}
