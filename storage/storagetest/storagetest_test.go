package storagetest

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"sluice/storage"
	"sluice/storage/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemKV(t *testing.T) { Run(t, func(testing.TB) storage.KV { return memkv.New() }) }

func TestBadgerKV(t *testing.T) { Run(t, Open) }

// Every call of a small run fails once; what succeeded before stays, what failed
// leaves nothing.
func TestFailNth(t *testing.T) {
	ctx := context.Background()
	for n := 0; ; n++ {
		kv := FailNth(memkv.New(), n)
		seen := 0
		run := func() error {
			if err := kv.Commit(ctx, []storage.Op{put("a", "1"), put("b", "2")}, nil); err != nil {
				return err
			}
			if _, _, err := kv.Get(ctx, []byte("a")); err != nil {
				return err
			}
			return kv.Scan(ctx, nil, nil, func(_, _ []byte) error {
				seen++
				return nil
			})
		}
		err := run()
		if !kv.Fired() {
			if n != 3 || err != nil || seen != 2 {
				t.Fatalf("%d calls, %d keys, %v", n, seen, err)
			}
			return
		}
		if !errors.Is(err, ErrInjected) {
			t.Fatalf("call %d: %v", n, err)
		}
		if n == 0 {
			mustMiss(t, kv.KV, "a")
		}
		if n == 2 && seen != 1 {
			t.Fatalf("a failed scan gave %d keys of 2", seen)
		}
	}
}
