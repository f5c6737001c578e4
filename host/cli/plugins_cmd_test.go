package cli

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"sluice/engine"
	"sluice/host"
	"sluice/plugins"
	"sluice/plugins/conform"
	"sluice/plugins/plugintest"
)

// cleaner is a committed example, written in C.
const cleaner = "../../plugins/examples/cleaner/cleaner.wasm"

// guest writes the module of a hand-written guest.
func guest(tb testing.TB, g plugintest.Guest) string {
	tb.Helper()
	return writeFile(tb, "guest.wasm", string(g.Bytes()))
}

// echo answers its one column as the domain; spoilt traps on every row.
func echo() plugintest.Guest {
	return plugintest.Guest{Names: true, Answer: `{"columns":["domain"],"input":["Domain"],"pass":{"name":"Company"}}`}
}

func spoilt() plugintest.Guest {
	g := echo()
	g.Process = "unreachable"
	return g
}

func TestPluginsLifecycle(t *testing.T) {
	s := startServer(t)
	if r := s.run("plugins", "list").want(t, exitDone); r.stdout != "no plugin is there; sluice plugins push uploads one\n" {
		t.Errorf("%q", r.stdout)
	}
	s.run("plugins", "rollback").refused(t, "no plugin was ever active; sluice plugins activate makes one so")

	v := decode[plugins.Version](t, s.run("plugins", "push", cleaner, "--name", "tidy", "--json").want(t, exitDone))
	if v.Name != "tidy" || v.Version != 1 || v.Active {
		t.Errorf("%+v", v)
	}
	s.run("plugins", "push", cleaner, "--name", "tidy", "--activate").want(t, exitDone, "tidy@2 uploaded: ", "active: imports go through it from now on")
	s.run("plugins", "list").want(t, exitDone, "tidy@1", "tidy@2  active")
	list := decode[[]plugins.Version](t, s.run("plugins", "list", "tidy", "--json"))
	if len(list) != 2 || list[0].Active || !list[1].Active {
		t.Errorf("%+v", list)
	}
	s.run("plugins", "rollback").refused(t, "no other plugin was active before; sluice plugins activate --none lets imports go through none")

	active := func(want string, args ...string) {
		t.Helper()
		r := s.run(append([]string{"plugins"}, args...)...).want(t, exitDone)
		if want := "imports go through " + want + " from now on; jobs that have begun keep theirs\n"; r.stdout != want {
			t.Errorf("%q, want %q", r.stdout, want)
		}
	}
	active("tidy@1", "activate", "tidy@1")
	active("tidy@2", "rollback")
	active("tidy@1", "rollback")
	active("tidy@1", "activate", "tidy@1") // changes nothing, so a rollback looks past it
	active("tidy@2", "rollback")
	active("no plugin", "activate", "--none")
	active("tidy@2", "rollback")
	active("tidy@2", "activate", "tidy")

	s.run("import", writeFile(t, "c.csv", "Company,Website,Country\n Acme  Corp ,https://www.acme.example/x,Germany\n")).
		want(t, exitDone, "created 1", "  plugin: tidy@2\n")
	s.run("import", writeFile(t, "c.csv", "Company,Domain\nBolt,bolt.example\n"), "--plugin", "tidy@1").want(t, exitDone, "  plugin: tidy@1\n")
	if d := decode[engine.Data](t, s.run("import", writeFile(t, "c.csv", "Company,Domain\nCargo,cargo.example\n"), "--plugin", "none", "--json")); d.Plugin != nil {
		t.Errorf("%+v", d.Plugin)
	}
}

