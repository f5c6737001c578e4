package plugins

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"sluice/engine/batch"
	"sluice/plugins/plugintest"
)

// extendGuest answers one column where its job has one, else two: its answers are in
// its memory.
func extendGuest() []byte {
	// open's context begins {"object":"companies","columns":["a"... ; with two
	// columns byte 37 is a comma, else a bracket.
	one, two := `{"columns":["name"]}`, `{"columns":["name","city"]}`
	return plugintest.Guest{
		Data: []plugintest.Data{{At: 0x500, Bytes: one}, {At: 0x600, Bytes: two}},
		Open: fmt.Sprintf(`local.get 0 i32.load8_u %d i32.const 44 i32.eq if void i64.const %d return end i64.const %d`,
			len(`{"object":"companies","columns":["a"`), 0x600<<32|len(two), 0x500<<32|len(one)),
	}.Bytes()
}

func TestExtend(t *testing.T) {
	ctx := context.Background()
	s := mustDirect(t, extendGuest(), nil, "a")
	f := func(in *batch.Batch, columns, want string) {
		t.Helper()
		out := &batch.Batch{}
		got, err := s.Process(ctx, in, out)
		if err != nil || strings.Join(got, " ") != columns || lines(out) != want {
			t.Errorf("%v %q %v", got, lines(out), err)
		}
	}
	narrow, wide := rowsOf([]string{"x"}), rowsOf([]string{"x", "y"})
	f(narrow, "name", "0: 0\"x\"\n")
	if _, err := s.Process(ctx, wide, &batch.Batch{}); err == nil || err.Error() != "process plugin batch: the plugin was not opened for 2 columns" {
		t.Errorf("got %v", err)
	}
	if err := s.Extend(ctx, []string{"b", "c"}); err == nil {
		t.Error("other columns are no extension")
	}
	if err := s.Extend(ctx, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	f(wide, "name city", "0: 0\"x\" 0\"y\"\n")
	f(narrow, "name", "0: 0\"x\"\n") // a batch from before
	f(wide, "name city", "0: 0\"x\" 0\"y\"\n")
}

func TestOpenMustNotDiffer(t *testing.T) {
	// Its first answer is {"columns":["name"]}, later ones name another field.
	guest := plugintest.Guest{Globals: []plugintest.Global{{Type: "i32", Mutable: true}},
		Data: []plugintest.Data{{At: 0x500, Bytes: `{"columns":["name"]}`}, {At: 0x600, Bytes: `{"columns":["city"]}`}},
		Open: fmt.Sprintf(`global.get 1 i32.const 1 i32.add global.set 1
			global.get 1 i32.const 3 i32.eq if void i64.const %d return end i64.const %d`, 0x600<<32|20, 0x500<<32|20)}
	ctx := context.Background()
	s := mustDirect(t, guest.Bytes(), nil, "a")
	if err := s.Extend(ctx, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Process(ctx, rowsOf([]string{"x"}), &batch.Batch{})
	want := "import_failed: the plugin cannot be used: open answered differently in another instance; the answer must follow from the job alone"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	settled(t, s.box, 4)
}

// An instance that can't be opened says why, in the job's log; what others say that
// can is there once.
func TestLogOfFailedOpen(t *testing.T) {
	log := []plugintest.Import{{Module: "sluice", Name: "log", Params: "i32 i32 i32"}}
	f := func(guest plugintest.Guest, trapped bool) {
		t.Helper()
		guest.Imports = log
		guest.Globals = []plugintest.Global{{Type: "i32", Mutable: true}}
		guest.Data = []plugintest.Data{{At: 0x500, Bytes: `{"columns":["name"]}`}, {At: 0x600, Bytes: "hello"}}
		guest.Open = fmt.Sprintf(`i32.const 1 i32.const 0x600 i32.const 5 call $log
			global.get 1 i32.const 1 i32.add global.set 1 %s i64.const %d`, guest.Open, 0x500<<32|20)
		ctx := context.Background()
		s := mustDirect(t, guest.Bytes(), nil, "a")
		if err := s.Extend(ctx, []string{"a", "b"}); err != nil {
			t.Fatal(err)
		}
		before, _ := s.Log().Lines()
		_, err := s.Process(ctx, rowsOf([]string{"x"}), &batch.Batch{})
		after, _ := s.Log().Lines()
		more := 0
		if trapped {
			more = 1
		}
		if (err != nil) != trapped || len(before) != 2 || len(after) != len(before)+more || after[len(after)-1].Text != "hello" {
			t.Errorf("%v; the log was %v, is %v", err, before, after)
		}
	}
	f(plugintest.Guest{}, false)
	f(plugintest.Guest{Open: "global.get 1 i32.const 3 i32.eq if void unreachable end"}, true)
}

// An idle instance does not keep the batches of its last call.
func TestIdleInstanceLetsGo(t *testing.T) {
	s := mustDirect(t, extendGuest(), nil, "a")
	out := &batch.Batch{}
	kept := weak.Make(out)
	if _, err := s.Process(context.Background(), rowsOf([]string{"x"}), out); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(out)
	out = nil
	runtime.GC()
	if kept.Value() != nil {
		t.Error("the answer of the last call is still in memory")
	}
	runtime.KeepAlive(s)
}

// TestSameAnswers runs one input under varied batch sizes, calls and workers.
func TestSameAnswers(t *testing.T) {
	const rows = 3000
	cell := func(i int) string {
		if i%700 == 13 {
			return "!"
		}
		return strings.Repeat("v", i%50) + fmt.Sprint(i)
	}
	run := func(batchRows, callRows, callBytes, workers int) string {
		limits := DefaultLimits()
		limits.CallRows, limits.CallBytes = callRows, callBytes
		s := mustDirect(t, guiltyGuest("call $explode"), &limits, "a")
		answers := make([]string, (rows+batchRows-1)/batchRows)
		next := make(chan int)
		var wg sync.WaitGroup
		for range workers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for n := range next {
					var part [][]string
					for i := n * batchRows; i < min(rows, (n+1)*batchRows); i++ {
						part = append(part, []string{cell(i)})
					}
					in, out := rowsOf(part...), &batch.Batch{}
					if _, err := s.Process(context.Background(), in, out); err != nil {
						t.Error(err)
					}
					var b strings.Builder
					for i, source := range out.Source {
						fmt.Fprintf(&b, "%d %q\n", n*batchRows+int(source), out.Bytes(out.Row(i)[0]))
					}
					for _, f := range in.Faults {
						fmt.Fprintf(&b, "%d failed %s\n", n*batchRows+f.Row, f.Message)
					}
					answers[n] = b.String()
				}
			}()
		}
		for n := range answers {
			next <- n
		}
		close(next)
		wg.Wait()
		settled(t, s.box, 4)
		list := strings.Split(strings.Join(answers, ""), "\n")
		slices.Sort(list)
		return strings.Join(list, "\n")
	}
	want := run(rows, 1024, 512<<10, 1)
	for _, c := range [][4]int{{rows, 1, 1 << 20, 1}, {100, 1024, 512 << 10, 4}, {1, 1024, 512 << 10, 2}, {999, 64, 700, 3}, {rows, 7, 1, 1}} {
		if got := run(c[0], c[1], c[2], c[3]); got != want {
			t.Errorf("batches of %d rows, calls of %d rows or %d bytes, %d workers differ", c[0], c[1], c[2], c[3])
		}
	}
}

