package floor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/zeebo/xxh3"
)

const (
	blockBytes = 1 << 20
	syncBytes  = 8 << 20 // written before the disk is asked to confirm them
	headBytes  = 12      // hash and length before each stored block
)

// block is a piece of the body on its way; it is reused.
type block struct {
	in, out []byte
	lines   int64
	ready   chan struct{}
}

// pack scans, hashes and compresses the block.
func (b *block) pack() {
	b.lines = int64(bytes.Count(b.in, []byte{'\n'}))
	if cap(b.out) < headBytes+s2.MaxEncodedLen(blockBytes) {
		b.out = make([]byte, headBytes+s2.MaxEncodedLen(blockBytes))
	}
	packed := s2.Encode(b.out[headBytes:cap(b.out)], b.in)
	b.out = b.out[:headBytes+len(packed)]
	binary.LittleEndian.PutUint64(b.out, xxh3.Hash(b.in))
	binary.LittleEndian.PutUint32(b.out[8:], uint32(len(packed)))
}

// store reads the body to its end and returns when the disk has all of it.
func store(out *os.File, body io.Reader, res *Result) error {
	cores := runtime.GOMAXPROCS(0)
	free := make(chan *block, 4*cores)
	for range cap(free) {
		free <- &block{in: make([]byte, 0, blockBytes), ready: make(chan struct{}, 1)}
	}
	work, ordered := make(chan *block, cap(free)), make(chan *block, cap(free))

	var packers, writer sync.WaitGroup
	for range cores {
		packers.Go(func() {
			for b := range work {
				b.pack()
				b.ready <- struct{}{}
			}
		})
	}
	var writeErr error
	writer.Go(func() { writeErr = write(out, ordered, free, res) })

	readErr := read(body, free, work, ordered)
	close(work)
	close(ordered)
	packers.Wait()
	writer.Wait()
	return errors.Join(readErr, writeErr)
}

// read fills blocks until the body ends.
func read(body io.Reader, free <-chan *block, work, ordered chan<- *block) error {
	for {
		b := <-free
		n, err := io.ReadFull(body, b.in[:blockBytes])
		if n > 0 {
			b.in = b.in[:n]
			work <- b
			ordered <- b
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF { // ReadFull's: the last block is short
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// write writes the blocks in order while the disk confirms earlier ones. After
// an error it goes on taking blocks, so that the reader never waits for one.
func write(out *os.File, ordered <-chan *block, free chan<- *block, res *Result) error {
	due := make(chan struct{}, 1)
	var syncer sync.WaitGroup
	var syncErr error
	syncer.Go(func() {
		for range due {
			syncErr = errors.Join(syncErr, out.Sync())
		}
	})
	var err error
	unsynced := 0
	for b := range ordered {
		<-b.ready
		if err == nil {
			_, err = out.Write(b.out)
		}
		res.Bytes += int64(len(b.in))
		res.Lines += b.lines
		res.Stored += int64(len(b.out))
		if unsynced += len(b.out); unsynced >= syncBytes {
			select {
			case due <- struct{}{}:
				unsynced = 0
			default: // one is under way; the next block asks again
			}
		}
		free <- b
	}
	close(due)
	syncer.Wait()
	return errors.Join(err, syncErr, out.Sync())
}
