package host

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/plugins"
)

// metricsOf are the lines about plugins on the admin address, by name and labels.
func (ts *testServer) metricsOf(t *testing.T) map[string]float64 {
	t.Helper()
	resp, err := http.Get("http://" + ts.AdminAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	found := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "sluice_plugin_") {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		var n float64
		if _, err := fmt.Sscan(value, &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		found[name] = n
	}
	return found
}

func TestPluginMetrics(t *testing.T) {
	c := newPluginHouse(t, func(c *Config) { c.AdminAddr = "127.0.0.1:0" })
	c.useChaos()
	c.upload("wrong", []byte("\x00asm")).want(t, 422, "plugin_invalid")
	c.csv("", "name,domain\nA,a.example\nB,b.example\n!trap,t.example\n").wantSaid(t, "one trap", "200 completed 2+0+0+1=3 [3:4 plugin_trap]")
	got := c.metricsOf(t)
	labels := `{plugin="chaos",tenant="acme"}`
	if got["sluice_plugin_rows_total"+labels] != 2 {
		t.Errorf("rows: %v", got)
	}
	for _, name := range []string{"fuel_total", "fuel_per_row", "seconds_total", "starts_total"} {
		if got["sluice_plugin_"+name+labels] <= 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	// All three rows, the half with the guilty one, and that alone.
	if traps := got["sluice_plugin_traps_total"+labels]; traps < 2 || traps > 4 {
		t.Errorf("traps: %v", traps)
	}
	if got[`sluice_plugin_compiles_total{outcome="accepted"}`] != 1 || got[`sluice_plugin_compiles_total{outcome="refused"}`] != 1 ||
		got["sluice_plugin_compile_seconds_count"] != 2 {
		t.Errorf("compiles: %v", got)
	}
}

func TestPluginMetricsAreBounded(t *testing.T) {
	m := newPluginMetrics()
	events := m.events()
	for i := range 3 * seriesPerTenant {
		events.Called("acme", plugins.Info{Name: fmt.Sprint("p", i)}, 10, 1000, time.Millisecond)
	}
	if n := len(m.series["acme"]); n != seriesPerTenant+1 {
		t.Errorf("%d series of one tenant", n)
	}
	for i := range 2 * maxSeriesOwners {
		events.Trapped(fmt.Sprint("t", i), plugins.Info{Name: "p"}, "unreachable")
	}
	if n := len(m.series); n != maxSeriesOwners+1 {
		t.Errorf("%d tenants", n)
	}
	if n := len(m.series[manyPlugins]); n != 1 {
		t.Errorf("%d series beyond the bound", n)
	}
	// What was there before the bound was reached still counts by itself.
	before := m.of("acme", "p3")
	if m.of("acme", "p3") != before || m.of("acme", "p3") == m.of("acme", "p50") {
		t.Error("a known plugin counts under another's name")
	}
}