func TestPluginsRefused(t *testing.T) {
	s := startServer(t)
	f := func(want string, args ...string) {
		t.Helper()
		s.run(append([]string{"plugins"}, args...)...).refused(t, want)
	}
	text := writeFile(t, "plugin.txt", "hello")
	f("there is no none.wasm; sluice plugins build makes a plugin.wasm", "push", "none.wasm", "--name", "x")
	f("there is no none.wasm; sluice plugins build makes a plugin.wasm", "test", "none.wasm")
	f(text+` is no Wasm module, its first four bytes are not \0asm; give the .wasm file that a build makes`, "push", text, "--name", "x")
	f(`"Not This" is no plugin name; it must be 1 to 64 characters a-z, 0-9, _ and -, the first a letter or digit`, "push", cleaner, "--name", "Not This")
	f("there is no plugin nope; sluice plugins list shows those that are there", "activate", "nope")
	f("there is no plugin nope@3; sluice plugins list shows those that are there", "activate", "nope@3")
	f("there is no plugin nope; sluice plugins list shows those that are there", "list", "nope")
	f(`"new" is no version of a plugin; versions are whole numbers from 1, as in tidy@1`, "activate", "tidy@new")
	f(`"01" is no version of a plugin; versions are whole numbers from 1, as in tidy@1`, "activate", "tidy@01")
	f("list takes a name without a version: sluice plugins list tidy", "list", "tidy@1")
	f("give either a plugin, as name or name@version, or --none", "activate")
	f("give either a plugin, as name or name@version, or --none", "activate", "tidy", "--none")
	f("--config is no JSON: {", "push", cleaner, "--name", "x", "--config", "{")
	f("--config is no JSON: {", "test", cleaner, "--config", "{")
	f("--write writes the file of --expect; give that too", "test", cleaner, "--write")
	f("--expect, --plain, --map and --no-header are about the rows of a file; name it with --data", "test", cleaner, "--plain")
	f("--columns is for made-up rows; a file has its own", "test", cleaner, "--columns", "a", "--data", "x.csv")
	f("open none.csv: no such file or directory", "test", cleaner, "--data", "none.csv")

	files := guest(t, plugintest.Guest{Imports: []plugintest.Import{{Module: "wasi_snapshot_preview1", Name: "path_open",
		Params: "i32 i32 i32 i32 i32 i64 i64 i32 i32", Results: "i32"}}})
	for _, args := range [][]string{{"push", files, "--name", "x"}, {"test", files, "--data", writeFile(t, "a.csv", good)}} {
		r := s.run(append([]string{"plugins"}, args...)...).want(t, exitNotDone, "sluice: "+files+" is refused: ", "path_open")
		if strings.Contains(r.stderr, "plugin_invalid") {
			t.Error(r.stderr)
		}
	}
	f("give either --strict, which refuses what the check finds, or --no-check", "push", cleaner, "--name", "x", "--strict", "--no-check")
	trapping := guest(t, spoilt())
	s.run("plugins", "push", trapping, "--name", "x", "--strict").want(t, exitNotDone, "warning: ",
		trapping+" does not pass the check, and is not uploaded; without --strict it is\n")
	if list := decode[[]plugins.Version](t, s.run("plugins", "list", "--json")); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

// TestPluginsPushWarns holds that whatever the server takes is uploaded, with a
// warning of what the check finds.
func TestPluginsPushWarns(t *testing.T) {
	s := startServer(t)
	f := func(warning string, g plugintest.Guest) {
		t.Helper()
		module := guest(t, g)
		r := s.run("plugins", "push", module, "--name", "odd").want(t, exitDone, "uploaded")
		if !strings.Contains(r.stderr, "warning: "+warning) {
			t.Errorf("%s: %q", warning, r.stderr)
		}
		v := decode[pushed](t, s.run("plugins", "push", module, "--name", "odd", "--json").want(t, exitDone))
		listed := func(f conform.Finding) bool { return strings.HasPrefix(f.Check+": "+f.Problem, warning) }
		if v.Version == nil || v.Name != "odd" || !slices.ContainsFunc(v.Findings, listed) {
			t.Errorf("%s: %+v", warning, v)
		}
	}
	answer := `{"columns":["domain"],"input":["Domain"]}`
	small := "i32.const 0 i32.const 0x2000 local.get 0 i32.const 0xc000 i32.gt_u select"
	f("open: open: the plugin trapped while it was opened: sluice_v1_alloc has no memory for", plugintest.Guest{Alloc: "i32.const 0"})
	all := `{"columns":["name","domain","website","industry","city","country","phone","custom.employees"]}`
	f("long row: a row of a megabyte: row 1: the plugin trapped: sluice_v1_alloc has no memory for", plugintest.Guest{Answer: all, Alloc: small})
	f("kinds: all kinds of cells: row 1: the plugin trapped: unreachable", plugintest.Guest{Answer: answer, Process: "unreachable"})
	f("open: open: the plugin trapped while it was opened: unreachable", plugintest.Guest{Open: "unreachable"})
	f("open: the plugin refuses the columns", plugintest.Guest{Answer: `{"error":"no"}`})
	f("open: open: ", plugintest.Guest{Open: "i64.const 0"})

	plain := decode[pushed](t, s.run("plugins", "push", cleaner, "--name", "tidy", "--strict", "--json").want(t, exitDone))
	if plain.Findings == nil || len(plain.Findings) != 0 {
		t.Errorf("%+v", plain.Findings)
	}
}

func TestPluginsTest(t *testing.T) {
	data := "../../plugins/examples/cleaner/testdata/companies.csv"
	table := run(nil, "", "plugins", "test", cleaner, "--data", data).want(t, exitDone,
		"cleaner 1.0.0: Tidies names, domains, countries and company sizes\nROW  OUTCOME  name", " fuel a row; about ", " rows/s on one core")
	if lines := strings.Split(table.stdout, "\n"); len(lines) < 12 || !strings.HasPrefix(lines[2], "1    ok ") {
		t.Errorf("%s", table.stdout)
	}
	plain := run(nil, "", "plugins", "test", cleaner, "--data", data, "--plain").want(t, exitDone)
	if again := run(nil, "", "plugins", "test", cleaner, "--data", data, "--plain"); again.stdout != plain.stdout {
		t.Errorf("%s\n%s", plain.stdout, again.stdout)
	}
	trial := decode[host.Trial](t, run(nil, "", "plugins", "test", cleaner, "--data", data, "--json"))
	if trial.RowCount != 10 || trial.FuelPerRow <= 0 || trial.RowsPerSecond <= 0 || trial.Plugin.Name != "cleaner" {
		t.Errorf("%+v", trial)
	}

	expect := filepath.Join(t.TempDir(), "expect.txt")
	with := []string{"plugins", "test", cleaner, "--data", data, "--expect", expect}
	run(nil, "", with...).refused(t, "open "+expect+": no such file or directory; --write makes it")
	run(nil, "", append(with, "--write")...).want(t, exitDone, expect+" says now what becomes of 10 rows\n")
	if wrote, err := os.ReadFile(expect); err != nil || string(wrote) != plain.stdout {
		t.Errorf("%v %s", err, wrote)
	}
	run(nil, "", with...).want(t, exitDone, expect+" is what became of 10 rows: ok\n")
	if err := os.WriteFile(expect, []byte(strings.Replace(plain.stdout, "row 1\n", "row 1 skipped\n", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	run(nil, "", with...).refused(t, "the rows did not become what "+expect+" says, from line 1 on:\n"+
		"  expected  row 1 skipped\n  got       row 1\nIf that is right, --write writes it anew")

	strict := "Company,Country\nAcme,Germany\nBolt,Nowhereland\n"
	run(nil, strict, "plugins", "test", cleaner, "--data", "-", "--config", `{"strict":true}`, "--plain").
		want(t, exitRowsFailed, "row 2 failed, Country: unknown_country: it is no country's name or ISO code\n")
	run(nil, "a,b\n1,2\n", "plugins", "test", cleaner, "--data", "-").
		refused(t, "-: the file has none of the columns Company, Name, Website and Domain")
	run(nil, strict, "plugins", "test", cleaner, "--data", "-", "--map", "Nope=name").want(t, exitNotDone, "sluice: -: mapping: ")
	run(nil, `{"rows":[{"Company":"Acme"}],"plugin_config":{"strict":true}}`, "plugins", "test", cleaner, "--data", "-", "--format", "json").
		want(t, exitDone, "Acme")
	run(nil, `{"rows":[]}`, "plugins", "test", cleaner, "--data", "-", "--format", "json", "--config", "{}").
		refused(t, "a JSON file has its options inside, plugin_config too; give none on the command line")

	run(nil, good, "plugins", "test", guest(t, spoilt()), "--data", "-").want(t, exitRowsFailed, "row 1 (line 2): plugin_trap: the plugin trapped: unreachable in process")
	past := []string{"plugins", "test", guest(t, spoilt()), "--data", "-", "--plugin-max-traps", "0"}
	run(nil, good, past...).want(t, exitNotDone, "row 1 (line 2): plugin_trap: ", "\nan import of these rows fails: the plugin trapped on more than 0 rows")
	run(nil, good, append(past, "--plain")...).want(t, exitNotDone, "row 1 failed, plugin_trap: ", "\nthe import fails, import_failed: the plugin trapped on")
	endless := echo()
	endless.Process = "loop void br 0 end i32.const 0"
	run(nil, good, "plugins", "test", guest(t, endless), "--data", "-", "--plugin-row-fuel", "1000000").want(t, exitRowsFailed, "plugin_trap", "out of fuel")
}

// TestPluginsTestLarge holds that the beginning of a large file is enough,
// compressed or not.
func TestPluginsTestLarge(t *testing.T) {
	rows := many(600_000, "é")
	var gz, zst bytes.Buffer
	for w := range map[io.WriteCloser]bool{gzip.NewWriter(&gz): true, zstdWriter(t, &zst): true} {
		if _, err := io.WriteString(w, rows); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	module := guest(t, echo())
	for name, text := range map[string]string{"a.csv": rows, "a.csv.gz": gz.String(), "a.csv.zst": zst.String()} {
		run(nil, "", "plugins", "test", module, "--data", writeFile(t, name, text)).want(t, exitRowsFailed,
			"… 980 more rows; --plain or --json prints them\n", "1000 rows (the file has more): 999 answered, 0 skipped, 1 failed\n")
	}
	run(nil, "", "plugins", "test", module, "--data", writeFile(t, "a.csv.gz", "Company\n")).want(t, exitNotDone, "a.csv.gz: decompress gzip: unexpected EOF\n")
}

func zstdWriter(t *testing.T, w io.Writer) io.WriteCloser {
	t.Helper()
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestPluginsConform(t *testing.T) {
	run(nil, "", "plugins", "test", cleaner).want(t, exitDone, "ok       module\n", "ok       memory\n")
	report := decode[conform.Report](t, run(nil, "", "plugins", "test", guest(t, spoilt()), "--columns", "Domain,Company", "--json").want(t, exitNotDone))
	if report.OK() || len(report.Findings) == 0 || report.Findings[0].Advice == "" {
		t.Errorf("%+v", report)
	}
}

func TestPluginsReplay(t *testing.T) {
	s := startServer(t)
	bad := guest(t, spoilt())
	s.run("plugins", "push", bad, "--name", "shaky", "--no-check").want(t, exitDone, "shaky@1 uploaded")
	d := decode[engine.Data](t, s.run("import", writeFile(t, "c.csv", "Company,Domain\nAcme,acme.example\n"), "--plugin", "shaky", "--json").want(t, exitRowsFailed))

	fixed := guest(t, echo())
	first := s.run("plugins", "replay", d.JobID, "--wasm", bad).want(t, exitRowsFailed)
	if want := "shaky@1 trapped on a batch of 1 row: unreachable in process\n  config        {}\n  file columns  [\"Company\",\"Domain\"]\n" +
		"  row sent      [\"acme.example\"]\n" + bad + ", the same module, traps on it: unreachable in process\n"; first.stdout != want {
		t.Errorf("%s\nwant %s", first.stdout, want)
	}
	s.run("plugins", "replay", d.JobID, "--wasm", fixed).want(t, exitDone, fixed+", which is another module, does not trap on it\n")
	if r := decode[replayed](t, s.run("plugins", "replay", d.JobID, "--wasm", fixed, "--json")); r.Trap != nil || r.Same || len(r.Rows) != 1 {
		t.Errorf("%+v", r)
	}

	bundle := fetchBundle(t, s, d.JobID)
	run(nil, "", "plugins", "replay", bundle, "--wasm", bad).want(t, exitRowsFailed, "the same module, traps on it")
	t.Chdir(filepath.Dir(bad))
	run(nil, "", "plugins", "replay", bundle).want(t, exitRowsFailed, "guest.wasm, the same module, traps on it")
	t.Chdir(filepath.Dir(fixed))
	sum, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	run(nil, "", "plugins", "replay", bundle).refused(t, "no module in this folder is shaky@1 (sha256 "+plugins.Hash(sum)+"); name one with --wasm")
	run(nil, "", "plugins", "replay", "none.bundle").refused(t, "there is no none.bundle; give the file of GET /v1/import/jobs/{id}/replay, or a job's id")
	run(nil, "", "plugins", "replay", "guest.wasm").refused(t,
		"guest.wasm: plugins: not a replay bundle; give the file as GET /v1/import/jobs/{id}/replay answered it")

	quiet := decode[engine.Data](t, s.run("import", writeFile(t, "c.csv", good), "--json"))
	s.run("plugins", "replay", quiet.JobID, "--wasm", bad).refused(t, "not_found: the job has no replay bundle; one is kept when a plugin traps")
}

// fetchBundle gets a bundle as a tenant does who keeps it.
func fetchBundle(t *testing.T, s *server, job string) string {
	t.Helper()
	p := &process{ctx: t.Context()}
	c := &pluginsReplayCmd{remote: remote{URL: s.url, Key: strings.TrimPrefix(s.env[1], "SLUICE_KEY=")}, Bundle: job}
	data, err := c.fetch(p)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "job.bundle", string(data))
}
