package host

import (
	"testing"

	"sluice/engine/fault"
)

func requestCodes() []string {
	var codes []string
	for _, c := range fault.Request() {
		codes = append(codes, string(c))
	}
	return codes
}

// Rule 2.41: every code of a request has its status; all else is internal.
func TestStatusOf(t *testing.T) {
	want := map[fault.Code]int{"validation_error": 400, "invalid_key": 401, "insufficient_permissions": 403, "not_found": 404,
		"method_not_allowed": 405, "conflict": 409, "idempotency_key_in_use": 409, "payload_too_large": 413,
		"unsupported_media_type": 415, "idempotency_key_reused": 422, "plugin_invalid": 422, "import_failed": 422,
		"rate_limited": 429, "overloaded": 503, "internal_error": 500}
	for _, c := range fault.Request() {
		if got := statusOf(c); got != want[c] {
			t.Errorf("%s: %d, want %d", c, got, want[c])
		}
	}
	for _, c := range append(fault.Row(), "", "made_up") {
		if got := statusOf(c); got != 500 {
			t.Errorf("%q: %d, want 500", c, got)
		}
	}
}
