package badgerkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/ristretto/v2/z"

	"sluice/storage"
)

// Badger moves the values of a log file up to the first damaged one and then removes
// the file: one flipped bit would cost all values behind it. So the file that it is
// about to rewrite is read through before.

// nextRewritten returns the number of the file with the most dead bytes, as Badger
// keeps them: pairs of u64, number and bytes, to the first that is zero. 0: none.
func nextRewritten(dir string) (number uint64, err error) {
	stats, err := os.ReadFile(filepath.Join(dir, "DISCARD"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	most := uint64(0)
	for ; len(stats) >= 16 && binary.BigEndian.Uint64(stats) != 0; stats = stats[16:] {
		if dead := binary.BigEndian.Uint64(stats[8:]); dead > most {
			number, most = binary.BigEndian.Uint64(stats), dead
		}
	}
	return number, err
}

// verifyNext reads the file through that a collection would rewrite next.
func verifyNext(dir string) error {
	number, err := nextRewritten(dir)
	if err != nil || number == 0 {
		return err
	}
	path := filepath.Join(dir, fmt.Sprintf(valueLogName, number))
	logs, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil || len(logs) == 0 || logs[len(logs)-1] <= path {
		return err // the newest is written to, and not rewritten
	}
	log, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	at := firstDamage(log.Data)
	if err := log.Close(-1); err != nil {
		return err
	}
	if at >= 0 {
		return fmt.Errorf("%w: value log %s, entry at byte %d; nothing is collected, so that what is behind it stays: restore the last backup",
			storage.ErrDamaged, path, at)
	}
	return nil
}

const (
	logHeadBytes = 20 // of a file: id of an encryption key, initial vector
	logSumBytes  = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// firstDamage returns where the first damaged entry of a log file begins, -1 for
// none. An entry is two bytes of marks, the lengths of its key and value and an
// expiry as uvarints, key, value, and CRC-32C of all that; zeros end the file.
func firstDamage(log []byte) int {
	for at := logHeadBytes; at < len(log); {
		rest := log[at:]
		head, lengths := 2, [3]uint64{}
		for i := range lengths {
			n, size := binary.Uvarint(rest[min(head, len(rest)):])
			if size <= 0 {
				return at
			}
			lengths[i] = n
			head += size
		}
		if lengths[0] == 0 && lengths[1] == 0 {
			for _, b := range rest {
				if b != 0 {
					return at
				}
			}
			return -1
		}
		left := uint64(len(rest) - head)
		if lengths[0] > left || lengths[1] > left-lengths[0] || left-lengths[0]-lengths[1] < logSumBytes {
			return at
		}
		end := head + int(lengths[0]+lengths[1])
		if crc32.Checksum(rest[:end], castagnoli) != binary.BigEndian.Uint32(rest[end:]) {
			return at
		}
		at += end + logSumBytes
	}
	return -1
}
