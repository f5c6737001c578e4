package host

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/engine/fault"
	"sluice/plugins"
)

// Series of plugins are bounded: a tenant may make up names, and there may be many
// tenants. Those beyond count under the name manyPlugins.
const (
	seriesPerTenant = 20
	maxSeriesOwners = 1000 // tenants

	manyPlugins = "other"
)

// pluginMetrics say what plugins cost, by tenant and name.
type pluginMetrics struct {
	rows, fuel, seconds, traps, starts *prometheus.CounterVec
	perRow                             *prometheus.GaugeVec
	start                              prometheus.Histogram
	compiles                           *prometheus.CounterVec
	compile                            prometheus.Histogram

	mu     sync.Mutex
	series map[string]map[string]*pluginSeries // by tenant and name
}

// pluginSeries are the metrics of one plugin.
type pluginSeries struct {
	rows, fuel, seconds, traps, starts prometheus.Counter
	perRow                             prometheus.Gauge
}

func newPluginMetrics() *pluginMetrics {
	labels := []string{"tenant", "plugin"}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	seconds := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help,
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}})
	}
	return &pluginMetrics{
		rows:    counter("sluice_plugin_rows_total", "Rows that a plugin judged.", labels...),
		fuel:    counter("sluice_plugin_fuel_total", "Fuel that a plugin burnt on rows that it judged.", labels...),
		seconds: counter("sluice_plugin_seconds_total", "Processor time of a plugin on rows that it judged.", labels...),
		traps:   counter("sluice_plugin_traps_total", "Calls of a plugin that ended in a trap, retries included.", labels...),
		starts:  counter("sluice_plugin_starts_total", "Instances of a plugin that were started.", labels...),
		perRow: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sluice_plugin_fuel_per_row",
			Help: "Fuel of a row, on average of the plugin's last call."}, labels),
		start:    seconds("sluice_plugin_start_seconds", "Time to start an instance of any plugin."),
		compiles: counter("sluice_plugin_compiles_total", "Modules that were compiled and tried, by outcome.", "outcome"),
		compile:  seconds("sluice_plugin_compile_seconds", "Time to compile and try a module."),
		series:   make(map[string]map[string]*pluginSeries),
	}
}

// collectors are what a registry is given.
func (m *pluginMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.rows, m.fuel, m.seconds, m.traps, m.starts, m.perRow, m.start, m.compiles, m.compile}
}

// events are what the sandbox tells m of.
func (m *pluginMetrics) events() plugins.Events {
	return plugins.Events{
		Called: func(tenant string, p plugins.Info, rows int, fuel int64, ran time.Duration) {
			s := m.of(tenant, p.Name)
			s.rows.Add(float64(rows))
			s.fuel.Add(float64(fuel))
			s.seconds.Add(ran.Seconds())
			s.perRow.Set(float64(fuel) / float64(rows))
		},
		Trapped: func(tenant string, p plugins.Info, _ string) { m.of(tenant, p.Name).traps.Inc() },
		Opened: func(tenant string, p plugins.Info, took time.Duration) {
			m.of(tenant, p.Name).starts.Inc()
			m.start.Observe(took.Seconds())
		},
		Compiled: func(took time.Duration, err error) {
			m.compiles.WithLabelValues(outcomeOf(err)).Inc()
			m.compile.Observe(took.Seconds())
		},
	}
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "accepted"
	case fault.CodeOf(err) == fault.PluginInvalid:
		return "refused"
	}
	return "failed"
}

// of finds the series of a plugin, or the one that stands for those beyond the
// bounds.
func (m *pluginMetrics) of(tenant, plugin string) *pluginSeries {
	m.mu.Lock()
	defer m.mu.Unlock()
	own := m.series[tenant]
	if own == nil {
		if len(m.series) >= maxSeriesOwners {
			tenant, plugin = manyPlugins, manyPlugins
			own = m.series[tenant]
		}
		if own == nil {
			own = make(map[string]*pluginSeries)
			m.series[tenant] = own
		}
	}
	if own[plugin] == nil && len(own) >= seriesPerTenant {
		plugin = manyPlugins
	}
	if own[plugin] == nil {
		own[plugin] = &pluginSeries{m.rows.WithLabelValues(tenant, plugin), m.fuel.WithLabelValues(tenant, plugin),
			m.seconds.WithLabelValues(tenant, plugin), m.traps.WithLabelValues(tenant, plugin),
			m.starts.WithLabelValues(tenant, plugin), m.perRow.WithLabelValues(tenant, plugin)}
	}
	return own[plugin]
}
