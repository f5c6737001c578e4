package badgerkv_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand"
	"sync/atomic"
	"testing"

	"sluice/storage"
	"sluice/storage/badgerkv"
)

func openBench(b *testing.B) *badgerkv.KV {
	cfg := badgerkv.DefaultConfig(b.TempDir())
	cfg.MinFreeBytes = 1 << 20
	kv, err := badgerkv.Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := kv.Close(); err != nil {
			b.Error(err)
		}
	})
	return kv
}

// BenchmarkCommit is one tiny commit, alone and among others; each carries the
// guard that a table's writer shows.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			kv, ctx := openBench(b), context.Background()
			lease := []byte("lease")
			if err := kv.Commit(ctx, []storage.Op{{Key: lease}}, nil); err != nil {
				b.Fatal(err)
			}
			_, version, err := kv.Get(ctx, lease)
			if err != nil {
				b.Fatal(err)
			}
			guards := []storage.Guard{{Key: lease, Version: version}}
			value := make([]byte, 100)
			var n atomic.Uint64
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			b.SetParallelism((writers + 1) / 2) // times GOMAXPROCS, 2 on the machine measured
			if writers == 1 {
				b.SetParallelism(1)
			}
			b.ResetTimer()
			work := func(next func() bool) {
				for next() {
					key := binary.BigEndian.AppendUint64([]byte("key"), n.Add(1))
					if err := kv.Commit(ctx, []storage.Op{{Key: key, Value: value}}, guards); err != nil {
						b.Error(err)
						return
					}
				}
			}
			if writers == 1 {
				work(b.Loop)
			} else {
				b.RunParallel(func(pb *testing.PB) { work(pb.Next) })
			}
			b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

// BenchmarkLargeCommit is a commit filled to the limit with packed blocks.
func BenchmarkLargeCommit(b *testing.B) {
	for _, size := range []int{10 << 10, 32 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("block=%dKiB", size>>10), func(b *testing.B) {
			kv, ctx := openBench(b), context.Background()
			block := make([]byte, size)
			rand.New(rand.NewSource(1)).Read(block)
			count := min((storage.MaxCommitBytes-64<<10)/size, storage.MaxCommitKeys-1)
			ops := make([]storage.Op, count)
			var n uint64
			b.SetBytes(int64(count * size))
			b.ReportAllocs()
			for b.Loop() {
				for i := range ops {
					n++
					ops[i] = storage.Op{Key: binary.BigEndian.AppendUint64([]byte("tenant rows "), n), Value: block}
				}
				if err := kv.Commit(ctx, ops, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRead is a get, and a scan of all, of a store of 32 KiB blocks.
func BenchmarkRead(b *testing.B) {
	kv, ctx := openBench(b), context.Background()
	const blocks, size = 4000, 32 << 10
	block := make([]byte, size)
	rand.New(rand.NewSource(1)).Read(block)
	key := func(i uint64) []byte { return binary.BigEndian.AppendUint64([]byte("tenant rows "), i) }
	for i := uint64(0); i < blocks; i += 200 {
		var ops []storage.Op
		for j := range uint64(200) {
			ops = append(ops, storage.Op{Key: key(i + j), Value: block})
		}
		if err := kv.Commit(ctx, ops, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("get", func(b *testing.B) {
		rnd := rand.New(rand.NewSource(1))
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			if value, _, err := kv.Get(ctx, key(uint64(rnd.Intn(blocks)))); err != nil || len(value) != size {
				b.Fatal(err)
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		b.SetBytes(blocks * size)
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			err := kv.Scan(ctx, []byte("tenant"), nil, func(_, value []byte) error {
				n += len(value)
				return nil
			})
			if err != nil || n != blocks*size {
				b.Fatal(n, err)
			}
		}
	})
}
