package host

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	validation "github.com/pb33f/libopenapi-validator/errors"
)

// contract is openapi.yaml as a judge of requests and answers.
type contract struct {
	mu sync.Mutex
	v  validator.Validator
}

var loadContract = sync.OnceValues(func() (*contract, error) {
	doc, err := libopenapi.NewDocument(openapiYAML)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(doc)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	if ok, problems := v.ValidateDocument(); !ok {
		return nil, fmt.Errorf("%v", problems[0])
	}
	return &contract{v: v}, nil
})

// contractTransport holds every exchange of a test to the contract: each answer,
// and each request that was accepted.
type contractTransport struct {
	tb   testing.TB
	next http.RoundTripper
}

// CloseIdleConnections is what http.Client asks of its transport.
func (c contractTransport) CloseIdleConnections() {
	c.next.(*http.Transport).CloseIdleConnections()
}

func (c contractTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := copyBody(&req.Body)
	if err != nil {
		return nil, err
	}
	resp, err := c.next.RoundTrip(req)
	if err != nil || !strings.HasPrefix(req.URL.Path, "/v1/") {
		return resp, err
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp, nil // which ends only with its job
	}
	answer, err := copyBody(&resp.Body)
	if err != nil {
		return nil, err
	}
	if err := judge(req, body, resp, answer); err != nil {
		c.tb.Errorf("%s %s: %d %.300s: %v", req.Method, req.URL, resp.StatusCode, answer, err)
	}
	return resp, nil
}

// copyBody reads a body and puts it back.
func copyBody(body *io.ReadCloser) ([]byte, error) {
	if *body == nil {
		return nil, nil
	}
	b, err := io.ReadAll(*body)
	if err != nil {
		return nil, err
	}
	if err := (*body).Close(); err != nil {
		return nil, err
	}
	*body = io.NopCloser(bytes.NewReader(b))
	return b, nil
}

// judge checks one exchange. Paths and methods that the contract doesn't have
// are refused with what every refusal has.
func judge(req *http.Request, body []byte, resp *http.Response, answer []byte) error {
	if resp.Header.Get("X-Request-ID") == "" {
		return fmt.Errorf("no X-Request-ID")
	}
	if authenticated := resp.StatusCode != 401; authenticated != (resp.Header.Get("X-RateLimit-Limit") != "") {
		return fmt.Errorf("rate limit headers: %v", resp.Header)
	}
	if req.Method == "HEAD" || resp.StatusCode == 404 || resp.StatusCode == 405 {
		if resp.StatusCode >= 400 && req.Method != "HEAD" {
			var e errorBody
			return json.Unmarshal(answer, &e)
		}
		return nil
	}
	c, err := loadContract()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	in := req.Clone(req.Context())
	in.Body = io.NopCloser(bytes.NewReader(body))
	bodies := [][]byte{answer}
	if resp.Header.Get("Content-Type") == ndjsonType {
		bodies = bytes.Split(bytes.TrimSuffix(answer, []byte{'\n'}), []byte{'\n'})
		bodies = bodies[:min(len(bodies), maxJudgedLines)]
	}
	for _, b := range bodies {
		if len(b) == 0 && len(answer) == 0 && resp.Header.Get("Content-Type") == ndjsonType {
			break // no lines
		}
		out := *resp
		out.Body = io.NopCloser(bytes.NewReader(b))
		if ok, problems := c.v.ValidateHttpResponse(in, &out); !ok {
			return broken(problems)
		}
	}
	// Of bodies it can read JSON alone, without a byte order mark.
	media := req.Header.Get("Content-Type")
	isJSON := strings.HasPrefix(media, jsonType) && req.Header.Get("Content-Encoding") == "" && !bytes.HasPrefix(body, []byte("\xef\xbb\xbf"))
	if resp.StatusCode < 300 && (isJSON || media == "") {
		if ok, problems := c.v.ValidateHttpRequest(in); !ok {
			return broken(problems)
		}
	}
	return nil
}

// maxJudgedLines is how many lines of a stream are judged, one by one.
const maxJudgedLines = 20

