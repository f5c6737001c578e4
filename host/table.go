package host

import (
	"context"
	"encoding/base64"
	"encoding/binary"

	"sluice/engine"
	"sluice/engine/company"
)

// tables finds the tenants' tables of companies.
type tables interface {
	// Table returns a tenant's table; one that was never written to is empty.
	Table(ctx context.Context, tenant string) (companyTable, error)
}

// companyTable is what the API does with one table.
type companyTable interface {
	companyReader

	// ByDomain returns the company that has the domain, or an error of code
	// not_found.
	ByDomain(ctx context.Context, domain []byte) (company.Company, error)

	// Count returns the number of companies.
	Count(ctx context.Context) (uint64, error)

	// Scan calls fn for the companies after a position, but for the first skip
	// of them, in order and on one snapshot. What fn gets is valid until it
	// returns; if it returns false the scan ends.
	Scan(ctx context.Context, after position, skip uint64, fn func(position, *company.Company) (bool, error)) error

	// Update runs fn as part of the table's next commit, perhaps more than
	// once, and returns when that is durable.
	Update(ctx context.Context, fn func(companyTx) error) error
}

// companyReader finds companies by id.
type companyReader interface {
	// Get returns a company, or an error of code not_found.
	Get(ctx context.Context, id company.ID) (company.Company, error)
}

// companyTx is a commit being made, which sees what it has changed so far.
type companyTx interface {
	companyReader
	Apply(ops []company.Op, results []company.Result) (n int, err error)
	Put(c engine.Change)
}

// position is a place in the order of a table; the zero value is its beginning.
type position uint64

// cursor is a position as the API shows it: opaque, and with a version, so that
// one of another build is refused and not misread.
const cursorVersion = 1

func (p position) cursor() string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(p)))
}

func parseCursor(s string) (position, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 9 || b[0] != cursorVersion {
		return 0, false
	}
	return position(binary.BigEndian.Uint64(b[1:])), true
}
