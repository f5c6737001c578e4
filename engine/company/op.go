package company

import "sluice/engine/fault"

// ID is a company's UUID.
type ID [16]byte

// Company is one stored company.
type Company struct {
	ID      ID
	Record  Record
	Created int64 // Unix milliseconds
	Updated int64
}

// OpKind is what an Op does.
type OpKind uint8

const (
	Upsert OpKind = iota // match by domain: create, update or skip
	Create               // like Upsert, but a domain that is there is a Conflict
	Modify               // patch the company ID; NotFound, Conflict on a taken domain
	Delete               // remove the company ID; NotFound
)

// Op is one change to a table of companies. Ops of one commit act one by one in
// their order, so a later one meets what an earlier one did.
type Op struct {
	Kind    OpKind
	Update  bool  // Upsert: update the one that matches; else skip
	Unnamed bool  // Upsert: nobody asks for the result's ID, which takes four hashes to make
	Patch   Patch // Upsert, Create, Modify
	ID      ID    // Modify, Delete
}

// Outcome is what became of an Op.
type Outcome uint8

const (
	Failed  Outcome = iota // Err says why; nothing was changed by this op
	Created                // Upsert, Create
	Updated                // Upsert, Modify; also when nothing differs
	Skipped                // Upsert without Update, and the domain is there
	Deleted
)

var outcomeNames = [...]string{"failed", "created", "updated", "skipped", "deleted"}

// String returns the outcome's name in the API.
func (o Outcome) String() string { return outcomeNames[o] }

// Result is the answer to one Op. ID is the company concerned: the new one, the
// matched one, for a Conflict the one that has the domain. Of an Unnamed op it may
// be left out.
type Result struct {
	Outcome Outcome
	ID      ID
	Err     *fault.Error // Failed: Required, TooLong, NotFound or Conflict
}
