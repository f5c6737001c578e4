package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// Records is where a registry keeps what it knows. A value is returned as it was
// put.
type Records interface {
	// Record returns one record, or an error of code not_found.
	Record(ctx context.Context, key tuple.Key) ([]byte, error)

	// Records calls fn for each record whose key begins with prefix and is
	// greater than after, in order, on one snapshot. Both views end with the
	// call. An fn that returns false ends the walk.
	Records(ctx context.Context, prefix, after tuple.Key, fn func(key tuple.Key, value []byte) (bool, error)) error

	// Write puts and deletes records in one commit of less than 1,000 keys and
	// 8 MB.
	Write(ctx context.Context, changes []Change) error
}

// Change is one record to put, or to delete where Value is nil.
type Change struct {
	Key   tuple.Key
	Value []byte
}

// Registry keeps the plugins of tenants: their versions, which one is active, and
// who did what. All of it is records under keys that begin with the tenant, so
// that no tenant can see another's.
type Registry struct {
	box     *Sandbox
	records Records
	now     func() time.Time
	active  activeCache

	mu sync.Mutex // one change at a time: a change reads before it writes
}

// NewRegistry makes a Registry that runs its plugins in box.
func NewRegistry(box *Sandbox, records Records) *Registry {
	return &Registry{box: box, records: records, now: time.Now}
}

// Kinds of keys: what stands behind (tenant, kind).
const (
	kindVersion = "plugin"         // name, version → Version
	kindCounter = "plugin_counter" // name → the newest version that ever was
	kindBlob    = "plugin_blob"    // hash, number → a piece of a module
	kindGone    = "plugin_gone"    // hash → when the last version with it was deleted
	kindActive  = "plugin_active"  // object → activeRecord
	kindAudit   = "plugin_audit"   // number → AuditEntry
	kindBundle  = "plugin_bundle"  // job → bundleRecord
)

// Version is one uploaded plugin.
type Version struct {
	Name      string          `json:"name"`
	Version   int             `json:"version"`
	SHA256    string          `json:"sha256"`
	Size      int             `json:"size"`
	Describe  json.RawMessage `json:"describe"` // null: it says nothing of itself
	Report    *Report         `json:"report"`
	CreatedAt time.Time       `json:"created_at"`
	KeyID     string          `json:"key_id"` // of who uploaded it
	Active    bool            `json:"active"`
}

// Info is what a job is pinned to.
func (v *Version) Info() Info { return Info{v.Name, v.Version, v.SHA256} }

// Bounds of what one tenant may store. A list of versions is made in memory, and
// what a module says of itself may be long.
const (
	maxVersions     = 1000
	maxVersionBytes = 1 << 20 // of a version's record
	maxRecordBytes  = 16 << 20
)

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// CheckName holds a plugin's name against the rules.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fault.New(fault.Validation, "%q is no plugin name; it must be 1 to 64 characters a-z, 0-9, _ and -, the first a letter or digit", clip(name, 80))
	}
	if name == "active" || name == "audit" {
		return fault.New(fault.Validation, "%q is reserved and cannot be a plugin's name", name)
	}
	return nil
}

// ParseVersion reads a version's number, from 1. Each version has one spelling:
// "01" and "+1" are none.
func ParseVersion(text string) (version int, ok bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err == nil && n > 0 && text[0] != '0'
}

// Upload tries a module and stores it as the next version of name.
func (r *Registry) Upload(ctx context.Context, tenant, keyID, name string, wasm []byte) (*Version, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	report, err := r.box.Check(ctx, wasm)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	count, bytes, err := r.stored(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if count >= maxVersions {
		return nil, fault.New(fault.Conflict, "there are %d plugin versions; delete some that are not active first", count)
	}
	v := &Version{Name: name, Version: 1, SHA256: Hash(wasm), Size: len(wasm), Describe: report.Describe,
		Report: report, CreatedAt: r.now().UTC().Truncate(time.Millisecond), KeyID: keyID}
	counter := tuple.New(tenant, kindCounter).String(name)
	if err := r.get(ctx, counter, &v.Version); err == nil {
		v.Version++
	} else if !errors.Is(err, fault.NotFound) {
		return nil, err
	}
	record, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode plugin record: %w", err)
	}
	if len(record) > maxVersionBytes {
		return nil, fault.New(fault.PluginInvalid, "what sluice_v1_describe answers and the trial's report take %d bytes; at most %d are kept", len(record), maxVersionBytes)
	}
	if bytes += len(record); bytes > maxRecordBytes {
		return nil, fault.New(fault.Conflict, "what the plugin versions answer to sluice_v1_describe and the reports of their trials would take %d bytes, of at most %d; delete some that are not active first", bytes, maxRecordBytes)
	}
	if err := r.putBlob(ctx, tenant, v.SHA256, wasm); err != nil {
		return nil, err
	}
	audit, err := r.audit(ctx, tenant, AuditEntry{KeyID: keyID, Action: "upload", Name: name, Version: v.Version, SHA256: v.SHA256})
	if err != nil {
		return nil, err
	}
	err = r.records.Write(ctx, []Change{audit, {Key: tuple.New(tenant, kindGone).String(v.SHA256)},
		{counter, strconv.AppendInt(nil, int64(v.Version), 10)}, {versionKey(tenant, name, v.Version), record}})
	if err != nil {
		return nil, fmt.Errorf("store plugin: %w", err)
	}
	return v, nil
}

