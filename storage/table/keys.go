package table

import (
	"encoding/binary"

	"sluice/engine/tuple"
)

// Kind is the kind of a table's keys, second part of their tuples.
const Kind = "table"

// The other kinds of this package's keys.
const (
	kindScratch = "scratch" // of dry runs
	kindSecret  = "table.secret"
	kindTables  = "tables" // the tenants that have one
)

// The sections of one table, third part of its keys.
const (
	sectLease    = 'e'
	sectManifest = 'm'
	sectLog      = 'l'
	sectPages    = 'p'
	sectDomains  = 'i'
	sectIDs      = 'j'
	sectRows     = 'r'
)

// The kinds of sealed values.
const (
	sealSecret   = 'S'
	sealTenant   = 'T'
	sealManifest = 'M'
	sealLog      = 'C'
	sealPages    = 'P'
	sealBucket   = 'B'
	sealVector   = 'V'
	sealGroup    = 'G'

	formatVersion = 2
)

// Within a block of rows the deletion vector sorts before the groups.
const (
	tagVector = 0
	tagGroup  = 1
)

// SecretKey is where the secret lies that all tables' keys are derived from.
func SecretKey() tuple.Key { return tuple.New("", kindSecret) }

// LeaseKey is where the lease of a tenant's table lies. It is taken before the
// table is made, so it may be there alone.
func LeaseKey(tenant string) tuple.Key { return tableSpace(tenant).lease() }

// space builds the keys of one table.
type space struct{ prefix []byte }

func tableSpace(tenant string) space { return space{tuple.New(tenant, Kind)} }

func scratchSpace(n uint64) space { return space{tuple.New("", kindScratch).Uint64(n)} }

func (s space) section(sect byte, extra int) []byte {
	k := make([]byte, 0, len(s.prefix)+1+extra)
	return append(append(k, s.prefix...), sect)
}

func (s space) lease() []byte { return s.section(sectLease, 0) }

func (s space) manifest() []byte { return s.section(sectManifest, 0) }

func (s space) log(seq uint64) []byte {
	return binary.BigEndian.AppendUint64(s.section(sectLog, 8), seq)
}

func (s space) page(epoch, n uint64) []byte {
	k := binary.BigEndian.AppendUint64(s.section(sectPages, 16), epoch)
	return binary.BigEndian.AppendUint64(k, n)
}

func (s space) bucket(sect byte, depth uint8, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(s.section(sect, 9), depth), n)
}

func (s space) block(block uint64) []byte {
	return binary.BigEndian.AppendUint64(s.section(sectRows, 10), block)
}

func (s space) group(block uint64, slot uint8) []byte {
	return append(s.block(block), tagGroup, slot)
}

func (s space) vector(block uint64) []byte { return append(s.block(block), tagVector, 0) }

// cutRow reads what follows the section of a row key.
func cutRow(k []byte) (block uint64, tag, slot uint8, ok bool) {
	if len(k) != 10 || k[8] > tagGroup || k[8] == tagVector && k[9] != 0 {
		return 0, 0, 0, false
	}
	return binary.BigEndian.Uint64(k), k[8], k[9], true
}

// cutNumber reads the number that begins what follows a section.
func cutNumber(k []byte) (uint64, bool) {
	if len(k) < 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(k), true
}
