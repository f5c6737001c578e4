package intake

import (
	"strings"
	"unicode/utf8"

	"sluice/engine"
)

// option is one thing that a caller may ask for.
type option struct {
	name string
	set  func(o *optionSet, raw []byte) error   // from JSON
	text func(o *optionSet, value string) error // from a query or a form field; nil: as JSON
}

// allOptions lists the options in the order of the docs.
func allOptions() []option {
	return []option{
		{name: "has_header", set: boolean("has_header", func(o *optionSet, v bool) { o.opts.HasHeader = v })},
		{name: "mapping", set: setMapping},
		{name: "update_existing", set: boolean("update_existing", func(o *optionSet, v bool) { o.opts.UpdateExisting = v })},
		{name: "tags", set: setTags, text: addTag},
		{name: "plugin", set: setPlugin, text: setPluginText},
		{name: "plugin_config", set: setPluginConfig},
		{name: "dry_run", set: boolean("dry_run", func(o *optionSet, v bool) { o.opts.DryRun = v })},
		{name: "on_error", set: setOnError, text: setOnErrorText},
		{name: "max_errors", set: setMaxErrors},
		{name: "results", set: boolean("results", func(o *optionSet, v bool) { o.opts.Results = v })},
		{name: "dialect", set: setDialect},
	}
}

// optionSet gathers the options of one request, from wherever they come.
type optionSet struct {
	opts  engine.Options
	abort bool
	known []option
	given uint32 // bit i: known[i] was given
}

func newOptionSet() *optionSet {
	return &optionSet{opts: engine.DefaultOptions(), known: allOptions()}
}

// addJSON sets an option from a member of a JSON body.
func (o *optionSet) addJSON(name string, raw []byte) error {
	i, err := o.take(name, len(raw))
	if err != nil {
		return err
	}
	if !utf8.Valid(raw) {
		return invalidOption(name, "%s must be valid UTF-8", name)
	}
	return o.known[i].set(o, raw)
}

// addText sets an option from a query or a form field. Only tags may come again.
func (o *optionSet) addText(name, value string) error {
	i, err := o.take(name, len(value))
	if err != nil {
		return err
	}
	if !utf8.ValidString(value) {
		return invalidOption(name, "%s must be valid UTF-8", name)
	}
	if opt := o.known[i]; opt.text != nil {
		return opt.text(o, value)
	}
	return o.known[i].set(o, []byte(strings.TrimSpace(value)))
}

// take finds an option and marks it as given.
func (o *optionSet) take(name string, size int) (int, error) {
	for i, opt := range o.known {
		if opt.name != name {
			continue
		}
		if size > maxOptionBytes {
			return 0, invalidOption(name, "%s has %d bytes, the limit is %d", name, size, maxOptionBytes)
		}
		if o.given&(1<<i) != 0 && name != "tags" {
			return 0, invalidOption(name, "%s is given twice", name)
		}
		o.given |= 1 << i
		return i, nil
	}
	names := make([]string, len(o.known))
	for i, opt := range o.known {
		names[i] = opt.name
	}
	return 0, invalidOption(clip(name), "unknown option %q; the options are %s", clip(name), strings.Join(names, ", "))
}

// finish returns the options for an upload of the format.
func (o *optionSet) finish(format engine.Format) (engine.Options, error) {
	if format != engine.CSV && len(o.opts.Mapping) > 0 {
		return engine.Options{}, invalidOption("mapping", "mapping is for CSV only; the keys of JSON rows name the fields themselves")
	}
	if o.abort {
		o.opts.MaxErrors = 0
	}
	return o.opts, nil
}
