package host

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/engine"
	"sluice/host/backup"
)

// take takes a backup of a running server.
func (s *testServer) take(since string) []byte {
	s.tb.Helper()
	path := "/v1/admin/backup"
	if since != "" {
		path += "?since=" + since
	}
	r := s.do("GET", path, s.admin, "")
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != backupType {
		s.tb.Fatalf("%d %.300s", r.StatusCode, r.body)
	}
	return r.body
}

// point is where a backup that builds upon b goes on.
func point(t *testing.T, b []byte) string {
	t.Helper()
	r, err := backup.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return r.Point()
}

func restore(t *testing.T, dir string, backups ...[]byte) *CheckReport {
	t.Helper()
	var from []io.Reader
	for _, b := range backups {
		from = append(from, bytes.NewReader(b))
	}
	rep, err := Restore(context.Background(), dir, from, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func diskConfig(t *testing.T) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Addr, cfg.AdminAddr, cfg.Data = "127.0.0.1:0", "", t.TempDir()
	cfg.RateLimit = 1_000_000
	return cfg
}

func (s *testServer) exported(key string) string {
	s.tb.Helper()
	r := s.do("GET", "/v1/companies/export", key, "")
	r.want(s.tb, 200, "")
	return string(r.body)
}

// A backup and one that builds upon it bring back what was there: companies, also
// that some are gone, imports, keys and kept answers. The restored server has an
// admin key of its own and takes the old keys.
func TestBackupRestore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "restored")
	var key, want, answer string
	t.Run("first", func(t *testing.T) {
		s := serve(t, diskConfig(t))
		key = s.key("acme", Scopes()...)
		s.do("POST", importPath, key, rows(300), "Content-Type: text/csv").want(t, 200, "")
		s.do("HEAD", "/v1/admin/backup", s.admin, "").want(t, 200, "") // and none is being taken after it
		full := s.take("")
		if old := s.dial().oldGet("/v1/admin/backup", s.admin); len(old.body) != len(full) || len(old.TransferEncoding) > 0 {
			t.Errorf("over HTTP/1.0 %d bytes of %d, %v", len(old.body), len(full), old.TransferEncoding)
		}
		first := s.do("POST", importPath+"?update_existing=true", key, "name,domain\nNew,c1.example\nMore,more.example\n",
			"Content-Type: text/csv", "Idempotency-Key: k")
		first.want(t, 200, "")
		answer = string(first.body)
		r := s.do("GET", "/v1/companies?domain=c2.example", key, "")
		id := dataOf[[]struct{ ID string }](t, r)[0].ID
		s.do("DELETE", "/v1/companies/"+id, key, "").want(t, 204, "")
		second := s.take(point(t, full))
		third := s.take(point(t, second))
		if len(second) > len(full)/2 {
			t.Errorf("what changed is %d bytes of %d", len(second), len(full))
		}
		want = s.exported(key)
		rep := restore(t, dir, full, second, third)
		if !rep.Sound() || rep.Companies != 300 || rep.Jobs != 2 || rep.APIKeys != 3 || rep.Answers != 1 {
			t.Errorf("%+v", rep)
		}
		// One that is built upon a later state than the target has is refused.
		_, err := Restore(context.Background(), dir+"2", []io.Reader{bytes.NewReader(full), bytes.NewReader(third)}, testLogger(t))
		if !errors.Is(err, backup.ErrChain) {
			t.Error(err)
		}
		if entries, err := os.ReadDir(dir + "2"); err != nil || len(entries) != 0 {
			t.Errorf("%v, %v", entries, err)
		}
	})
	cfg := diskConfig(t)
	cfg.Data = dir
	s := serve(t, cfg)
	if got := s.exported(key); got != want {
		t.Fatal(cmp.Diff(want, got))
	}
	again := s.do("POST", importPath+"?update_existing=true", key, "name,domain\nNew,c1.example\nMore,more.example\n",
		"Content-Type: text/csv", "Idempotency-Key: k")
	if string(again.body) != answer || again.Header.Get(replayedHeader) != "true" {
		t.Fatalf("%s, want %s", again.body, answer)
	}
	s.do("GET", "/v1/admin/keys", s.admin, "").want(t, 200, "")
	// Its states are not those of the first store.
	old := "00000000000000000000000000000000-1"
	if r := s.do("GET", "/v1/admin/backup?since="+old, s.admin, ""); r.StatusCode != 400 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
}

// An import that was promised and has not ended is in a backup with its upload,
// and goes on in the restored server.
func TestBackupPendingJob(t *testing.T) {
	f := newFolder(t)
	var b bytes.Buffer
	sum, err := Backup(context.Background(), f.data, "", &b, testLogger(t))
	if err != nil || sum.Files != 1 || sum.Bytes != int64(b.Len()) {
		t.Fatalf("%+v, %v", sum, err)
	}
	dir := t.TempDir()
	if rep := restore(t, dir, b.Bytes()); rep.PendingJobs != 1 {
		t.Fatalf("%+v", rep)
	}
	cfg := diskConfig(t)
	cfg.Data = dir
	s := serve(t, cfg)
	key := s.key("acme", Scopes()...)
	i := &importServer{testServer: s, key: key}
	if d := i.awaitJob(f.job); d.Status != engine.Completed || d.RowCount != 900 || d.CreatedCount != 200 {
		t.Fatalf("%+v", d)
	}
}

// Backups that are taken while several tenants write hold one moment each: what is
// restored is sound, and every import is in it wholly or not.
func TestBackupWhileWriting(t *testing.T) {
	s := serve(t, diskConfig(t))
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for i := range 3 {
		key := s.key(fmt.Sprintf("tenant%d", i), Scopes()...)
		writers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				body := strings.ReplaceAll(rows(10), ".example", fmt.Sprintf("-%d.example", n))
				if n%10 == 9 {
					body = strings.ReplaceAll(rows(600), ".example", fmt.Sprintf("-%d.example", n))
				}
				if r := s.do("POST", importPath, key, body, "Content-Type: text/csv"); r.StatusCode > 202 {
					t.Errorf("%d %s", r.StatusCode, r.body)
					return
				}
			}
		})
	}
	chain := [][]byte{s.take("")}
	for range 3 {
		chain = append(chain, s.take(point(t, chain[len(chain)-1])))
	}
	close(stop)
	writers.Wait()
	for n := 1; n <= len(chain); n++ {
		if rep := restore(t, filepath.Join(t.TempDir(), "data"), chain[:n]...); rep.PendingJobs == 0 && rep.Companies%10 != 0 {
			t.Errorf("%+v", rep)
		}
	}
}

// A backup has no secret that opens anything.
func TestBackupHasNoSecrets(t *testing.T) {
	s := serve(t, diskConfig(t))
	key := s.key("acme", Scopes()...)
	b := s.take("")
	for _, token := range []string{key, s.admin} {
		if bytes.Contains(b, []byte(token)) || bytes.Contains(b, []byte(token[len(tokenStart):])) {
			t.Errorf("the key %s is in it", token)
		}
		if !bytes.Contains(b, []byte(token[:prefixLen])) {
			t.Error("not even its prefix is, so this test looks at the wrong bytes")
		}
	}
}

func TestBackupRefusals(t *testing.T) {
	s := serve(t, diskConfig(t))
	here := point(t, s.take(""))
	f := func(path, key string, status int, message string) {
		t.Helper()
		r := s.do("GET", path, key, "")
		if r.StatusCode != status || status != 200 && r.fault(t).Message != message {
			t.Errorf("%d %.300s, want %d %s", r.StatusCode, r.body, status, message)
		}
	}
	const path = "/v1/admin/backup"
	f(path, s.key("acme", ReadCompanies), 403, "the key lacks the scope admin")
	f(path+"?since=x", s.admin, 400, "since: is not the point of a backup")
	f(path+"?since=00-5", s.admin, 400, "since: is the point of another store's backup; take a full one, without since")
	id, _, _ := strings.Cut(here, "-")
	f(path+"?since="+id+"-999999", s.admin, 400, "since: lies in the future of this store; take a full backup, without since")
	s.backups.take("admin")
	f(path, s.admin, 503, "another backup is being taken; try again when it is done")
	s.backups.put("admin")
	f(path+"?since="+here, s.admin, 200, "")
}

// Every byte of a backup that is flipped, and every place where it is cut off, is
// found, and nothing is left of the attempt.
func TestRestoreDamaged(t *testing.T) {
	f := newFolder(t)
	var whole bytes.Buffer
	if _, err := Backup(context.Background(), f.data, "", &whole, testLogger(t)); err != nil {
		t.Fatal(err)
	}
	b := whole.Bytes()
	bad := func(b []byte) {
		t.Helper()
		if _, err := backup.Verify(bytes.NewReader(b)); !errors.Is(err, backup.ErrDamaged) {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(b); i += 1 + len(b)/500 {
		c := bytes.Clone(b)
		c[i] ^= 0x10
		bad(c)
		bad(b[:i])
	}
	bad(b[:len(b)-1])
	// A block that is lost, or comes twice, is told by the numbers of the others.
	first := 12 + int(binary.LittleEndian.Uint32(b))
	second := first + 12 + int(binary.LittleEndian.Uint32(b[first:]))
	bad(append(bytes.Clone(b[:first]), b[second:]...))
	bad(append(bytes.Clone(b[:second]), b[first:]...))

	dir := t.TempDir()
	_, err := Restore(context.Background(), dir, []io.Reader{bytes.NewReader(b[:len(b)/2])}, testLogger(t))
	if !errors.Is(err, backup.ErrDamaged) {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Fatalf("%v, %v", entries, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Restore(context.Background(), dir, []io.Reader{bytes.NewReader(b)}, testLogger(t))
	if err == nil || err.Error() != "the folder "+dir+" is not empty (it has file); restore into a new one" {
		t.Fatal(err)
	}
}

// Backups that are a store's first at the same time are of one store: a later one
// builds upon either.
func TestFirstBackupsAtOnce(t *testing.T) {
	kv, _, err := makeFolder(filepath.Join(t.TempDir(), storeFolder), filepath.Join(t.TempDir(), spoolFolder), testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	ids := make([]backup.StoreID, 8)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			<-begin
			src, err := backupSource(context.Background(), kv, nil)
			if err != nil {
				t.Error(err)
			}
			ids[i] = src.Store
		})
	}
	close(begin)
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == (backup.StoreID{}) {
			t.Fatalf("%x and %x", id, ids[0])
		}
	}
}
