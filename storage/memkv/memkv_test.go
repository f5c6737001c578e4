package memkv

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"sluice/storage"
)

// The tree against a plain map, through many random puts and deletes: the same
// keys in order, and snapshots taken on the way keep what they had.
func TestTreeAgreesWithMap(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	kv, model := New(), map[string]string{}
	ctx := context.Background()
	type snapshot struct {
		root *node
		keys []string
	}
	var snapshots []snapshot
	for i := 0; i < 5000; i++ {
		key := fmt.Sprintf("k%03d", rnd.Intn(400))
		op := storage.Op{Key: []byte(key), Value: []byte(fmt.Sprint(i))}
		if rnd.Intn(3) == 0 {
			op.Delete = true
			delete(model, key)
		} else {
			model[key] = fmt.Sprint(i)
		}
		if err := kv.Commit(ctx, []storage.Op{op}, nil); err != nil {
			t.Fatal(err)
		}
		if i%500 == 0 {
			snapshots = append(snapshots, snapshot{kv.root.Load(), keysOf(kv.root.Load())})
		}
	}
	want := make([]string, 0, len(model))
	for key, value := range model {
		want = append(want, key)
		if got, _, err := kv.Get(ctx, []byte(key)); err != nil || string(got) != value {
			t.Fatalf("get %s: %q, %v, want %q", key, got, err, value)
		}
	}
	slices.Sort(want)
	if got := keysOf(kv.root.Load()); !slices.Equal(got, want) {
		t.Fatalf("keys %v, want %v", got, want)
	}
	for i, s := range snapshots {
		if got := keysOf(s.root); !slices.Equal(got, s.keys) {
			t.Fatalf("snapshot %d changed", i)
		}
	}
}

func keysOf(root *node) (keys []string) {
	_ = ascend(root, nil, func(n *node) error {
		keys = append(keys, string(n.key))
		return nil
	})
	return keys
}

func TestScanSpoilsWhatItGave(t *testing.T) {
	kv, ctx := New(), context.Background()
	err := kv.Commit(ctx, []storage.Op{{Key: []byte("a"), Value: []byte("xyz")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var kept []byte
	err = kv.Scan(ctx, nil, nil, func(_, value []byte) error {
		kept = value
		return nil
	})
	if err != nil || bytes.Equal(kept, []byte("xyz")) {
		t.Fatalf("kept %q, %v", kept, err)
	}
}
