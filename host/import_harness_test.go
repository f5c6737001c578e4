package host

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sluice/engine"
	"sluice/engine/enginetest"
)

// importServer is a server with a real engine on a store in memory.
type importServer struct {
	*testServer
	store *enginetest.Store
	spool *enginetest.Spool
	key   string // of tenant acme: write:companies and read:imports
}

// startImports serves until the test ends.
func startImports(tb testing.TB, change ...func(*Config)) *importServer {
	tb.Helper()
	return startImportsWith(tb, true, change...)
}

// startIdleImports serves with an engine whose jobs stay queued.
func startIdleImports(tb testing.TB, change ...func(*Config)) *importServer {
	tb.Helper()
	return startImportsWith(tb, false, change...)
}

func startImportsWith(tb testing.TB, run bool, change ...func(*Config)) *importServer {
	tb.Helper()
	store, spool := enginetest.NewStore(), enginetest.NewSpool()
	cfg := engine.DefaultConfig()
	cfg.RunningJobs = 2
	e := engine.New(cfg, store, spool, nil, slog.New(slog.NewTextHandler(testLog{tb}, nil)))
	if run {
		if err := e.Start(context.Background()); err != nil {
			tb.Fatal(err)
		}
	}
	open := func(tb testing.TB, cfg Config, log *slog.Logger) *backend {
		b := memoryBackend(tb, cfg, log)
		b.records, b.engine = store, e
		b.closes = append(b.closes, e.Close)
		return b
	}
	s := &importServer{testServer: startServerOn(tb, open, change...), store: store, spool: spool}
	s.key = s.testServer.key("acme", WriteCompanies, ReadImports)
	return s
}

const importPath = "/v1/import/companies"

// post imports a body; headers are "Name: value".
func (s *importServer) post(body string, headers ...string) reply {
	s.tb.Helper()
	return s.do("POST", importPath, s.key, body, headers...)
}

// importData is the data of an answer.
func (r reply) importData(tb testing.TB) engine.Data {
	tb.Helper()
	var v struct{ Data engine.Data }
	if err := json.Unmarshal(r.body, &v); err != nil {
		tb.Fatalf("%d %s: %v", r.StatusCode, r.body, err)
	}
	return v.Data
}

// fault is the error of an answer.
func (r reply) fault(tb testing.TB) errorAnswer {
	tb.Helper()
	var v errorBody
	if err := json.Unmarshal(r.body, &v); err != nil || v.Error.Code == "" {
		tb.Fatalf("%d %s: %v", r.StatusCode, r.body, err)
	}
	return v.Error
}

// rows is a CSV of n companies.
func rows(n int) string {
	var b strings.Builder
	b.WriteString("name,domain\n")
	for i := range n {
		fmt.Fprintf(&b, "Company %d,c%d.example\n", i, i)
	}
	return b.String()
}

// awaitJob polls until a job has ended.
func (s *importServer) awaitJob(id string) engine.Data {
	s.tb.Helper()
	var d engine.Data
	until(s.tb, "the end of "+id, func() bool {
		r := s.do("GET", jobPath(id), s.key, "")
		if r.StatusCode != 200 {
			s.tb.Fatalf("%d %s", r.StatusCode, r.body)
		}
		d = r.importData(s.tb)
		return d.Status.Ended()
	})
	return d
}
