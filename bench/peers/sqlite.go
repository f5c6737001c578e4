package peers

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sluice/bench/measure"
)

// sqliteSetup is what each process is told first. Temporary tables are in memory,
// so that the staging table costs no disk.
const sqliteSetup = "PRAGMA journal_mode=WAL;\nPRAGMA synchronous=NORMAL;\nPRAGMA cache_size=-262144;\nPRAGMA temp_store=MEMORY;\n"

const sqliteTable = `CREATE TABLE IF NOT EXISTS companies (domain TEXT PRIMARY KEY, name TEXT NOT NULL, website TEXT, industry TEXT,
 size TEXT, city TEXT, country TEXT, phone TEXT, description TEXT) WITHOUT ROWID;
CREATE TEMP TABLE staging (company TEXT, website TEXT, industry TEXT, employees TEXT, city TEXT, country TEXT, phone TEXT, description TEXT);
`

// sqliteHost takes the domain out of the address; SQLite has no regular
// expressions of its own.
const sqliteHost = "rtrim(replace(website, 'https://www.', ''), '/')"

func sqlite() Peer {
	return Peer{
		Name: "sqlite", Install: "bench/peers/install/sqlite.sh",
		Settings: "WAL, synchronous=NORMAL, 256 MB cache, WITHOUT ROWID, domain by replace; ends with a checkpoint that empties the WAL",
		Steps: []Step{
			{"sqlite", ".import into a temporary table, INSERT … ON CONFLICT DO NOTHING, checkpoint", false},
			{"sqlite-again", "the same rows again, ON CONFLICT DO UPDATE, checkpoint", true},
		},
		version: func(ctx context.Context) (string, error) {
			out, err := exec.CommandContext(ctx, "sqlite3", "--version").Output()
			v, _, _ := strings.Cut(string(out), " ")
			return v, withStderr(err)
		},
		run: runSQLite,
	}
}

func runSQLite(ctx context.Context, job Job) ([]Run, error) {
	db := filepath.Join(job.Dir, "companies.db")
	var runs []Run
	for _, conflict := range []string{"DO NOTHING", "(domain) DO UPDATE SET " + excluded()} {
		// WHERE true: without it SQLite's parser takes ON for a join's.
		script := sqliteSetup + sqliteTable + ".import --csv --skip 1 " + strconv.Quote(job.CSV) + " staging\n" +
			"INSERT INTO companies SELECT " + sqliteHost + ", company, website, industry, employees, city, country, phone, description" +
			" FROM staging WHERE true ON CONFLICT " + conflict + ";\nPRAGMA wal_checkpoint(TRUNCATE);\n"
		run, err := sqliteStep(ctx, db, script, job)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// sqliteStep runs a script in a process of its own, whose start is a few
// milliseconds.
func sqliteStep(ctx context.Context, db, script string, job Job) (run Run, err error) {
	cmd := exec.CommandContext(ctx, "sqlite3", "-bail", db)
	cmd.Stdin = strings.NewReader(script)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return run, err
	}
	run.PeakAnon, err = waitWatched(cmd)
	run.Seconds = time.Since(started).Seconds()
	if err != nil {
		return run, fmt.Errorf("%w: %s", err, said.String())
	}
	run.CPUSeconds = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	out, err := exec.CommandContext(ctx, "sqlite3", db, "SELECT count(*) FROM companies").Output()
	if err != nil {
		return run, withStderr(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return run, err
	}
	if run.DiskBytes, err = measure.DiskBytes(job.Dir); err != nil {
		return run, err
	}
	return run, counted("sqlite", n, job.Rows)
}

// excluded assigns every field but the key, as SQLite's and PostgreSQL's upserts
// have it.
func excluded() string {
	fields := []string{"name", "website", "industry", "size", "city", "country", "phone", "description"}
	for i, f := range fields {
		fields[i] = f + " = excluded." + f
	}
	return strings.Join(fields, ", ")
}
