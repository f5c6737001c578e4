package cli

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sluice/engine"
)

const (
	good  = "Company,Domain\nAcme,acme.example\nBolt,bolt.example\n"
	mixed = "Company,Domain\nCargo,cargo.example\nDelta,nowhere\n"
)

// jobID hides what differs from run to run.
var jobID = regexp.MustCompile(`imp_co_[0-9A-Z]+`)

func TestImport(t *testing.T) {
	s := startServer(t)

	r := s.run("import", writeFile(t, "good.csv", good), "--tag", "one", "--dry-run").want(t, exitDone)
	if got, want := jobID.ReplaceAllString(r.stdout, "JOB"), "JOB completed (dry run: nothing was changed)\n"+
		"  rows 2  created 2  updated 0  skipped 0  failed 0\n"+
		"  dialect: delimiter \",\", quote \"\\\"\", utf-8\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.run("import", writeFile(t, "good.csv", good)).want(t, exitDone, "created 2")
	s.run("import", writeFile(t, "good.csv", good)).want(t, exitDone, "created 0", "skipped 2")
	s.run("import", writeFile(t, "good.csv", good), "--update").want(t, exitDone, "updated 2")

	errors := filepath.Join(t.TempDir(), "wrong.csv")
	s.run("import", writeFile(t, "mixed.csv", mixed), "--errors", errors).want(t, exitRowsFailed, "created 1", "failed 1",
		`  row 2 (line 3), Domain: invalid_domain: "nowhere" is no domain; a host name of two labels or more is needed`,
		"failed rows written to "+errors)
	if wrong, err := os.ReadFile(errors); err != nil || !strings.HasPrefix(string(wrong), "Company,Domain,_error_code,_error_message\nDelta,nowhere,invalid_domain,") {
		t.Errorf("%v: %s", err, wrong)
	}

	data := decode[engine.Data](t, s.run("import", writeFile(t, "mixed.csv", mixed), "--json").want(t, exitRowsFailed))
	if data.SkippedCount != 1 || data.FailedCount != 1 || len(data.Errors) != 1 || data.Errors[0].Code != "invalid_domain" {
		t.Errorf("%+v", data)
	}

	// The key makes a run safe to repeat: the answer is the first one's.
	twice := []string{"import", writeFile(t, "more.csv", "Company,Domain\nEcho,echo.example\n"), "--json", "--idempotency-key", "k1"}
	first, again := s.run(twice...).want(t, exitDone), s.run(twice...).want(t, exitDone)
	if first.stdout != again.stdout {
		t.Errorf("%s\n%s", first.stdout, again.stdout)
	}
}

func TestImportInputs(t *testing.T) {
	s := startServer(t)
	run(s.env, good, "import", "-").want(t, exitDone, "created 2")
	run(s.env, `{"name":"Fox","domain":"fox.example"}`+"\n", "import", "-", "--format", "ndjson").want(t, exitDone, "created 1")
	s.run("import", writeFile(t, "c.ndjson", `{"name":"Golf","domain":"golf.example"}`+"\n")).want(t, exitDone, "created 1")
	s.run("import", writeFile(t, "c.json", `{"rows":[{"name":"Hotel","domain":"hotel.example"}]}`)).want(t, exitDone, "created 1")

	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("Company,Domain\nIndia,india.example\n"))
	_ = z.Close()
	s.run("import", writeFile(t, "c.csv.gz", zipped.String())).want(t, exitDone, "created 1")

	s.run("import", writeFile(t, "c.csv", "a,b\nJuliett,juliett.example\n"), "--map", "a=name", "--map", "b=domain").want(t, exitDone, "created 1")
	s.run("import", writeFile(t, "c.csv", "Kilo|kilo.example\n"), "--no-header", "--map", "1=name", "--map", "2=domain", "--delimiter", "|").
		want(t, exitDone, "created 1", `delimiter "|"`)
	s.run("import", writeFile(t, "c.csv", "Company,Domain\nLima,lima.example\nX,bad\n"), "--abort").
		want(t, exitNotDone, "import_failed: 1 row failed and at most 0 are allowed")
	s.run("import", writeFile(t, "c.csv", "Company,Domain\nLima,lima.example\nX,bad\n"), "--max-errors", "1").want(t, exitRowsFailed, "created 1")
}

// TestImportArray imports arrays of objects as they come, whatever they are packed in.
func TestImportArray(t *testing.T) {
	s := startServer(t)
	const two = " \r\n\t[{\"name\":\"Acme\",\"domain\":\"%.example\"},{\"name\":\"Bolt\",\"domain\":\"%2.example\"}]\n"
	of := func(prefix string) string { return strings.ReplaceAll(two, "%", prefix) }
	s.run("import", writeFile(t, "a.json", of("a"))).want(t, exitDone, "created 2")
	run(s.env, of("b"), "import", "-", "--format", "json").want(t, exitDone, "created 2")
	for _, coding := range []struct{ name, suffix string }{{"gzip", ".gz"}, {"zstd", ".zst"}} {
		zipped, err := packed(of(coding.name), coding.name)
		if err != nil {
			t.Fatal(err)
		}
		s.run("import", writeFile(t, "a.json"+coding.suffix, zipped)).want(t, exitDone, "created 2")
	}
	// Blanks without end, nothing, and what is not packed as its name says are the server's to refuse.
	s.run("import", writeFile(t, "a.json", strings.Repeat(" ", peekBytes)+"[]")).want(t, exitNotDone, "sluice: validation_error: ")
	s.run("import", writeFile(t, "a.json", " ")).want(t, exitNotDone, "sluice: validation_error: ")
	s.run("import", writeFile(t, "a.json.gz", "[]")).want(t, exitNotDone, "sluice: validation_error: ")
	s.run("import", writeFile(t, "a.json", "[")).want(t, exitNotDone, "sluice: validation_error: ")

	var many strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&many, "%s{\"name\":\"Company %d\",\"domain\":\"many%[2]d.example\"}\n", map[bool]string{true: "[", false: ","}[i == 0], i)
	}
	many.WriteString("]")
	s.run("import", writeFile(t, "many.json", many.String())).want(t, exitDone, "created 20000")
}

func TestImportRefused(t *testing.T) {
	s := startServer(t)
	file := writeFile(t, "good.csv", good)
	s.run("import", "no.csv").refused(t, "open no.csv: no such file or directory")
	s.run("import", filepath.Dir(file)).refused(t, filepath.Dir(file)+" is a folder")
	s.run("import", writeFile(t, "c.json", `{}`), "--update").refused(t, "a JSON body has its options inside; give none on the command line")
	s.run("import", file, "--map", "Nope=name").want(t, exitNotDone, "validation_error: ")
	s.run("import", file, "--plugin", "nope").want(t, exitNotDone, "sluice: validation_error: plugin: there is no plugin \"nope\"\n")
	s.run("import", file, "--key", "wbk_nope").want(t, exitNotDone, "invalid_key: ")
	run(nil, "", "import", file).refused(t, "no API key; give --key or set SLUICE_KEY (sluice keys create makes one)")
	run(nil, "", "import", file, "--key", "k", "--url", "http://127.0.0.1:1").want(t, exitNotDone, "is a server running at http://127.0.0.1:1?")
}
