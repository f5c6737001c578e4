package host

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/engine/fault"
)

func (s *Server) keyRoutes() []route {
	return []route{
		{method: "POST", pattern: "/v1/admin/keys", scope: Admin, handle: s.createKey, media: []string{jsonType}, maxBody: s.jsonLimit},
		{method: "GET", pattern: "/v1/admin/keys", scope: Admin, handle: s.listKeys},
		{method: "GET", pattern: "/v1/admin/keys/{id}", scope: Admin, handle: s.getKey},
		{method: "DELETE", pattern: "/v1/admin/keys/{id}", scope: Admin, handle: s.deleteKey},
	}
}

func (s *Server) jsonLimit(*Request) int64 { return s.cfg.MaxJSONBytes }

var keyFields = []string{"tenant", "scopes", "expires_at", "rate_limit"}

const (
	maxTenant   = 64
	maxKeysPage = 1000
)

// newKeyAnswer is a key in the one answer that shows its token.
type newKeyAnswer struct {
	*Key
	Token string `json:"key"`
}

func (s *Server) createKey(r *Request) error {
	body, err := r.ReadAll(s.cfg.MaxJSONBytes)
	if err != nil {
		return err
	}
	key, err := parseKey(body, r.start)
	if err != nil {
		return err
	}
	token, err := s.keys.create(r.Context(), key)
	if err != nil {
		return err
	}
	r.SetHeader("Cache-Control", "no-store")
	return r.Data(fasthttp.StatusCreated, newKeyAnswer{key, token})
}

// parseKey reads what a caller wants of a new key.
func parseKey(body []byte, now time.Time) (*Key, error) {
	var errs fieldErrors
	object, err := decodeObject(body, keyFields, &errs)
	if err != nil {
		return nil, err
	}
	key := &Key{CreatedAt: now.UTC().Truncate(time.Millisecond)}
	if raw, ok := object["tenant"]; !ok {
		errs.add("tenant", fault.Required, "is required")
	} else if name, ok := wholeText(raw, "tenant", &errs); ok {
		if key.Tenant = name; !validTenant(name) {
			errs.add("tenant", unknownField, fmt.Sprintf("must be 1 to %d letters, digits, '.', '_' or '-'", maxTenant))
		}
	}
	key.Scopes = parseScopes(object["scopes"], &errs)
	if raw, ok := object["expires_at"]; ok && !isNull(raw) {
		if text, ok := wholeText(raw, "expires_at", &errs); ok {
			at, err := time.Parse(time.RFC3339, text)
			switch {
			case err != nil:
				errs.add("expires_at", unknownField, "must be a time as in RFC 3339")
			case !at.After(now):
				errs.add("expires_at", unknownField, "lies in the past")
			default:
				at = at.UTC()
				key.ExpiresAt = &at
			}
		}
	}
	if raw, ok := object["rate_limit"]; ok && !isNull(raw) {
		n, err := strconv.Atoi(string(raw))
		switch {
		case err != nil:
			errs.add("rate_limit", fault.InvalidType, "must be a whole number")
		case n < 1 || n > maxRateLimit:
			errs.add("rate_limit", unknownField, fmt.Sprintf("must be from 1 to %d", maxRateLimit))
		}
		key.RateLimit = n
	}
	return key, errs.err()
}

func parseScopes(raw json.RawMessage, errs *fieldErrors) []Scope {
	if raw == nil {
		errs.add("scopes", fault.Required, "is required")
		return nil
	}
	var list []Scope
	if json.Unmarshal(raw, &list) != nil {
		errs.add("scopes", fault.InvalidType, "must be an array of strings")
		return nil
	}
	if len(list) == 0 {
		errs.add("scopes", fault.Required, "must name at least one scope")
	}
	for i, scope := range list {
		if !slices.Contains(Scopes(), scope) {
			errs.add(fmt.Sprintf("scopes[%d]", i), unknownField, fmt.Sprintf("there is no scope %q", clip(string(scope), 100)))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func validTenant(name string) bool {
	if name == "" || len(name) > maxTenant {
		return false
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// keysMeta is the meta of a list of keys.
type keysMeta struct {
	NextCursor *string `json:"next_cursor"`
}

func (s *Server) listKeys(r *Request) error {
	q, err := r.parseQuery("cursor")
	if err != nil {
		return err
	}
	after := q["cursor"]
	if after != "" {
		var ok bool
		if after, ok = canonicalID(after); !ok {
			return badQuery("cursor", "is not one that an answer gave")
		}
	}
	keys, meta := []*Key{}, keysMeta{}
	err = s.keys.list(r.Context(), after, func(k *Key) bool {
		if len(keys) == maxKeysPage {
			meta.NextCursor = &keys[maxKeysPage-1].ID
			return false
		}
		keys = append(keys, k)
		return true
	})
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	return r.Page(keys, meta)
}

func (s *Server) getKey(r *Request) error {
	id, ok := canonicalID(r.Param(0))
	if !ok {
		return noKey(r.Param(0))
	}
	key, err := s.keys.byID(r.Context(), id)
	if err != nil {
		return keyFault(id, err)
	}
	return r.Data(fasthttp.StatusOK, key)
}

func (s *Server) deleteKey(r *Request) error {
	id, ok := canonicalID(r.Param(0))
	if !ok {
		return noKey(r.Param(0))
	}
	if err := s.keys.remove(r.Context(), id); err != nil {
		return keyFault(id, err)
	}
	return r.NoContent()
}

// noKey says which key does not exist.
func noKey(id string) error {
	return fault.New(fault.NotFound, "there is no key %s", clip(id, 100))
}

func keyFault(id string, err error) error {
	if fault.CodeOf(err) == fault.NotFound {
		return noKey(id)
	}
	return fmt.Errorf("read key: %w", err)
}
