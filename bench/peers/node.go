package peers

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// DuckDB and ClickHouse come as npm packages with their whole engine in them.
// Each is driven by a script that prints one JSON object a step.
var (
	//go:embed duckdb.cjs
	duckDBScript string
	//go:embed clickhouse.cjs
	clickHouseScript string
)

func duckDB() Peer {
	n := node{script: duckDBScript, module: "@duckdb/node-api"}
	return Peer{
		Name: "duckdb", Install: "bench/peers/install/duckdb.sh",
		Settings: "file database, default settings (all cores, insertion order kept), primary key on domain, regexp_extract; ends with CHECKPOINT",
		Steps: []Step{
			{"duckdb", "read_csv, INSERT … ON CONFLICT DO NOTHING, CHECKPOINT", false},
			{"duckdb-again", "the same rows again, ON CONFLICT DO UPDATE, CHECKPOINT", true},
		},
		version: n.version, run: n.run,
	}
}

func clickHouse() Peer {
	n := node{script: clickHouseScript, module: "chdb"}
	return Peer{
		Name: "clickhouse", Install: "bench/peers/install/clickhouse.sh",
		Settings: "chdb in process, ReplacingMergeTree ordered by domain, fsync_after_insert and fsync_part_directory on, domainWithoutWWW; duplicates stay until a merge",
		Steps: []Step{
			{"clickhouse", "append, the third in one process; duplicates are left for later", false},
			{"clickhouse-again", "the same rows again, then OPTIMIZE … FINAL, after which they are unique", true},
		},
		version: n.version, run: n.run,
	}
}

// node is a peer that lives in a process of Node.
type node struct {
	script string
	module string
}

// ModulesDir is where the install scripts put npm packages.
func ModulesDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "sluice-bench", "node_modules"), nil
}

func (n node) command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	modules, err := ModulesDir()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(modules, n.module)); err != nil {
		return nil, fmt.Errorf("npm package %s: %w", n.module, errors.Unwrap(err))
	}
	cmd := exec.CommandContext(ctx, "node", append([]string{"-"}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stdin = strings.NewReader(n.script)
	return cmd, nil
}

func (n node) version(ctx context.Context) (string, error) {
	cmd, err := n.command(ctx, "version")
	if err != nil {
		return "", err
	}
	out, err := cmd.Output()
	if err != nil {
		return "", withStderr(err)
	}
	return strings.TrimSpace(string(out)), nil
}

func (n node) run(ctx context.Context, job Job) ([]Run, error) {
	cmd, err := n.command(ctx, "run", job.Dir, job.CSV)
	if err != nil {
		return nil, err
	}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	peak, err := waitWatched(cmd)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, stderr.Bytes())
	}
	return nodeRuns(out.Bytes(), job.Rows, peak)
}

// nodeRuns reads what a script printed.
func nodeRuns(out []byte, rows int, peak int64) ([]Run, error) {
	var runs []Run
	d := json.NewDecoder(bytes.NewReader(out))
	for d.More() {
		var step struct {
			Step       string
			Seconds    float64
			CPUSeconds float64 `json:"cpu_seconds"`
			WriteBytes int64   `json:"write_bytes"`
			DiskBytes  int64   `json:"disk_bytes"`
			Rows       string
		}
		if err := d.Decode(&step); err != nil {
			return nil, fmt.Errorf("read the script's answer: %w", err)
		}
		n, err := strconv.Atoi(step.Rows)
		if err != nil {
			return nil, fmt.Errorf("%s: rows: %w", step.Step, err)
		}
		if err := counted(step.Step, n, rows); err != nil {
			return nil, err
		}
		runs = append(runs, Run{Seconds: step.Seconds, CPUSeconds: step.CPUSeconds, PeakAnon: peak,
			WriteBytes: step.WriteBytes, DiskBytes: step.DiskBytes})
	}
	return runs, nil
}