func broken(problems []*validation.ValidationError) error {
	var all []string
	for _, p := range problems {
		all = append(all, fmt.Sprintf("%s: %s", p.Message, p.Reason))
		for _, s := range p.SchemaValidationErrors {
			all = append(all, s.Reason)
		}
	}
	return fmt.Errorf("against the contract: %s", strings.Join(all, "; "))
}

// Rule 2.40: the contract is served as JSON, without a key.
func TestOpenAPIServed(t *testing.T) {
	ts := startServer(t)
	r := ts.do("GET", "/openapi.json", "", "")
	r.want(t, 200, "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	r.decode(t, &doc)
	if doc.OpenAPI != "3.1.0" {
		t.Fatalf("version %q", doc.OpenAPI)
	}
	if r.Header.Get("Content-Type") != jsonType {
		t.Fatalf("%v", r.Header)
	}
	// Every route is in the contract.
	for _, route := range ts.router.routes {
		pattern := strings.ReplaceAll(route.pattern, "{version}", "{v}")
		if doc.Paths[pattern][strings.ToLower(route.method)] == nil {
			t.Errorf("%s %s is not in the contract", route.method, route.pattern)
		}
	}
	// And the codes of errors are the registry's.
	var whole map[string]any
	r.decode(t, &whole)
	codes := whole["components"].(map[string]any)["schemas"].(map[string]any)["Error"].(map[string]any)["properties"].(map[string]any)["error"].(map[string]any)["properties"].(map[string]any)["code"].(map[string]any)["enum"].([]any)
	var got []string
	for _, c := range codes {
		got = append(got, c.(string))
	}
	if want := requestCodes(); !slices.Equal(got, want) {
		t.Errorf("codes %q, want %q", got, want)
	}
}

// The judge can say no.
func TestContractJudges(t *testing.T) {
	f := func(want bool, method, path, body string, status int, answer string) {
		t.Helper()
		req, err := http.NewRequest(method, "http://x"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", jsonType)
		req.Header.Set("Authorization", "Bearer wbk_x")
		resp := &http.Response{StatusCode: status, Header: http.Header{}, Request: req}
		for name, value := range map[string]string{"Content-Type": jsonType, "X-Request-ID": "a", "X-RateLimit-Limit": "1",
			"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1"} {
			resp.Header.Set(name, value)
		}
		if err := judge(req, []byte(body), resp, []byte(answer)); (err == nil) != want {
			t.Errorf("%s %s %d %s: %v", method, path, status, answer, err)
		}
	}
	list := `{"data":[],"meta":{"page":1,"per_page":50,"total":0,"next_cursor":null}}`
	f(true, "GET", "/v1/companies", "", 200, list)
	f(false, "GET", "/v1/companies", "", 200, `{"data":[]}`)
	f(false, "GET", "/v1/companies", "", 200, `{"data":[{"id":"x"}],"meta":{"page":1,"per_page":50,"total":0,"next_cursor":null}}`)
	f(false, "GET", "/v1/companies?per_page=1000", "", 200, list)
	f(true, "GET", "/v1/companies", "", 400, `{"error":{"code":"validation_error","message":"x"}}`)
	f(false, "GET", "/v1/companies", "", 400, `{"error":{"code":"made_up","message":"x"}}`)
	f(false, "GET", "/v1/companies", "", 400, `{"error":"x"}`)
	key := `{"data":{"id":"0f8fad5b-d9cb-469f-a165-70867728950e","prefix":"wbk_","tenant":"a","scopes":["admin"],
		"created_at":"2026-11-24T08:00:00Z","expires_at":null,"rate_limit":1,"key":"wbk_` + strings.Repeat("a", 43) + `"}}`
	f(true, "POST", "/v1/admin/keys", `{"tenant":"a","scopes":["admin"]}`, 201, key)
	f(false, "POST", "/v1/admin/keys", `{"tenant":"a","scopes":["x"]}`, 201, key)
	f(false, "POST", "/v1/admin/keys", `{"tenant":"a","scopes":["admin"]}`, 201, strings.Replace(key, `"key"`, `"token"`, 1))
}
