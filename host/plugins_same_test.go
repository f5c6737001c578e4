package host

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// importAndDie sends a CSV to a server in a process of its own and kills that
// process some time after the answer. It returns the job's id.
func importAndDie(t *testing.T, data, token, query, csv string, later time.Duration) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveForTest+"="+data)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%q, %v", addr, err)
	}
	req, err := http.NewRequest("POST", "http://"+strings.TrimSpace(addr)+importPath+query, strings.NewReader(csv))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "text/csv")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	location := resp.Header.Get("Location")
	if resp.StatusCode != 202 || location == "" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	time.Sleep(later)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	return location[strings.LastIndexByte(location, '/')+1:]
}

// One input comes to one result and one store, however its rows are cut into
// calls, and whether or not the process was killed in between.
func TestPluginResultsAreTheSame(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("name,domain\n")
	orders := []string{"!skip", "!reject", "!trap", "!twice", "!log"}
	for i := range 30_000 {
		name := fmt.Sprint("Company ", i)
		if i%1503 == 3 {
			name = orders[i/1503%len(orders)]
		}
		fmt.Fprintf(&csv, "%s,c%d.example\n", name, i%27_000)
	}
	id := regexp.MustCompile(`"id":"[^"]*"`)
	type outcome struct{ said, results, stored string }
	run := func(change func(*Config), dies bool, later time.Duration) outcome {
		t.Helper()
		cfg := DefaultConfig()
		cfg.Addr, cfg.AdminAddr, cfg.Data, cfg.PluginCompileTime = "127.0.0.1:0", "", t.TempDir(), time.Minute
		change(&cfg)
		c := serve(t, cfg).house("acme")
		c.useChaos()
		const query = "?results=true&update_existing=true"
		var job string
		if dies {
			if err := c.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			job = importAndDie(t, cfg.Data, c.token, query, csv.String(), later)
			c = &house{serve(t, cfg), t, c.token}
		} else {
			r := c.post(importPath+query, csv.String(), "Content-Type: text/csv")
			r.want(t, 202, "")
			job = r.importData(t).JobID
		}
		d := c.ended(job)
		results := c.get(jobPath(job) + "/results")
		return outcome{told(d), id.ReplaceAllString(string(results.body), ""), c.stored()}
	}
	plain := func(*Config) {}
	want := run(plain, false, 0)
	if n := strings.Count(want.results, "\n"); !strings.HasPrefix(want.said, "completed ") || n < 30_000 || !strings.Contains(want.said, "plugin_trap") {
		t.Fatalf("%s, %d results", want.said, n)
	}
	f := func(what string, got outcome) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s; results equal: %v, store equal: %v", what, got.said, want.said, got.results == want.results, got.stored == want.stored)
		}
	}
	f("little fuel, so that calls are short", run(func(c *Config) { c.PluginFuel, c.PluginRowFuel = 1_000_000, 500_000 }, false, 0))
	f("killed at once", run(plain, true, 0))
	f("killed in the middle", run(plain, true, 60*time.Millisecond))
}
