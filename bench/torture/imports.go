package torture

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
)

// importing is one import as a lane asks for it.
type importing struct {
	request
	rows   []row
	update bool
	tags   []string
	plugin string // as sent: "" absent, "none", or "cleaner"
	abort  bool
	dry    bool
}

// Sizes of imports: up to syncRows are done before the answer.
const (
	syncRows = 500
	minQueue = syncRows + 1
)

// newImport makes an import of n rows.
func newImport(rng *rand.Rand, lane, stamp string, n, domains int) *importing {
	im := &importing{rows: makeRows(rng, lane, stamp, n, domains), update: rng.IntN(2) == 0,
		plugin: pick(rng, "", "", "none", "cleaner"), abort: rng.IntN(15) == 0, dry: rng.IntN(25) == 0}
	if rng.IntN(2) == 0 {
		im.tags = []string{stamp, pick(rng, "lead", "customer")}
	}
	im.request = request{method: http.MethodPost, path: "/v1/import/companies"}
	if rng.IntN(5) > 0 {
		im.key = stamp
	} else if rng.IntN(2) == 0 {
		im.prefer = "wait=2"
	}
	form := rng.IntN(4)
	if n > syncRows {
		form = 2 + rng.IntN(2)
	}
	switch form {
	case 0:
		im.json("rows", encodeRows(im.rows))
	case 1:
		im.json("csv", string(encodeCSV(im.rows)))
	case 2:
		im.raw("text/csv", encodeCSV(im.rows))
	case 3:
		im.raw("application/x-ndjson", encodeNDJSON(im.rows))
	}
	if rng.IntN(3) == 0 {
		im.body, im.coding = zip(im.body), "gzip"
	}
	return im
}

func encodeRows(rows []row) []json.RawMessage {
	list := make([]json.RawMessage, len(rows))
	for i, r := range rows {
		list[i] = encodeRow(r)
	}
	return list
}

// json makes the body an object with the options inside.
func (im *importing) json(name string, rows any) {
	object := map[string]any{name: rows, "update_existing": im.update, "dry_run": im.dry, "on_error": im.onError()}
	if len(im.tags) > 0 {
		object["tags"] = im.tags
	}
	switch im.plugin {
	case "none":
		object["plugin"] = nil
	case "cleaner":
		object["plugin"] = im.plugin
	}
	body, err := json.Marshal(object)
	if err != nil {
		panic("BUG: encode import: " + err.Error())
	}
	im.media, im.body = "application/json", body
}

// raw puts the options into the query.
func (im *importing) raw(media string, body []byte) {
	q := url.Values{"update_existing": {fmt.Sprint(im.update)}, "dry_run": {fmt.Sprint(im.dry)},
		"on_error": {im.onError()}, "tags": im.tags}
	switch im.plugin {
	case "none":
		q.Set("plugin", "")
	case "cleaner":
		q.Set("plugin", im.plugin)
	}
	im.media, im.body, im.path = media, body, im.path+"?"+q.Encode()
}

func (im *importing) onError() string {
	if im.abort {
		return "abort"
	}
	return "skip"
}

// result is what an import must come to.
type result struct {
	after  state
	counts counts
	failed []uint64 // row numbers
	whole  bool     // false: it was refused as a whole, and nothing is applied
}

// run says what the import comes to on a state, which stays as it is. cleaned:
// through the cleaner. n bounds the rows that were reached.
func (im *importing) run(before state, cleaned bool, n uint64) result {
	r := result{after: maps.Clone(before), whole: true}
	r.counts, r.failed = r.after.apply(im.rows[:n], im.update, im.tags, cleaned)
	if im.abort && r.counts.Failed > 0 {
		r.whole, r.after = false, before
	}
	if im.dry {
		r.after = before
	}
	return r
}

// all is every row of the import.
func (im *importing) all() uint64 { return uint64(len(im.rows)) }

// plugins are the ways the import may go, where nobody said which plugin is active.
func (im *importing) plugins() []bool {
	switch im.plugin {
	case "none":
		return []bool{false}
	case "cleaner":
		return []bool{true}
	}
	return []bool{false, true}
}

// answered is what the API says of an import.
type answered struct {
	ID     string `json:"job_id"`
	Status string `json:"status"`
	counts
	Errors []struct {
		Row uint64 `json:"row_number"`
	} `json:"errors"`
	Plugin *struct {
		Name string `json:"name"`
	} `json:"plugin"`
}

func (a *answered) ended() bool { return a.Status != "queued" && a.Status != "processing" }

func (a *answered) cleaned() bool { return a.Plugin != nil }

// check holds what is said of an ended import to what it must come to.
func (a *answered) check(want result) error {
	if !want.whole {
		if a.Status != "failed" || a.Created+a.Updated+a.Skipped != 0 || a.Failed == 0 {
			return fmt.Errorf("import %s is %s with %+v; want it failed as a whole", a.ID, a.Status, a.counts)
		}
		return nil
	}
	if a.Status == "failed" || a.counts != want.counts {
		return fmt.Errorf("import %s is %s with %+v; want %+v", a.ID, a.Status, a.counts, want.counts)
	}
	var rows []uint64
	for _, e := range a.Errors {
		rows = append(rows, e.Row)
	}
	rows = slices.Compact(rows)
	if first := want.failed[:min(len(want.failed), len(rows))]; !slices.Equal(rows, first) || len(rows) < min(len(want.failed), 50) {
		return fmt.Errorf("import %s: rows %v failed; want %v", a.ID, rows, want.failed)
	}
	return nil
}
