package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"sluice/engine"
	"sluice/engine/batch"
	"sluice/engine/charset"
	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/engine/jsonscan"
)

// boolean makes the setter of an option that is true or false.
func boolean(name string, set func(*optionSet, bool)) func(*optionSet, []byte) error {
	return func(o *optionSet, raw []byte) error {
		switch string(raw) {
		case "true":
			set(o, true)
		case "false":
			set(o, false)
		default:
			return invalidOption(name, "%s must be true or false", name)
		}
		return nil
	}
}

// setMapping reads header → field. A header that comes twice is an error: of two
// fields one would be lost.
func setMapping(o *optionSet, raw []byte) error {
	m := map[string]string{}
	err := stringMembers("mapping", raw, func(key, value string) error {
		if _, ok := m[key]; ok {
			return invalidOption("mapping", "mapping names the header %q twice", clip(key))
		}
		m[key] = value
		return nil
	})
	if err == nil && len(m) > 0 {
		o.opts.Mapping = m
	}
	return err
}

func setDialect(o *optionSet, raw []byte) error {
	seen := map[string]bool{}
	return stringMembers("dialect", raw, func(key, value string) error {
		if seen[key] {
			return invalidOption("dialect", "dialect.%s is given twice", clip(key))
		}
		seen[key] = true
		switch key {
		case "delimiter", "quote":
			if len(value) != 1 || value[0] >= 0x80 || strings.Contains("\r\n\x00", value) {
				return invalidOption("dialect", "dialect.%s must be one ASCII character, no line end and not NUL", key)
			}
			if key == "delimiter" {
				o.opts.Dialect.Delimiter = value
			} else {
				o.opts.Dialect.Quote = value
			}
		case "encoding":
			name, err := charset.Parse(value)
			if err != nil {
				return named("dialect", err)
			}
			o.opts.Dialect.Encoding = name
		default:
			return invalidOption("dialect", "unknown dialect.%s; the members are delimiter, quote, encoding", clip(key))
		}
		if d := o.opts.Dialect; d.Delimiter != "" && d.Delimiter == d.Quote {
			return invalidOption("dialect", "dialect.delimiter and dialect.quote must differ")
		}
		return nil
	})
}

// stringMembers walks a JSON object of strings.
func stringMembers(name string, raw []byte, fn func(key, value string) error) error {
	err := jsonscan.Object(raw, func(key []byte, kind batch.Kind, value []byte) error {
		if kind != batch.Text {
			return invalidOption(name, "%s must be an object of strings; %q is none", name, clip(string(key)))
		}
		return fn(string(key), string(value))
	})
	return optionFault(name, "an object of strings", err)
}

// optionFault makes a scanner's error the 400 of an option.
func optionFault(name, want string, err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) && f.Details["option"] != nil {
		return f
	}
	return invalidOption(name, "%s must be %s", name, want)
}

func setTags(o *optionSet, raw []byte) error {
	var tags []*string
	if !bytes.HasPrefix(raw, []byte("[")) || json.Unmarshal(raw, &tags) != nil {
		return invalidOption("tags", "tags must be an array of strings")
	}
	for _, t := range tags {
		if t == nil {
			return invalidOption("tags", "tags must be an array of strings")
		}
	}
	// Read again by the rows' own reader, which tells what is no character.
	return jsonscan.Tags(raw, func(tag []byte) error {
		if !utf8.Valid(tag) {
			return invalidOption("tags", "tags must be valid UTF-8")
		}
		return addTag(o, string(tag))
	})
}

// addTag adds one tag; blank ones and those that are there already are none.
func addTag(o *optionSet, tag string) error {
	tag = strings.TrimSpace(tag)
	if len(tag) > company.MaxText {
		return invalidOption("tags", "a tag has %d bytes, the limit is %d", len(tag), company.MaxText)
	}
	for _, t := range o.opts.Tags {
		if t == tag {
			return nil
		}
	}
	if tag == "" {
		return nil
	}
	if len(o.opts.Tags) == company.MaxTags {
		return invalidOption("tags", "there may be at most %d tags", company.MaxTags)
	}
	o.opts.Tags = append(o.opts.Tags, tag)
	return nil
}

const pluginForms = `plugin must be "name", "name@version" with a version from 1, or null for none`

func setPlugin(o *optionSet, raw []byte) error {
	if string(raw) == "null" {
		o.opts.Plugin = engine.PluginRef{None: true}
		return nil
	}
	s, ok := jsonString(raw)
	if !ok || s == "" {
		return invalidOption("plugin", pluginForms)
	}
	return setPluginText(o, s)
}

// setPluginText reads the plugin as text, where null can't be said: empty is none.
func setPluginText(o *optionSet, value string) error {
	if value == "" {
		o.opts.Plugin = engine.PluginRef{None: true}
		return nil
	}
	name, version, versioned := strings.Cut(value, "@")
	ref := engine.PluginRef{Name: name}
	if versioned {
		v, err := strconv.ParseUint(version, 10, 31)
		if err != nil || v == 0 || strings.HasPrefix(version, "0") {
			return invalidOption("plugin", pluginForms)
		}
		ref.Version = int(v)
	}
	if name == "" || len(name) > company.MaxText {
		return invalidOption("plugin", pluginForms)
	}
	o.opts.Plugin = ref
	return nil
}

// setPluginConfig keeps the object as sent; the plugin alone knows its members.
func setPluginConfig(o *optionSet, raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	if !bytes.HasPrefix(raw, []byte("{")) {
		return invalidOption("plugin_config", "plugin_config must be an object")
	}
	if err := jsonscan.Valid(raw); err != nil {
		return optionFault("plugin_config", "an object nested at most "+strconv.Itoa(jsonscan.MaxDepth)+" deep", err)
	}
	o.opts.PluginConfig = bytes.Clone(raw)
	return nil
}

func setOnError(o *optionSet, raw []byte) error {
	s, _ := jsonString(raw)
	return setOnErrorText(o, s)
}

func setOnErrorText(o *optionSet, value string) error {
	switch engine.OnError(value) {
	case engine.Skip:
	case engine.Abort:
		o.abort = true
	default:
		return invalidOption("on_error", `on_error must be "skip" or "abort"`)
	}
	return nil
}

func setMaxErrors(o *optionSet, raw []byte) error {
	n, err := strconv.ParseUint(string(raw), 10, 53)
	if err != nil || len(raw) > 1 && raw[0] == '0' {
		return invalidOption("max_errors", "max_errors must be a whole number from 0")
	}
	o.opts.MaxErrors = int(n)
	return nil
}

// jsonString returns the text of a JSON string.
func jsonString(raw []byte) (string, bool) {
	var s string
	if !bytes.HasPrefix(raw, []byte(`"`)) || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}
