package plugins

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"sync"

	"golang.org/x/sys/cpu"

	"sluice/plugins/meter"
)

// entry is what the cache knows of one uploaded module: what the child process
// made of it, or why it was refused.
type entry struct {
	Refused string  `json:"refused,omitempty"`
	Report  *Report `json:"report,omitempty"`

	// NativeName is the path below wazero's cache folder of the file with the
	// native code.
	NativeName string `json:"native_name,omitempty"`

	wasm   []byte // metered
	native []byte // the file that wazero reads
}

// cache keeps entries in files that are worth nothing without their key: native
// code is run as it stands, and wazero guards it against accidents alone. A file
//
//	offset  size  field
//	0       8     magic and version of the format
//	8       32    HMAC-SHA256 of the name and of all that follows
//	40      4     length of the head
//	44      4     length of the metered module
//	48            head (JSON), metered module, native code
//
// is read whole and checked before a byte of it is used. A file that fails is
// removed, and the module compiled again.
type cache struct {
	dir      string
	key      []byte
	platform string
	maxBytes int64

	mu sync.Mutex // one writer at a time
}

const (
	cacheMagic    = "SLUICEC1"
	cacheHeader   = 48
	maxEntryBytes = 512 << 20
)

func openCache(dir string, maxBytes int64, limits meter.Limits) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make plugin cache: %w", err)
	}
	key, err := cacheKey(filepath.Join(dir, "key"))
	if err != nil {
		return nil, err
	}
	return &cache{dir: dir, key: key, platform: platform(limits), maxBytes: maxBytes}, nil
}

// cacheKey reads the key, or makes one; with a new key no old entry counts.
func cacheKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil && len(key) == sha256.Size {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read key of plugin cache: %w", err)
	}
	key = make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	if err := writeFile(path, key); err != nil {
		return nil, fmt.Errorf("write key of plugin cache: %w", err)
	}
	return key, nil
}

// platform names all that makes one compilation unlike another: prices and limits
// of the meter, the engine's version and the processor's abilities, which are
// those that wazero looks at. A data folder that moves to another machine is
// compiled anew.
func platform(limits meter.Limits) string {
	version := "?"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/tetratelabs/wazero" {
				version = dep.Version
			}
		}
	}
	return fmt.Sprint(meter.Version, limits, version, runtime.GOOS, runtime.GOARCH,
		cpu.X86.HasSSE41, cpu.X86.HasBMI1, cpu.X86.HasBMI2, cpu.X86.HasPOPCNT, cpu.ARM64.HasATOMICS)
}

func (c *cache) path(hash string) string {
	name := sha256.Sum256([]byte(hash + "\n" + c.platform))
	return filepath.Join(c.dir, hex.EncodeToString(name[:])+".plugin")
}

func (c *cache) sign(path string, body ...[]byte) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(filepath.Base(path)))
	for _, p := range body {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

// get returns the entry of an upload; nil: there is none, or none that is ours.
func (c *cache) get(hash string) *entry {
	path := c.path(hash)
	if info, err := os.Stat(path); err != nil || info.Size() > maxEntryBytes {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	e, ok := c.decode(path, data)
	if !ok {
		_ = os.Remove(path)
		return nil
	}
	return e
}

func (c *cache) decode(path string, data []byte) (*entry, bool) {
	if len(data) < cacheHeader || string(data[:8]) != cacheMagic || !hmac.Equal(data[8:40], c.sign(path, data[40:])) {
		return nil, false
	}
	head, wasm := uint64(binary.LittleEndian.Uint32(data[40:])), uint64(binary.LittleEndian.Uint32(data[44:]))
	body := data[cacheHeader:]
	if head+wasm > uint64(len(body)) {
		return nil, false
	}
	e := &entry{}
	if err := json.Unmarshal(body[:head], e); err != nil {
		return nil, false
	}
	e.wasm, e.native = body[head:head+wasm], body[head+wasm:]
	return e, true
}

// put stores an entry and makes room for it.
func (c *cache) put(hash string, e *entry) error {
	head, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode plugin cache entry: %w", err)
	}
	path := c.path(hash)
	lengths := binary.LittleEndian.AppendUint32(nil, uint32(len(head)))
	lengths = binary.LittleEndian.AppendUint32(lengths, uint32(len(e.wasm)))
	sum := c.sign(path, lengths, head, e.wasm, e.native)
	data := bytes.Join([][]byte{[]byte(cacheMagic), sum, lengths, head, e.wasm, e.native}, nil)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.evict(int64(len(data)))
	if err := writeFile(path, data); err != nil {
		return fmt.Errorf("write plugin cache entry: %w", err)
	}
	return nil
}

// evict removes the oldest entries until n more bytes fit. Losing one costs a
// compilation.
func (c *cache) evict(n int64) {
	files, err := filepath.Glob(filepath.Join(c.dir, "*.plugin"))
	if err != nil {
		return
	}
	infos := make([]fs.FileInfo, 0, len(files))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			infos = append(infos, info)
			n += info.Size()
		}
	}
	sort.Slice(infos, func(i, j int) bool { return infos[i].ModTime().Before(infos[j].ModTime()) })
	for _, info := range infos {
		if n <= c.maxBytes {
			return
		}
		_ = os.Remove(filepath.Join(c.dir, info.Name()))
		n -= info.Size()
	}
}

// writeFile replaces a file as a whole, readable by us alone. It is not synced: a
// file that a crash tears fails its check.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
