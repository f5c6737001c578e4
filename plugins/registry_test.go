package plugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/engine/batch"
	"sluice/engine/fault"
	"sluice/engine/tuple"
	"sluice/plugins/plugintest"
)

// memoryRecords is Records in memory; failAt makes the nth write fail.
type memoryRecords struct {
	mu     sync.Mutex
	m      map[string][]byte
	writes int
	failAt int
}

var errInjected = errors.New("injected")

func (r *memoryRecords) Record(_ context.Context, key tuple.Key) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.m[string(key)]
	if !ok {
		return nil, fault.New(fault.NotFound, "no record")
	}
	return bytes.Clone(v), nil
}

func (r *memoryRecords) Records(_ context.Context, prefix, after tuple.Key, fn func(key tuple.Key, value []byte) (bool, error)) error {
	r.mu.Lock()
	var keys []string
	for k := range r.m {
		if strings.HasPrefix(k, string(prefix)) && k > string(after) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	values := make([][]byte, len(keys))
	for i, k := range keys {
		values[i] = bytes.Clone(r.m[k])
	}
	r.mu.Unlock()
	for i, k := range keys {
		if more, err := fn(tuple.Key(k), values[i]); !more || err != nil {
			return err
		}
	}
	return nil
}

func (r *memoryRecords) Write(_ context.Context, changes []Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes++
	if r.writes == r.failAt {
		return errInjected
	}
	size := 0
	for _, c := range changes {
		size += len(c.Key) + len(c.Value)
	}
	if size > 8<<20 || len(changes) >= 1000 {
		return fmt.Errorf("a commit of %d bytes in %d keys", size, len(changes))
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(r.m, string(c.Key))
		} else {
			r.m[string(c.Key)] = bytes.Clone(c.Value)
		}
	}
	return nil
}

func registry(tb testing.TB) (*Registry, *memoryRecords) {
	tb.Helper()
	records := &memoryRecords{m: make(map[string][]byte)}
	r := NewRegistry(box(tb, nil), records)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	r.now = func() time.Time { at = at.Add(time.Second); return at }
	return r, records
}

func wantErr(t *testing.T, err error, code fault.Code, message string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code || f.Message != message {
		t.Errorf("got %v, want %s: %s", err, code, message)
	}
}

