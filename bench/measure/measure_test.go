package measure

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseStat(t *testing.T) {
	const stat = "7 (a ) b) S 1 7 7 0 -1 4194560 900 80 3 2 150 25 40 2 20 0 9 0 500 1000 200 18446744073709551615\n"
	got, err := parseStat([]byte(stat))
	want := Usage{CPU: 1750 * time.Millisecond, Children: 420 * time.Millisecond}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, c := range []struct{ in, want string }{
		{"", "parse stat: 0 fields"},
		{"7 (x) S 1 2", "parse stat: 3 fields"},
		{"7 (x) S 1 7 7 0 -1 4194560 900 80 3 2 many 25 40 2 20 0", `parse stat: strconv.ParseInt: parsing "many": invalid syntax`},
	} {
		if _, err := parseStat([]byte(c.in)); err == nil || err.Error() != c.want {
			t.Errorf("parseStat(%q): %v; want %s", c.in, err, c.want)
		}
	}
}

func TestParseField(t *testing.T) {
	const io = "rchar: 10\nwrite_bytes: 4096\ncancelled_write_bytes: 12\n"
	if n, err := parseField([]byte(io), "write_bytes:"); n != 4096 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := parseField([]byte("VmRSS:\t 99 kB\nRssAnon:\t  55 kB\n"), "RssAnon:"); n != 55 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, text := range []string{"", "RssAnon:", "RssAnon: x kB"} {
		if _, err := parseField([]byte(text), "RssAnon:"); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestOwnProcess(t *testing.T) {
	w, err := StartWatch(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	memory := make([]byte, 64<<20)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, memory[:1<<20], 0o600); err != nil {
		t.Fatal(err)
	}
	for begin, _ := ReadUsage(os.Getpid()); ; { // until the kernel has counted a tick
		now, err := ReadUsage(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now.CPU > begin.CPU {
			break
		}
	}
	used, peak, err := w.Stop()
	if err != nil || used.CPU <= 0 || used.CPU > time.Minute {
		t.Errorf("used %+v, %v", used, err)
	}
	if peak < int64(len(memory)) {
		t.Errorf("peak %d, %d are held", peak, len(memory))
	}
	if _, err := StartWatch(-1); err == nil {
		t.Error("a process that doesn't exist is watched")
	}
}

func TestDiskBytes(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	full := make([]byte, 1<<20)
	for i := range full {
		full[i] = byte(i*7 + i>>8)
	}
	if err := os.WriteFile(filepath.Join(sub, "full"), full, 0o600); err != nil {
		t.Fatal(err)
	}
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer sparse.Close()
	if err := sparse.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	if err := sparse.Sync(); err != nil {
		t.Fatal(err)
	}
	if n, err := DiskBytes(dir); err != nil || n < 1<<20 || n > 64<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := DiskBytes(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("a missing folder: %v", err)
	}
}

func TestSeries(t *testing.T) {
	for _, c := range []struct {
		runs   []float64
		want   Series
		spread float64
	}{
		{nil, Series{}, 0},
		{[]float64{0}, Series{Runs: 1}, 0},
		{[]float64{4}, Series{Median: 4, Min: 4, Max: 4, Runs: 1}, 0},
		{[]float64{5, 1, 4}, Series{Median: 4, Min: 1, Max: 5, Runs: 3}, 1},
		{[]float64{5, 1, 4, 2}, Series{Median: 3, Min: 1, Max: 5, Runs: 4}, 4. / 3},
	} {
		got := NewSeries(c.runs)
		if diff := cmp.Diff(c.want, got); diff != "" || got.Spread() != c.spread {
			t.Errorf("%v: spread %v, %s", c.runs, got.Spread(), diff)
		}
	}
	runs := []float64{3, 1, 2}
	if Median(runs); runs[0] != 3 {
		t.Error("the caller's runs were sorted")
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	f := func(values []time.Duration, p float64, want time.Duration) {
		t.Helper()
		if got := Percentile(values, p); got != want {
			t.Errorf("p%v of %d values: %d, want %d", p, len(values), got, want)
		}
	}
	f(nil, 50, 0)
	f([]time.Duration{9}, 0, 9)
	f([]time.Duration{9}, 99, 9)
	f([]time.Duration{3, 1, 2}, 50, 2)
	f(hundred, 50, 50)
	f(hundred, 99, 99)
	f(hundred, 99.5, 100)
	f(hundred, 100, 100)
}

func TestMachine(t *testing.T) {
	const mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/deep/er xfs rw 0 0\nbroken\n"
	f := func(path, want string) {
		t.Helper()
		if got := fileSystem([]byte(mounts), path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	f("/", "ext4")
	f("/tmp", "tmpfs")
	f("/tmpfoo", "ext4")
	f("/tmp/deep/er/a", "xfs")
	if got := fileSystem(nil, "/tmp"); got != "unknown" {
		t.Errorf("no mounts: %s", got)
	}
	if got := cpuModel([]byte("processor\t: 0\nmodel name\t: Chip 9000 @ 2:1 GHz\n")); got != "Chip 9000 @ 2:1 GHz" {
		t.Error(got)
	}
	if got := cpuModel(nil); got != "unknown" {
		t.Error(got)
	}
	if m := ReadMachine("."); m.Cores < 1 || m.Memory < 1<<20 || m.Kernel == "" || m.FileSystem == "" || m.Go == "" {
		t.Errorf("%+v", m)
	}
}
