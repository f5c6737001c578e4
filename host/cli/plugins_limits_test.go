package cli

import (
	"reflect"
	"strings"
	"testing"

	"sluice/host"
	"sluice/plugins/plugintest"
)

// The limits of a plugin are flags, the same for a server and for tests here; what
// goes past one names the flag.
func TestPluginLimits(t *testing.T) {
	csv := writeFile(t, "one.csv", "Domain,Company\nacme.example,Acme\n")
	f := func(g plugintest.Guest, want string, flags ...string) {
		t.Helper()
		if r := run(nil, "", append([]string{"plugins", "test", guest(t, g), "--data", csv, "--plain"}, flags...)...); !strings.Contains(r.stdout+r.stderr, want) {
			t.Errorf("%q lacks %q", r.stdout+r.stderr, want)
		}
	}
	result := func(rows, errors int) plugintest.Guest {
		g := echo()
		g.Data = []plugintest.Data{{At: plugintest.AtResult, Bytes: plugintest.Words(uint32(rows), 0x900, 0x980, uint32(errors), 0x980)},
			{At: 0x900, Bytes: strings.Repeat(plugintest.Words(0x800, 4), 8)}}
		g.Process = "i32.const 0x800"
		return g
	}
	f(result(101, 0), "the result has 101 rows for 1; at most 100 for each are allowed (--plugin-max-rows-out)")
	f(result(3, 0), "the result has 3 rows for 1; at most 2 for each are allowed (--plugin-max-rows-out)", "--plugin-max-rows-out", "2")
	f(result(0, 17), "the result has 17 errors for 1 rows; at most 16 for each are allowed (--plugin-max-errors)")
	f(result(0, 3), "the result has 3 errors for 1 rows; at most 2 for each are allowed (--plugin-max-errors)", "--plugin-max-errors", "2")
	f(result(200, 0), `the result has more than 1024 bytes with what "pass" copies (--plugin-max-bytes-out)`, "--plugin-max-bytes-out", "1024", "--plugin-max-rows-out", "1000")
	spin := echo()
	spin.Process = "loop void br 0 end unreachable"
	f(spin, "the plugin ran for more than 10ms on one batch; make it touch less memory, or raise the limit of a batch's time (--plugin-batch-time)",
		"--plugin-batch-time", "10ms", "--plugin-fuel", "1125899906842624", "--plugin-row-fuel", "1125899906842624")
	f(spoilt(), "the plugin trapped on more than 0 rows (--plugin-max-traps)", "--plugin-max-traps", "0")
	talk := echo()
	talk.Imports = []plugintest.Import{{Module: "sluice", Name: "log", Params: "i32 i32 i32"}}
	talk.Process = strings.Repeat("i32.const 1 i32.const 0x400 i32.const 500 call $log ", 3) + plugintest.EchoProcess
	f(talk, "log … 2 more lines were dropped", "--plugin-max-log-lines", "1")
	f(talk, "log … 1 more line was dropped", "--plugin-max-log-bytes", "1024")
	heavy := echo()
	heavy.Data = []plugintest.Data{{At: 0x900, Bytes: strings.Repeat("x", 1024)}}
	f(heavy, "bytes are over the limit of 1024 (--plugin-max-module-bytes); strip it", "--plugin-max-module-bytes", "1024")
	large := echo()
	large.Memory = 17
	f(large, "starts with 17 pages of memory, over the limit of 16 (--plugin-memory)", "--plugin-memory", "1048576")

	s := startServer(t, "--plugin-max-module-bytes", "1024")
	s.run("plugins", "push", cleaner, "--name", "x", "--no-check").want(t, exitNotDone, "the body is larger than the limit of 1024 bytes (--plugin-max-module-bytes)")
}

// What is out of range is said at the start, all of it, by the flags' names.
func TestFlagsOutOfRange(t *testing.T) {
	f := func(want string, flags ...string) {
		t.Helper()
		run(nil, "", append([]string{"serve", "--data", t.TempDir()}, flags...)...).refused(t, want)
	}
	f("--tls-key: the certificate and its key go together: set both, or neither\n--max-connections: 0 is not from 1 to 1048576",
		"--max-connections", "0", "--tls-cert", "x")
	for flag, problem := range map[string]string{
		"--plugin-memory 70000":                "70000 is no multiple of 65536",
		"--plugin-memory 2147483648":           "2147483648 is not from 65536 to 1073741824",
		"--plugin-row-fuel 0":                  "0 is not from 1 to 1125899906842624",
		"--plugin-fuel 0":                      "0 is not from 1 to 1125899906842624",
		"--plugin-batch-time 1ms":              "1ms is not from 10ms to 1m0s",
		"--plugin-max-traps -1":                "-1 is not from 0 to 1073741824",
		"--plugin-max-rows-out 0":              "0 is not from 1 to 1048576",
		"--plugin-max-bytes-out 1":             "1 is not from 1024 to 268435456",
		"--plugin-max-errors 0":                "0 is not from 1 to 1024",
		"--plugin-max-log-lines 0":             "0 is not from 1 to 1048576",
		"--plugin-max-log-bytes 0":             "0 is not from 1024 to 67108864",
		"--plugin-max-module-bytes 1073741824": "1073741824 is not from 1024 to 67108864",
		"--plugin-compile-time 2m":             "2m0s is not from 1s to 1m0s",
	} {
		name, value, _ := strings.Cut(flag, " ")
		f(name+": "+problem, name+"="+value)
		run(nil, "", "plugins", "test", cleaner, name+"="+value).refused(t, name+": "+problem)
	}
}

// Each field of the server's configuration that has a flag has one of its name.
func TestFlagsAreFields(t *testing.T) {
	help := run(nil, "", "serve", "--help").want(t, exitDone).stdout
	config := reflect.TypeFor[host.Config]()
	flags := 0
	for _, f := range append(reflect.VisibleFields(reflect.TypeFor[serveCmd]()), reflect.VisibleFields(reflect.TypeFor[pluginLimits]())...) {
		if _, ok := config.FieldByName(f.Name); ok {
			flags++
			if !strings.Contains(help, flagOf(f.Name)) {
				t.Errorf("%s has no flag %s", f.Name, flagOf(f.Name))
			}
		}
	}
	if flags < 20 {
		t.Errorf("only %d fields have flags", flags)
	}
}
