package torture

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
)

// call is one system call of a traced server. What was seen at start had not
// happened before, what was seen at end had; both number the lines of the trace.
type call struct {
	name, args, result string
	start, end         int
}

// readTrace gives the calls of a trace of strace -f to fn, as they ended.
func readTrace(in io.Reader, fn func(call)) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	begun := map[string]call{} // by thread
	for n := 1; lines.Scan(); n++ {
		thread, text, _ := strings.Cut(lines.Text(), " ")
		text = strings.TrimLeft(text, " ")
		if before, ok := strings.CutSuffix(text, " <unfinished ...>"); ok {
			name, args, _ := strings.Cut(before, "(")
			begun[thread] = call{name: name, args: args, start: n}
			continue
		}
		c := call{start: n, end: n}
		if rest, ok := strings.CutPrefix(text, "<... "); ok {
			c = begun[thread]
			_, rest, _ = strings.Cut(rest, " resumed>")
			c.args, c.end = c.args+rest, n
		} else if c.name, c.args, ok = strings.Cut(text, "("); !ok {
			continue // a signal, or a thread's end
		}
		at := strings.LastIndex(c.args, " = ")
		if at < 0 {
			continue
		}
		c.args, c.result = c.args[:at], c.args[at+len(" = "):]
		var whole bool
		if c.args, whole = strings.CutSuffix(strings.TrimRight(c.args, " "), ")"); whole { // short calls are padded
			fn(c)
		}
	}
	return lines.Err()
}

// path is the file, or the connection, of the call's first descriptor; empty
// where it has none.
func (c call) path() string {
	_, rest, ok := strings.Cut(c.args, "<")
	if !ok {
		return ""
	}
	path, _, _ := strings.Cut(strings.Replace(rest, "->", "\x00", 1), ">")
	return path
}

// data begins the bytes that were read or written.
func (c call) data() string {
	_, data, _ := strings.Cut(c.args, `"`)
	return data
}

func (c call) failed() bool { return strings.HasPrefix(c.result, "-") }

// synced is a file that was made durable between two moments.
type synced struct {
	path       string
	start, end int
}

// exchange is a request on a connection, and when its last byte was read.
type exchange struct {
	request string
	read    int
}

// spooled is an upload's file: when it was made, and last written to.
type spooled struct{ made, written int }

// judge holds a trace to what a success promises: that between the request's last
// byte and the answer's first the store's logs were synced, for a queued import
// after its upload and the folder that names it.
type judge struct {
	mapped map[string]string // address → file
	open   map[string]*exchange
	spools map[string]*spooled // by the job's id
	logs   map[string]int      // of the store → when it was made
	syncs  []synced

	acks     map[string]int // by method and status
	problems []string
}

func newJudge() *judge {
	return &judge{mapped: map[string]string{}, open: map[string]*exchange{}, spools: map[string]*spooled{},
		logs: map[string]int{}, acks: map[string]int{}}
}

func (j *judge) see(c call) {
	switch c.name {
	case "mmap":
		if path := c.path(); path != "" && strings.Contains(c.args, "MAP_SHARED") {
			j.mapped[c.result] = path
		}
	case "munmap":
		address, _, _ := strings.Cut(c.args, ",")
		delete(j.mapped, address)
	case "mremap":
		address, _, _ := strings.Cut(c.args, ",")
		if path, ok := j.mapped[address]; ok && !c.failed() {
			delete(j.mapped, address)
			j.mapped[c.result] = path
		}
	case "openat":
		j.made(c)
	case "msync":
		address, _, _ := strings.Cut(c.args, ",")
		j.sync(c, j.mapped[address])
	case "fsync", "fdatasync":
		j.sync(c, c.path())
	case "read":
		j.read(c)
	case "write", "writev":
		j.write(c)
	}
}

func (j *judge) sync(c call, path string) {
	if !c.failed() && path != "" {
		j.syncs = append(j.syncs, synced{path, c.start, c.end})
	}
}

// made notes files that are made.
func (j *judge) made(c call) {
	if !strings.Contains(c.args, "O_CREAT") || c.failed() {
		return
	}
	path, _, _ := strings.Cut(c.data(), `"`)
	if isLog(path) {
		j.logs[path] = c.end
	} else if id, ok := strings.CutSuffix(filepath.Base(path), ".spool2"); ok {
		j.spools[id] = &spooled{made: c.end}
	}
}

func isLog(path string) bool {
	return strings.HasSuffix(path, ".vlog") || strings.HasSuffix(path, ".mem")
}

func (j *judge) read(c call) {
	path := c.path()
	if !strings.HasPrefix(path, "TCP") || c.failed() || c.result == "0" {
		return
	}
	x := j.open[path]
	if x == nil {
		request, _, _ := strings.Cut(c.data(), " HTTP/1.1")
		x = &exchange{request: request}
		j.open[path] = x
	}
	x.read = c.end
}

var jobID = regexp.MustCompile(`imp_co_[0-9A-Z]+`)

func (j *judge) write(c call) {
	path := c.path()
	if id, ok := strings.CutSuffix(filepath.Base(path), ".spool2"); ok && j.spools[id] != nil {
		j.spools[id].written = c.end
	}
	status, ok := strings.CutPrefix(c.data(), "HTTP/1.1 ")
	x := j.open[path]
	if !ok || x == nil || strings.HasPrefix(status, "1") {
		return
	}
	delete(j.open, path)
	method, target, _ := strings.Cut(x.request, " ")
	if method == "GET" || status[0] != '2' || strings.Contains(status, "Idempotent-Replayed") {
		return
	}
	target, _, _ = strings.Cut(target, "?")
	status = status[:3]
	j.acks[method+" "+status]++
	if problem := j.promised(x, target, status, jobID.FindString(c.data()), c.start); problem != "" {
		j.problems = append(j.problems, fmt.Sprintf("line %d: %s %s was answered %s %s", c.start, method, target, status, problem))
	}
}

// promised says what is missing before an answer; empty: nothing.
func (j *judge) promised(x *exchange, target, status, job string, answer int) string {
	after := x.read
	if status == "202" {
		s := j.spools[job]
		if s == nil {
			return fmt.Sprintf("for the job %q, which has no upload", job)
		}
		file := j.find(job+".spool2", max(s.written, s.made), answer)
		folder := j.find("/spool", s.made, answer)
		if file == nil || folder == nil {
			return "before its upload was synced, with its folder"
		}
		after = max(after, file.end, folder.end)
	}
	log := j.find(".mem", after, answer)
	if log == nil {
		return "before the store's log was synced"
	}
	if target == "/v1/import/companies" && j.find(".vlog", x.read, answer) == nil {
		return "before the log of the store's values was synced"
	}
	for path, made := range j.logs {
		if made < answer && j.find(filepath.Dir(path), made, answer) == nil {
			return "before the folder of " + filepath.Base(path) + " was synced"
		}
	}
	return ""
}

// find returns the first sync of a file with that end of its path that began and
// ended between two moments.
func (j *judge) find(suffix string, after, before int) (first *synced) {
	for i := len(j.syncs) - 1; i >= 0 && j.syncs[i].end > after; i-- {
		if s := &j.syncs[i]; s.start > after && s.end < before && strings.HasSuffix(s.path, suffix) {
			first = s
		}
	}
	return first
}
