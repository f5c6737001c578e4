package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Company is a stored company, as far as the bench looks at it.
type Company struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Domain      string `json:"domain"`
	Phone       string `json:"phone"`
	Description string `json:"description"`
}

// ByDomain reads one company by its domain, over the list's filter.
func (c *Client) ByDomain(ctx context.Context, domain string) (Company, error) {
	var found []Company
	err := c.data(ctx, call{method: http.MethodGet, path: "/v1/companies?domain=" + url.QueryEscape(domain)}, &found)
	if err != nil {
		return Company{}, err
	}
	if len(found) != 1 {
		return Company{}, fmt.Errorf("%d companies have the domain %s", len(found), domain)
	}
	return found[0], nil
}

// Total is how many companies the list says there are.
func (c *Client) Total(ctx context.Context) (uint64, error) {
	var list struct {
		Meta struct{ Total *uint64 }
	}
	if err := c.answer(ctx, call{method: http.MethodGet, path: "/v1/companies?per_page=1"}, &list); err != nil {
		return 0, err
	}
	if list.Meta.Total == nil {
		return 0, errors.New("the list has no total")
	}
	return *list.Meta.Total, nil
}

// Exported counts the companies that an export really gives.
func (c *Client) Exported(ctx context.Context) (uint64, error) {
	resp, err := c.open(ctx, call{method: http.MethodGet, path: "/v1/companies/export?format=ndjson"})
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var lines uint64
	block := make([]byte, 256<<10)
	for {
		n, err := resp.Body.Read(block)
		lines += uint64(bytes.Count(block[:n], []byte("\n")))
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read export: %w", err)
		}
	}
}

// PushPlugin uploads a module as the next version of a plugin.
func (c *Client) PushPlugin(ctx context.Context, name string, wasm []byte) error {
	var answer struct{}
	return c.data(ctx, call{method: http.MethodPost, path: "/v1/plugins?name=" + url.QueryEscape(name),
		header: map[string]string{"Content-Type": "application/wasm"}, body: bytes.NewReader(wasm), size: int64(len(wasm))}, &answer)
}
