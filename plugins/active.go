package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// activeRecord says which plugin imports use that name none.
type activeRecord struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// AuditEntry says who did what, and when.
type AuditEntry struct {
	At      time.Time `json:"at"`
	KeyID   string    `json:"key_id"`
	Action  string    `json:"action"` // upload, activate, deactivate, delete
	Object  string    `json:"object,omitempty"`
	Name    string    `json:"name,omitempty"`
	Version int       `json:"version,omitempty"`
	SHA256  string    `json:"sha256,omitempty"`
}

// Active returns the plugin that the tenant's imports of object use; nil: none.
// It is shared: nobody changes it.
func (r *Registry) Active(ctx context.Context, tenant, object string) (*Info, error) {
	if err := checkObject(object); err != nil {
		return nil, err
	}
	info, known, changes := r.active.of(tenant)
	if known {
		return info, nil
	}
	info, err := r.readActive(ctx, tenant, object)
	if err != nil {
		return nil, fmt.Errorf("read active plugin: %w", err)
	}
	r.active.learn(tenant, info, changes)
	return info, nil
}

func (r *Registry) readActive(ctx context.Context, tenant, object string) (*Info, error) {
	var a activeRecord
	err := r.get(ctx, tuple.New(tenant, kindActive).String(object), &a)
	if errors.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var v Version
	if err := r.get(ctx, versionKey(tenant, a.Name, a.Version), &v); err != nil {
		return nil, err
	}
	info := v.Info()
	return &info, nil
}

// Activate makes imports of object use a version (0: the newest); name "" means
// none. Rollback is activating a former one.
func (r *Registry) Activate(ctx context.Context, tenant, keyID, object, name string, version int) (*Info, error) {
	if err := checkObject(object); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	entry := AuditEntry{KeyID: keyID, Action: "deactivate", Object: object}
	change := Change{Key: tuple.New(tenant, kindActive).String(object)}
	var info *Info
	if name != "" {
		v, err := r.Version(ctx, tenant, name, version)
		if err != nil {
			return nil, err
		}
		if change.Value, err = json.Marshal(activeRecord{v.Name, v.Version}); err != nil {
			return nil, fmt.Errorf("encode active plugin: %w", err)
		}
		entry.Action, entry.Name, entry.Version, entry.SHA256 = "activate", v.Name, v.Version, v.SHA256
		i := v.Info()
		info = &i
	}
	audit, err := r.audit(ctx, tenant, entry)
	if err != nil {
		return nil, err
	}
	err = r.records.Write(ctx, []Change{change, audit})
	r.active.forget(tenant)
	if err != nil {
		return nil, fmt.Errorf("activate plugin: %w", err)
	}
	return info, nil
}

func checkObject(object string) error {
	if object != Object {
		return fault.New(fault.Validation, "object is %q; it must be %q", clip(object, 64), Object)
	}
	return nil
}

// audit makes the record of one entry. Numbers fall, so that a walk in key order
// gives the newest first; r.mu is held.
func (r *Registry) audit(ctx context.Context, tenant string, e AuditEntry) (Change, error) {
	prefix := tuple.New(tenant, kindAudit)
	next := ^uint64(0)
	err := r.records.Records(ctx, prefix, nil, func(key tuple.Key, _ []byte) (bool, error) {
		n, _, err := key[len(prefix):].CutUint64()
		next = n - 1
		return false, err
	})
	if err != nil {
		return Change{}, fmt.Errorf("read plugin audit: %w", err)
	}
	e.At = r.now().UTC().Truncate(time.Millisecond)
	data, err := json.Marshal(e)
	if err != nil {
		return Change{}, fmt.Errorf("encode plugin audit: %w", err)
	}
	return Change{prefix.Uint64(next), data}, nil
}

// Audit returns at most limit entries, the newest first, behind the first skip.
func (r *Registry) Audit(ctx context.Context, tenant string, skip, limit int) ([]AuditEntry, error) {
	list := []AuditEntry{}
	err := r.records.Records(ctx, tuple.New(tenant, kindAudit), nil, func(_ tuple.Key, value []byte) (bool, error) {
		if skip > 0 {
			skip--
			return true, nil
		}
		if len(list) >= limit {
			return false, nil
		}
		var e AuditEntry
		if err := json.Unmarshal(value, &e); err != nil {
			return false, fmt.Errorf("decode plugin audit: %w", err)
		}
		list = append(list, e)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list plugin audit: %w", err)
	}
	return list, nil
}
