package peers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"

	"sluice/bench/measure"
)

// badgerBatch is how many rows a transaction has.
const badgerBatch = 1000

func plainBadger() Peer {
	return Peer{
		Name: "badger", Install: "go build; it is one of Sluice's own libraries",
		Settings: "in the bench's process, default options but SyncWrites, one entry a row, get then set, 1,000 rows a transaction, the next one begun while the last one is synced",
		Steps:    []Step{{"badger", "CSV read by encoding/csv, domain as key, the row as value; there is no mapping, no validation", false}},
		version: func(context.Context) (string, error) {
			info, ok := debug.ReadBuildInfo()
			if ok {
				for _, m := range info.Deps {
					if m.Path == "github.com/dgraph-io/badger/v4" {
						return m.Version, nil
					}
				}
			}
			return "v4", nil // a test's binary doesn't say more
		},
		run: runBadger,
	}
}

func runBadger(ctx context.Context, job Job) (runs []Run, err error) {
	db, err := badger.Open(badger.DefaultOptions(job.Dir).WithSyncWrites(true).WithLogger(nil))
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	before, err := measure.ReadUsage(os.Getpid())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	started := time.Now()
	err = fill(ctx, db, job.CSV)
	run := Run{Seconds: time.Since(started).Seconds()}
	after, usageErr := measure.ReadUsage(os.Getpid())
	used := after.Sub(before)
	run.CPUSeconds, run.WriteBytes = used.CPU.Seconds(), used.WriteBytes
	n, countErr := 0, error(nil)
	if err == nil {
		n, countErr = entries(db)
	}
	if err := errors.Join(err, usageErr, countErr, db.Close()); err != nil {
		return nil, err
	}
	if run.DiskBytes, err = measure.DiskBytes(job.Dir); err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // the next step must not pay for this one's garbage
	return []Run{run}, counted("badger", n, job.Rows)
}

// fill stores the file's rows.
func fill(ctx context.Context, db *badger.DB, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := csv.NewReader(bufio.NewReaderSize(f, 1<<20))
	in.ReuseRecord = true
	if _, err := in.Read(); err != nil {
		return fmt.Errorf("read header: %w", err)
	}
	var last chan error
	for over := false; !over; {
		txn := db.NewTransaction(true)
		for range badgerBatch {
			record, err := in.Read()
			if err == io.EOF {
				over = true
				break
			}
			if err == nil {
				err = put(txn, record)
			}
			if err != nil {
				txn.Discard()
				return err
			}
		}
		if last != nil {
			if err := <-last; err != nil {
				txn.Discard()
				return fmt.Errorf("commit: %w", err)
			}
		}
		last = make(chan error, 1)
		done := last
		txn.CommitWith(func(err error) { done <- err })
		if err := ctx.Err(); err != nil {
			return errors.Join(err, <-last)
		}
	}
	return <-last
}

// put stores a row that is not there yet.
func put(txn *badger.Txn, record []string) error {
	host := strings.TrimPrefix(strings.TrimPrefix(record[1], "https://"), "www.")
	host, _, _ = strings.Cut(host, "/")
	key := []byte(host)
	if _, err := txn.Get(key); !errors.Is(err, badger.ErrKeyNotFound) {
		return err
	}
	var value bytes.Buffer
	for _, cell := range record {
		value.WriteString(cell)
		value.WriteByte(0)
	}
	return txn.Set(key, value.Bytes())
}

func entries(db *badger.DB) (n int, err error) {
	err = db.View(func(txn *badger.Txn) error {
		opts := badger.DefaultIteratorOptions
		opts.PrefetchValues = false
		it := txn.NewIterator(opts)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			n++
		}
		return nil
	})
	return n, err
}
