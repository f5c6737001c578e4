package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/valyala/fasthttp"

	"sluice/engine/fault"
)

const (
	jsonType   = "application/json"
	ndjsonType = "application/x-ndjson"
	csvMedia   = "text/csv"
	csvType    = csvMedia + "; charset=utf-8"
)

// overloadedRetry is the Retry-After of a 503 that names no other, in seconds.
const overloadedRetry = 1

// retryAfterDetail is the detail of an error that sets Retry-After, in seconds.
const retryAfterDetail = "retry_after"

// errorBody is the answer to a request that failed.
type errorBody struct {
	Error errorAnswer `json:"error"`
}

type errorAnswer struct {
	Code    fault.Code     `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// writeError puts err into resp. What has no code is internal, and its text
// stays inside.
func writeError(resp *fasthttp.Response, err error) {
	resp.ResetBody()
	var f *fault.Error
	if !errors.As(err, &f) || statusOf(f.Code) == 500 {
		f = fault.New(fault.Internal, "something went wrong on our side; the request id leads to it")
	}
	if f.Code == fault.InvalidKey {
		resp.Header.Set("WWW-Authenticate", "Bearer")
	}
	if f.Code == fault.Overloaded || f.Code == fault.RateLimited {
		retry, ok := f.Details[retryAfterDetail].(int)
		if !ok {
			retry = overloadedRetry
		}
		resp.Header.Set("Retry-After", strconv.Itoa(retry))
	}
	body, err := encode(errorBody{errorAnswer{f.Code, f.Message, f.Details}})
	if err != nil {
		// Details that can't be written are dropped rather than the answer.
		body, _ = encode(errorBody{errorAnswer{Code: f.Code, Message: f.Message}})
	}
	resp.SetStatusCode(statusOf(f.Code))
	resp.Header.SetContentType(jsonType)
	resp.SetBodyRaw(body)
}

// encode writes v as JSON as the API shows it: without HTML's escapes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
