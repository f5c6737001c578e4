package bench

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The guests, which are examples of plugins.
const (
	noGuest = ""
	guestC  = "cleaner"
	guestGo = "rules"
	guestAS = "salesforce"
)

// rulesConfig has the Go guest check three columns and map all.
const rulesConfig = `{"rules":[{"column":"Company","required":true,"max_length":100},` +
	`{"column":"Employees","enum":["1-10","11-50","51-200","201-500","501-1000","1001-5000","5001-10000","10001+"]},` +
	`{"column":"Website","required":true,"max_length":2000}],"mapping":` + mapping + `}`

// options are the query that sends a file through a guest; without one a CSV
// needs a mapping, which JSON has in its keys.
func options(of shape, name string, update bool) url.Values {
	q := url.Values{}
	switch {
	case name == guestGo:
		q.Set("plugin_config", rulesConfig)
		fallthrough
	case name != noGuest:
		q.Set("plugin", name)
	case of != ndjsonShape:
		q.Set("mapping", mapping)
	}
	if update {
		q.Set("update_existing", "true")
	}
	return q
}

// guest returns the module of an example: the committed one, or of Go a fresh
// build, which needs the toolchain.
func guest(ctx context.Context, dir, name string) ([]byte, error) {
	root, err := root(ctx)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(root, "plugins", "examples", name)
	if name != guestGo {
		return os.ReadFile(filepath.Join(folder, name+".wasm"))
	}
	out := filepath.Join(dir, name+".wasm")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, "-buildmode=c-shared", "-ldflags=-w", ".")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", name, err, text)
	}
	return os.ReadFile(out)
}

// root is the project's folder, wherever in it the bench was started.
func root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the project: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if filepath.Base(mod) != "go.mod" {
		return "", fmt.Errorf("find the project: run the bench inside its folder")
	}
	return filepath.Dir(mod), nil
}
