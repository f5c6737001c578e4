package badgerkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"sluice/storage"
)

// list is what a state has: "key=value", or "key" where it did not change.
func list(t *testing.T, s *State, prefix string, since uint64) (got []string) {
	t.Helper()
	err := s.Scan(context.Background(), []byte(prefix), since, func(key, value []byte, changed bool) error {
		if !changed {
			got = append(got, string(key))
			return nil
		}
		got = append(got, fmt.Sprintf("%s=%s", key, value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func set(t *testing.T, kv *KV, pairs ...string) {
	t.Helper()
	var ops []storage.Op
	for i := 0; i < len(pairs); i += 2 {
		ops = append(ops, storage.Op{Key: []byte(pairs[i]), Value: []byte(pairs[i+1]), Delete: pairs[i+1] == ""})
	}
	if err := kv.Commit(context.Background(), ops, nil); err != nil {
		t.Fatal(err)
	}
}

func stateOf(t *testing.T, kv *KV) *State {
	t.Helper()
	s, err := kv.State(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Release)
	return s
}

// A state stays as it was, and tells from another one what changed, and by what
// is missing what was deleted: also once the engine has forgotten the deletions.
func TestState(t *testing.T) {
	kv := openStore(t, nil)
	set(t, kv, "a", "1", "b", "1", "c", "1", "d", "1")
	first := stateOf(t, kv)
	set(t, kv, "a", "2", "b", "", "e", "1")
	second := stateOf(t, kv)
	f := func(s *State, prefix string, since uint64, want ...string) {
		t.Helper()
		if got := list(t, s, prefix, since); !slices.Equal(got, want) {
			t.Fatalf("state %d since %d: %q, want %q", s.Version(), since, got, want)
		}
	}
	check := func() {
		t.Helper()
		f(first, "", 0, "a=1", "b=1", "c=1", "d=1")
		f(second, "", 0, "a=2", "c=1", "d=1", "e=1")
		f(second, "", first.Version(), "a=2", "c", "d", "e=1")
		f(second, "", second.Version(), "a", "c", "d", "e")
		f(second, "a", first.Version(), "a=2")
	}
	check()
	rewrite(t, kv, 20_000, 2)
	if err := kv.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	check()
	set(t, kv, "c", "")
	first.Release()
	first.Release() // does nothing
	second.Release()
	rewrite(t, kv, 20_000, 2)
	if err := kv.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	third := stateOf(t, kv)
	f(third, "a", second.Version(), "a")
	f(third, "c", second.Version())
	f(third, "e", first.Version(), "e=1")
}

func TestStateErrors(t *testing.T) {
	kv := openStore(t, nil)
	set(t, kv, "a", "1")
	s := stateOf(t, kv)
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	all := func(key, value []byte, changed bool) error { return nil }
	if err := s.Scan(canceled, nil, 0, all); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := kv.State(canceled); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	if err := s.Scan(context.Background(), nil, 0, func(_, _ []byte, _ bool) error { return enough }); err != enough {
		t.Fatal(err)
	}
}
