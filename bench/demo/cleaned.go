package demo

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// cleaned are the columns that the plugin tidies, and the fields that it makes of
// them.
var cleaned = [...][2]string{{"Company Name", "name"}, {"Domain", "domain"}, {"Country", "country"}}

// showCleaned prints a row of the file as it was sent, and what is stored of it.
func (d *demo) showCleaned(ctx context.Context, path string) error {
	sent, err := dirtyRow(path)
	if err != nil {
		return err
	}
	companies, err := d.companies(ctx, url.Values{"domain": {sent["Domain"]}})
	if err != nil {
		return err
	}
	var stored map[string]any
	if err := json.Unmarshal(companies[0], &stored); err != nil {
		return err
	}
	d.say("One row, as it was sent and as the plugin left it:")
	for _, c := range cleaned {
		fmt.Fprintf(d.Stdout, "  %-12s  %-44q  %-8s %q\n", c[0], sent[c[0]], c[1], stored[c[1]])
	}
	return nil
}

// dirtyRow finds a row whose domain is a whole address and whose country is a
// name, by column.
func dirtyRow(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = ';', true, -1
	header, err := r.Read()
	if err != nil {
		return nil, err
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file has no row with a whole address for a domain")
		}
		if err != nil {
			return nil, err
		}
		row := map[string]string{}
		for i, cell := range record[:min(len(record), len(header))] {
			row[header[i]] = cell
		}
		if strings.Contains(row["Domain"], "@") && len(row["Country"]) > 2 {
			return row, nil
		}
	}
}
