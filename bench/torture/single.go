package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// stored is a company as the API shows it.
type stored struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Domain      string   `json:"domain"`
	City        string   `json:"city"`
	Country     string   `json:"country"`
	Industry    string   `json:"industry"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
}

func (c *stored) company() company {
	return company{ID: c.ID, Name: c.Name, Domain: c.Domain, City: c.City, Country: c.Country,
		Industry: c.Industry, Description: c.Description, Tags: unite("", c.Tags)}
}

// change sends a request about one company, which leaves the state after if it
// is answered with the status want, and else leaves it as it is.
func (l *lane) change(ctx context.Context, s *server, r request, want int, after state) (*reply, error) {
	l.open = &unanswered{what: r.method + " " + r.path, outcomes: []outcome{
		{name: "not applied", after: l.state},
		{name: "applied", after: after, applied: true}}}
	rep, err := s.do(ctx, l.token, r)
	if err != nil {
		return nil, err
	}
	l.open = nil
	if err := rep.want(r, want); err != nil {
		return nil, err
	}
	l.state = after
	l.stats.singles.Add(1)
	return rep, nil
}

func (l *lane) create(ctx context.Context, s *server, stamp string) error {
	c := company{Name: stamp, Domain: domainOf(l.name, l.rng.IntN(l.domains)), City: stamp, Tags: "made,"}
	r := request{method: http.MethodPost, path: "/v1/companies", media: "application/json",
		body: object("name", c.Name, "domain", c.Domain, "city", c.City, "tags", []string{"made"})}
	if _, taken := l.state[c.Domain]; taken {
		_, err := l.change(ctx, s, r, http.StatusConflict, l.state)
		return err
	}
	rep, err := l.change(ctx, s, r, http.StatusCreated, l.state.with(c.Domain, &c))
	if err != nil {
		return err
	}
	var got stored
	if err := rep.data(&got); err != nil {
		return err
	}
	c.ID = got.ID
	if got.company() != c {
		return fmt.Errorf("created %+v, want %+v", got.company(), c)
	}
	l.state[c.Domain] = c
	return nil
}

// some picks a company that is there, and has the server say so.
func (l *lane) some(ctx context.Context, s *server) (company, bool, error) {
	keys := slices.Collect(maps.Keys(l.state))
	if len(keys) == 0 {
		return company{}, false, nil
	}
	slices.Sort(keys)
	want := l.state[pick(l.rng, keys...)]
	if want.Domain == "" {
		return want, want.ID != "", nil
	}
	var found []stored
	if err := s.get(ctx, l.token, "/v1/companies?domain="+url.QueryEscape(want.Domain), &found); err != nil {
		return want, false, err
	}
	if len(found) != 1 {
		return want, false, fmt.Errorf("%d companies have the domain %s", len(found), want.Domain)
	}
	if want.ID == "" {
		want.ID = found[0].ID
	}
	if got := found[0].company(); got != want {
		return want, false, fmt.Errorf("read %+v, want %+v", got, want)
	}
	l.state[want.Domain] = want
	return want, true, nil
}

func (l *lane) patch(ctx context.Context, s *server, stamp string) error {
	c, ok, err := l.some(ctx, s)
	if err != nil || !ok {
		return err
	}
	key := c.key()
	r := request{method: http.MethodPatch, path: "/v1/companies/" + c.ID, media: "application/json"}
	switch l.rng.IntN(3) {
	case 0:
		c.City, c.Industry = stamp, ""
		r.body = object("city", stamp, "industry", nil)
	case 1:
		c.Tags = unite("", []string{stamp})
		r.body = object("tags", []string{stamp})
	default:
		c.Domain = domainOf(l.name, l.rng.IntN(l.domains))
		r.body = object("domain", "HTTPS://WWW."+strings.ToUpper(c.Domain)+"/")
		if _, taken := l.state[c.Domain]; taken && c.Domain != key {
			_, err := l.change(ctx, s, r, http.StatusConflict, l.state)
			return err
		}
	}
	_, err = l.change(ctx, s, r, http.StatusOK, l.state.with(key, &c))
	return err
}

func (l *lane) remove(ctx context.Context, s *server) error {
	c, ok, err := l.some(ctx, s)
	if err != nil || !ok {
		return err
	}
	r := request{method: http.MethodDelete, path: "/v1/companies/" + c.ID}
	if _, err = l.change(ctx, s, r, http.StatusNoContent, l.state.with(c.key(), nil)); err != nil {
		return err
	}
	rep, err := s.do(ctx, l.token, request{method: http.MethodGet, path: r.path})
	if err == nil && rep.status != http.StatusNotFound {
		err = fmt.Errorf("deleted company %s: %d %.300s", c.ID, rep.status, rep.body)
	}
	return err
}

// object encodes a JSON object of names and values.
func object(pairs ...any) []byte {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic("BUG: encode object: " + err.Error())
	}
	return raw
}
