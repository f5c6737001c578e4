package measure

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Machine describes where something was measured.
type Machine struct {
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	Memory     int64  `json:"memory_bytes"`
	Kernel     string `json:"kernel"`
	FileSystem string `json:"file_system"` // of the folder that was measured in
	Go         string `json:"go"`
}

// ReadMachine describes this machine; what it doesn't tell is "unknown" or 0.
func ReadMachine(dir string) Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	cpu, _ := os.ReadFile("/proc/cpuinfo") // none: unknown
	m.CPU = cpuModel(cpu)
	memory, _ := os.ReadFile("/proc/meminfo")
	if kb, err := parseField(memory, "MemTotal:"); err == nil {
		m.Memory = kb << 10
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	m.Kernel = known(string(bytes.TrimSpace(kernel)))
	mounts, _ := os.ReadFile("/proc/mounts")
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	m.FileSystem = fileSystem(mounts, dir)
	return m
}

// cpuModel finds the processor's name in /proc/cpuinfo.
func cpuModel(info []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(info))
	for lines.Scan() {
		label, value, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(label) == "model name" {
			return known(strings.TrimSpace(value))
		}
	}
	return known("")
}

// fileSystem finds the type of the mount that holds an absolute path: the one
// with the longest path, the last of equals.
func fileSystem(mounts []byte, path string) string {
	best, kind := "", ""
	for line := range bytes.Lines(mounts) {
		f := strings.Fields(string(line))
		if len(f) < 3 {
			continue
		}
		at := f[1]
		inside := path == at || strings.HasPrefix(path, strings.TrimSuffix(at, "/")+"/")
		if inside && len(at) >= len(best) {
			best, kind = at, f[2]
		}
	}
	return known(kind)
}

func known(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
