package intake

import (
	"errors"
	"strings"

	"sluice/engine/fault"
)

// invalid makes the 400 of a body.
func invalid(format string, args ...any) error {
	return fault.New(fault.Validation, format, args...)
}

// invalidOption makes the 400 of an option, which its details name.
func invalidOption(name, format string, args ...any) error {
	return fault.New(fault.Validation, format, args...).With("option", name)
}

// named adds the option to a fault that lacks it.
func named(option string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.With("option", option)
	}
	return err
}

// asFault returns the fault.Error in err's chain, or nil.
func asFault(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// clip shortens what a caller sent for a message.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
