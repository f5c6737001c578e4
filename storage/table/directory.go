package table

import "encoding/binary"

// Record numbers are cut into blocks of 256. A block is one or a few groups.
const (
	blockBits = 8
	blockRows = 1 << blockBits
)

// dirEntry is what is known of a block without reading it.
type dirEntry uint32

const (
	dirLiveBits  = 9
	dirMask      = 1<<dirLiveBits - 1
	dirPhysShift = dirLiveBits
	dirGroupsAt  = 2 * dirLiveBits
	dirVectorBit = 1 << 27
)

func newDirEntry(live, phys, groups int, vector bool) dirEntry {
	e := dirEntry(live | phys<<dirPhysShift | groups<<dirGroupsAt)
	if vector {
		e |= dirVectorBit
	}
	return e
}

func (e dirEntry) live() int    { return int(e & dirMask) }                 // rows that are not dead
func (e dirEntry) phys() int    { return int(e >> dirPhysShift & dirMask) } // rows stored
func (e dirEntry) groups() int  { return int(e >> dirGroupsAt & dirMask) }  // groups they stand in
func (e dirEntry) vector() bool { return e&dirVectorBit != 0 }              // it has a deletion vector
func (e dirEntry) valid() bool {
	return e>>28 == 0 && e.live() <= e.phys() && e.phys() <= blockRows && e.groups() <= e.phys()
}

const dirPageBlocks = 256

type dirPage [dirPageBlocks]dirEntry

// directory lists the blocks of a table. Once published it never changes.
type directory struct {
	first uint64 // block of the first entry
	pages []*dirPage
}

func (d *directory) entry(block uint64) dirEntry {
	n := block - d.first
	if block < d.first || n/dirPageBlocks >= uint64(len(d.pages)) {
		return 0
	}
	return d.pages[n/dirPageBlocks][n%dirPageBlocks]
}

// edit is a directory being changed: it shares the pages that it leaves alone.
type dirEdit struct {
	directory
	mine []bool
}

func (d *directory) edit() *dirEdit {
	e := &dirEdit{directory: directory{first: d.first}}
	e.pages = append(make([]*dirPage, 0, len(d.pages)+1), d.pages...)
	e.mine = make([]bool, len(d.pages), len(d.pages)+1)
	return e
}

func (e *dirEdit) at(block uint64) *dirEntry {
	n := (block - e.first) / dirPageBlocks
	for uint64(len(e.pages)) <= n {
		e.pages = append(e.pages, new(dirPage))
		e.mine = append(e.mine, true)
	}
	if !e.mine[n] {
		p := *e.pages[n]
		e.pages[n], e.mine[n] = &p, true
	}
	return &e.pages[n][(block-e.first)%dirPageBlocks]
}

func (e *dirEdit) add(block uint64, live, phys, groups int) {
	p := e.at(block)
	*p = newDirEntry(p.live()+live, p.phys()+phys, p.groups()+groups, p.vector())
}

// A stored value holds the entries of storedPages pages, four bytes each.
const storedPages = 16

func (d *directory) storedKeys() uint64 {
	return (uint64(len(d.pages)) + storedPages - 1) / storedPages
}

func (d *directory) appendStored(dst []byte, n uint64) []byte {
	for _, p := range d.pages[n*storedPages : min((n+1)*storedPages, uint64(len(d.pages)))] {
		for _, e := range p {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(e))
		}
	}
	return dst
}

// addStored is the inverse of appendStored, for the next n.
func (d *directory) addStored(payload []byte) bool {
	const pageBytes = 4 * dirPageBlocks
	if len(payload) == 0 || len(payload)%pageBytes != 0 || len(payload) > storedPages*pageBytes || len(d.pages)%storedPages != 0 {
		return false
	}
	for ; len(payload) > 0; payload = payload[pageBytes:] {
		p := new(dirPage)
		for i := range p {
			p[i] = dirEntry(binary.LittleEndian.Uint32(payload[4*i:]))
			if !p[i].valid() {
				return false
			}
		}
		d.pages = append(d.pages, p)
	}
	return true
}
