package engine

import (
	"strings"
	"time"

	"sluice/engine/fault"
)

// State is where a job stands.
type State string

const (
	Queued     State = "queued"
	Processing State = "processing"
	Completed  State = "completed"
	Failed     State = "failed"
	Canceled   State = "canceled"
)

// Ended reports whether the state is final.
func (s State) Ended() bool { return s == Completed || s == Failed || s == Canceled }

// Data is what the API says of an import, finished or not.
type Data struct {
	JobID          string      `json:"job_id"`
	Status         State       `json:"status"`
	CreatedCount   uint64      `json:"created_count"`
	UpdatedCount   uint64      `json:"updated_count"`
	SkippedCount   uint64      `json:"skipped_count"`
	FailedCount    uint64      `json:"failed_count"`
	RowCount       uint64      `json:"row_count"`
	RecordCount    uint64      `json:"record_count"`
	DryRun         bool        `json:"dry_run"`
	Errors         []RowError  `json:"errors"` // the first MaxInlineErrors
	ErrorsURL      string      `json:"errors_url"`
	ReportCutFrom  uint64      `json:"report_cut_from,omitempty"` // first failed row whose cells were not kept
	IgnoredColumns []string    `json:"ignored_columns"`           // at most MaxIgnoredColumns
	Dialect        *Dialect    `json:"dialect"`                   // null unless CSV
	Plugin         *PluginInfo `json:"plugin"`                    // null without one
	Results        []RowResult `json:"results,omitzero"`          // of a small import that asked for them
	ResultsURL     string      `json:"results_url,omitempty"`
	Timings        Timings     `json:"timings"`

	Progress *Progress `json:"progress,omitempty"` // of a job
	Failure  *Failure  `json:"error,omitempty"`    // of a failed job
}

// Caps of Data's lists.
const (
	MaxInlineErrors   = 100
	MaxIgnoredColumns = 100
)

// maxShownName is how much an error has of its column's name. A CSV's may be as long
// as a row, and a hundred errors that repeat it are more than a commit holds.
const maxShownName = 1 << 10

// shownName is a column's name as an error has it.
func shownName(name string) string {
	if len(name) <= maxShownName {
		return name
	}
	return strings.ToValidUTF8(name[:maxShownName], "") + "…"
}

// Progress is how far a job has read its upload.
type Progress struct {
	BytesRead  int64 `json:"bytes_read"`
	BytesTotal int64 `json:"bytes_total"`
}

// Timings say when an import was accepted, begun and over; null where not yet.
type Timings struct {
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at"`
	EndedAt    *time.Time `json:"ended_at"`
	DurationMS float64    `json:"duration_ms"`
}

// Failure is why a job failed.
type Failure struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
}

// Job is an import as it is stored: what was asked, and how far it is. The
// record is put in the same commit as the rows that it counts.
type Job struct {
	Data
	Tenant  string     `json:"tenant"`
	KeyID   string     `json:"key_id"` // the API key that made it
	Format  Format     `json:"format"`
	Options Options    `json:"options"`
	Columns []string   `json:"columns,omitempty"` // as sent, so far
	First   Checkpoint `json:"first"`             // the first row
	Next    Checkpoint `json:"next"`              // the first row that is not committed
	Judged  bool       `json:"judged,omitempty"`  // its own dry run is over and let it pass
	Bytes   int64      `json:"bytes"`             // in the spool
	Read    int64      `json:"read"`              // of them, in the pass at hand
	Seed    uint64     `json:"seed"`
	Clock   int64      `json:"clock"`

	ReportBytes int64 `json:"report_bytes"` // of failed rows' cells and results so far
}

// trial reports whether the job's pass at hand writes no companies: a dry run,
// or the one by which a job with a limit judges itself first.
func (j *Job) trial() bool {
	return j.Options.DryRun || j.Options.MaxErrors != Unlimited && !j.Judged
}

// overLimit reports whether more rows failed than the caller allows.
func (j *Job) overLimit() bool {
	return j.Options.MaxErrors != Unlimited && j.FailedCount > uint64(j.Options.MaxErrors)
}

// undone reports whether nothing was done of what the job's report tells: its own
// trial has not let it pass, or, of a dry run, would not have.
func (j *Job) undone() bool {
	if j.Options.DryRun {
		return j.Status == Failed && j.overLimit()
	}
	return j.Status != Completed && j.trial()
}

// restart forgets what a trial counted, for the pass that follows.
func (j *Job) restart() {
	j.CreatedCount, j.UpdatedCount, j.SkippedCount, j.FailedCount = 0, 0, 0, 0
	j.RowCount, j.RecordCount, j.Read = 0, 0, 0
	j.Errors, j.Results = []RowError{}, nil
	j.ReportBytes, j.ReportCutFrom = 0, 0
	j.Next = j.First
}

// refuse states that nothing of the job was applied, and why.
func (j *Job) refuse(code fault.Code, message string) {
	j.CreatedCount, j.UpdatedCount, j.SkippedCount = 0, 0, 0
	j.Status, j.Failure = Failed, &Failure{Code: code, Message: message}
}

// end stamps the job's end.
func (j *Job) end(now time.Time) {
	j.Timings.EndedAt = &now
	if j.Timings.StartedAt != nil {
		// Not below 0, should the clock have been set back.
		j.Timings.DurationMS = max(0, float64(now.Sub(*j.Timings.StartedAt).Microseconds())/1e3)
	}
}

// Checkpoint is a row border in the spool.
type Checkpoint struct {
	Offset int64  `json:"offset"`
	Row    uint64 `json:"row"`  // data rows before it
	Line   uint64 `json:"line"` // physical line that begins here
}
