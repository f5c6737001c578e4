package plugins

import (
	"encoding/json"

	"sluice/engine/company"
)

// Info names one exact plugin.
type Info struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	SHA256  string `json:"sha256"` // of the module as uploaded, in hex
}

// Job is what a plugin may know of its job. The same Job gives the same answers,
// on any machine and after any restart.
type Job struct {
	ID      string
	Plugin  Info
	Columns []string        // names of the columns as sent, or as mapped
	Config  json.RawMessage // nil: none
	Options json.RawMessage // a JSON object; nil: none
	Seed    uint64          // of the guest's random numbers
	Clock   int64           // the guest's clock, Unix nanoseconds

	// Later are further keys of the context, a JSON object: what a coming host may
	// send. Only kits that check guests set it.
	Later json.RawMessage
}

// Object is what plugins work on; another kind of record would be another one.
const Object = "companies"

// jobContext is the JSON that open is given.
type jobContext struct {
	Object  string          `json:"object"`
	Columns []string        `json:"columns"`
	Fields  []contextField  `json:"fields"`
	Config  json.RawMessage `json:"config"`
	Options json.RawMessage `json:"options"`
}

type contextField struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
}

// openContext renders the context of job with the given columns. It is the same
// bytes wherever it is rendered.
func openContext(job Job, columns []string) ([]byte, error) {
	empty := json.RawMessage("{}")
	c := jobContext{Object: Object, Columns: columns, Config: job.Config, Options: job.Options}
	if len(c.Columns) == 0 {
		c.Columns = []string{}
	}
	if len(c.Config) == 0 {
		c.Config = empty
	}
	if len(c.Options) == 0 {
		c.Options = empty
	}
	for f := range company.Fields {
		field := company.Field(f)
		if field == company.Custom {
			continue
		}
		kind := "text"
		if field == company.Tags {
			kind = "tags"
		}
		c.Fields = append(c.Fields, contextField{field.String(), kind, field == company.Name})
	}
	data, err := json.Marshal(c)
	if err != nil || len(job.Later) == 0 {
		return data, err
	}
	return append(append(data[:len(data)-1], ','), job.Later[1:]...), nil
}
