package host

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// What is read and dropped of a body that nobody wanted, so that its sender
// comes to read the answer. Closing at once would reset the connection, and
// the reset would overtake the answer.
const (
	maxDrainBytes = 64 << 20
	maxDrainTime  = 5 * time.Second
)

// listener hands out conns, knows all that are open, and turns away those
// beyond its limit.
type listener struct {
	net.Listener
	writeTimeout time.Duration
	limit        int
	refuse       func(net.Conn) // answers a connection beyond the limit

	mu    sync.Mutex
	conns map[*conn]struct{}
	wg    sync.WaitGroup // one per open conn
}

func newListener(ln net.Listener, cfg Config, refuse func(net.Conn)) *listener {
	return &listener{Listener: ln, writeTimeout: cfg.WriteTimeout, limit: cfg.MaxConnections,
		refuse: refuse, conns: make(map[*conn]struct{})}
}

// Accept returns the next connection within the limit.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: nc, l: l}
		l.mu.Lock()
		over := len(l.conns) >= l.limit
		// As many again may wait for their refusal to be read; past that
		// there is no more politeness.
		dropped := len(l.conns) >= 2*l.limit
		if !dropped {
			l.conns[c] = struct{}{}
			l.wg.Add(1)
		}
		l.mu.Unlock()
		switch {
		case dropped:
			nc.Close()
		case over:
			c.linger.Store(true)
			go func() {
				l.refuse(c)
				c.Close()
			}()
		default:
			return c, nil
		}
	}
}

// abort closes every connection that is open, in whatever state, and waits for
// them to be let go.
func (l *listener) abort() {
	l.mu.Lock()
	for c := range l.conns {
		c.Conn.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}

// open returns the number of open connections.
func (l *listener) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// conn is one client's connection.
type conn struct {
	net.Conn
	l      *listener
	linger atomic.Bool // a body is unread: drain before closing
	once   sync.Once
}

// Write gives each write its own deadline, so that a long answer may take long,
// but a client that stops reading is let go.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.l.writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close closes the connection, after draining it where a body is unread.
func (c *conn) Close() error {
	var err error
	c.once.Do(func() {
		if c.linger.Load() {
			c.drain()
		}
		err = c.Conn.Close()
		c.l.mu.Lock()
		delete(c.l.conns, c)
		c.l.mu.Unlock()
		c.l.wg.Done()
	})
	return err
}

// drain ends the answer and reads on until the client closes, too.
func (c *conn) drain() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite() // an error shows in the reads below
	}
	if c.Conn.SetReadDeadline(time.Now().Add(maxDrainTime)) == nil {
		io.CopyN(io.Discard, c.Conn, maxDrainBytes)
	}
}

// linger makes the connection read and drop what still comes before it closes.
func linger(c net.Conn) {
	if c := own(c); c != nil {
		c.linger.Store(true)
	}
}

// cut closes the connection by a reset: where its end is that of the answer, a
// mere end would make what came a whole one.
func cut(c net.Conn) {
	if c := own(c); c != nil {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			tcp.SetLinger(0) // an error shows in Close
		}
		c.Close()
	}
}

// own finds the conn beneath TLS.
func own(c net.Conn) *conn {
	for {
		switch t := c.(type) {
		case *conn:
			return t
		case interface{ NetConn() net.Conn }: // TLS
			c = t.NetConn()
		default:
			return nil
		}
	}
}
