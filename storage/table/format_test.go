package table

import (
	"context"
	"errors"
	"testing"

	"sluice/storage"
	"sluice/storage/memkv"
)

// A store of another format is not taken for a damaged one: whoever reads that
// would look for a backup instead of the version that wrote it.
func TestOtherFormat(t *testing.T) {
	f := func(kind, version byte, secret []byte, is error, want string) {
		t.Helper()
		ctx, kv, key := context.Background(), memkv.New(), SecretKey()
		op := storage.Op{Key: key, Value: storage.Seal(nil, key, kind, version, secret)}
		if err := kv.Commit(ctx, []storage.Op{op}, nil); err != nil {
			t.Fatal(err)
		}
		_, err := Open(ctx, kv, DefaultOptions())
		if !errors.Is(err, is) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	const reads = ", and this version of Sluice reads format 2; open the store with the version that wrote it"
	f(sealSecret, 1, make([]byte, 16), storage.ErrFormat, "open tables: storage: another format on disk: the tables in this store are of format 1"+reads)
	f(sealSecret, 9, nil, storage.ErrFormat, "open tables: storage: another format on disk: the tables in this store are of format 9"+reads)
	const bad = "open tables: read secret at key 00017461626c652e7365637265740001: storage: damaged value"
	f(sealSecret, formatVersion, make([]byte, 16), storage.ErrDamaged, bad)
	f(sealTenant, 1, make([]byte, secretBytes), storage.ErrDamaged, bad)
}