func versionKey(tenant, name string, version int) tuple.Key {
	return tuple.New(tenant, kindVersion).String(name).Uint64(uint64(version))
}

// stored counts a tenant's versions and the bytes of their records.
func (r *Registry) stored(ctx context.Context, tenant string) (count, bytes int, err error) {
	err = r.records.Records(ctx, tuple.New(tenant, kindVersion), nil, func(_ tuple.Key, value []byte) (bool, error) {
		count++
		bytes += len(value)
		return true, nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("list plugins: %w", err)
	}
	return count, bytes, nil
}

// List returns the tenant's versions by name and number; name "" means all.
func (r *Registry) List(ctx context.Context, tenant, name string) ([]*Version, error) {
	list, err := r.versions(ctx, tenant, name)
	if err != nil {
		return nil, err
	}
	if name != "" && len(list) == 0 {
		return nil, fault.New(fault.NotFound, "there is no plugin %q", clip(name, 80))
	}
	active, err := r.Active(ctx, tenant, Object)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		v.Active = active != nil && active.Name == v.Name && active.Version == v.Version
	}
	return list, nil
}

func (r *Registry) versions(ctx context.Context, tenant, name string) ([]*Version, error) {
	prefix := tuple.New(tenant, kindVersion)
	if name != "" {
		prefix = prefix.String(name)
	}
	list := []*Version{}
	err := r.records.Records(ctx, prefix, nil, func(_ tuple.Key, value []byte) (bool, error) {
		v := &Version{}
		if err := json.Unmarshal(value, v); err != nil {
			return false, fmt.Errorf("decode plugin record: %w", err)
		}
		list = append(list, v)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list plugins: %w", err)
	}
	return list, nil
}

// Version returns one version; 0 means the newest.
func (r *Registry) Version(ctx context.Context, tenant, name string, version int) (*Version, error) {
	v, err := r.read(ctx, tenant, name, version)
	if v != nil || err != nil {
		return v, err
	}
	list, err := r.List(ctx, tenant, name)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		return list[len(list)-1], nil
	}
	for _, v := range list {
		if v.Version == version {
			return v, nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no version %d of the plugin %q", version, name)
}

// read returns a version, or the newest that ever was for 0, without the others of
// its name, as imports ask for one; nil: there is none.
func (r *Registry) read(ctx context.Context, tenant, name string, version int) (*Version, error) {
	var err error
	if version == 0 {
		err = r.get(ctx, tuple.New(tenant, kindCounter).String(name), &version)
	}
	v := &Version{}
	if err == nil {
		err = r.get(ctx, versionKey(tenant, name, version), v)
	}
	if errors.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read plugin: %w", err)
	}
	active, err := r.Active(ctx, tenant, Object)
	v.Active = active != nil && active.Name == v.Name && active.Version == v.Version
	return v, err
}

// Delete removes a version that is not active. Its module stays as long as a job
// that is pinned to it may still run.
func (r *Registry) Delete(ctx context.Context, tenant, keyID, name string, version int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, err := r.Version(ctx, tenant, name, version)
	if err != nil {
		return err
	}
	if v.Active {
		return fault.New(fault.Conflict, "version %d of the plugin %q is active; activate another one, or none, first", version, name)
	}
	all, err := r.versions(ctx, tenant, "")
	if err != nil {
		return err
	}
	users := 0
	for _, other := range all {
		if other.SHA256 == v.SHA256 {
			users++
		}
	}
	audit, err := r.audit(ctx, tenant, AuditEntry{KeyID: keyID, Action: "delete", Name: name, Version: v.Version, SHA256: v.SHA256})
	if err != nil {
		return err
	}
	changes := []Change{audit, {Key: versionKey(tenant, name, v.Version)}}
	if users == 1 {
		changes = append(changes, Change{tuple.New(tenant, kindGone).String(v.SHA256), timeRecord(r.now())})
	}
	if err := r.records.Write(ctx, changes); err != nil {
		return fmt.Errorf("delete plugin: %w", err)
	}
	return r.tidy(ctx, tenant)
}

// get reads one record of JSON.
func (r *Registry) get(ctx context.Context, key tuple.Key, into any) error {
	data, err := r.records.Record(ctx, key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("decode plugin record: %w", err)
	}
	return nil
}
