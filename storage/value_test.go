package storage

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"testing"
)

func TestSealOpen(t *testing.T) {
	f := func(key string, kind, version byte, payload []byte) {
		t.Helper()
		prefix := []byte("kept")
		value := Seal(prefix, []byte(key), kind, version, payload)
		if !bytes.HasPrefix(value, prefix) || len(value) != len(prefix)+Overhead+len(payload) {
			t.Fatalf("sealed %d bytes into %d", len(payload), len(value))
		}
		gotVersion, got, err := Open([]byte(key), value[len(prefix):], kind)
		if err != nil || gotVersion != version || !bytes.Equal(got, payload) {
			t.Fatalf("opened version %d, %d bytes, %v", gotVersion, len(got), err)
		}
	}
	f("", 0, 0, nil)
	f("key", 1, 2, []byte("payload"))
	f("key", 255, 255, bytes.Repeat([]byte("x"), 1<<20))
}

func TestOpenDamaged(t *testing.T) {
	f := func(key string, value []byte, kind byte) {
		t.Helper()
		version, payload, err := Open([]byte(key), value, kind)
		if !errors.Is(err, ErrDamaged) || version != 0 || payload != nil {
			t.Fatalf("opened version %d, %q, %v", version, payload, err)
		}
	}
	value := Seal(nil, []byte("key"), 3, 1, []byte("payload"))
	f("key", nil, 3)
	f("key", value[:Overhead-1], 3)
	f("key", value[:len(value)-1], 3)
	f("key", append(bytes.Clone(value), 0), 3)
	f("key", value, 4)  // another kind
	f("kez", value, 3)  // another key
	f("", value, 3)     // no key
	f("key1", value, 3) // a longer key
	for i := range value {
		for bit := 0; bit < 8; bit++ {
			bad := bytes.Clone(value)
			bad[i] ^= 1 << bit
			f("key", bad, 3)
		}
	}
}

// The stored bytes are a format: they may only change with a new version.
func TestSealedBytes(t *testing.T) {
	got := fmt.Sprintf("%x", Seal(nil, []byte("key"), 3, 1, []byte("payload")))
	if want := "03019378ce3c91b5f5ed7061796c6f6164"; got != want {
		t.Fatalf("sealed as %s, want %s", got, want)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("key"), []byte{}, byte(1))
	f.Add([]byte("key"), Seal(nil, []byte("key"), 1, 1, []byte("payload")), byte(1))
	f.Add([]byte("key"), Seal(nil, []byte("other"), 1, 1, nil), byte(1))
	f.Fuzz(func(t *testing.T, key, value []byte, kind byte) {
		version, payload, err := Open(key, value, kind)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if again := Seal(nil, key, kind, version, payload); !bytes.Equal(again, value) {
			t.Fatalf("%x sealed again is %x", value, again)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	key := []byte("tenant\x00\x01rows\x00\x0112345678")
	for _, size := range []int{64, 16 << 10, 1 << 20} {
		payload := make([]byte, size)
		rand.New(rand.NewSource(1)).Read(payload)
		value := Seal(nil, key, 1, 1, payload)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, got, err := Open(key, value, 1); err != nil || len(got) != size {
					b.Fatal(err)
				}
			}
		})
	}
}
