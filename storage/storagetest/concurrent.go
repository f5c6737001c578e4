package storagetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"sync"
	"testing"

	"sluice/storage"
)

// parallel runs fn in n goroutines, released at once, and reports their errors.
func parallel(t *testing.T, n int, fn func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			if err := fn(i); err != nil {
				t.Errorf("goroutine %d: %v", i, err)
			}
		})
	}
	close(start)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// Writers keep all keys equal in each commit; a scan and the gets that follow
// each other must never see two different values, or an older one than before.
func testSnapshot(t *testing.T, kv storage.KV) {
	ctx := context.Background()
	const keys, rounds = 20, 60
	ops := func(n int) (ops []storage.Op) {
		for i := range keys {
			ops = append(ops, put(fmt.Sprintf("key%02d", i), fmt.Sprintf("%06d", n)))
		}
		return ops
	}
	mustCommit(t, kv, ops(0)...)
	done := make(chan struct{})
	parallel(t, 4, func(i int) error {
		if i == 0 {
			defer close(done)
			for n := 1; n <= rounds; n++ {
				if err := kv.Commit(ctx, ops(n), nil); err != nil {
					return err
				}
			}
			return nil
		}
		last := ""
		for {
			select {
			case <-done:
				return nil
			default:
			}
			seen, first := 0, ""
			err := kv.Scan(ctx, []byte("key"), nil, func(_, value []byte) error {
				if seen++; seen == 1 {
					first = string(value)
				} else if first != string(value) {
					return fmt.Errorf("a scan saw %s and %s", first, value)
				}
				return nil
			})
			if err != nil || seen != keys || first < last {
				return fmt.Errorf("scan gave %d keys of %s after %s: %w", seen, first, last, err)
			}
			last = first
		}
	})
}

// Many add one to a counter, each behind a guard: none is lost. Every commit also
// leaves a mark of its own, which must be there if and only if it succeeded.
func testCounter(t *testing.T, kv storage.KV) {
	ctx := context.Background()
	const writers, adds = 8, 25
	key := []byte("counter")
	parallel(t, writers, func(i int) error {
		for n, try := 0, 0; n < adds; try++ {
			var sum uint64
			value, version, err := kv.Get(ctx, key)
			if err == nil {
				sum = binary.BigEndian.Uint64(value)
			} else if !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			mark := fmt.Sprintf("mark/%d/%d", i, try)
			err = kv.Commit(ctx, []storage.Op{
				{Key: key, Value: binary.BigEndian.AppendUint64(nil, sum+1)},
				put(mark, "x"),
			}, []storage.Guard{{Key: key, Version: version}})
			_, _, got := kv.Get(ctx, []byte(mark))
			switch {
			case err == nil && got == nil:
				n++
			case errors.Is(err, storage.ErrGuard) && errors.Is(got, storage.ErrNotFound):
			default:
				return fmt.Errorf("commit: %v, its mark: %v", err, got)
			}
		}
		return nil
	})
	value, _, err := kv.Get(ctx, key)
	if err != nil || binary.BigEndian.Uint64(value) != writers*adds {
		t.Fatalf("counter at %x, %v; want %d", value, err, writers*adds)
	}
	if got := len(scan(t, kv, "mark/", "-")); got != writers*adds {
		t.Fatalf("%d marks, want %d", got, writers*adds)
	}
}

// Sums move between accounts, some of which are deleted when empty and made anew:
// every scan finds the same total.
func testTransfers(t *testing.T, kv storage.KV) {
	ctx := context.Background()
	const accounts, each, writers, rounds = 6, 10, 4, 60
	for i := range accounts {
		mustCommit(t, kv, put(fmt.Sprintf("account%d", i), strconv.Itoa(each)))
	}
	total := func() (sum int, err error) {
		err = kv.Scan(ctx, []byte("account"), nil, func(_, value []byte) error {
			n, err := strconv.Atoi(string(value))
			sum += n
			return err
		})
		return sum, err
	}
	balance := func(key string) (sum int, g storage.Guard, err error) {
		g.Key = []byte(key)
		value, version, err := kv.Get(ctx, g.Key)
		if errors.Is(err, storage.ErrNotFound) {
			return 0, g, nil
		} else if err != nil {
			return 0, g, err
		}
		g.Version = version
		sum, err = strconv.Atoi(string(value))
		return sum, g, err
	}
	set := func(key string, sum int) storage.Op {
		if sum == 0 {
			return del(key)
		}
		return put(key, strconv.Itoa(sum))
	}
	parallel(t, writers, func(i int) error {
		rnd := rand.New(rand.NewSource(int64(i)))
		for range rounds {
			a := rnd.Intn(accounts)
			b := (a + 1 + rnd.Intn(accounts-1)) % accounts
			from, to := fmt.Sprintf("account%d", a), fmt.Sprintf("account%d", b)
			have, guardFrom, err := balance(from)
			if err != nil {
				return err
			}
			has, guardTo, err := balance(to)
			if err != nil {
				return err
			}
			move := rnd.Intn(have + 1)
			err = kv.Commit(ctx, []storage.Op{set(from, have-move), set(to, has+move)}, []storage.Guard{guardFrom, guardTo})
			if err != nil && !errors.Is(err, storage.ErrGuard) {
				return err
			}
			if sum, err := total(); err != nil || sum != accounts*each {
				return fmt.Errorf("total is %d, %v; want %d", sum, err, accounts*each)
			}
		}
		return nil
	})
}
