package host

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"

	"sluice/engine"
	"sluice/engine/fault"
	"sluice/host/intake"
)

const (
	idempotencyHeader = "Idempotency-Key"
	maxIdempotencyKey = 255
	replayedHeader    = "Idempotent-Replayed"

	// idempotencyAge is how long an answer is replayed.
	idempotencyAge = 24 * time.Hour
)

// idempotency gives a request that is sent again its first answer. An answer is
// a record that commits together with what it promises, so no crash can come
// between the two; the requests that run are known to this process alone, since
// they end with it.
type idempotency struct {
	records engine.Records
	now     func() time.Time
	log     *slog.Logger

	mu      sync.Mutex
	running map[attemptKey]struct{}
	days    map[uint64]struct{} // that may have records and were not past when noted
}

type attemptKey struct{ tenant, key string }

func newIdempotency(records engine.Records, log *slog.Logger) *idempotency {
	return &idempotency{records: records, now: time.Now, log: log, running: make(map[attemptKey]struct{}), days: make(map[uint64]struct{})}
}

// idempotencyKey returns the request's key; empty where it has none.
func (r *Request) idempotencyKey() (string, error) {
	sent := r.hdr.PeekAll(idempotencyHeader)
	switch {
	case len(sent) == 0:
		return "", nil
	case len(sent) > 1:
		return "", fault.New(fault.Validation, "%s is given %d times", idempotencyHeader, len(sent))
	case len(sent[0]) == 0 || len(sent[0]) > maxIdempotencyKey:
		return "", fault.New(fault.Validation, "%s must have 1 to %d bytes, not %d", idempotencyHeader, maxIdempotencyKey, len(sent[0]))
	}
	return string(sent[0]), nil
}

// holdKey begins the request's attempt, or refuses it with 409, before the body is
// read. Who holds a key lets go of it when the handler ends; a request that never
// comes to its handler, as its body did not arrive, when fasthttp resets it.
func (s *Server) holdKey(r *Request) error {
	a, err := s.idempotency.begin(r)
	if err != nil {
		return err
	}
	if r.attempt = a; a != nil && a.held {
		requestOf(r.hdr).SetUserValue(holdValue, a)
	}
	return nil
}

// holdValue names the attempt among fasthttp's values of a request, which it
// closes with the request.
const holdValue = "attempt"

// requestOf returns the request that a header is part of: HeaderReceived is given
// nothing else.
func requestOf(h *fasthttp.RequestHeader) *fasthttp.Request {
	return (*fasthttp.Request)(unsafe.Add(unsafe.Pointer(h), -int(unsafe.Offsetof(fasthttp.Request{}.Header))))
}

var errKeyInUse = fault.New(fault.IdempotencyInUse, "the first request with this %s is still running; send it again later", idempotencyHeader)

// attempt is one request under an idempotency key. A nil one has no key.
type attempt struct {
	all    *idempotency
	key    attemptKey
	held   bool          // others with the key are refused until end
	stored *storedAnswer // what the first request was answered; nil: this is the first
}

// begin finds the answer of the request's key, or takes hold of the key.
func (i *idempotency) begin(r *Request) (*attempt, error) {
	key, err := r.idempotencyKey()
	if key == "" || err != nil {
		return nil, err
	}
	a := &attempt{all: i, key: attemptKey{r.Tenant(), key}}
	if a.stored, err = i.find(r.Context(), a.key); err != nil || a.stored != nil {
		return a, err
	}
	if !i.take(a.key) {
		return nil, errKeyInUse
	}
	a.held = true
	// One that ended between the look and the hold has left its answer.
	if a.stored, err = i.find(r.Context(), a.key); err != nil || a.stored != nil {
		a.end()
	}
	return a, err
}

func (i *idempotency) take(key attemptKey) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, ok := i.running[key]; ok {
		return false
	}
	i.running[key] = struct{}{}
	return true
}

// Close is end, for fasthttp.
func (a *attempt) Close() error {
	a.end()
	return nil
}

// end lets go of the key.
func (a *attempt) end() {
	if a == nil || !a.held {
		return
	}
	a.held = false
	a.all.mu.Lock()
	defer a.all.mu.Unlock()
	delete(a.all.running, a.key)
}

// replays reports whether the request was answered before.
func (a *attempt) replays() bool { return a != nil && a.stored != nil }

// matches refuses another request under a key that has its answer.
func (a *attempt) matches(f fingerprint) error {
	if a.stored.request != f {
		return fault.New(fault.IdempotencyReused,
			"this %s was used for a different request within 24 hours; a new request needs a new key", idempotencyHeader)
	}
	return nil
}

// record makes the record of an answer, to be committed with what it promises.
func (a *attempt) record(f fingerprint, ans answer) []engine.Change {
	if a == nil {
		return nil
	}
	now := a.all.now()
	a.all.note(day(now))
	stored := storedAnswer{answer: ans, request: f, created: now.UnixMilli()}
	return []engine.Change{{Key: a.key.record(day(now)), Value: stored.encode()}}
}

// find looks for an answer that is still replayed. Records lie by the day they
// were made; those of days to come are from before the clock was set back. The
// sweep moves them to today, so that is looked at last.
func (i *idempotency) find(ctx context.Context, key attemptKey) (*storedAnswer, error) {
	now := i.now()
	today := day(now)
	for _, d := range append(i.ahead(today), today+1, today-1, today) {
		value, err := i.records.Record(ctx, key.record(d))
		if fault.CodeOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read stored answer: %w", err)
		}
		stored, err := decodeStoredAnswer(value)
		if err != nil {
			return nil, fmt.Errorf("read stored answer: %w", err)
		}
		if now.Sub(time.UnixMilli(stored.created)) < idempotencyAge {
			return stored, nil
		}
	}
	return nil, nil
}

// fingerprint tells whether two requests are the same.
type fingerprint [16]byte

// fingerprint covers method, path, query, media type and decoded body. Prefer is
// left out: whoever waits longer the second time asks for the same thing.
func (r *Request) fingerprint(body intake.Digest) fingerprint {
	return fingerprint(intake.Combine(r.method, r.path, r.rawQuery(), r.media, string(body[:])))
}

// rawQuery returns the query as it was sent.
func (r *Request) rawQuery() string {
	uri := target(r.hdr.RequestURI())
	for i, c := range uri {
		if c == '?' {
			return string(uri[i+1:])
		}
	}
	return ""
}
