package torture

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// office does what changes the tenant itself: versions of the cleaner, which one
// is active, API keys. It too has one request under way.
type office struct {
	tenant string
	token  string
	admin  string
	wasm   []byte
	rng    *rand.Rand
	stats  *stats

	at   desk
	open []desk // what at may be after a request without an answer; nil: at is it
}

// desk is what the office expects to be stored. It is not changed once made.
type desk struct {
	versions []int
	active   int               // 0: none
	keys     map[string]string // id → token
	gone     string            // token of the key deleted last; empty: none
	unknown  bool              // a key may be there whose answer got lost
}

// maxVersions and maxKeys bound what one run piles up.
const (
	maxVersions = 5
	maxKeys     = 3
)

func (o *office) run(ctx context.Context, s *server) error {
	err := s.whileAlive(func() error {
		if err := o.step(ctx, s); err != nil {
			return err
		}
		time.Sleep(time.Duration(o.rng.IntN(100)) * time.Millisecond)
		return nil
	})
	if err != nil {
		return fmt.Errorf("office of %s: %w", o.tenant, err)
	}
	return nil
}

func (o *office) step(ctx context.Context, s *server) error {
	switch n := o.rng.IntN(10); {
	case n == 0 && len(o.at.versions) < maxVersions:
		return o.upload(ctx, s)
	case n == 1:
		return o.deleteVersion(ctx, s)
	case n < 4:
		return o.key(ctx, s)
	}
	return o.activate(ctx, s)
}

// send sends a request that leaves the desk as one of after.
func (o *office) send(ctx context.Context, s *server, token string, r request, want int, after desk) (*reply, error) {
	o.open = []desk{o.at, after}
	rep, err := s.do(ctx, token, r)
	if err != nil {
		return nil, err
	}
	o.open = nil
	if err := rep.want(r, want); err != nil {
		return nil, err
	}
	o.at = after
	o.stats.offices.Add(1)
	return rep, nil
}

func (o *office) upload(ctx context.Context, s *server) error {
	after := o.at
	// A number is never used again, so the next one is above all that were.
	next := 1
	if len(after.versions) > 0 {
		next = slices.Max(after.versions) + 1
	}
	after.versions = append(slices.Clone(after.versions), next)
	rep, err := o.send(ctx, s, o.token, request{method: http.MethodPost, path: "/v1/plugins?name=cleaner",
		media: "application/wasm", body: o.wasm}, http.StatusCreated, after)
	if err != nil {
		return err
	}
	var made struct{ Version int }
	if err := rep.data(&made); err != nil {
		return err
	}
	if made.Version != next {
		return fmt.Errorf("uploaded version %d, want %d", made.Version, next)
	}
	return nil
}

// deleteVersion deletes one that is neither active nor the first nor the newest,
// whose number tells the next one's.
func (o *office) deleteVersion(ctx context.Context, s *server) error {
	if len(o.at.versions) < 3 {
		return nil
	}
	i := 1 + o.rng.IntN(len(o.at.versions)-2)
	v := o.at.versions[i]
	after, want := o.at, http.StatusNoContent
	if v == o.at.active {
		want = http.StatusConflict
	} else {
		after.versions = slices.Delete(slices.Clone(after.versions), i, i+1)
	}
	_, err := o.send(ctx, s, o.token, request{method: http.MethodDelete,
		path: fmt.Sprintf("/v1/plugins/cleaner/versions/%d", v)}, want, after)
	return err
}

func (o *office) activate(ctx context.Context, s *server) error {
	after := o.at
	after.active = 0
	body := object("object", "companies", "name", nil)
	if len(after.versions) > 0 && o.rng.IntN(2) == 0 {
		after.active = pick(o.rng, after.versions...)
		body = object("object", "companies", "name", "cleaner", "version", after.active)
	}
	_, err := o.send(ctx, s, o.token, request{method: http.MethodPut, path: "/v1/plugins/active",
		media: "application/json", body: body}, http.StatusOK, after)
	return err
}

// key makes a key, or deletes one.
func (o *office) key(ctx context.Context, s *server) error {
	after := o.at
	after.keys = maps.Clone(after.keys)
	if ids := slices.Sorted(maps.Keys(after.keys)); len(ids) >= maxKeys {
		id := pick(o.rng, ids...)
		after.gone = after.keys[id]
		delete(after.keys, id)
		_, err := o.send(ctx, s, o.admin, request{method: http.MethodDelete, path: "/v1/admin/keys/" + id}, http.StatusNoContent, after)
		return err
	}
	after.unknown = true
	rep, err := o.send(ctx, s, o.admin, keyRequest(o.tenant), http.StatusCreated, after)
	if err != nil {
		return err
	}
	var made struct{ ID, Key string }
	if err := rep.data(&made); err != nil {
		return err
	}
	o.at.keys[made.ID], o.at.unknown = made.Key, false
	return nil
}

// keyRequest makes a key that a load may use without limit.
func keyRequest(tenant string) request {
	return request{method: http.MethodPost, path: "/v1/admin/keys", media: "application/json",
		body: object("tenant", tenant, "rate_limit", 1_000_000, "scopes",
			[]string{"read:companies", "write:companies", "read:imports", "read:plugins", "write:plugins"})}
}

// verify finds which desk is stored, after a restart.
func (o *office) verify(ctx context.Context, s *server) error {
	may := o.open
	if may == nil {
		may = []desk{o.at}
	}
	o.open = nil
	var list []struct{ Version int }
	if err := s.get(ctx, o.token, "/v1/plugins", &list); err != nil {
		return err
	}
	var versions []int
	for _, v := range list {
		versions = append(versions, v.Version)
	}
	slices.Sort(versions)
	var active struct{ Version int }
	if err := s.get(ctx, o.token, "/v1/plugins/active", &active); err != nil {
		return err
	}
	for _, d := range may {
		opens, err := o.opens(ctx, s, d)
		if err != nil {
			return err
		}
		if slices.Equal(versions, d.versions) && active.Version == d.active && opens {
			o.at = d
			o.at.unknown = false
			return nil
		}
	}
	return fmt.Errorf("versions are %v, active is %d; want one of %+v", versions, active.Version, may)
}

// opens reports whether the keys of a desk, and only those, open the door.
func (o *office) opens(ctx context.Context, s *server, d desk) (bool, error) {
	tokens := slices.Collect(maps.Values(d.keys))
	if d.gone != "" {
		tokens = append(tokens, d.gone)
	}
	for _, token := range tokens {
		rep, err := s.do(ctx, token, request{method: http.MethodGet, path: "/v1/companies?per_page=1"})
		if err != nil {
			return false, err
		}
		want := http.StatusOK
		if token == d.gone {
			want = http.StatusUnauthorized
		}
		if rep.status != want {
			return false, nil
		}
	}
	return true, nil
}
