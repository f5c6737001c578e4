package sluice

import "strconv"

// Plugin says what a plugin is and what it does.
type Plugin struct {
	Name        string
	Version     string
	Description string
	Schema      string // JSON Schema of the configuration; "": not told

	// Open is called for each job, and again when it gets more columns. It
	// declares what is read and answered, and returns what is done with a row. An
	// error refuses the job with its message.
	Open func(*Job) (func(*Row), error)
}

// Register makes p the module's plugin. The value means nothing.
func Register(p Plugin) struct{} {
	guest.plugin = p
	return struct{}{}
}

// guest is the one plugin of the module: exported functions have no receiver.
var guest machine

// machine is what the exports work on.
type machine struct {
	plugin Plugin
	each   func(*Row)
	row    Row
	region []byte // what alloc gave
	said   []byte // what open or describe answered
	result *[5]uint32
	cells  []cell // those that a batch answers, as many as were ever needed
	source []uint32
	errors []failure
	arena  arena
}

// cell and failure have the layout of the ABI.
type cell struct{ ptr, meta uint32 }

type failure struct{ row, column, code, codeLen, message, messageLen uint32 }

func (m *machine) alloc(size uint32) uint32 {
	m.collect()
	if n := int(size); n > len(m.region) {
		m.region = nil // before the next one is made
		m.region = grab(max(n+n/4, 64<<10))
	}
	if len(m.region) == 0 {
		m.region = grab(64 << 10)
	}
	return address(&m.region[0])
}

func (m *machine) open(ptr, n uint32) uint64 {
	text := string(view(ptr, n)) // the configuration outlives the region
	context := Value{text}
	job := &Job{columns: context.Texts("columns"), Config: context.Key("config"), Options: context.Key("options")}
	if m.plugin.Open == nil {
		return m.say([]byte(`{"error":"the plugin was not registered: var _ = sluice.Register(…)"}`))
	}
	each, err := m.plugin.Open(job)
	if err != nil {
		return m.say(append(quote([]byte(`{"error":`), err.Error()), '}'))
	}
	m.each = each
	m.row = Row{m: m, outputs: len(job.outputs), inputs: len(job.inputs)}
	return m.say(job.answer())
}

func (m *machine) say(text []byte) uint64 {
	m.said = grab(len(text))
	copy(m.said, text)
	return uint64(address(&m.said[0]))<<32 | uint64(len(text))
}

func (m *machine) process(batch uint32) uint32 {
	header := (*[4]uint32)(pointer(batch))
	rows, cols := int(header[0]), int(header[1])
	r := &m.row
	m.arena.reset()
	m.source, m.errors = m.source[:0], m.errors[:0]
	m.cells = m.cells[:0]
	r.low, r.high = address(&m.region[0]), address(&m.region[0])+uint32(len(m.region))
	m.room((rows + 1) * r.outputs)
	table := cellsAt(header[2], rows*cols)
	for i := range rows {
		r.in, table = table[:cols:cols], table[cols:]
		r.index, r.done, r.failed = uint32(i), false, 0
		r.begin()
		m.each(r)
		if !r.done {
			r.end()
		}
		m.cells = m.cells[:len(m.source)*r.outputs]
	}
	if m.result == nil {
		m.result = (*[5]uint32)(pointer(address(&grab(20)[0])))
	}
	*m.result = [5]uint32{uint32(len(m.source)), tableOf(m.cells), tableOf(m.source), uint32(len(m.errors)), tableOf(m.errors)}
	return addressOf(m.result)
}

// quote appends s as a JSON string.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// Log writes a line to the plugin's log.
func Log(level Level, text string) { writeLog(level, text) }

// Level is how grave a line of the log is.
type Level uint32

// Levels of the log.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Number renders n as a plugin answers numbers.
func Number(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }
