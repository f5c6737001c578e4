package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/engine"
	"sluice/engine/tuple"
	"sluice/storage"
	"sluice/storage/badgerkv"
	"sluice/storage/memkv"
	"sluice/storage/spool"
	"sluice/storage/table"
)

// folder is a data folder whose server is closed, with something of every kind in
// it: two tenants, small and queued imports with failed rows and results, kept
// answers, keys, an active plugin, an import that is still queued.
type folder struct {
	t    *testing.T
	data string
	job  string // the queued one
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Addr, cfg.AdminAddr, cfg.Data = "127.0.0.1:0", "", t.TempDir()
	cfg.PluginChild = []string{os.Args[0], CompileCommand}
	cfg.PluginCompileTime = time.Minute
	f := &folder{t: t, data: cfg.Data}
	t.Run("fill", func(t *testing.T) {
		s := serve(t, cfg)
		for _, tenant := range []string{"acme", "beta"} {
			key := s.key(tenant, Scopes()...)
			s.do("POST", "/v1/plugins?name=cleaner", key, string(cleaner(t)), "Content-Type: "+wasmType).want(t, 201, "")
			s.do("PUT", "/v1/plugins/active", key, `{"object":"companies","name":"cleaner"}`).want(t, 200, "")
			s.do("POST", importPath+"?results=true", key, rows(40)+"Bad,not a host\n", "Content-Type: text/csv", "Idempotency-Key: small").want(t, 200, "")
			s.do("POST", importPath+"?update_existing=true", key, rows(700)+",\n", "Content-Type: text/csv", "Idempotency-Key: large", "Prefer: wait=60").want(t, 200, "")
			s.do("POST", "/v1/companies", key, `{"name":"One","domain":"one.example"}`, "Idempotency-Key: one").want(t, 201, "")
		}
	})
	f.job = f.queue(rows(900))
	return f
}

// queue leaves an import that was accepted and has not begun: its engine is never
// started.
func (f *folder) queue(csv string) (id string) {
	f.t.Helper()
	kv := f.open()
	defer f.close(kv)
	files, err := spool.Open(filepath.Join(f.data, spoolFolder), spool.DefaultOptions())
	if err != nil {
		f.t.Fatal(err)
	}
	e := engine.New(engine.DefaultConfig(), store{records{kv}, nil}, uploads{files}, nil, testLogger(f.t))
	u := e.NewUpload(engine.CSV)
	if _, err := u.Write([]byte(csv)); err != nil {
		f.t.Fatal(err)
	}
	job, err := e.Import(context.Background(), engine.Request{Tenant: "acme", KeyID: "key", Upload: u, Options: engine.DefaultOptions()})
	if err != nil || job.Status != engine.Queued {
		f.t.Fatalf("%+v, %v", job, err)
	}
	return job.JobID
}

func (f *folder) uploadPath(id string) string {
	return filepath.Join(f.data, spoolFolder, id+".spool2")
}

