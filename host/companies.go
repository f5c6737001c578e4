package host

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"sluice/engine"
	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/host/intake"
	"sluice/storage/table"
)

func (s *Server) companyRoutes() []route {
	return []route{
		{method: "POST", pattern: "/v1/companies", scope: WriteCompanies, handle: s.createCompany,
			media: []string{jsonType}, conflict: s.holdKey, maxBody: s.jsonLimit},
		{method: "GET", pattern: "/v1/companies", scope: ReadCompanies, handle: s.listCompanies},
		{method: "GET", pattern: "/v1/companies/export", scope: ReadCompanies, handle: s.exportCompanies},
		{method: "GET", pattern: "/v1/companies/{id}", scope: ReadCompanies, handle: s.getCompany},
		{method: "PATCH", pattern: "/v1/companies/{id}", scope: WriteCompanies, handle: s.patchCompany,
			find: s.findCompany, media: []string{jsonType, mergePatchType}, maxBody: s.jsonLimit},
		{method: "DELETE", pattern: "/v1/companies/{id}", scope: WriteCompanies, handle: s.deleteCompany},
	}
}

const mergePatchType = "application/merge-patch+json"

// extraRecords gives the records that must commit together with an answer.
type extraRecords func(answer) []engine.Change

// createCompany creates a company, under an idempotency key once.
func (s *Server) createCompany(r *Request) error {
	a := r.attempt
	defer a.end()
	body, err := r.ReadAll(s.cfg.MaxJSONBytes)
	if err != nil {
		return err
	}
	if a == nil {
		return s.addCompany(r, body, nil)
	}
	request := r.fingerprint(intake.Sum(body))
	if a.replays() {
		if err := a.matches(request); err != nil {
			return err
		}
		r.SetHeader(replayedHeader, "true")
		return r.send(a.stored.answer)
	}
	return s.addCompany(r, body, func(ans answer) []engine.Change { return a.record(request, ans) })
}

// addCompany creates the company of a body, and with it what extra asks for.
func (s *Server) addCompany(r *Request, body []byte, extra extraRecords) error {
	patch, err := parseCompany(body, false)
	if err != nil {
		return err
	}
	var ans answer
	err = s.changeCompany(r, company.Op{Kind: company.Create, Patch: patch}, func(tx *table.Tx, result company.Result) error {
		c, err := tx.Get(result.ID)
		if err != nil {
			return err
		}
		body, err := companyAnswer(&c)
		if err != nil {
			return err
		}
		ans = answer{status: fasthttp.StatusCreated, location: "/v1/companies/" + string(appendID(nil, c.ID)), body: body}
		if extra != nil {
			for _, change := range extra(ans) {
				storeTx{tx}.Put(change)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.send(ans)
}

// table returns the tenant's companies.
func (s *Server) table(r *Request) (*table.Table, error) {
	t, err := s.backend.tables.Table(r.Context(), r.Tenant())
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	return t, nil
}

// changeCompany applies one op; then runs in the same commit if the op succeeds.
func (s *Server) changeCompany(r *Request, op company.Op, then func(*table.Tx, company.Result) error) error {
	companies, err := s.table(r)
	if err != nil {
		return err
	}
	return companies.Update(r.Context(), func(tx *table.Tx) error {
		results := make([]company.Result, 1)
		n, err := tx.Apply([]company.Op{op}, results)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Internal, "one change does not fit a commit")
		}
		if results[0].Outcome == company.Failed {
			return companyFault(results[0])
		}
		return then(tx, results[0])
	})
}

// companyFault turns the failure of an op into the answer to its request.
func companyFault(result company.Result) error {
	err := result.Err
	switch err.Code {
	case fault.Conflict:
		return fault.New(fault.Conflict, "another company has this domain").With("id", string(appendID(nil, result.ID)))
	case fault.NotFound:
		return errNoCompany
	case fault.Required, fault.TooLong, fault.InvalidDomain, fault.InvalidEncoding:
		field, ok := err.Details["field"].(string)
		if !ok {
			field = "name"
		}
		var errs fieldErrors
		errs.add(field, err.Code, err.Message)
		return errs.err()
	}
	return err
}

var errNoCompany = fault.New(fault.NotFound, "there is no such company")

// companyAnswer is {"data": c}.
func companyAnswer(c *company.Company) ([]byte, error) {
	var w companyWriter
	b, err := w.appendJSON([]byte(`{"data":`), c)
	if err != nil {
		return nil, fmt.Errorf("write company %x: %w", c.ID, err)
	}
	return append(b, '}', '\n'), nil
}

// company returns the company that the path names.
func (s *Server) company(r *Request) (company.Company, error) {
	id, ok := parseID(r.Param(0))
	if !ok {
		return company.Company{}, errNoCompany
	}
	companies, err := s.table(r)
	if err != nil {
		return company.Company{}, err
	}
	c, err := companies.Get(r.Context(), id)
	if fault.CodeOf(err) == fault.NotFound {
		return c, errNoCompany
	}
	if err != nil {
		return c, fmt.Errorf("get company: %w", err)
	}
	return c, nil
}

func (s *Server) findCompany(r *Request) error {
	_, err := s.company(r)
	return err
}

func (s *Server) getCompany(r *Request) error {
	c, err := s.company(r)
	if err != nil {
		return err
	}
	b, err := companyAnswer(&c)
	if err != nil {
		return err
	}
	r.Answer(fasthttp.StatusOK, jsonType, b)
	return nil
}

func (s *Server) patchCompany(r *Request) error {
	body, err := r.ReadAll(s.cfg.MaxJSONBytes)
	if err != nil {
		return err
	}
	patch, err := parseCompany(body, true)
	if err != nil {
		return err
	}
	id, ok := parseID(r.Param(0))
	if !ok {
		return errNoCompany
	}
	var answer []byte
	err = s.changeCompany(r, company.Op{Kind: company.Modify, ID: id, Patch: patch}, func(tx *table.Tx, _ company.Result) error {
		c, err := tx.Get(id)
		if err == nil {
			answer, err = companyAnswer(&c)
		}
		return err
	})
	if err != nil {
		return err
	}
	r.Answer(fasthttp.StatusOK, jsonType, answer)
	return nil
}

func (s *Server) deleteCompany(r *Request) error {
	id, ok := parseID(r.Param(0))
	if !ok {
		return errNoCompany
	}
	done := func(*table.Tx, company.Result) error { return nil }
	if err := s.changeCompany(r, company.Op{Kind: company.Delete, ID: id}, done); err != nil {
		return err
	}
	return r.NoContent()
}
