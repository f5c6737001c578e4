package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"

	"sluice/engine/tuple"
)

// CheckRecords holds what is stored of a tenant's plugins together: each version
// to its module, whose hash must be the one in its name, and to what is active.
// Problems go to found; the error is of reading. It returns how many versions
// there are.
func CheckRecords(ctx context.Context, records Records, tenant string, found func(key tuple.Key, problem string)) (versions int, err error) {
	c := &recordCheck{records: records, tenant: tenant, found: found, modules: map[string]hash.Hash{}, newest: map[string]int{}}
	for _, step := range []func(context.Context) error{c.blobs, c.versions, c.counters, c.active, c.rest} {
		if err := step(ctx); err != nil {
			return 0, fmt.Errorf("check plugins: %w", err)
		}
	}
	return c.count, nil
}

type recordCheck struct {
	records Records
	tenant  string
	found   func(key tuple.Key, problem string)

	modules map[string]hash.Hash // what their pieces come to, by the hash they should have
	newest  map[string]int       // by name
	count   int
}

func (c *recordCheck) bad(key tuple.Key, format string, args ...any) {
	c.found(slices.Clone(key), fmt.Sprintf(format, args...))
}

// each reads the records of a kind; a problem that fn returns is one of the record.
func (c *recordCheck) each(ctx context.Context, kind string, fn func(rest tuple.Key, value []byte) error) error {
	prefix := tuple.New(c.tenant, kind)
	return c.records.Records(ctx, prefix, nil, func(key tuple.Key, value []byte) (bool, error) {
		if err := fn(key[len(prefix):], value); err != nil {
			c.bad(key, "%s: %v", kind, err)
		}
		return true, nil
	})
}

func (c *recordCheck) blobs(ctx context.Context) error {
	return c.each(ctx, kindBlob, func(rest tuple.Key, value []byte) error {
		sum, _, err := rest.CutString()
		if err != nil {
			return err
		}
		if c.modules[sum] == nil {
			c.modules[sum] = sha256.New()
		}
		_, err = c.modules[sum].Write(value)
		return err
	})
}

func (c *recordCheck) versions(ctx context.Context) error {
	return c.each(ctx, kindVersion, func(rest tuple.Key, value []byte) error {
		c.count++
		var v Version
		if err := json.Unmarshal(value, &v); err != nil {
			return err
		}
		name, rest, err := rest.CutString()
		if err != nil {
			return err
		}
		n, _, err := rest.CutUint64()
		if err != nil {
			return err
		}
		if name != v.Name || n != uint64(v.Version) {
			return fmt.Errorf("%s version %d stands at the key of %s version %d", v.Name, v.Version, name, n)
		}
		c.newest[name] = max(c.newest[name], v.Version)
		got := "nothing"
		if m := c.modules[v.SHA256]; m != nil {
			got = hex.EncodeToString(m.Sum(nil))
		}
		if got != v.SHA256 {
			return fmt.Errorf("%s version %d has the module %s; stored is %s", name, v.Version, v.SHA256, got)
		}
		return nil
	})
}

func (c *recordCheck) counters(ctx context.Context) error {
	err := c.each(ctx, kindCounter, func(rest tuple.Key, value []byte) error {
		name, _, err := rest.CutString()
		if err != nil {
			return err
		}
		var n int
		if err := json.Unmarshal(value, &n); err != nil {
			return err
		}
		newest := c.newest[name]
		delete(c.newest, name)
		if n < newest {
			return fmt.Errorf("%s has had %d versions, but there is a version %d", name, n, newest)
		}
		return nil
	})
	for name := range c.newest {
		c.bad(tuple.New(c.tenant, kindCounter).String(name), "%s: versions of %s are not counted", kindCounter, name)
	}
	return err
}

func (c *recordCheck) active(ctx context.Context) error {
	return c.each(ctx, kindActive, func(_ tuple.Key, value []byte) error {
		var a activeRecord
		if err := json.Unmarshal(value, &a); err != nil {
			return err
		}
		if _, err := c.records.Record(ctx, tuple.New(c.tenant, kindVersion).String(a.Name).Uint64(uint64(a.Version))); err != nil {
			return fmt.Errorf("%s version %d is active: %w", a.Name, a.Version, err)
		}
		return nil
	})
}

// rest reads the records that stand for themselves.
func (c *recordCheck) rest(ctx context.Context) error {
	err := c.each(ctx, kindAudit, func(_ tuple.Key, value []byte) error {
		return json.Unmarshal(value, new(AuditEntry))
	})
	if err != nil {
		return err
	}
	err = c.each(ctx, kindGone, func(_ tuple.Key, value []byte) error {
		if _, ok := cutTime(value); !ok {
			return fmt.Errorf("%d bytes are no time", len(value))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.each(ctx, kindBundle, func(_ tuple.Key, value []byte) error {
		if _, ok := cutTime(value); !ok {
			return ErrBundle
		}
		_, err := UnmarshalBundle(value[8:])
		return err
	})
}
