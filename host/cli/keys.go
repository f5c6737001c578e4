package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key and print it; it is shown this once."`
	List   keysListCmd   `cmd:"" help:"List the keys, without their secrets."`
	Delete keysDeleteCmd `cmd:"" help:"Remove a key; it stops working at once."`
}

type keysCreateCmd struct {
	admin
	output
	Tenant    string   `required:"" help:"Whose key it is."`
	Scopes    []string `required:"" help:"What it may do, separated by commas."`
	ExpiresAt string   `help:"When it ends, RFC 3339."`
	RateLimit int      `help:"Requests in 60 s; 0: the server's default."`
}

type apiKey struct {
	ID        string     `json:"id"`
	Key       string     `json:"key,omitempty"`
	Prefix    string     `json:"prefix"`
	Tenant    string     `json:"tenant"`
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
	RateLimit int        `json:"rate_limit"`
}

func (c *keysCreateCmd) Run(p *process) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	in := map[string]any{"tenant": c.Tenant, "scopes": c.Scopes}
	if c.ExpiresAt != "" {
		in["expires_at"] = c.ExpiresAt
	}
	if c.RateLimit > 0 {
		in["rate_limit"] = c.RateLimit
	}
	var key apiKey
	if err := cl.call(p.ctx, http.MethodPost, "/v1/admin/keys", in, &key, nil); err != nil {
		return err
	}
	return c.print(p, key, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, key.Key)
		return err
	})
}

type keysListCmd struct {
	admin
	output
}

func (c *keysListCmd) Run(p *process) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	var keys []apiKey
	if err := cl.call(p.ctx, http.MethodGet, "/v1/admin/keys", nil, &keys, nil); err != nil {
		return err
	}
	return c.print(p, keys, func(w io.Writer) error {
		return table(w, func(add func(...string)) {
			add("ID", "PREFIX", "TENANT", "SCOPES", "RATE", "CREATED", "EXPIRES")
			for _, k := range keys {
				expires := "never"
				if k.ExpiresAt != nil {
					expires = k.ExpiresAt.Format(time.RFC3339)
				}
				add(k.ID, k.Prefix, k.Tenant, strings.Join(k.Scopes, ","), fmt.Sprint(k.RateLimit),
					k.CreatedAt.Format(time.RFC3339), expires)
			}
		})
	})
}

type keysDeleteCmd struct {
	admin
	output
	ID string `arg:"" help:"The key's id, as keys list shows it."`
}

func (c *keysDeleteCmd) Run(p *process) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	if err := cl.call(p.ctx, http.MethodDelete, "/v1/admin/keys/"+url.PathEscape(c.ID), nil, nil, nil); err != nil {
		return err
	}
	return c.print(p, map[string]any{"id": c.ID, "deleted": true}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s is removed\n", c.ID)
		return err
	})
}
