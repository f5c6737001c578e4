package host

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/host/logbuf"
)

// serveLogged serves on a disk and keeps the log.
func serveLogged(t *testing.T, change ...func(*Config)) (*testServer, *logbuf.Buffer) {
	t.Helper()
	cfg := diskConfig(t)
	for _, f := range change {
		f(&cfg)
	}
	log := new(logbuf.Buffer)
	s, err := Open(context.Background(), cfg, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	return runServer(t, s), log
}

// filesWith lists the files of a folder that hold a text.
func filesWith(t *testing.T, folder, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(text)) {
			name, _ := filepath.Rel(folder, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Abuse 3.6: secrets, each marked so that it can be looked for, go through a life
// of the server: none is where it has no business.
func TestAbuseSecrets(t *testing.T) {
	const idempotencyKey, cell, config, unknown = "SECRETIDEMPOTENCYKEY", "SECRETCELLOFAROW", "SECRETPLUGINCONFIG", "wbk_SECRETUNKNOWNKEYSECRETUNKNOWNKEYSECRETUNKN"
	s, log := serveLogged(t, func(c *Config) { c.AdminAddr = "127.0.0.1:0"; c.PluginCompileTime = time.Minute })
	c := s.house("acme")
	c.use("cleaner", cleaner(t))
	var answers strings.Builder
	keep := func(r reply) reply {
		answers.Write(r.body)
		for name, values := range r.Header {
			answers.WriteString(name + strings.Join(values, ","))
		}
		return r
	}
	key := "Idempotency-Key: " + idempotencyKey
	for _, body := range []string{`{"rows":[{"name":"` + cell + `"}],"plugin":null}`, `{"rows":[],"plugin_config":{"password":"` + config + `"}}`,
		`{"rows":[{"name":"` + cell + `"`, `{"rows":[{"name":"A","domain":"a.example","phone":"` + cell + `"}],"plugin":null,"plugin_config":{"password":"` + config + `"},"results":true}`} {
		keep(c.json(body, key))
		keep(c.json(body))
		keep(c.json(body, key))
	}
	job := keep(c.csv("plugin=", rows(600)+cell+","+"\n", key+"2")).importData(t).JobID
	c.ended(job)
	for _, path := range []string{jobPath(job), jobPath(job) + "/errors", jobPath(job) + "/results", "/v1/import/jobs", "/v1/plugins", "/v1/plugins/audit", "/v1/companies/none"} {
		keep(c.get(path))
	}
	keep(s.do("GET", "/v1/companies", unknown, ""))
	keep(s.do("GET", "/v1/admin/keys", s.admin, ""))
	keep(s.do("GET", "/v1/admin/keys", c.token, ""))
	keep(s.do("GET", "/v1/companies?cursor="+c.token, s.admin, ""))
	s.statuses("GET /v1/companies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + c.token + "\r\nbroken\r\n\r\n")
	resp, err := http.Get("http://" + s.AdminAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	var metrics bytes.Buffer
	if _, err := metrics.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	backup := s.do("GET", "/v1/admin/backup", s.admin, "").body
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{"a key": c.token[len(tokenStart):], "the admin key": s.admin[len(tokenStart):], "an unknown key": unknown[len(tokenStart):],
		"an Idempotency-Key": idempotencyKey, "a cell": cell, "a plugin's config": config}
	for what, secret := range secrets {
		for where, text := range map[string]string{"the log": log.String(), "the metrics": metrics.String(), "an answer": answers.String()} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", what, where)
			}
		}
	}
	for _, token := range []string{c.token, s.admin, unknown} {
		if bytes.Contains(backup, []byte(token[len(tokenStart):])) {
			t.Errorf("a backup holds a key")
		}
		for _, name := range filesWith(t, s.cfg.Data, token[len(tokenStart):]) {
			if token != s.admin || name != AdminKeyFile {
				t.Errorf("%s holds a key", name)
			}
		}
	}
	// These are there, so that the others were looked for where they would be.
	if !bytes.Contains(backup, []byte(c.token[:prefixLen])) || len(filesWith(t, s.cfg.Data, c.token[:prefixLen])) == 0 ||
		!strings.Contains(log.String(), "serving") || !strings.Contains(metrics.String(), "sluice_") || !strings.Contains(answers.String(), job) {
		t.Error("the places that were looked at hold nothing")
	}
}

// Abuse 3.14: what clients send with line ends or escapes in it begins no header
// and no line of the log, whatever it is a name of.
func TestAbuseEchoes(t *testing.T) {
	s, log := serveLogged(t)
	c := s.house("acme")
	for _, end := range []string{"\r\n", "\n", "\r", "%0d%0a", "%0a", "\\r\\n", "\u2028", "\x1b[31m", "\x00"} {
		evil := "a" + end + "X-Evil: 1" + end + "level=ERROR msg=forged"
		escaped := strings.NewReplacer("\r", "%0D", "\n", "%0A", " ", "%20", "\x1b", "%1B", "\x00", "%00", "\u2028", "%E2%80%A8").Replace(evil)
		for _, header := range []string{"X-Request-ID", "Idempotency-Key", "Prefer", "Accept", "Content-Type", "Content-Encoding", "Last-Event-ID"} {
			got, last := s.statuses("POST " + importPath + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + c.token +
				"\r\nContent-Length: 11\r\n" + header + ": " + evil + "\r\n\r\n{\"rows\":[]}")
			if len(got) != 1 || got[0] >= 500 || last.Header.Get("X-Evil") != "" {
				t.Errorf("%s %q: %v %v", header, end, got, last.Header)
			}
		}
		for _, line := range []string{"GET /v1/companies/" + escaped, "GET /v1/plugins/" + escaped, "GET " + jobPath(escaped), "GET /v1/companies?" + escaped + "=1",
			"GET /v1/companies?search=" + escaped, "GET /v1/" + escaped, "POST /v1/plugins?name=" + escaped, "GET /v1/companies/export?format=" + escaped} {
			got, last := s.statuses(line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + c.token + "\r\nContent-Length: 0\r\n\r\n")
			if len(got) != 1 || got[0] >= 500 || last.Header.Get("X-Evil") != "" {
				t.Errorf("%s: %v %v", line, got, last.Header)
			}
		}
		body := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../" + evil + ".csv\"\r\n\r\nname\nA\n\r\n--b--\r\n"
		if r := c.post(importPath, body, "Content-Type: multipart/form-data; boundary=b"); r.StatusCode >= 500 || r.Header.Get("X-Evil") != "" {
			t.Errorf("file %q: %d %v", evil, r.StatusCode, r.Header)
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(log.String()) {
		if !strings.HasPrefix(line, "time=") || strings.ContainsAny(line, "\x1b\r\x00") {
			t.Errorf("the log has the line %q", line)
		}
	}
}
