package plugins

import (
	"bytes"
	"sync"

	"sluice/plugins/abi"
)

// LogLine is one line of a plugin's log.
type LogLine struct {
	Level string `json:"level"` // debug, info, warn, error
	Text  string `json:"text"`
}

// Log is the bounded log of one job's plugin: what it said by sluice.log, on
// standard output (info) and on standard error (warn).
type Log struct {
	mu       sync.Mutex
	lines    []LogLine
	bytes    int
	dropped  int
	maxLines int
	maxBytes int
}

func newLog(l Limits) *Log { return &Log{maxLines: l.LogLines, maxBytes: l.LogBytes} }

// Lines returns the lines so far and how many more were dropped.
func (l *Log) Lines() (lines []LogLine, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]LogLine(nil), l.lines...), l.dropped
}

// add keeps a copy of one line as long as there is room.
func (l *Log) add(level uint32, text []byte) {
	if len(text) > abi.MaxLogLine {
		text = text[:abi.MaxLogLine]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full(len(text)) {
		l.dropped++
		return
	}
	names := [...]string{"debug", "info", "warn", "error"}
	l.keep(LogLine{names[min(level, abi.LogError)], clip(string(text), abi.MaxLogLine)})
}

func (l *Log) full(bytes int) bool {
	return len(l.lines) >= l.maxLines || l.bytes+bytes > l.maxBytes
}

func (l *Log) keep(line LogLine) {
	l.bytes += len(line.Text)
	l.lines = append(l.lines, line)
}

// follow empties l for one call of a guest: it has the room that is left in of.
func (l *Log) follow(of *Log) {
	of.mu.Lock()
	defer of.mu.Unlock()
	l.lines, l.bytes, l.dropped = l.lines[:0], 0, 0
	l.maxLines, l.maxBytes = of.maxLines-len(of.lines), of.maxBytes-of.bytes
}

// take adds what a call said, and leaves from as it is.
func (l *Log) take(from *Log) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped += from.dropped
	for _, line := range from.lines {
		if l.full(len(line.Text)) {
			l.dropped++
			continue
		}
		l.keep(line)
	}
}

// lineWriter cuts a stream into lines of a log.
type lineWriter struct {
	level uint32
	rest  []byte // of a line that is not over
	said  []byte // the last line by which a language's runtime announces its end
}

func (w *lineWriter) write(l *Log, p []byte) {
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		w.extend(p[:i])
		w.flush(l)
		p = p[i+1:]
	}
	w.extend(p)
}

func (w *lineWriter) extend(p []byte) {
	room := abi.MaxLogLine - len(w.rest)
	w.rest = append(w.rest, p[:min(len(p), room)]...)
}

// flush ends the line.
func (w *lineWriter) flush(l *Log) {
	if len(w.rest) > 0 {
		l.add(w.level, w.rest)
		if bytes.HasPrefix(w.rest, []byte("panic: ")) || bytes.HasPrefix(w.rest, []byte("fatal error: ")) {
			w.said = append(w.said[:0], w.rest...)
		}
		w.rest = w.rest[:0]
	}
}
