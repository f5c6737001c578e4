package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"sluice/engine/fault"
	"sluice/host"
	"sluice/host/backup"
	"sluice/storage/badgerkv"
)

// refused is an error that arose on this machine: its text is for people, its code
// for scripts.
type refused struct {
	error
	code fault.Code
}

func (r *refused) Unwrap() error { return r.error }

// refuse makes an error whose text does not begin with its code.
func refuse(code fault.Code, format string, args ...any) error {
	return &refused{fmt.Errorf(format, args...), code}
}

// misuse is a command that can't be done as it was given.
func misuse(format string, args ...any) error { return refuse(fault.Validation, format, args...) }

// fail reports why a command was not done: always to people, and where that was
// asked for also to scripts, as the API does.
func (p *process) fail(err error, asJSON bool) {
	fmt.Fprintf(p.stderr, "sluice: %v\n", err)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(p.stderr, "sluice: interrupted")
	}
	if asJSON {
		// The exit code says the rest to one who no longer reads.
		_ = output{JSON: true}.print(p, map[string]failure{"error": failureOf(err)}, nil)
	}
}

// failure is the error of the API's envelope.
type failure struct {
	Code    fault.Code      `json:"code"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details,omitempty"`
}

func failureOf(err error) failure {
	f := failure{Code: codeOf(err), Message: err.Error()}
	var answer *apiError
	if errors.As(err, &answer) {
		f.Details = answer.Details
	}
	// An error that nothing was said around begins with its code.
	f.Message = strings.TrimPrefix(f.Message, string(f.Code)+": ")
	return f
}

// codeOf is the code of the API that says best what happened. What nobody here can
// explain is an internal error.
func codeOf(err error) fault.Code {
	var (
		local  *refused
		answer *apiError
		usage  *kong.ParseError
		noWay  *url.Error
	)
	switch {
	case errors.As(err, &local):
		return local.code
	case errors.As(err, &answer):
		return answer.code()
	case errors.As(err, &usage), errors.Is(err, backup.ErrDamaged), errors.Is(err, backup.ErrChain):
		return fault.Validation
	case errors.Is(err, badgerkv.ErrInUse):
		return fault.Conflict
	case errors.Is(err, context.Canceled):
		return fault.Internal
	case errors.As(err, &noWay): // no server answers; one may soon
		return fault.Overloaded
	case errors.Is(err, host.ErrNoStore), errors.Is(err, os.ErrNotExist):
		return fault.NotFound
	}
	return fault.CodeOf(err)
}

// code is what the server answered, or for what is no answer of a server's, as that
// of a proxy, what is nearest to its status.
func (e *apiError) code() fault.Code {
	switch {
	case e.Code != "":
		return fault.Code(e.Code)
	case e.status > http.StatusInternalServerError:
		return fault.Overloaded
	case e.status == http.StatusNotFound:
		return fault.NotFound
	}
	return fault.Internal
}

// asksJSON reports whether a command line asks for JSON, also one that can't be
// parsed.
func asksJSON(args []string, env map[string]string) bool {
	asked := kongTrue(env["SLUICE_JSON"])
	for _, arg := range args {
		if arg == "--" {
			break
		}
		if name, value, given := strings.Cut(arg, "="); name == "--json" {
			asked = !given || kongTrue(value)
		}
	}
	return asked
}

// kongTrue reads a flag's value as the parser does.
func kongTrue(value string) bool {
	switch strings.ToLower(value) {
	case "true", "1", "yes":
		return true
	}
	return false
}
