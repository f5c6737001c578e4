package plugins

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"

	"sluice/engine/fault"
	"sluice/plugins/abi"
	"sluice/plugins/meter"
)

// Trap is the end of a guest's call that is the guest's own fault.
type Trap struct {
	Reason string   // what happened
	Frames []string // the guest's functions, innermost first; few
	Fuel   bool     // its fuel was used up
}

func (t *Trap) Error() string {
	if len(t.Frames) == 0 {
		return t.Reason
	}
	return t.Reason + " in " + strings.Join(t.Frames, " < ")
}

// message is what a row's error says, within the bounds of a message.
func (t *Trap) message() string {
	return clip("the plugin trapped: "+t.Error(), abi.MaxMessage)
}

func trapf(format string, args ...any) *Trap {
	return &Trap{Reason: fmt.Sprintf(format, args...)}
}

// stopped is what a host function panics with to end a guest for a reason that
// is not the guest's: its caller gave up, or its time is over.
type stopped struct{ err error }

func (s *stopped) Error() string { return s.err.Error() }
func (s *stopped) Unwrap() error { return s.err }

// errLate is within the error of a guest that ran for too long.
var errLate = errors.New("out of time")

func outOfTime(limit time.Duration) *stopped {
	return &stopped{fault.Wrap(fault.ImportFailed, errLate,
		"the plugin ran for more than %v on one batch; make it touch less memory, or raise the limit of a batch's time (--plugin-batch-time)", limit)}
}

const maxFrames = 4

// classify turns what wazero returned into a Trap, into the reason that a host
// function stopped the guest for, or into an internal error.
func classify(err error) error {
	var stop *stopped
	if errors.As(err, &stop) {
		return stop.err
	}
	var trap *Trap
	if errors.As(err, &trap) {
		t := *trap
		t.Frames = frames(err.Error())
		return &t
	}
	var bug runtime.Error
	if errors.As(err, &bug) && !strings.HasPrefix(err.Error(), "wasm error: ") {
		return fmt.Errorf("call plugin: %w", err)
	}
	text := err.Error()
	reason, _, _ := strings.Cut(text, "\n")
	reason = strings.TrimPrefix(reason, "wasm error: ")
	return &Trap{Reason: clip(reason, 200), Frames: frames(text)}
}

// frames reads the innermost functions of the stack trace in wazero's text. A
// language's own runtime is left out where something else is there.
func frames(text string) []string {
	_, stack, ok := strings.Cut(text, "wasm stack trace:\n")
	if !ok {
		return nil
	}
	var own, all []string
	for line := range strings.Lines(stack) {
		name, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "\t")
		if !ok {
			break
		}
		if i := strings.LastIndexByte(name, '('); i > 0 { // the signature, and its results
			if j := strings.Index(name, ") ("); j > 0 && j < i {
				i = strings.LastIndexByte(name[:j], '(')
			}
			if i > 0 {
				name = name[:i]
			}
		}
		// The module's own name stands first; the guest's is empty.
		if strings.HasPrefix(strings.TrimPrefix(name, "."), meter.Added) {
			continue
		}
		if _, function, ok := strings.Cut(name, "."); ok && function != "" {
			name = function
		}
		if strings.HasPrefix(name, "... maybe") {
			continue
		}
		name = clip(ownIndex(name), 80)
		all = append(all, name)
		if !strings.HasPrefix(name, "runtime.") && !strings.HasPrefix(name, "runtime_") && !strings.HasPrefix(name, "_rt0_") {
			own = append(own, name)
		}
	}
	if len(own) > 0 {
		all = own
	}
	if len(all) > maxFrames {
		all = all[:maxFrames]
	}
	return all
}

// ownIndex corrects the name of a function that has none, "$7": the meter's import
// moved all functions by one.
func ownIndex(name string) string {
	if digits, ok := strings.CutPrefix(name, "$"); ok {
		if n, err := strconv.Atoi(digits); err == nil && n > 0 {
			return "$" + strconv.Itoa(n-1)
		}
	}
	return name
}

// clip shortens s to at most n bytes of valid UTF-8.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// called runs one exported function; results are in stack. What the guest's
// runtime said before a trap, Go's "panic: …" for one, is the reason that helps.
func called(in *instance, fn api.Function, stack []uint64) error {
	err := fn.CallWithStack(&in.call, stack)
	if err == nil {
		return nil
	}
	err = classify(err)
	var trap *Trap
	if errors.As(err, &trap) {
		in.streams[1].flush(in.log)
		if said := in.streams[1].said; len(said) > 0 {
			trap.Reason = fmt.Sprintf("%s after %q", trap.Reason, clip(string(said), 200))
		}
	}
	return err
}

// problem is what a person who wrote the plugin reads about err.
func problem(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return clip(err.Error(), abi.MaxMessage)
}
