package host

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"sluice/engine"
	"sluice/engine/tuple"
	"sluice/storage"
)

// soundRecords are the records that are not damaged. The damaged ones are found
// as values already; what stands beside them is still to be checked.
type soundRecords struct{ kv storage.KV }

func (r soundRecords) Record(ctx context.Context, key tuple.Key) ([]byte, error) {
	return records(r).Record(ctx, key)
}

func (r soundRecords) Records(ctx context.Context, prefix, after tuple.Key, fn func(tuple.Key, []byte) (bool, error)) error {
	known := func(tuple.Key, string) {}
	return scanSound(ctx, r.kv, prefix, after, func(key, value []byte) error {
		payload, err := unseal(key, value)
		if err != nil {
			return nil
		}
		more, err := fn(key, payload)
		if err == nil && !more {
			err = storage.ErrStop
		}
		return err
	}, known)
}

func (r soundRecords) Write(ctx context.Context, changes []engine.Change) error {
	return records(r).Write(ctx, changes)
}

// checkKeys holds each API key to its hash, both ways.
func (c *check) checkKeys(ctx context.Context) error {
	ids := map[string]string{} // by hash
	prefix := tuple.New("", kindKey)
	err := c.records.Records(ctx, prefix, nil, func(key tuple.Key, value []byte) (bool, error) {
		c.report.APIKeys++
		k, err := decodeKey(value)
		if err != nil {
			c.report.found(key, err.Error())
			return true, nil
		}
		if string(keyByID(k.ID)) != string(key) {
			c.report.found(key, fmt.Sprintf("API key %s stands at another's place", k.ID))
		}
		for _, scope := range k.Scopes {
			if !slices.Contains(Scopes(), scope) {
				c.report.found(key, fmt.Sprintf("API key %s has the scope %q", k.ID, scope))
			}
		}
		id, err := c.records.Record(ctx, keyByHash(k.Hash))
		if err != nil || string(id) != k.ID {
			c.report.found(key, fmt.Sprintf("API key %s is not found by its hash, but %q is (%v)", k.ID, id, err))
		}
		ids[string(k.Hash[:])] = k.ID
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("check keys: %w", err)
	}
	prefix = tuple.New("", kindKeyHash)
	err = c.records.Records(ctx, prefix, nil, func(key tuple.Key, value []byte) (bool, error) {
		hash, _, err := key[len(prefix):].CutString()
		if err != nil || ids[hash] != string(value) {
			c.report.found(key, fmt.Sprintf("hash %s… leads to the API key %q, which does not have it", hex.EncodeToString([]byte(hash[:min(4, len(hash))])), value))
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("check hashes of keys: %w", err)
	}
	return nil
}

// checkAnswers reads the answers kept for idempotency keys. One that promises a
// job must come with it.
func (c *check) checkAnswers(ctx context.Context) error {
	prefix := tuple.New("", kindIdempotency)
	err := c.records.Records(ctx, prefix, nil, func(key tuple.Key, value []byte) (bool, error) {
		c.report.Answers++
		_, rest, err := key[len(prefix):].CutUint64()
		var tenant string
		if err == nil {
			tenant, rest, err = rest.CutString()
		}
		if err == nil {
			_, _, err = rest.CutString()
		}
		if err != nil {
			c.report.found(key, "is not the key of an answer")
			return true, nil
		}
		stored, err := decodeStoredAnswer(value)
		if err != nil {
			c.report.found(key, err.Error())
			return true, nil
		}
		if stored.job == "" {
			return true, nil
		}
		has, err := engine.HasJob(ctx, c.records, tenant, stored.job)
		if err != nil { // damaged, and found as such
			return true, nil
		}
		if !has {
			c.report.found(key, fmt.Sprintf("the answer promises import %s, which is not stored", stored.job))
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("check answers: %w", err)
	}
	return nil
}
