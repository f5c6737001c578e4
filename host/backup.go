package host

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sluice/engine"
	"sluice/engine/fault"
	"sluice/engine/tuple"
	"sluice/host/backup"
	"sluice/storage"
	"sluice/storage/badgerkv"
	"sluice/storage/spool"
)

func (s *Server) backupRoutes() []route {
	return []route{{method: "GET", pattern: "/v1/admin/backup", scope: Admin, handle: s.backup}}
}

const backupType = "application/octet-stream"

// backup streams a consistent state of everything while the server goes on.
func (s *Server) backup(r *Request) error {
	q, err := r.parseQuery("since")
	if err != nil {
		return err
	}
	if s.backend.kv == nil {
		return fault.New(fault.NotFound, "the store of this server can't be backed up")
	}
	src, err := backupSource(r.Context(), s.backend.kv, s.backend.spool)
	if err != nil {
		return err
	}
	since, err := parseSince(r.Context(), src, q["since"])
	if err != nil {
		return err
	}
	if !s.backups.take(r.Tenant()) {
		return fault.New(fault.Overloaded, "another backup is being taken; try again when it is done")
	}
	tenant, ctx := r.Tenant(), r.Context()
	r.SetHeader("Cache-Control", "no-store")
	r.Stream(backupType, func(out *bufio.Writer) error {
		sum, err := backup.Take(ctx, src, since, out)
		if err == nil {
			s.log.Info("backup taken", "state", sum.At, "since", sum.Since, "keys", sum.Keys, "changed", sum.Changed,
				"uploads", sum.Files, "bytes", sum.Bytes)
		}
		return err
	}, func() { s.backups.put(tenant) })
	return nil
}

// parseSince reads the state that a backup shall build upon: backup.Header.Point
// of an earlier one.
func parseSince(ctx context.Context, src backup.Source, text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	id, number, _ := strings.Cut(text, "-")
	at, err := strconv.ParseUint(number, 10, 64)
	if err != nil || at == 0 {
		return 0, badQuery("since", "is not the point of a backup")
	}
	if id != hex.EncodeToString(src.Store[:]) {
		return 0, badQuery("since", "is the point of another store's backup; take a full one, without since")
	}
	if ok, err := src.Since(ctx, at); err != nil || !ok {
		return 0, errors.Join(err, badQuery("since", "lies in the future of this store; take a full backup, without since"))
	}
	return at, nil
}

// storeID is a record that names the store. A restored one gets another: its
// states are not those of the first.
func storeIDKey() tuple.Key { return tuple.New("", "store_id") }

func backupSource(ctx context.Context, kv *badgerkv.KV, uploads *spool.Spool) (backup.Source, error) {
	src := backup.Source{States: kv.State, Uploads: uploads, Pending: pendingAt}
	id, err := records{kv}.Record(ctx, storeIDKey())
	if errors.Is(err, fault.NotFound) {
		id = make([]byte, len(src.Store))
		rand.Read(id) // never fails
		op := sealed(engine.Change{Key: storeIDKey(), Value: id})
		err = kv.Commit(ctx, []storage.Op{op}, []storage.Guard{{Key: op.Key}})
		if errors.Is(err, storage.ErrGuard) { // another backup was the first
			id, err = records{kv}.Record(ctx, storeIDKey())
		}
	}
	if err != nil {
		return src, fmt.Errorf("read store's id: %w", err)
	}
	copy(src.Store[:], id)
	return src, nil
}

// pendingAt lists the jobs that had not ended.
func pendingAt(ctx context.Context, at *badgerkv.State, fn func(id string) error) error {
	return at.Scan(ctx, engine.PendingPrefix(), 0, func(key, _ []byte, _ bool) error {
		_, id, err := engine.CutPending(key)
		if err == nil {
			err = fn(id)
		}
		return err
	})
}

// Backup writes a backup of a data folder whose server does not run. since is
// empty, or the Point of an earlier backup. Errors are those of Check, and
// backup's.
func Backup(ctx context.Context, data, since string, w io.Writer, log *slog.Logger) (sum backup.Summary, err error) {
	kv, uploads, err := openFolder(filepath.Join(data, storeFolder), filepath.Join(data, spoolFolder), log)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, kv.Close()) }()
	src, err := backupSource(ctx, kv, uploads)
	if err != nil {
		return sum, err
	}
	at, err := parseSince(ctx, src, since)
	if err != nil {
		return sum, err
	}
	return backup.Take(ctx, src, at, w)
}

// openFolder opens the store and the spool of a server that does not run.
func openFolder(storeDir, spoolDir string, log *slog.Logger) (*badgerkv.KV, *spool.Spool, error) {
	if _, err := os.Stat(storeDir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %s", ErrNoStore, filepath.Dir(storeDir))
	}
	return makeFolder(storeDir, spoolDir, log)
}

func makeFolder(storeDir, spoolDir string, log *slog.Logger) (*badgerkv.KV, *spool.Spool, error) {
	cfg := badgerkv.DefaultConfig(storeDir)
	cfg.Logger = log
	kv, err := badgerkv.Open(cfg)
	if errors.Is(err, badgerkv.ErrInUse) {
		return nil, nil, fmt.Errorf("stop the server first: %w", err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open store: %w", err)
	}
	uploads, err := spool.Open(spoolDir, spool.DefaultOptions())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open spool: %w", err), kv.Close())
	}
	return kv, uploads, nil
}
