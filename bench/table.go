package bench

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// column is one figure of the tables; an empty cell was not measured.
type column struct {
	name string
	cell func(*Report, *Result) string
}

func figure(name string, of func(Sample) float64, show func(float64) string) column {
	return column{name, func(_ *Report, res *Result) string { return shown(res.series(of).Median, show) }}
}

func shown(v float64, show func(float64) string) string {
	if v == 0 {
		return ""
	}
	return show(v)
}

// bulkColumns are those of imports of whole files, smallColumns those of many
// requests.
var (
	rowsColumn   = figure("rows/s", Sample.rowsPerSecond, thousands)
	spreadColumn = column{"±", func(_ *Report, res *Result) string {
		return shown(res.series(func(r Sample) float64 { return r.Seconds }).Spread()/2, percent)
	}}
	cpuColumn  = figure("CPU s/M rows", Sample.cpuPerMillion, decimals)
	peakColumn = figure("peak MB", func(r Sample) float64 { return float64(r.PeakAnon) }, megabytes)
)

func bulkColumns() []column {
	return []column{rowsColumn, spreadColumn,
		figure("MB/s", Sample.bytesPerSecond, megabytes), cpuColumn, peakColumn,
		figure("written MB", func(r Sample) float64 { return float64(r.WriteBytes) }, megabytes),
		figure("disk MB", func(r Sample) float64 { return float64(r.DiskBytes) }, megabytes),
		{"of floor", func(r *Report, res *Result) string { return shown(r.shareOfFloor(res), percent) }},
		figure("open s", func(r Sample) float64 { return r.OpenSeconds }, decimals),
	}
}

func smallColumns() []column {
	return []column{
		figure("requests/s", Sample.requestsPerSecond, thousands), spreadColumn, rowsColumn,
		figure("p50 ms", func(r Sample) float64 { return r.P50 }, decimals),
		figure("p99 ms", func(r Sample) float64 { return r.P99 }, decimals), cpuColumn, peakColumn,
	}
}

// table is a table of results: those that have requests, or those that don't.
type table struct {
	head []string
	rows [][]string
}

// tables makes the two tables of a report; one without rows is nil.
func (r *Report) tables() (bulk, small *table) {
	bulk, small = r.table(bulkColumns(), false), r.table(smallColumns(), true)
	return bulk, small
}

func (r *Report) table(columns []column, requests bool) *table {
	t := &table{head: []string{"", ""}}
	for _, c := range columns {
		t.head = append(t.head, c.name)
	}
	t.head = append(t.head, "runs")
	for _, res := range r.Results {
		if len(res.Runs) == 0 || (res.Runs[0].Requests > 0) != requests {
			continue
		}
		row := []string{res.Name, res.About}
		for _, c := range columns {
			row = append(row, c.cell(r, res))
		}
		t.rows = append(t.rows, append(row, strconv.Itoa(len(res.Runs))))
	}
	if len(t.rows) == 0 {
		return nil
	}
	return t
}

// missing lists, one a line, what failed and what was not measured, and why.
func (r *Report) missing() []string {
	var list []string
	for _, res := range r.Results {
		switch {
		case res.Failed != "":
			list = append(list, res.Name+": failed: "+res.Failed)
		case res.Missing != "":
			list = append(list, res.Name+": "+res.Missing)
		case len(res.Runs) == 0:
			list = append(list, res.Name+": the run ended before it")
		}
	}
	return list
}

// Failed reports whether a scenario or a peer failed.
func (r *Report) Failed() bool {
	for _, res := range r.Results {
		if res.Failed != "" {
			return true
		}
	}
	return false
}

// WriteText prints the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, seed %d, %s rows a file, %.0f s\n%s\n", r.Revision, r.Seed, thousands(float64(r.Rows)), r.Seconds, r.machine())
	bulk, small := r.tables()
	for _, t := range []*table{bulk, small} {
		if t != nil {
			b.WriteByte('\n')
			t.text(&b)
		}
	}
	for _, line := range r.ratios() {
		fmt.Fprintf(&b, "\n%s", line)
	}
	for _, line := range r.missing() {
		fmt.Fprintf(&b, "\n%s", line)
	}
	if r.Incomplete != "" {
		fmt.Fprintf(&b, "\nincomplete: %s", r.Incomplete)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// text aligns names to the left and figures to the right; what a result is about
// comes last, where its length does no harm.
func (t *table) text(b *strings.Builder) {
	all := append([][]string{t.head}, t.rows...)
	width := make([]int, len(t.head))
	for _, row := range all {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for _, row := range all {
		fmt.Fprintf(b, "%-*s", width[0], row[0])
		for i := 2; i < len(row); i++ {
			fmt.Fprintf(b, "  %*s", width[i], row[i])
		}
		b.WriteString("  " + row[1])
		b.WriteByte('\n')
	}
}

// machine is the machine in a line.
func (r *Report) machine() string {
	m := r.Machine
	return fmt.Sprintf("%s, %s, %.0f GB of memory, Linux %s, %s, %s", m.CPU, plural(m.Cores, "core"), float64(m.Memory)/(1<<30), m.Kernel, m.FileSystem, m.Go)
}

// ratios says how each peer compares with the scenario that does the same.
func (r *Report) ratios() []string {
	var list []string
	for _, res := range r.Results {
		own := r.find(res.Against)
		if res.Against == "" || own == nil {
			continue
		}
		rate, other := own.series(Sample.rowsPerSecond).Median, res.series(Sample.rowsPerSecond).Median
		if rate > 0 && other > 0 {
			list = append(list, fmt.Sprintf("%s is %.1f × %s", own.Name, rate/other, res.Name))
		}
	}
	return list
}

func thousands(v float64) string {
	digits := strconv.FormatInt(int64(math.Round(v)), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func decimals(v float64) string  { return strconv.FormatFloat(v, 'f', 2, 64) }
func percent(v float64) string   { return strconv.FormatFloat(v*100, 'f', 0, 64) + " %" }
func megabytes(v float64) string { return thousands(v / 1e6) }
