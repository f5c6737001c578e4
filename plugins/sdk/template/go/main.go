// Command PLUGIN_NAME maps a list of companies: it rejects rows without a name, skips
// closed companies and sorts the staff into sizes. Make it yours.
package main

import (
	"errors"
	"strings"

	sluice "sluice/plugins/sdk/go"
)

func main() {}

var _ = sluice.Register(sluice.Plugin{Name: "PLUGIN_NAME", Version: "1.0.0", Description: "Maps a list of companies", Open: open})

func open(job *sluice.Job) (func(*sluice.Row), error) {
	company, website := job.Input("Company", "Name"), job.Input("Website")
	if company == sluice.None {
		return nil, errors.New("the file has no column Company or Name")
	}
	staff, status := job.Input("Staff"), job.Input("Status")
	name, domain, size := job.Output("name"), job.Output("domain"), job.Output("size")
	job.Pass("city", "City")
	job.Pass("country", "Country")
	skip := job.Config.Text("skip", "closed")
	return func(r *sluice.Row) {
		if r.Blank(company) {
			r.Reject(company, "no_name", "a company needs a name")
			return
		}
		if strings.EqualFold(strings.TrimSpace(r.Text(status)), skip) {
			r.Skip()
			return
		}
		r.Set(name, strings.TrimSpace(r.Text(company)))
		r.Set(domain, strings.TrimSpace(r.Text(website)))
		if n, ok := r.Int(staff); ok {
			r.Set(size, sizeOf(n))
		} else if !r.Blank(staff) {
			r.Reject(staff, "bad_staff", "the staff is no whole number")
		}
	}, nil
}

func sizeOf(staff int64) string {
	switch {
	case staff <= 10:
		return "1-10"
	case staff <= 50:
		return "11-50"
	case staff <= 200:
		return "51-200"
	}
	return "201+"
}
