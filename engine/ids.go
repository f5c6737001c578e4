package engine

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/engine/tuple"
)

const (
	jobPrefix   = "imp_co_"
	kindJob     = "job"
	kindPending = "pending"
)

// jobIDs makes job ids: ULIDs, so that they sort by the time of the upload.
type jobIDs struct {
	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
}

func newJobIDs() *jobIDs { return &jobIDs{entropy: ulid.Monotonic(rand.Reader, 0)} }

func (g *jobIDs) next(now time.Time) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return jobPrefix + ulid.MustNew(ulid.Timestamp(now), g.entropy).String()
}

// jobTime reads the time out of a job id.
func jobTime(id string) (ms uint64, ok bool) {
	s, ok := strings.CutPrefix(id, jobPrefix)
	if !ok {
		return 0, false
	}
	u, err := ulid.ParseStrict(s)
	if err != nil || u.String() != s {
		return 0, false
	}
	return u.Time(), true
}

// jobKey is where a job is stored. Time runs backwards in it, so that a scan
// meets the newest first; jobs of one millisecond are told apart by their id.
func jobKey(tenant, id string) (tuple.Key, error) {
	ms, ok := jobTime(id)
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no import job %q", id)
	}
	k := tuple.New(tenant, kindJob).Uint64(^ms)
	// Complemented, so that ids of one millisecond also run backwards.
	for _, c := range []byte(id) {
		k = append(k, ^c)
	}
	return k, nil
}

// pendingKey marks a job that has not ended; such keys alone are read at start.
func pendingKey(tenant, id string) tuple.Key {
	return PendingPrefix().String(tenant).String(id)
}

// pendingValue is the number of an acceptance. Ids don't tell their order: they are
// made when an upload begins, by a clock that may be set back.
func pendingValue(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

// pendingNumber reads it; that of an earlier program, which kept none, is 0.
func pendingNumber(value []byte) uint64 {
	if len(value) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(value)
}

// PendingPrefix begins the keys that mark jobs that have not ended.
func PendingPrefix() tuple.Key { return tuple.New("", kindPending) }

// CutPending reads such a key.
func CutPending(key tuple.Key) (tenant, id string, err error) {
	tenant, rest, err := key[len(PendingPrefix()):].CutString()
	if err != nil {
		return "", "", err
	}
	id, _, err = rest.CutString()
	return tenant, id, err
}

func idText(id *company.ID) *string {
	s := uuid.UUID(*id).String()
	return &s
}

// newSeed makes the seed of a job's random numbers.
func newSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand
	return binary.LittleEndian.Uint64(b[:])
}
