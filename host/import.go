package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"

	"github.com/valyala/fasthttp"

	"sluice/engine"
	"sluice/engine/fault"
	"sluice/host/intake"
)

func (s *Server) importRoutes() []route {
	return []route{{
		method: "POST", pattern: "/v1/import/companies", scope: WriteCompanies, handle: s.importCompanies,
		media: intake.MediaTypes(), encoded: true, conflict: s.holdKey, maxBody: s.importLimit,
	}}
}

// importLimit is the most that the body of an import may announce.
func (s *Server) importLimit(r *Request) int64 {
	form, err := r.importForm()
	if err != nil {
		return math.MaxInt64 // the handler refuses it for that, and reads nothing
	}
	return form.MaxBytes(s.intakeLimits())
}

// importCompanies takes an upload and imports it: 200 where that is done before
// the answer, or else 202 for a job.
func (s *Server) importCompanies(r *Request) error {
	a := r.attempt
	defer a.end()
	if r.length == 0 && r.media == "" {
		return fault.New(fault.Validation, "the body is missing; send rows or csv")
	}
	form, err := r.importForm()
	if err != nil {
		return err
	}
	in := intake.Request{Form: form, Body: r.Body(), Length: r.length, Query: r.rawQuery(),
		Limits: s.intakeLimits(), Digest: a != nil, Ahead: s.ahead}
	if a.replays() {
		res, err := intake.Read(r.Context(), in, func(engine.Format) (io.Writer, error) { return io.Discard, nil })
		if err != nil {
			return err
		}
		if err := a.matches(r.fingerprint(res.Digest)); err != nil {
			return err
		}
		r.SetHeader(replayedHeader, "true")
		return s.answerImport(r, a.stored.answer)
	}

	upload, res, err := s.receive(r, in)
	if err != nil {
		return err
	}
	defer upload.Abort() // of what Import did not take over
	ans, err := s.runImport(r, upload, res, a)
	if err != nil {
		return err
	}
	a.end() // what is done is replayed, even while this answer waits for its job
	return s.answerImport(r, ans)
}

// receive reads a body to its end into an upload, for the caller to import or
// abort.
func (s *Server) receive(r *Request, in intake.Request) (*engine.Upload, intake.Result, error) {
	return readUpload(r.Context(), s.backend.engine, in)
}

func readUpload(ctx context.Context, e *engine.Engine, in intake.Request) (*engine.Upload, intake.Result, error) {
	var upload *engine.Upload
	res, err := intake.Read(ctx, in, func(f engine.Format) (io.Writer, error) {
		upload = e.NewUpload(f)
		return upload, nil
	})
	if err != nil {
		if upload != nil {
			upload.Abort()
		}
		return nil, res, err
	}
	upload.Encoding = res.Encoding
	return upload, res, nil
}

// importForm reads what the headers say of a body that holds rows.
func (r *Request) importForm() (intake.Form, error) {
	coding := bytes.Join(r.hdr.PeekAll(fasthttp.HeaderContentEncoding), []byte(", "))
	return intake.ParseForm(r.Header(fasthttp.HeaderContentType), string(coding))
}

func (s *Server) intakeLimits() intake.Limits {
	l := intake.DefaultLimits()
	l.MaxStreamBytes, l.MaxJSONBytes = s.cfg.MaxStreamBytes, s.cfg.MaxJSONBytes
	return l
}

// runImport gives the upload to the engine. Under an idempotency key the answer
// is made while the import commits, and what was stored is what is sent.
func (s *Server) runImport(r *Request, upload *engine.Upload, res intake.Result, a *attempt) (answer, error) {
	var sealed *answer
	req := engine.Request{Tenant: r.Tenant(), KeyID: r.key.ID, Upload: upload, Options: res.Options}
	if a != nil {
		request := r.fingerprint(res.Digest)
		req.Seal = func(data *engine.Data) ([]engine.Change, error) {
			ans, err := importAnswer(data)
			if err != nil {
				return nil, err
			}
			sealed = &ans
			return a.record(request, ans), nil
		}
	}
	data, err := s.backend.engine.Import(r.Context(), req)
	if err != nil {
		return answer{}, fmt.Errorf("import: %w", err)
	}
	if sealed != nil {
		return *sealed, nil
	}
	return importAnswer(data)
}

// importAnswer is the answer to an import as the engine left it.
func importAnswer(data *engine.Data) (answer, error) {
	body, err := data.AppendJSON(append(make([]byte, 0, 1024), `{"data":`...))
	if err != nil {
		return answer{}, err
	}
	ans := answer{status: fasthttp.StatusOK, body: append(body, "}\n"...)}
	if !data.Status.Ended() {
		ans.status, ans.location, ans.job = fasthttp.StatusAccepted, jobPath(data.JobID), data.JobID
	}
	return ans, nil
}

func jobPath(id string) string { return "/v1/import/jobs/" + id }

// answerImport sends the answer, for a job after the wait that the client asked
// for.
func (s *Server) answerImport(r *Request, ans answer) error {
	wait, asked := preferredWait(r.hdr.PeekAll("Prefer"))
	if asked {
		r.SetHeader("Preference-Applied", fmt.Sprintf("wait=%d", int(wait.Seconds())))
	}
	if ans.job != "" {
		job, err := s.waitForJob(r, ans.job, wait)
		switch {
		case err != nil:
			return err
		case job != nil && job.Status == engine.Failed:
			return failedImport(job)
		case job != nil:
			return r.Data(fasthttp.StatusOK, &job.Data)
		}
	}
	return r.send(ans)
}
