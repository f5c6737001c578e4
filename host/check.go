package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"sluice/engine"
	"sluice/engine/tuple"
	"sluice/plugins"
	"sluice/storage"
	"sluice/storage/spool"
	"sluice/storage/table"
)

// CheckReport is what Check found.
type CheckReport struct {
	Data        string    `json:"data"`
	Keys        int64     `json:"keys"` // of the store
	Bytes       int64     `json:"bytes"`
	Tenants     int       `json:"tenants"`
	Companies   int64     `json:"companies"`
	RowGroups   int64     `json:"row_groups"`
	Jobs        int       `json:"jobs"`
	PendingJobs int       `json:"pending_jobs"`
	Plugins     int       `json:"plugins"` // versions
	APIKeys     int       `json:"api_keys"`
	Answers     int       `json:"answers"` // kept for idempotency keys
	Problems    []Problem `json:"problems"`
	Left        int       `json:"problems_left_out"`
}

// Problem is one thing that is damaged.
type Problem struct {
	Tenant string `json:"tenant"` // empty: the server's own
	Kind   string `json:"kind"`   // of record
	Key    string `json:"key"`    // as it is stored; empty: it is about more than one
	Text   string `json:"problem"`
}

// maxProblems bounds a report.
const maxProblems = 1000

// Sound reports whether nothing is damaged.
func (r *CheckReport) Sound() bool { return len(r.Problems) == 0 }

func (r *CheckReport) add(p Problem) {
	if slices.Contains(r.Problems, p) {
		return
	}
	if len(r.Problems) == maxProblems {
		r.Left++
		return
	}
	r.Problems = append(r.Problems, p)
}

// found adds a problem of one key.
func (r *CheckReport) found(key tuple.Key, problem string) {
	tenant, kind, _ := cutKind(key)
	r.add(Problem{Tenant: tenant, Kind: kind, Key: fmt.Sprintf("%x", []byte(key)), Text: problem})
}

// cutKind reads the two parts that each key begins with.
func cutKind(key tuple.Key) (tenant, kind string, err error) {
	tenant, rest, err := key.CutString()
	if err != nil {
		return "", "", err
	}
	kind, _, err = rest.CutString()
	return tenant, kind, err
}

// ErrNoStore is what a folder without a store gives.
var ErrNoStore = errors.New("there is no data of a server in this folder")

// Check reads everything in a data folder whose server does not run, and holds
// it together: every value to its checksum, tables to their indexes, imports to
// their reports and uploads, plugins to their modules, keys to their hashes.
//
// It does what a server does when it starts: the store's logs are replayed, dry
// runs are swept away. What is damaged is left as it is.
//
// # Errors
//
// ErrNoStore, badgerkv.ErrInUse, or what keeps the folder from being read at
// all. Damage is no error but a Problem.
func Check(ctx context.Context, data string, log *slog.Logger) (*CheckReport, error) {
	rep, err := checkFolder(ctx, filepath.Join(data, storeFolder), filepath.Join(data, spoolFolder), log)
	if rep != nil {
		rep.Data = data
	}
	return rep, err
}

func checkFolder(ctx context.Context, storeDir, spoolDir string, log *slog.Logger) (*CheckReport, error) {
	kv, uploads, err := openFolder(storeDir, spoolDir, log)
	if err != nil {
		return nil, err
	}
	rep, err := checkStore(ctx, kv, uploads)
	return rep, errors.Join(err, kv.Close())
}

func checkStore(ctx context.Context, kv storage.KV, uploads *spool.Spool) (*CheckReport, error) {
	c := &check{kv: kv, records: soundRecords{kv}, uploads: uploads, report: &CheckReport{Problems: []Problem{}}}
	err := c.run(ctx)
	return c.report, err
}

// check is one Check under way.
type check struct {
	kv      storage.KV
	records engine.Records
	uploads *spool.Spool
	report  *CheckReport

	tenants map[string]bool // that have any key
	tables  map[string]bool // that have keys of a table, beside its lease
	secret  bool            // the tables' is there and sound
}

