package sluice

// Column is a column of the file that a plugin reads; None is not there and reads
// as absent.
type Column int

// None is a column that the file does not have, and the column of an error that
// concerns the row as a whole.
const None Column = -1

// Field is a field that a plugin answers.
type Field int

// Job is what a plugin learns when it is opened, and what it declares.
type Job struct {
	Config  Value // of the job; an empty object where there is none
	Options Value

	columns []string
	inputs  []string
	outputs []string
	passed  [][2]string // field, column
}

// Columns names the columns of the file; not to be changed.
func (j *Job) Columns() []string { return j.columns }

// Find returns the name, as the file has it, of the first of names that there is,
// exactly or else ignoring case, spaces, _ and -.
func (j *Job) Find(names ...string) (string, bool) {
	for _, want := range names {
		for _, c := range j.columns {
			if c == want {
				return c, true
			}
		}
	}
	for _, want := range names {
		for _, c := range j.columns {
			if alike(c, want) {
				return c, true
			}
		}
	}
	return "", false
}

// Input asks for the column that Find finds; None where the file has none such.
func (j *Job) Input(names ...string) Column {
	name, ok := j.Find(names...)
	if !ok {
		return None
	}
	for i, in := range j.inputs {
		if in == name {
			return Column(i)
		}
	}
	j.inputs = append(j.inputs, name)
	return Column(len(j.inputs) - 1)
}

// Output declares a field of the answer: name, domain, custom.x, …
func (j *Job) Output(field string) Field {
	for i, out := range j.outputs {
		if out == field {
			return Field(i)
		}
	}
	j.outputs = append(j.outputs, field)
	return Field(len(j.outputs) - 1)
}

// Pass lets the host copy the column that Find finds to a field; the plugin never
// sees it. It reports whether there is such a column.
func (j *Job) Pass(field string, names ...string) bool {
	name, ok := j.Find(names...)
	if ok {
		j.passed = append(j.passed, [2]string{field, name})
	}
	return ok
}

// answer renders what open answers.
func (j *Job) answer() []byte {
	b := list([]byte(`{"columns":`), j.outputs)
	b = list(append(b, `,"input":`...), j.inputs)
	b = append(b, `,"pass":{`...)
	for i, p := range j.passed {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(append(quote(b, p[0]), ':'), p[1])
	}
	return append(b, "}}"...)
}

func list(b []byte, names []string) []byte {
	b = append(b, '[')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(b, name)
	}
	return append(b, ']')
}

// alike compares names ignoring case, spaces, _ and -.
func alike(a, b string) bool {
	for {
		for a != "" && (a[0] == ' ' || a[0] == '_' || a[0] == '-') {
			a = a[1:]
		}
		for b != "" && (b[0] == ' ' || b[0] == '_' || b[0] == '-') {
			b = b[1:]
		}
		if a == "" || b == "" {
			return a == b
		}
		if lower(a[0]) != lower(b[0]) {
			return false
		}
		a, b = a[1:], b[1:]
	}
}

func lower(c byte) byte {
	if c-'A' < 26 {
		c |= 0x20
	}
	return c
}
