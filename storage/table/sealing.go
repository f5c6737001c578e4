package table

import "sluice/storage"

// sealAhead is how many groups may wait to be compressed beside the writer. One
// more the writer compresses itself: then the other cores are busy.
const sealAhead = 8

// sealer compresses the groups of a commit that is being made, in a goroutine of
// its own: S2 was a third of the writer's time in an import of new rows. All but
// the goroutine belongs to the writer.
type sealer struct {
	todo    chan *sealing // nil: the goroutine does not run
	done    chan *sealing
	waiting int // groups that were given and not yet taken back
	bytes   int // the most that they take of the commit

	payload []byte // the goroutine's
	values  arena  // the goroutine's; reset between commits
}

// sealing is one group to compress.
type sealing struct {
	at    int // among the commit's groups
	block uint64
	key   []byte
	rows  []groupRow
	raw   []byte
	most  int // bytes of the commit, before it is known better

	value []byte
}

// give hands a group to the goroutine, unless it has enough to do.
func (s *sealer) give(g *sealing) bool {
	if s.todo == nil {
		s.todo, s.done = make(chan *sealing, sealAhead), make(chan *sealing, sealAhead)
		go s.run(s.todo, s.done)
	}
	if s.waiting == sealAhead {
		return false
	}
	s.todo <- g
	s.waiting++
	s.bytes += g.most
	return true
}

func (s *sealer) run(todo <-chan *sealing, done chan<- *sealing) {
	defer close(done)
	for g := range todo {
		s.payload = appendGroup(s.payload[:0], g.block, g.rows, g.raw)
		g.value = envelope(&s.values, g.key, sealGroup, s.payload)
		done <- g
	}
}

// stop ends the goroutine, when nothing waits.
func (s *sealer) stop() {
	if s.todo != nil {
		close(s.todo)
		<-s.done
		s.todo, s.done = nil, nil
	}
}

// collect takes back the groups that are compressed; all, if it is to wait.
func (tx *Tx) collect(wait bool) {
	s := &tx.sealer
	for s.waiting > 0 {
		var g *sealing
		if wait {
			g = <-s.done
		} else {
			select {
			case g = <-s.done:
			default:
				return
			}
		}
		s.waiting--
		s.bytes -= g.most
		tx.sealedAs(g.at, g.value)
	}
}

// sealedAs notes what a group has become.
func (tx *Tx) sealedAs(at int, value []byte) {
	op := &tx.groups[at].op
	op.Value = value
	tx.groupBytes += len(op.Key) + len(value)
}

// envelope seals a payload as the value of key, in an arena.
func envelope(values *arena, key []byte, kind byte, payload []byte) []byte {
	value := values.take(storage.Overhead + len(payload))
	return values.keep(storage.Seal(value, key, kind, formatVersion, payload))
}
