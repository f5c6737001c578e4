package measure

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ is 100 on every
// architecture that Go runs on.
const tick = 10 * time.Millisecond

// Usage is what one process has used since its start.
type Usage struct {
	CPU        time.Duration // user and system
	Children   time.Duration // CPU of the children that it has waited for
	WriteBytes int64         // caused to go to the disk
}

// ReadUsage reads the usage of a process.
func ReadUsage(pid int) (Usage, error) {
	stat, err := readProc(pid, "stat")
	if err != nil {
		return Usage{}, err
	}
	u, err := parseStat(stat)
	if err != nil {
		return Usage{}, err
	}
	// Without the kernel's I/O accounting there is no such file.
	io, err := readProc(pid, "io")
	if err != nil {
		return u, nil
	}
	u.WriteBytes, err = parseField(io, "write_bytes:")
	return u, err
}

// Sub is what was used between old and u.
func (u Usage) Sub(old Usage) Usage {
	return Usage{CPU: u.CPU - old.CPU, Children: u.Children - old.Children, WriteBytes: u.WriteBytes - old.WriteBytes}
}

// ReadAnon reads how much anonymous memory a process holds: the heap and the
// stacks, but not files that are mapped, which the kernel can drop at will.
func ReadAnon(pid int) (int64, error) {
	status, err := readProc(pid, "status")
	if err != nil {
		return 0, err
	}
	kb, err := parseField(status, "RssAnon:")
	return kb << 10, err
}

func readProc(pid int, file string) ([]byte, error) {
	return os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
}

// parseStat reads /proc/PID/stat. The name in it may hold spaces and brackets,
// so the fields are counted from its last bracket.
func parseStat(stat []byte) (Usage, error) {
	_, rest, ok := cutLast(stat, ')')
	fields := bytes.Fields(rest)
	const utime, children, last = 11, 13, 14 // after the name
	if !ok || len(fields) <= last {
		return Usage{}, fmt.Errorf("parse stat: %d fields", len(fields))
	}
	var ticks [4]int64
	for i := range ticks {
		n, err := strconv.ParseInt(string(fields[utime+i]), 10, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("parse stat: %w", err)
		}
		ticks[i] = n
	}
	return Usage{
		CPU:      time.Duration(ticks[0]+ticks[1]) * tick,
		Children: time.Duration(ticks[children-utime]+ticks[children-utime+1]) * tick,
	}, nil
}

// parseField reads the number after a label at the start of a line.
func parseField(text []byte, label string) (int64, error) {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte(label))
		if !ok {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) == 0 {
			break
		}
		n, err := strconv.ParseInt(string(fields[0]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse %s %w", label, err)
		}
		return n, nil
	}
	return 0, fmt.Errorf("parse %s not found", label)
}

func cutLast(b []byte, sep byte) (before, after []byte, ok bool) {
	i := bytes.LastIndexByte(b, sep)
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+1:], true
}
