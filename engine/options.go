package engine

import (
	"encoding/json"

	"sluice/engine/fault"
)

// Format is how an upload's rows are written in the spool.
type Format string

const (
	CSV    Format = "csv"    // a CSV file, decoded to UTF-8
	NDJSON Format = "ndjson" // an NDJSON upload: lines are counted
	Rows   Format = "rows"   // the rows of a JSON body, one a line
)

// OnError says what a failed row does to the others.
type OnError string

const (
	Skip  OnError = "skip"  // the row fails alone
	Abort OnError = "abort" // nothing is applied; MaxErrors 0
)

// PluginRef is the plugin option of a request. The zero value asks for the
// tenant's active one.
type PluginRef struct {
	None    bool   `json:"none,omitempty"`
	Name    string `json:"name,omitempty"`
	Version int    `json:"version,omitempty"` // 0: the newest
}

// DialectOptions are the parts of a CSV's dialect that the caller fixed; empty
// ones are sniffed.
type DialectOptions struct {
	Delimiter string `json:"delimiter,omitempty"`
	Quote     string `json:"quote,omitempty"`
	Encoding  string `json:"encoding,omitempty"`
}

// Dialect is how a CSV was read, as it is echoed.
type Dialect struct {
	Delimiter string `json:"delimiter"`
	Quote     string `json:"quote"`
	Encoding  string `json:"encoding"`
}

// Options are what a caller asks of one import. The zero value is every default
// but HasHeader, so start from DefaultOptions.
type Options struct {
	HasHeader      bool              `json:"has_header"`
	Mapping        map[string]string `json:"mapping,omitempty"` // CSV: header (or column number) → field
	UpdateExisting bool              `json:"update_existing,omitempty"`
	Tags           []string          `json:"tags,omitempty"`
	Plugin         PluginRef         `json:"plugin"`
	PluginConfig   json.RawMessage   `json:"plugin_config,omitempty"`
	DryRun         bool              `json:"dry_run,omitempty"`
	MaxErrors      int               `json:"max_errors"` // failed rows allowed; Unlimited
	Results        bool              `json:"results,omitempty"`
	Dialect        DialectOptions    `json:"dialect"`
}

// Unlimited is the MaxErrors of an import that no failed row stops.
const Unlimited = -1

// DefaultOptions are what an import without options does.
func DefaultOptions() Options { return Options{HasHeader: true, MaxErrors: Unlimited} }

// RowError is one problem of one row, as the API shows it.
type RowError struct {
	RowNumber uint64     `json:"row_number"`
	Line      uint64     `json:"line,omitempty"`
	Column    string     `json:"column,omitempty"` // as sent
	Code      fault.Code `json:"code"`
	Message   string     `json:"message"`
}

// RowResult is what became of one row, as the API shows it where results are
// asked for. A plugin may make several records of a row; each has its own.
type RowResult struct {
	RowNumber uint64      `json:"row_number"`
	Outcome   string      `json:"outcome"` // created, updated, skipped or failed
	Code      *fault.Code `json:"code"`    // why it was skipped or failed; of several errors the first
	ID        *string     `json:"id"`      // the company concerned, where there is one
}
