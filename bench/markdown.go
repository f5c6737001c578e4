package bench

import (
	"fmt"
	"strings"
)

// Markdown writes the report as the README shows it.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Revision %s on %s:\n%s.\n`%s` reproduces it;\n[METHODOLOGY.md](bench/METHODOLOGY.md) says how it was measured and what is unfair to whom.\n",
		r.Revision, r.Started.Format("2 January 2006"), r.machine(), r.Command)
	fmt.Fprintf(&b, "%s; files of %s rows (%s), seed %d.\n", r.rounds(), thousands(float64(r.Rows)), r.fileSize(), r.Seed)
	bulk, small := r.tables()
	if bulk != nil {
		b.WriteString("\nWhole files, from the first byte sent to the job's end, durable; \"of floor\" is the time in which the machine\nreceives, scans, hashes, compresses and fsyncs the same bytes, as a share:\n\n")
		bulk.markdown(&b)
	}
	if small != nil {
		b.WriteString("\nMany requests, each durable before its answer; reads are beside an import, whose rows/s stand there:\n\n")
		small.markdown(&b)
	}
	if ratios := r.ratios(); len(ratios) > 0 {
		fmt.Fprintf(&b, "\nIn the same run:\n%s.\n", strings.Join(ratios, ",\n"))
	}
	if settings := r.settings(); len(settings) > 0 {
		b.WriteString("\nThe others' settings:\n\n")
		for _, line := range settings {
			fmt.Fprintf(&b, "- %s\n", line)
		}
	}
	for _, line := range r.missing() {
		fmt.Fprintf(&b, "\nNot measured: %s\n", strings.Join(strings.Fields(line), " "))
	}
	if r.Incomplete != "" {
		fmt.Fprintf(&b, "\nThe run was cut short: %s.\n", r.Incomplete)
	}
	return b.String()
}

// rounds says of how many runs a figure is, for a reader who weighs it.
func (r *Report) rounds() string {
	least, most := 0, 0
	for _, res := range r.Results {
		if n := len(res.Runs); n > 0 {
			if least == 0 || n < least {
				least = n
			}
			most = max(most, n)
		}
	}
	switch {
	case most <= 1:
		return "One run of each"
	case least == most:
		return fmt.Sprintf("Medians of %d interleaved runs, ± half of their spread", most)
	}
	return fmt.Sprintf("Medians of %d to %d interleaved runs, ± half of their spread", least, most)
}

// fileSize is the size of the main file, as the floor received it.
func (r *Report) fileSize() string {
	if floor := r.find(floorName(csvShape)); floor != nil && len(floor.Runs) > 0 {
		return megabytes(float64(floor.Runs[0].Bytes)) + " MB of CSV"
	}
	return "CSV"
}

// settings says once for each peer which version it was and what it was told.
func (r *Report) settings() []string {
	var list []string
	seen := map[string]bool{}
	for _, res := range r.Results {
		name, _, _ := strings.Cut(res.Name, "-")
		if res.Kind == KindPeer && len(res.Runs) > 0 && !seen[name] {
			seen[name] = true
			list = append(list, fmt.Sprintf("%s %s: %s", name, res.Version, res.Settings))
		}
	}
	return list
}

func (t *table) markdown(b *strings.Builder) {
	line := func(row []string, cell func(string) string) {
		for i, c := range row {
			if i == 1 {
				continue // what it is about stands with the name
			}
			if i == 0 && row[1] != "" {
				c = "`" + c + "` " + row[1]
			}
			b.WriteString("| " + cell(c) + " ")
		}
		b.WriteString("|\n")
	}
	line(t.head, escapeCell)
	for i := range t.head {
		switch i {
		case 0:
			b.WriteString("|---")
		case 1:
		default:
			b.WriteString("|---:")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		line(row, escapeCell)
	}
}

// escapeCell keeps a cell from ending its column.
func escapeCell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