func TestPoolIsBounded(t *testing.T) {
	limits := DefaultLimits()
	wasm := counter()
	m := metered(t, wasm, limits)
	box := &Sandbox{limits: limits, events: Events{}.withDefaults(), gate: newGate(2), instances: newPool(2)}
	var sessions []*Session
	for range 5 {
		s, err := openIn(t, box, m, "acme", jobOf(wasm, "a"))
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	var wg sync.WaitGroup
	for _, s := range sessions {
		for range 3 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 20 {
					if _, problems, err := process(s, rowsOf([]string{"x"})); err != nil || problems != "" {
						t.Error(problems, err)
					}
				}
			}()
		}
	}
	wg.Wait()
	settled(t, box, 2)
	for _, s := range sessions {
		if err := s.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	box.instances.mu.Lock()
	room, idle := box.instances.room, len(box.instances.idle)
	box.instances.mu.Unlock()
	if room != 2 || idle != 0 {
		t.Errorf("room for %d, %d idle", room, idle)
	}
	if _, err := sessions[0].Process(context.Background(), rowsOf([]string{"x"}), &batch.Batch{}); err != errClosed {
		t.Errorf("after Close: %v", err)
	}
}

func TestSpinningTenantLeavesRoom(t *testing.T) {
	limits := DefaultLimits()
	limits.FuelPerBatch, limits.FuelPerRow, limits.BatchTime = 1<<40, 1<<40, 10*time.Minute
	wasm := guiltyGuest(spin(""))
	m := metered(t, wasm, limits)
	box := &Sandbox{limits: limits, events: Events{}.withDefaults(), gate: newGate(2), instances: newPool(8)}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 4 {
		s, err := openIn(t, box, m, "hostile", jobOf(wasm, "a"))
		if err != nil {
			t.Fatal(err)
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := s.Process(ctx, rowsOf([]string{"!"}), &batch.Batch{}); err != context.Canceled {
				t.Error(err)
			}
		}()
	}
	good, err := openIn(t, box, m, "acme", jobOf(wasm, "a"))
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if answer, problems, err := process(good, rowsOf([]string{"x"})); answer != "0: 0\"x\"\n" || problems != "" || err != nil {
			t.Error(answer, problems, err)
		}
	}
	cancel()
	wg.Wait()
	settled(t, box, 8)
}

// A job whose rows bring columns one by one does not keep what open said of each
// list of them; batches that are on their way have theirs.
func TestManyGenerations(t *testing.T) {
	const most, onTheirWay = 300, 32
	s := mustDirect(t, plugintest.Guest{Answer: `{"columns":["domain"],"input":["c0"]}`}.Bytes(), nil, "c0")
	columns := []string{"c0"}
	for len(columns) < most {
		columns = append(columns, fmt.Sprint("c", len(columns)))
		if err := s.Extend(context.Background(), columns); err != nil {
			t.Fatal(err)
		}
		row := make([]string, max(len(columns)-onTheirWay, 1))
		for i := range row {
			row[i] = "x"
		}
		if got, problems, err := process(s, rowsOf(row)); got != "0: 0\"x\"\n" || problems != "" || err != nil {
			t.Fatalf("%d of %d columns: %q %q %v", len(row), len(columns), got, problems, err)
		}
	}
	if n := len(s.generations); n > 2*onTheirWay {
		t.Errorf("%d answers of open are kept", n)
	}
}
