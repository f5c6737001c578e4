package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sluice/bench/dataset"
	"sluice/bench/load"
)

// Scenario is one thing that is measured, once a round.
type Scenario struct {
	Name     string
	Group    string
	About    string
	Headline bool
	OptIn    bool // only when named

	guest string
	users int   // tenants, where there are several
	times int   // the rows of the configuration; 0: once
	floor shape // whose floor its bytes have; empty: none
	run   func(ctx context.Context, s *stage) (Sample, error)
}

// The groups.
const (
	groupFirst   = "first load"
	groupAgain   = "again"
	groupTenants = "tenants"
	groupSmall   = "small requests"
	groupReads   = "reads"
	groupLarge   = "large"
)

// Main is the scenario that peers are compared with.
const Main = "csv-c"

// headlines are measured in every round; the others in the first ones only.
var headlines = []string{Main, "ndjson", "json-rows", "skipped", "update-ordered", "update-random", "sync-1-x64", "sync-100-x64"}

// Scenarios lists all, in the order in which they are shown.
func Scenarios() []Scenario {
	first := func(name, about string, shape shape, guest string) Scenario {
		return Scenario{Name: name, Group: groupFirst, About: about, guest: guest, floor: shape,
			run: importing{shape: shape, guest: guest, want: allCreated, reopen: name == Main}.run}
	}
	again := func(name, about string, i importing) Scenario {
		i.shape, i.guest, i.loaded = csvShape, guestC, true
		return Scenario{Name: name, Group: groupAgain, About: about, guest: guestC, floor: csvShape, run: i.run}
	}
	updated := func(order dataset.Order, want func(int) load.Counts) importing {
		return importing{clean: dataset.Clean{Revision: 1, Order: order}, update: true, want: want}
	}
	list := []Scenario{
		first(Main, "raw CSV through the C guest", csvShape, guestC),
		first("csv", "raw CSV, mapped, no plugin", csvShape, noGuest),
		first("csv-go", "raw CSV through the Go guest, three rules a row", csvShape, guestGo),
		first("csv-as", "raw CSV through the AssemblyScript guest", salesforceShape, guestAS),
		first("csv-gzip", "gzipped CSV through the C guest", gzipShape, guestC),
		first("ndjson", "NDJSON, no plugin", ndjsonShape, noGuest),
		first("json-rows", "JSON rows, consecutive requests under 20 MiB, no plugin", jsonRowsShape, noGuest),
		first("json-csv", "CSV in JSON, consecutive requests under 20 MiB, no plugin", jsonCSVShape, noGuest),
		again("skipped", "the same CSV again, every row skipped", importing{want: allSkipped}),
		again("update-ordered", "changed rows, every one an update, in order", updated(dataset.InOrder, allUpdated)),
		again("update-random", "changed rows, every one an update, in random order", updated(dataset.Shuffled, allUpdated)),
		again("half", "by turns an update and a new row", updated(dataset.HalfNew, halfUpdated)),
		{Name: "tenants-50", Group: groupTenants, About: "50 tenants at once, a 50th of the rows each, no plugin", users: tenants, floor: csvShape, run: manyTenants},
		{Name: "reads-id", Group: groupReads, About: "GET by id while the rows of half are imported", guest: guestC, run: readsWhile{byID}.run},
		{Name: "reads-domain", Group: groupReads, About: "GET by domain, the same", guest: guestC, run: readsWhile{byDomain}.run},
	}
	for _, rows := range []int{1, 100} {
		for _, connections := range []int{1, 16, 64} {
			list = append(list, Scenario{Name: fmt.Sprintf("sync-%d-x%d", rows, connections), Group: groupSmall,
				About: fmt.Sprintf("JSON imports of %s, durable before the answer, %s", plural(rows, "row"), plural(connections, "connection")),
				run:   burst{rows: rows, connections: connections}.run})
		}
	}
	list = append(list, Scenario{Name: "10m", Group: groupLarge, About: "raw CSV through the C guest, ten times the rows", guest: guestC, OptIn: true, times: 10,
		floor: csvShape, run: importing{shape: csvShape, guest: guestC, want: allCreated, times: 10, reopen: true, settle: true}.run})
	for i := range list {
		list[i].Headline = slices.Contains(headlines, list[i].Name)
	}
	return list
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// selected returns the scenarios of the names or groups; of none all but those
// that must be named.
func selected(names []string) ([]Scenario, error) {
	all := Scenarios()
	var out []Scenario
	found := map[string]bool{}
	for _, s := range all {
		byName, byGroup := slices.Contains(names, s.Name), slices.Contains(names, s.Group)
		found[s.Name], found[s.Group] = true, true
		if byName || byGroup || len(names) == 0 && !s.OptIn {
			out = append(out, s)
		}
	}
	var unknown []string
	for _, name := range names {
		if !found[name] {
			unknown = append(unknown, fmt.Sprintf("%q", name))
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("there is no %s; --list shows all", strings.Join(unknown, ", "))
	}
	return out, nil
}

// needs lists the guests that the scenarios have, each once, and how many tenants.
func needs(scenarios []Scenario) (guests []string, users int) {
	users = 1
	for _, s := range scenarios {
		users = max(users, s.users)
		if s.guest != noGuest && !slices.Contains(guests, s.guest) {
			guests = append(guests, s.guest)
		}
	}
	return guests, users
}