// upload changes the upload of a job, and returns what it was.
func (f *folder) upload(id string, change func(file []byte) []byte) (was []byte) {
	f.t.Helper()
	was, err := os.ReadFile(f.uploadPath(id))
	if err == nil {
		err = os.WriteFile(f.uploadPath(id), change(bytes.Clone(was)), 0o600)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return was
}

func (f *folder) open() *badgerkv.KV {
	f.t.Helper()
	kv, err := badgerkv.Open(badgerkv.DefaultConfig(filepath.Join(f.data, storeFolder)))
	if err != nil {
		f.t.Fatal(err)
	}
	return kv
}

func (f *folder) close(kv *badgerkv.KV) {
	f.t.Helper()
	if err := kv.Close(); err != nil {
		f.t.Fatal(err)
	}
}

// check returns the problems, without the key where it is in a text again.
func (f *folder) check() *CheckReport {
	f.t.Helper()
	rep, err := Check(context.Background(), f.data, testLogger(f.t))
	if err != nil {
		f.t.Fatal(err)
	}
	return rep
}

// keys are all that are stored, with their values.
func (f *folder) keys() (list []storage.Op) {
	f.t.Helper()
	kv := f.open()
	defer f.close(kv)
	err := kv.Scan(context.Background(), nil, nil, func(key, value []byte) error {
		list = append(list, storage.Op{Key: bytes.Clone(key), Value: bytes.Clone(value)})
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

// damaged checks a copy of the store, in memory, in which ops were done.
func (f *folder) damaged(all []storage.Op, ops ...storage.Op) *CheckReport {
	f.t.Helper()
	kv, ctx := memkv.New(), context.Background()
	for _, some := range [][]storage.Op{all, ops} {
		for part := range slices.Chunk(some, 100) {
			if err := kv.Commit(ctx, part, nil); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	files, err := spool.Open(filepath.Join(f.data, spoolFolder), spool.DefaultOptions())
	if err != nil {
		f.t.Fatal(err)
	}
	rep, err := checkStore(ctx, kv, files)
	if err != nil {
		f.t.Fatal(err)
	}
	return rep
}

func TestCheckSound(t *testing.T) {
	f := newFolder(t)
	rep := f.check()
	if !rep.Sound() || rep.Left != 0 {
		t.Fatalf("%+v", rep.Problems)
	}
	rep.Keys, rep.Bytes, rep.RowGroups = 0, 0, 0
	want := CheckReport{Data: f.data, Tenants: 2, Companies: 2 * 701, Jobs: 5, PendingJobs: 1, Plugins: 2, APIKeys: 3, Answers: 6, Problems: []Problem{}}
	if d := cmp.Diff(want, *rep); d != "" {
		t.Fatal(d)
	}
	if rep := f.damaged(f.keys()); !rep.Sound() {
		t.Fatalf("%+v", rep.Problems)
	}
}

// Every key of the store in turn has a bit of its value flipped, which is found
// and named, whatever it holds.
func TestCheckFlippedValues(t *testing.T) {
	f := newFolder(t)
	all := f.keys()
	for i, op := range all {
		bad := bytes.Clone(op.Value)
		bad[i*7919%len(bad)] ^= 1 << (i % 8)
		rep := f.damaged(all, storage.Op{Key: op.Key, Value: bad})
		key := fmt.Sprintf("%x", op.Key)
		if !slices.ContainsFunc(rep.Problems, func(p Problem) bool { return p.Key == key }) {
			t.Fatalf("key %q: %+v", op.Key, rep.Problems)
		}
	}
}

// What is gone, or stands for something else, is found though every value is
// sound by itself.
func TestCheckRelations(t *testing.T) {
	f := newFolder(t)
	all := f.keys()
	find := func(prefix tuple.Key) storage.Op {
		t.Helper()
		for _, op := range all {
			if bytes.HasPrefix(op.Key, prefix) {
				return op
			}
		}
		t.Fatalf("no key begins with %q", prefix)
		return storage.Op{}
	}
	damage := func(want string, ops ...storage.Op) {
		t.Helper()
		rep := f.damaged(all, ops...)
		if !slices.ContainsFunc(rep.Problems, func(p Problem) bool { return strings.Contains(p.Text, want) }) {
			t.Errorf("%+v, want %q", rep.Problems, want)
		}
	}
	gone := func(op storage.Op) storage.Op { return storage.Op{Key: op.Key, Delete: true} }
	put := func(key tuple.Key, value []byte) storage.Op { return sealed(engine.Change{Key: key, Value: value}) }

	damage("the secret of the tables is gone", gone(find(table.SecretKey())))
	damage("is not found by its hash", gone(find(tuple.New("", kindKeyHash))))
	damage("which does not have it", gone(find(tuple.New("", kindKey))))
	damage("the answer promises import", gone(find(jobKeyOf(t, all, largeJob(t, all)))))
	damage("report of an import that is not stored", gone(find(jobKeyOf(t, all, largeJob(t, all)))))
	damage("has a report of", gone(find(tuple.New("acme", "job_errors"))))
	damage("has a report of", gone(find(tuple.New("acme", "job_results"))))
	damage("but not marked as pending", gone(find(engine.PendingPrefix())))
	damage("is marked as pending, but there is no such pending import", put(engine.PendingPrefix().String("acme").String("imp_co_x"), []byte{1}))
	damage("stored is", gone(find(tuple.New("acme", "plugin_blob"))))
	damage("is active: not_found", gone(find(tuple.New("acme", "plugin"))))
	damage("are not counted", gone(find(tuple.New("acme", "plugin_counter"))))
	damage("is not in the list of tables", gone(find(tuple.New("", "tables").String("acme"))))
	damage("is not the key of any record", storage.Op{Key: []byte("stray"), Value: []byte("x")})
	for section, want := range map[byte]string{'m': "there is no manifest", 'r': "rows", 'i': "places"} {
		prefix := append(tuple.New("acme", table.Kind), section)
		if slices.ContainsFunc(all, func(o storage.Op) bool { return bytes.HasPrefix(o.Key, prefix) }) {
			damage(want, gone(find(prefix)))
		}
	}
	// A crash may leave a lease whose table was not made yet.
	lease := table.LeaseKey("new")
	if rep := f.damaged(all, storage.Op{Key: lease, Value: storage.Seal(nil, lease, 'L', 1, make([]byte, 8))}); !rep.Sound() {
		t.Errorf("%+v", rep.Problems)
	}
}

// largeJob is the id of an import that ended, was promised under a key and has a
// report: the record of its key says so.
func largeJob(t *testing.T, all []storage.Op) string {
	t.Helper()
	for _, op := range all {
		if !bytes.HasPrefix(op.Key, tuple.New("", kindIdempotency)) {
			continue
		}
		payload, err := unseal(op.Key, op.Value)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := decodeStoredAnswer(payload); err == nil && a.job != "" {
			return a.job
		}
	}
	t.Fatal("no answer promises a job")
	return ""
}

// jobKeyOf is the key of the record of a job.
func jobKeyOf(t *testing.T, all []storage.Op, id string) tuple.Key {
	t.Helper()
	for _, op := range all {
		if _, kind, _ := cutKind(op.Key); kind == "job" && bytes.Contains(op.Value, []byte(`"job_id":"`+id+`"`)) {
			return tuple.Key(op.Key)
		}
	}
	t.Fatalf("no record of %s", id)
	return nil
}

func TestCheckRefusals(t *testing.T) {
	dir := t.TempDir()
	if _, err := Check(context.Background(), dir, testLogger(t)); !errors.Is(err, ErrNoStore) || err.Error() != "there is no data of a server in this folder: "+dir {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Fatalf("%v, %v", entries, err)
	}
	kv, err := badgerkv.Open(badgerkv.DefaultConfig(filepath.Join(dir, storeFolder)))
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	_, err = Check(context.Background(), dir, testLogger(t))
	if !errors.Is(err, badgerkv.ErrInUse) || !strings.HasPrefix(err.Error(), "stop the server first: ") {
		t.Fatal(err)
	}
}
