package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sluice/bench/measure"
)

// postgresSettings are the server's; what they leave out is PostgreSQL's default,
// which is durable.
var postgresSettings = []string{"shared_buffers=1GB", "max_wal_size=8GB", "work_mem=256MB", "maintenance_work_mem=256MB",
	"checkpoint_timeout=30min", "listen_addresses=", "autovacuum=off"}

func postgres() Peer {
	return Peer{
		Name: "postgres", Install: "bench/peers/install/postgres.sh",
		Settings: strings.Join(postgresSettings[:5], ", ") + ", fsync and synchronous_commit on; the staging table is temporary; ends with the commit",
		Steps: []Step{
			{"postgres", `\copy into a temporary table, INSERT … ON CONFLICT DO NOTHING`, false},
			{"postgres-again", "the same rows again, ON CONFLICT DO UPDATE", true},
		},
		version: func(ctx context.Context) (string, error) {
			bin, err := postgresBin()
			if err != nil {
				return "", err
			}
			out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
			return strings.TrimPrefix(strings.TrimSpace(string(out)), "postgres (PostgreSQL) "), withStderr(err)
		},
		run: runPostgres,
	}
}

// postgresBin is the folder of the newest server: Debian keeps several, none in
// the path.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		path, err := exec.LookPath("postgres")
		return filepath.Dir(path), err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // no number comes first
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// cluster is a server of PostgreSQL in a folder of its own.
type cluster struct {
	bin, dir string
	owner    *syscall.SysProcAttr
	server   *exec.Cmd
	log      bytes.Buffer
}

func runPostgres(ctx context.Context, job Job) (runs []Run, err error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	c := &cluster{bin: bin, dir: job.Dir}
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := c.psql(ctx, `CREATE TABLE companies (domain text PRIMARY KEY, name text NOT NULL, website text, industry text, size text, city text, country text, phone text, description text)`); err != nil {
		return nil, err
	}
	for _, conflict := range []string{"DO NOTHING", "(domain) DO UPDATE SET " + excluded()} {
		run, err := c.step(ctx, job, conflict)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

func (c *cluster) start(ctx context.Context) error {
	if err := c.own(); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), "-D", c.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.SysProcAttr, cmd.Dir = c.owner, c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	args := []string{"-D", c.data(), "-k", c.dir}
	for _, s := range postgresSettings {
		args = append(args, "-c", s)
	}
	c.server = exec.CommandContext(ctx, filepath.Join(c.bin, "postgres"), args...)
	c.server.SysProcAttr, c.server.Dir = c.owner, c.dir
	c.server.Stderr = &c.log
	// SIGINT ends the backends too; a killed postmaster leaves them.
	c.server.Cancel = func() error { return c.server.Process.Signal(syscall.SIGINT) }
	c.server.WaitDelay = 20 * time.Second
	if err := c.server.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	for range 200 {
		if c.psql(ctx, "SELECT 1") == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), c.stop())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("postgres does not answer: %w\n%s", c.stop(), c.log.Bytes())
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// own gives the folder to the user postgres where the bench is root, because
// PostgreSQL refuses to run as root.
func (c *cluster) own() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return err
	}
	c.owner = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(c.dir, uid, gid)
}

func (c *cluster) stop() error {
	// Once the context has ended it was told already.
	_ = c.server.Process.Signal(syscall.SIGINT)
	err := c.server.Wait()
	if err != nil && c.server.ProcessState != nil && c.server.ProcessState.ExitCode() == 0 {
		return nil // the context's error, which the caller has
	}
	return err
}

// psql runs SQL, each argument a transaction or a command of psql's own.
func (c *cluster) psql(ctx context.Context, commands ...string) error {
	_, err := c.ask(ctx, commands...)
	return err
}

func (c *cluster) ask(ctx context.Context, commands ...string) (string, error) {
	args := []string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", c.dir, "-U", "postgres", "-d", "postgres"}
	for _, command := range commands {
		args = append(args, "-c", command)
	}
	out, err := exec.CommandContext(ctx, "psql", args...).Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w", withStderr(err))
	}
	return strings.TrimSpace(string(out)), nil
}

func (c *cluster) step(ctx context.Context, job Job, conflict string) (run Run, err error) {
	before, err := measure.ReadUsage(c.server.Process.Pid)
	if err != nil {
		return run, err
	}
	started := time.Now()
	err = c.psql(ctx,
		"CREATE TEMP TABLE staging (company text, website text, industry text, employees text, city text, country text, phone text, description text)",
		`\copy staging FROM `+quoted(job.CSV)+` WITH (FORMAT csv, HEADER)`,
		`INSERT INTO companies SELECT regexp_replace(website, '^(?:https?://)?(?:www\.)?([^/:?#]+).*$', '\1'), company, website, industry, employees, city, country, phone, description
		 FROM staging ON CONFLICT `+conflict)
	run.Seconds = time.Since(started).Seconds()
	if err != nil {
		return run, err
	}
	count, err := c.ask(ctx, "SELECT count(*) FROM companies")
	if err != nil {
		return run, err
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		return run, fmt.Errorf("count: %w", err)
	}
	// The backend that did the work is a child that has ended.
	after, err := measure.ReadUsage(c.server.Process.Pid)
	if err != nil {
		return run, err
	}
	used := after.Sub(before)
	run.CPUSeconds = (used.CPU + used.Children).Seconds()
	if run.DiskBytes, err = measure.DiskBytes(job.Dir); err != nil {
		return run, err
	}
	return run, counted("postgres", n, job.Rows)
}

// quoted makes a literal of SQL, which the backslash commands of psql read as well.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
