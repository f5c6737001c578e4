package host

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"sluice/engine"
	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// Keys are records of the server, not of a tenant: one by id, which holds all,
// and one by hash, which leads to it.
const (
	kindKey     = "key"
	kindKeyHash = "keyhash"
)

func keyByID(id string) tuple.Key { return tuple.New("", kindKey).String(id) }

func keyByHash(hash [32]byte) tuple.Key { return tuple.New("", kindKeyHash).String(string(hash[:])) }

// keyring keeps the keys, in the store and the ones in use in memory.
type keyring struct {
	records engine.Records
	limit   int // of cached
	rate    int // rate limit of a key that says nothing else

	mu      sync.RWMutex
	cached  map[[32]byte]*Key
	deletes uint64 // so that what was read before a delete is not cached after it
}

func newKeyring(records engine.Records, cfg Config) *keyring {
	return &keyring{records: records, limit: cfg.KeyCache, rate: cfg.RateLimit, cached: make(map[[32]byte]*Key)}
}

// storedKey is a Key as a record.
type storedKey struct {
	Key
	Hash string `json:"hash"`
}

var errInvalidKey = fault.New(fault.InvalidKey, "the API key is missing, unknown or expired; send Authorization: Bearer wbk_…")

// authenticate finds the key of an Authorization header.
func (k *keyring) authenticate(ctx context.Context, header []byte, now time.Time) (*Key, error) {
	token, ok := bearer(header)
	if !ok {
		return nil, errInvalidKey
	}
	key, err := k.lookup(ctx, hashToken(token))
	if errors.Is(err, fault.NotFound) {
		return nil, errInvalidKey
	}
	if err != nil {
		return nil, fmt.Errorf("look up key: %w", err)
	}
	if key.expired(now) {
		return nil, errInvalidKey
	}
	return key, nil
}

func (k *keyring) lookup(ctx context.Context, hash [32]byte) (*Key, error) {
	k.mu.RLock()
	key, deletes := k.cached[hash], k.deletes
	k.mu.RUnlock()
	if key == nil {
		var err error
		if key, err = k.load(ctx, hash); err != nil {
			return nil, err
		}
		k.cache(key, deletes)
	}
	// Maps and stores compare hashes, whose timing tells nothing of a token
	// that is not known already; this holds whatever they do.
	if subtle.ConstantTimeCompare(key.Hash[:], hash[:]) != 1 {
		return nil, fault.New(fault.NotFound, "no such key")
	}
	return key, nil
}

func (k *keyring) load(ctx context.Context, hash [32]byte) (*Key, error) {
	id, err := k.records.Record(ctx, keyByHash(hash))
	if err != nil {
		return nil, err
	}
	return k.byID(ctx, string(id))
}

func (k *keyring) byID(ctx context.Context, id string) (*Key, error) {
	value, err := k.records.Record(ctx, keyByID(id))
	if err != nil {
		return nil, err
	}
	return decodeKey(value)
}

func decodeKey(value []byte) (*Key, error) {
	var s storedKey
	if err := json.Unmarshal(value, &s); err != nil {
		return nil, fmt.Errorf("decode key: %w", err)
	}
	if n, err := hex.Decode(s.Key.Hash[:], []byte(s.Hash)); err != nil || n != len(s.Key.Hash) {
		return nil, fmt.Errorf("decode key %s: bad hash", s.ID)
	}
	return &s.Key, nil
}

func (k *keyring) cache(key *Key, deletes uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.deletes != deletes {
		return
	}
	for hash := range k.cached {
		if len(k.cached) < k.limit {
			break
		}
		delete(k.cached, hash) // any one: it is read again when it is used again
	}
	k.cached[key.Hash] = key
}

// create stores a new key and returns its token, which is nowhere else.
func (k *keyring) create(ctx context.Context, key *Key) (token string, err error) {
	token = newToken()
	return token, k.put(ctx, key, token)
}

func (k *keyring) put(ctx context.Context, key *Key, token string) error {
	id, err := uuid.NewV7() // in the order of creation
	if err != nil {
		return fmt.Errorf("make key id: %w", err)
	}
	key.ID, key.Prefix, key.Hash = id.String(), token[:prefixLen], hashToken(token)
	if key.RateLimit == 0 {
		key.RateLimit = k.rate
	}
	value, err := json.Marshal(storedKey{*key, hex.EncodeToString(key.Hash[:])})
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	err = k.records.Write(ctx, []engine.Change{
		{Key: keyByID(key.ID), Value: value},
		{Key: keyByHash(key.Hash), Value: []byte(key.ID)},
	})
	if err != nil {
		return fmt.Errorf("store key: %w", err)
	}
	return nil
}

// remove deletes a key. When it returns, the key opens nothing any more.
func (k *keyring) remove(ctx context.Context, id string) error {
	key, err := k.byID(ctx, id)
	if err != nil {
		return err
	}
	err = k.records.Write(ctx, []engine.Change{{Key: keyByID(id)}, {Key: keyByHash(key.Hash)}})
	if err != nil {
		return fmt.Errorf("delete key: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.deletes++
	delete(k.cached, key.Hash)
	return nil
}

// list calls fn for the keys after the one named, in the order of creation.
func (k *keyring) list(ctx context.Context, after string, fn func(*Key) bool) error {
	var from tuple.Key
	if after != "" {
		from = keyByID(after)
	}
	return k.records.Records(ctx, tuple.New("", kindKey), from, func(_ tuple.Key, value []byte) (bool, error) {
		key, err := decodeKey(value)
		if err != nil {
			return false, err
		}
		return fn(key), nil
	})
}

// AdminKeyFile is the file in the data folder that the first key is written to.
const AdminKeyFile = "admin.key"

// adminTenant is the tenant of the first key, which has the scope admin alone.
const adminTenant = "admin"

// bootstrap makes an admin key where there is no key at all. The file comes
// first: a crash in between leaves a file that opens nothing, and the next start
// makes another, but never a key that nobody knows.
func (k *keyring) bootstrap(ctx context.Context, folder string) error {
	some := false
	if err := k.list(ctx, "", func(*Key) bool { some = true; return false }); err != nil {
		return err
	}
	if some {
		return nil
	}
	return k.addAdmin(ctx, folder)
}

// addAdmin makes a key that opens the admin routes and writes it to the folder.
func (k *keyring) addAdmin(ctx context.Context, folder string) error {
	token := newToken()
	if err := writeSecret(filepath.Join(folder, AdminKeyFile), token+"\n"); err != nil {
		return err
	}
	return k.put(ctx, &Key{Tenant: adminTenant, Scopes: []Scope{Admin}, CreatedAt: time.Now().UTC()}, token)
}

// writeSecret replaces a file by one that only its owner can read, durably.
func writeSecret(path, content string) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
