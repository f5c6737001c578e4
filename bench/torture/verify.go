package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// tenant is some lanes that share a table.
type tenant struct {
	name   string
	token  string
	lanes  []*lane
	office *office
}

// settle waits for the tenant's jobs, so that all of what was accepted is applied.
func (t *tenant) settle(ctx context.Context, s *server) error {
	for until := time.Now().Add(jobWait); ; {
		var jobs []answered
		if err := s.get(ctx, t.token, "/v1/import/jobs?per_page=100", &jobs); err != nil {
			return err
		}
		running := ""
		for _, j := range jobs {
			if !j.ended() {
				running = j.ID
			}
		}
		if running == "" {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("tenant %s: job %s does not end after a restart", t.name, running)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// verify compares what is stored with what was promised.
func (t *tenant) verify(ctx context.Context, s *server) error {
	if err := t.settle(ctx, s); err != nil {
		return err
	}
	if err := t.office.verify(ctx, s); err != nil {
		return fmt.Errorf("tenant %s: %w", t.name, err)
	}
	for _, l := range t.lanes {
		for len(l.jobs) > 0 {
			if err := l.drain(ctx, s); err != nil {
				return fmt.Errorf("lane %s: %w", l.name, err)
			}
		}
	}
	before, err := t.export(ctx, s)
	if err != nil {
		return err
	}
	for _, l := range t.lanes {
		if err := l.resolve(ctx, s, before[l.name]); err != nil {
			return fmt.Errorf("lane %s: %w", l.name, err)
		}
	}
	// The retries are done; what they left, and what they did not do twice, shows.
	if err := t.settle(ctx, s); err != nil {
		return err
	}
	after, err := t.export(ctx, s)
	if err != nil {
		return err
	}
	for _, l := range t.lanes {
		if d := l.state.diff(after[l.name]); d != "" {
			return fmt.Errorf("lane %s after retries:\n%s", l.name, d)
		}
		l.state = after[l.name]
	}
	return nil
}

// resolve finds out what became of the open request and sends it again, then has
// old answers replayed and old imports told again.
func (l *lane) resolve(ctx context.Context, s *server, got state) error {
	if got == nil {
		got = state{}
	}
	open := l.open
	l.open = nil
	if open == nil {
		open = &unanswered{outcomes: []outcome{{name: "nothing was open", after: l.state}}}
	}
	var fits []outcome
	var diffs []string
	for _, o := range open.outcomes {
		d := o.after.diff(got)
		if d == "" {
			fits = append(fits, o)
			continue
		}
		diffs = append(diffs, fmt.Sprintf("%s %s (cleaned %v):\n%s", open.what, o.name, o.cleaned, d))
	}
	if len(fits) == 0 {
		return fmt.Errorf("what is stored is none of the possible outcomes\n%s", strings.Join(diffs, "\n"))
	}
	l.state = got
	if open.what != "" {
		l.stats.open.Add(1)
		if fits[0].applied {
			l.stats.applied.Add(1)
		}
	}
	if err := l.retry(ctx, s, open, fits); err != nil {
		return err
	}
	return l.recall(ctx, s)
}

// retry sends the open import again under its key.
func (l *lane) retry(ctx context.Context, s *server, open *unanswered, fits []outcome) error {
	im := open.im
	if im == nil {
		return nil
	}
	rep, err := s.do(ctx, l.token, im.request)
	if err != nil {
		return err
	}
	possible := false
	for _, o := range fits {
		possible = possible || o.applied == rep.replayed
	}
	if !possible {
		return fmt.Errorf("%s: it was applied: %v; its retry is a replay: %v", open.what, fits[0].applied, rep.replayed)
	}
	if !rep.replayed {
		if err := l.answered(ctx, s, im, rep); err != nil {
			return fmt.Errorf("retry: %w", err)
		}
		for len(l.jobs) > 0 {
			if err := l.drain(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
	l.stats.replays.Add(1)
	var a answered
	if err := rep.data(&a); err != nil {
		return err
	}
	// What the first attempt promised must be what is stored.
	want := im.run(open.outcomes[0].after, a.cleaned(), im.all())
	if d := want.after.diff(l.state); d != "" {
		return fmt.Errorf("replay of %s promises what is not stored:\n%s", open.what, d)
	}
	if rep.status == http.StatusAccepted {
		if err := s.get(ctx, l.token, "/v1/import/jobs/"+a.ID, &a); err != nil {
			return err
		}
	}
	if err := a.check(want); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	l.stored = append(l.stored, kept{im.request, rep.status, rep.body})
	l.ended = append(l.ended, done{a.ID, a.Status, a.counts})
	return nil
}

// recall has the kept answers replayed and some of the ended imports told.
func (l *lane) recall(ctx context.Context, s *server) error {
	for _, k := range l.stored {
		rep, err := s.do(ctx, l.token, k.request)
		if err != nil {
			return err
		}
		if !rep.replayed || rep.status != k.status || !bytes.Equal(rep.body, k.answer) {
			return fmt.Errorf("key %s replays (%v) %d\n%s\nfirst was %d\n%s", k.key, rep.replayed, rep.status, rep.body, k.status, k.answer)
		}
		l.stats.replays.Add(1)
	}
	newest := max(0, len(l.ended)-8)
	for i := range 12 {
		n := newest + i
		if i >= 8 && len(l.ended) > 0 {
			n = l.rng.IntN(len(l.ended))
		}
		if n < len(l.ended) {
			if err := l.told(ctx, s, l.ended[n]); err != nil {
				return err
			}
		}
	}
	return nil
}

// told asks again for an import that has ended.
func (l *lane) told(ctx context.Context, s *server, d done) error {
	var a answered
	if err := s.get(ctx, l.token, "/v1/import/jobs/"+d.id, &a); err != nil {
		return err
	}
	if a.Status != d.status || a.counts != d.counts {
		return fmt.Errorf("import %s is told as %s %+v; it was %s %+v", d.id, a.Status, a.counts, d.status, d.counts)
	}
	return nil
}

// export reads the whole table and gives each lane its companies.
func (t *tenant) export(ctx context.Context, s *server) (map[string]state, error) {
	rep, err := s.do(ctx, t.token, request{method: http.MethodGet, path: "/v1/companies/export?format=ndjson"})
	if err != nil {
		return nil, err
	}
	if rep.status != http.StatusOK {
		return nil, fmt.Errorf("export: %d %.300s", rep.status, rep.body)
	}
	states, ids := map[string]state{}, map[string]bool{}
	for _, l := range t.lanes {
		states[l.name] = state{}
	}
	for line := range bytes.Lines(rep.body) {
		var got stored
		if err := json.Unmarshal(line, &got); err != nil {
			return nil, fmt.Errorf("export: %.300s: %w", line, err)
		}
		c := got.company()
		of := states[owner(c)]
		if of == nil {
			return nil, fmt.Errorf("tenant %s has a company of nobody: %+v", t.name, c)
		}
		if twin, ok := of[c.key()]; ok {
			return nil, fmt.Errorf("tenant %s has a company twice: %+v and %+v", t.name, c, twin)
		}
		if ids[c.ID] {
			return nil, fmt.Errorf("tenant %s has an id twice: %+v", t.name, c)
		}
		of[c.key()], ids[c.ID] = c, true
	}
	return states, nil
}

// owner is the name of the lane that a company is of.
func owner(c company) string {
	if c.Domain == "" {
		name, _, _ := strings.Cut(c.Name, "-")
		return name
	}
	_, rest, _ := strings.Cut(c.Domain, ".")
	return strings.TrimSuffix(rest, ".example")
}
