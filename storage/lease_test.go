package storage_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"sluice/storage"
	"sluice/storage/memkv"
)

func TestLeaseEndsTheOneBefore(t *testing.T) {
	kv, ctx, key := memkv.New(), context.Background(), []byte("lease")
	take := func(owner string, epoch uint64) *storage.Lease {
		t.Helper()
		l, err := storage.TakeLease(ctx, kv, key, owner)
		if err != nil || l.Owner != owner || l.Epoch != epoch {
			t.Fatalf("%+v, %v", l, err)
		}
		return l
	}
	write := func(l *storage.Lease) error {
		return kv.Commit(ctx, []storage.Op{{Key: []byte("row")}}, []storage.Guard{l.Guard()})
	}
	first := take("a", 1)
	for range 2 {
		if err := write(first); err != nil {
			t.Fatal(err)
		}
	}
	second := take("b", 2)
	if err := write(first); !errors.Is(err, storage.ErrGuard) {
		t.Fatal(err)
	}
	if err := write(second); err != nil {
		t.Fatal(err)
	}
	third := take("b", 3) // the same owner anew is another holder
	if err := write(second); !errors.Is(err, storage.ErrGuard) {
		t.Fatal(err)
	}
	if err := write(third); err != nil {
		t.Fatal(err)
	}
}

func TestLeaseDamaged(t *testing.T) {
	f := func(value []byte) {
		t.Helper()
		kv, ctx, key := memkv.New(), context.Background(), []byte("lease")
		if err := kv.Commit(ctx, []storage.Op{{Key: key, Value: value}}, nil); err != nil {
			t.Fatal(err)
		}
		_, err := storage.TakeLease(ctx, kv, key, "a")
		if !errors.Is(err, storage.ErrDamaged) || err.Error() != "read lease: storage: damaged value" {
			t.Fatal(err)
		}
	}
	key := []byte("lease")
	f(nil)
	f([]byte("something"))
	f(storage.Seal(nil, key, 'L', 1, []byte("short")))
	f(storage.Seal(nil, key, 'L', 2, make([]byte, 8)))
	f(storage.Seal(nil, []byte("other"), 'L', 1, make([]byte, 8)))
}

// Of many that take it at once, those who got it have epochs of their own, and
// only the last can write.
func TestLeaseHammer(t *testing.T) {
	kv, ctx := memkv.New(), context.Background()
	var mu sync.Mutex
	held := map[uint64]*storage.Lease{}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				l, err := storage.TakeLease(ctx, kv, []byte("lease"), fmt.Sprint(i))
				if errors.Is(err, storage.ErrGuard) {
					continue
				} else if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if held[l.Epoch] != nil {
					t.Errorf("epoch %d held twice", l.Epoch)
				}
				held[l.Epoch] = l
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if _, err := storage.TakeLease(ctx, kv, []byte("lease"), "last"); err != nil || len(held) < 50 {
		t.Fatalf("%d held, %v", len(held), err)
	}
	for epoch, l := range held {
		if err := kv.Commit(ctx, []storage.Op{{Key: []byte("row")}}, []storage.Guard{l.Guard()}); !errors.Is(err, storage.ErrGuard) {
			t.Fatalf("epoch %d writes: %v", epoch, err)
		}
	}
}