func (c *check) run(ctx context.Context) error {
	c.tenants, c.tables = map[string]bool{}, map[string]bool{}
	if err := c.values(ctx); err != nil {
		return fmt.Errorf("check values: %w", err)
	}
	for _, part := range []func(context.Context) error{c.checkTables, c.checkKeys, c.checkAnswers} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	for _, tenant := range sorted(c.tenants) {
		jobs, err := engine.CheckJobs(ctx, c.records, tenant, uploads{c.uploads}, c.report.found)
		if err != nil {
			return fmt.Errorf("tenant %q: %w", tenant, err)
		}
		versions, err := plugins.CheckRecords(ctx, pluginRecords{c.records}, tenant, c.report.found)
		if err != nil {
			return fmt.Errorf("tenant %q: %w", tenant, err)
		}
		c.report.Jobs += jobs.Jobs
		c.report.PendingJobs += jobs.Pending
		c.report.Plugins += versions
	}
	c.report.Tenants = len(c.tenants)
	return nil
}

func sorted(set map[string]bool) []string {
	var list []string
	for name := range set {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// values reads every value of the store against its checksum.
func (c *check) values(ctx context.Context) error {
	secret := string(table.SecretKey())
	return scanSound(ctx, c.kv, nil, nil, func(key, value []byte) error {
		c.report.Keys++
		c.report.Bytes += int64(len(key) + len(value))
		tenant, kind, err := cutKind(key)
		if err != nil {
			c.report.found(key, "is not the key of any record")
			return nil
		}
		if tenant != "" {
			c.tenants[tenant] = true
		}
		if kind == table.Kind && string(key) != string(table.LeaseKey(tenant)) {
			c.tables[tenant] = true
		}
		err = storage.Verify(key, value)
		if err != nil {
			c.report.found(key, err.Error())
		}
		if string(key) == secret {
			c.secret = err == nil
		}
		return nil
	}, c.report.found)
}

// scanSound is kv.Scan over keys whose values can be read; the others go to lost.
func scanSound(ctx context.Context, kv storage.KV, prefix, after []byte, fn func(key, value []byte) error, lost func(key tuple.Key, problem string)) error {
	for {
		err := kv.Scan(ctx, prefix, after, fn)
		var damaged *storage.KeyError
		if !errors.As(err, &damaged) {
			return err
		}
		lost(damaged.Key, damaged.Err.Error())
		after = damaged.Key
	}
}

// checkTables holds each table to its indexes. Without the secret that keys are
// hashed with, none can be read; opening them would make another.
func (c *check) checkTables(ctx context.Context) (err error) {
	if len(c.tables) == 0 {
		return nil
	}
	if !c.secret {
		c.report.found(table.SecretKey(), "the secret of the tables is gone, so no company can be found by its domain")
		return nil
	}
	set, err := table.Open(ctx, c.kv, table.DefaultOptions())
	if err != nil {
		return fmt.Errorf("open tables: %w", err)
	}
	defer func() { err = errors.Join(err, set.Close(context.WithoutCancel(ctx))) }()
	listed, err := set.Tenants(ctx)
	if errors.Is(err, storage.ErrDamaged) {
		listed = sorted(c.tables) // the damaged name is a problem already
	} else if err != nil {
		return err
	}
	for _, tenant := range listed {
		rep, err := set.Check(ctx, tenant)
		if err != nil {
			return fmt.Errorf("tenant %q: %w", tenant, err)
		}
		c.report.Companies += rep.Companies
		c.report.RowGroups += rep.Groups
		for _, p := range rep.Problems {
			c.report.add(Problem{Tenant: tenant, Kind: table.Kind, Key: keyIn(p), Text: p})
		}
	}
	for _, tenant := range sorted(c.tables) {
		if !slices.Contains(listed, tenant) {
			c.report.add(Problem{Tenant: tenant, Kind: table.Kind, Text: "the table is not in the list of tables"})
		}
	}
	return nil
}

// keyIn is the key that a table's problem begins with or names.
func keyIn(problem string) string {
	_, rest, _ := strings.Cut(problem, "key ")
	key, _, _ := strings.Cut(rest, ":")
	return key
}