func TestRegistryLifecycle(t *testing.T) {
	ctx := context.Background()
	r, records := registry(t)
	one := plugintest.Guest{}.Bytes()
	two := plugintest.Guest{Answer: `{"columns":["name"]}`, Data: []plugintest.Data{{At: 0x9000, Bytes: strings.Repeat("z", 3<<20)}}, Memory: 64}.Bytes()
	upload := func(tenant, name string, wasm []byte, version int) {
		t.Helper()
		v, err := r.Upload(ctx, tenant, "key_1", name, wasm)
		if err != nil {
			t.Fatal(err)
		}
		if v.Version != version || v.SHA256 != Hash(wasm) || v.Size != len(wasm) || v.Name != name || v.Report == nil {
			t.Errorf("%+v", v)
		}
	}
	upload("acme", "clean", one, 1)
	upload("acme", "clean", two, 2)
	upload("acme", "clean", one, 3) // the same bytes again are the next version
	upload("acme", "other", one, 1)
	upload("bolt", "clean", one, 1)

	pin := func(tenant string, ref Ref, want *Info) {
		t.Helper()
		got, err := r.Pin(ctx, tenant, ref)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	pin("acme", Ref{}, nil)
	pin("acme", Ref{Name: "clean"}, &Info{"clean", 3, Hash(one)})
	pin("acme", Ref{Name: "clean", Version: 2}, &Info{"clean", 2, Hash(two)})
	_, err := r.Pin(ctx, "bolt", Ref{Name: "clean", Version: 2})
	wantErr(t, err, fault.Validation, `plugin: there is no version 2 of the plugin "clean"`)
	_, err = r.Pin(ctx, "corp", Ref{Name: "clean"})
	wantErr(t, err, fault.Validation, `plugin: there is no plugin "clean"`)

	if _, err := r.Activate(ctx, "acme", "key_2", Object, "clean", 2); err != nil {
		t.Fatal(err)
	}
	pin("acme", Ref{}, &Info{"clean", 2, Hash(two)})
	pin("bolt", Ref{}, nil)
	pin("acme", Ref{None: true}, nil)
	_, err = r.Activate(ctx, "acme", "key_2", Object, "clean", 9)
	wantErr(t, err, fault.NotFound, `there is no version 9 of the plugin "clean"`)
	_, err = r.Activate(ctx, "acme", "key_2", "contacts", "clean", 1)
	wantErr(t, err, fault.Validation, `object is "contacts"; it must be "companies"`)
	wantErr(t, r.Delete(ctx, "acme", "key_2", "clean", 2), fault.Conflict,
		`version 2 of the plugin "clean" is active; activate another one, or none, first`)
	wantErr(t, r.Delete(ctx, "corp", "key_2", "clean", 2), fault.NotFound, `there is no plugin "clean"`)

	// A job that is pinned to a version goes on after that is deleted.
	job := Job{ID: "imp_co_9", Plugin: Info{"clean", 2, Hash(two)}, Columns: []string{"a"}}
	if _, err := r.Activate(ctx, "acme", "key_3", Object, "", 0); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(ctx, "acme", "key_3", "clean", 2); err != nil {
		t.Fatal(err)
	}
	s, err := r.Open(ctx, "acme", job)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	upload("acme", "clean", one, 4) // numbers are not used again

	list, err := r.List(ctx, "acme", "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range list {
		names = append(names, fmt.Sprint(v.Name, v.Version, v.Active))
	}
	if diff := cmp.Diff([]string{"clean1 false", "clean3 false", "clean4 false", "other1 false"}, spaced(names)); diff != "" {
		t.Error(diff)
	}

	audit, err := r.Audit(ctx, "acme", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, e := range audit {
		said = append(said, strings.TrimSpace(fmt.Sprint(e.Action, " ", e.Name, " ", e.Version, " ", e.KeyID)))
	}
	want := []string{"upload clean 4 key_1", "delete clean 2 key_3", "deactivate  0 key_3", "activate clean 2 key_2",
		"upload other 1 key_1", "upload clean 3 key_1", "upload clean 2 key_1", "upload clean 1 key_1"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
	if some, err := r.Audit(ctx, "acme", 1, 2); err != nil || len(some) != 2 || some[0].Action != "delete" {
		t.Errorf("%v %v", some, err)
	}

	// Long after, nothing of the deleted module is left.
	count := func() (n int) {
		for k := range records.m {
			if strings.HasPrefix(k, string(tuple.New("acme", kindBlob).String(Hash(two)))) {
				n++
			}
		}
		return n
	}
	if count() != 4 {
		t.Errorf("%d pieces of the deleted module", count())
	}
	r.now = func() time.Time { return time.UnixMilli(1_700_000_000_000).Add(keepFor + time.Hour) }
	if err := r.Delete(ctx, "acme", "key_3", "other", 1); err != nil {
		t.Fatal(err)
	}
	if count() != 0 {
		t.Errorf("%d pieces of the deleted module, long after", count())
	}
}

func spaced(list []string) []string {
	for i, s := range list {
		list[i] = strings.Replace(strings.Replace(s, "true", " true", 1), "false", " false", 1)
		list[i] = strings.ReplaceAll(list[i], "  ", " ")
	}
	return list
}

func TestPluginNames(t *testing.T) {
	for _, name := range []string{"a", "0", "a-b_c", strings.Repeat("a", 64)} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "A", "-a", "_a", "a b", "a/b", "ä", "a\n", strings.Repeat("a", 65), "active", "audit"} {
		if err := CheckName(name); fault.CodeOf(err) != fault.Validation {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestUploadFailsAtEveryWrite(t *testing.T) {
	ctx := context.Background()
	r, records := registry(t)
	wasm := plugintest.Guest{Data: []plugintest.Data{{At: 0x9000, Bytes: strings.Repeat("z", 5<<20)}}, Memory: 96}.Bytes()
	for n := 1; ; n++ {
		records.writes, records.failAt = 0, n
		v, err := r.Upload(ctx, "acme", "key_1", "clean", wasm)
		if err == nil {
			if n < 3 || v.Version != 1 {
				t.Errorf("version %d after %d writes failed", v.Version, n-1)
			}
			break
		}
		if !errors.Is(err, errInjected) {
			t.Fatal(err)
		}
		if list, err := r.List(ctx, "acme", ""); err != nil || len(list) != 0 {
			t.Errorf("write %d failed and left %v, %v", n, list, err)
		}
	}
	s, err := r.Open(ctx, "acme", Job{Plugin: Info{"clean", 1, Hash(wasm)}, Columns: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if blob, err := r.blob(ctx, "acme", Hash(wasm)); err != nil || !bytes.Equal(blob, wasm) {
		t.Errorf("%d bytes, %v", len(blob), err)
	}
}

func TestTest(t *testing.T) {
	ctx := context.Background()
	r, _ := registry(t)
	wasm := plugintest.Guest{Imports: []plugintest.Import{{Module: "sluice", Name: "log", Params: "i32 i32 i32"}},
		Process: "i32.const 1 i32.const 0x400 i32.const 9 call $log " + plugintest.EchoProcess}.Bytes()
	if _, err := r.Upload(ctx, "acme", "key_1", "echo", wasm); err != nil {
		t.Fatal(err)
	}
	in := rowsOf([]string{"x"}, []string{"y"})
	trial, err := r.Test(ctx, "acme", "echo", 1, Job{Columns: []string{"a"}}, in)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(trial.Columns, []string{"domain"}) || lines(trial.Out) != "0: 0\"x\"\n1: 0\"y\"\n" || trial.Fuel <= 0 ||
		trial.FuelPerRow != trial.Fuel/2 || trial.RowsPerSecond <= 0 || len(in.Faults) != 0 {
		t.Errorf("%+v %q", trial, lines(trial.Out))
	}
	if diff := cmp.Diff([]LogLine{{"info", `{"columns`}}, trial.Log); diff != "" {
		t.Error(diff)
	}
	_, err = r.Test(ctx, "acme", "echo", 2, Job{Columns: []string{"a"}}, in)
	wantErr(t, err, fault.NotFound, `there is no version 2 of the plugin "echo"`)
}

func TestReplay(t *testing.T) {
	ctx := context.Background()
	r, _ := registry(t)
	wasm := guiltyGuest("call $explode")
	v, err := r.Upload(ctx, "acme", "key_1", "guilty", wasm)
	if err != nil {
		t.Fatal(err)
	}
	job := Job{ID: "imp_co_7", Plugin: v.Info(), Columns: []string{"a", "b"}, Seed: 1 << 63, Clock: 5}
	s, err := r.Open(ctx, "acme", job)
	if err != nil {
		t.Fatal(err)
	}
	in, out := rowsOf([]string{"x", "y"}, []string{"!", "secret"}, []string{"z", "-"}), &batch.Batch{}
	if _, err := s.Process(ctx, in, out); err != nil {
		t.Fatal(err)
	}
	_, err = r.Bundle(ctx, "acme", "imp_co_7")
	wantErr(t, err, fault.NotFound, "the job has no replay bundle; one is kept when a plugin traps")
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	data, err := r.Bundle(ctx, "acme", "imp_co_7")
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Bundle(ctx, "bolt", "imp_co_7")
	wantErr(t, err, fault.NotFound, "the job has no replay bundle; one is kept when a plugin traps")

	b, err := UnmarshalBundle(data)
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := b.Rows(); err != nil || len(rows.Rows) != 1 || string(rows.Bytes(rows.Row(0)[1])) != "secret" || b.Seed != 1<<63 {
		t.Errorf("%+v %v", b, err)
	}
	elsewhere := box(t, nil)
	trap, _, err := elsewhere.Replay(ctx, b, Hash(wasm), bytesOf(wasm))
	if err != nil || trap == nil || trap.Reason != b.Trap || trap.Error() != "unreachable in explode < process" {
		t.Errorf("%v %v", trap, err)
	}
	if _, _, err := elsewhere.Replay(ctx, b, Hash(nil), nil); err == nil {
		t.Error("another module was run")
	}
	b.Batch = bytes.Replace(b.Batch, []byte("!secret"), []byte(".secret"), 1)
	if trap, _, err := elsewhere.Replay(ctx, b, Hash(wasm), bytesOf(wasm)); trap != nil || err != nil {
		t.Errorf("a mended batch: %v %v", trap, err)
	}
}

func FuzzBundle(f *testing.F) {
	b := &Bundle{Plugin: Info{"p", 1, "00"}, Context: []byte(`{}`), Batch: make([]byte, 40)}
	o := outgoing{in: rowsOf([]string{"abc", "-"}), input: []int{0, 1}, whole: true, rows: []uint32{0}}
	o.measure([]uint32{0}, 1, 1<<20)
	b.Batch = make([]byte, o.size())
	o.write(b.Batch, 0)
	data, err := b.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:20])
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := UnmarshalBundle(data)
		if err != nil {
			return
		}
		again, err := b.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		c, err := UnmarshalBundle(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, c); diff != "" {
			t.Error(diff)
		}
	})
}

// What versions say of themselves is bounded, alone and together: it is read with
// every list of them.
func TestUploadBoundsRecords(t *testing.T) {
	ctx := context.Background()
	r, _ := registry(t)
	talks := func(n int) []byte {
		said := `"` + strings.Repeat("x", n-2) + `"`
		return plugintest.Guest{Memory: 20, Data: []plugintest.Data{{At: 0x4000, Bytes: said}},
			Describe: "i64.const " + plugintest.Packed(0x4000, n)}.Bytes()
	}
	_, err := r.Upload(ctx, "acme", "key", "loud", talks(1<<20))
	if fault.CodeOf(err) != fault.PluginInvalid || !strings.Contains(fmt.Sprint(err), "at most 1048576 are kept") {
		t.Errorf("one that says a MiB: %v", err)
	}
	long := talks(500 << 10)
	n := 0
	for ; err == nil || n == 0; n++ {
		_, err = r.Upload(ctx, "acme", "key", "long", long)
	}
	if fault.CodeOf(err) != fault.Conflict || n != 17 || !strings.Contains(err.Error(), "delete some") {
		t.Errorf("%d versions, then %v", n-1, err)
	}
	if err := r.Delete(ctx, "acme", "key", "long", 16); err != nil {
		t.Fatal(err)
	}
	info, err := r.Pin(ctx, "acme", Ref{Name: "long"})
	if err != nil || info.Version != 15 {
		t.Errorf("the newest that is left: %v, %v", info, err)
	}
	if _, err := r.Upload(ctx, "acme", "key", "long", long); err != nil {
		t.Errorf("after one was deleted: %v", err)
	}
}
