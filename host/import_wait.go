package host

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sluice/engine"
	"sluice/engine/fault"
)

// maxWait is the longest time that an answer waits for its job.
const maxWait = 60 * time.Second

// How many answers may wait at once; one more is sent without a wait.
const (
	waitsPerTenant = 64
	maxWaits       = 1024
)

// preferredWait reads the preference wait=n of RFC 7240. A longer wait than the
// longest is cut to it, one that is no number is no preference.
func preferredWait(headers [][]byte) (wait time.Duration, asked bool) {
	for _, h := range headers {
		for preference := range strings.SplitSeq(string(h), ",") {
			preference, _, _ = strings.Cut(preference, ";") // its parameters
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			value = strings.TrimSpace(value)
			if unquoted, ok := strings.CutPrefix(value, `"`); ok {
				value = strings.TrimSuffix(unquoted, `"`)
			}
			seconds, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return 0, false
			}
			return min(time.Duration(seconds)*time.Second, maxWait), true
		}
	}
	return 0, false
}

// waitForJob waits for the job to end and returns it then; nil when it did not
// end in time, the server stops, or too many wait already.
func (s *Server) waitForJob(r *Request, id string, wait time.Duration) (*engine.Job, error) {
	if wait <= 0 || !s.waits.take(r.Tenant()) {
		return nil, nil
	}
	defer s.waits.put(r.Tenant())
	changed, stop := s.backend.engine.Watch(id)
	defer stop()
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		job, err := s.backend.engine.Job(r.Context(), r.Tenant(), id)
		if fault.CodeOf(err) == fault.NotFound {
			return nil, nil // replayed, and removed since
		}
		if err != nil {
			return nil, fmt.Errorf("read job: %w", err)
		}
		if job.Status.Ended() {
			return job, nil
		}
		select {
		case _, ok := <-changed:
			if !ok {
				return nil, nil
			}
		case <-timeout.C:
			return nil, nil
		case <-r.Stopping():
			return nil, nil
		case <-r.Context().Done():
			return nil, nil
		}
	}
}

// failedImport is the answer to an import that failed as a whole.
func failedImport(job *engine.Job) error {
	data := job.Data
	message := "the import failed"
	if data.Failure != nil {
		message, data.Failure = data.Failure.Message, nil // it stands in the answer's own error
	}
	raw, err := json.Marshal(&data)
	if err != nil {
		return fmt.Errorf("encode failed import: %w", err)
	}
	var details map[string]any
	if err := json.Unmarshal(raw, &details); err != nil {
		return fmt.Errorf("encode failed import: %w", err)
	}
	return &fault.Error{Code: fault.ImportFailed, Message: message, Details: details}
}
