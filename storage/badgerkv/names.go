package badgerkv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sluice/storage"
)

// names makes the names of value log files durable. Badger syncs what is in such a
// file, but not the folder in which it is new: a power failure could leave the
// content without a name.
type names struct {
	dir  string
	last uint32 // number of the newest file whose name is durable
}

// openNames begins with the files of a store that was just opened.
func openNames(dir string) (*names, error) {
	n := &names{dir: dir}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list value logs: %w", err)
	}
	for _, f := range files {
		var number uint32
		if _, err := fmt.Sscanf(f.Name(), valueLogName, &number); err == nil && strings.HasSuffix(f.Name(), ".vlog") {
			n.last = max(n.last, number)
		}
	}
	return n, storage.SyncDir(dir)
}

const valueLogName = "%06d.vlog"

// sync makes the names durable of files that were made since the last time.
func (n *names) sync() error {
	before := n.last
	for {
		_, err := os.Lstat(filepath.Join(n.dir, fmt.Sprintf(valueLogName, n.last+1)))
		if errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return fmt.Errorf("look for a new value log: %w", err)
		}
		n.last++
	}
	if n.last == before {
		return nil
	}
	if err := storage.SyncDir(n.dir); err != nil {
		return fmt.Errorf("sync folder of the value log: %w", err)
	}
	return nil
}
