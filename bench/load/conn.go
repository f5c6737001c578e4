package load

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Conn is one keep-alive connection for requests that are made beforehand. A
// general client costs tens of microseconds of CPU a request, which on the
// machine of the server would be measured as the server's.
type Conn struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

// Dial connects to the server at url. The connection ends with ctx.
func Dial(ctx context.Context, url string) (*Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			_ = conn.Close() // the deadline's error says more
			return nil, err
		}
	}
	return &Conn{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Request makes a request for Do. media is empty where there is no body.
func Request(method, path, key, media string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n", method, path, key)
	if media != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Length: %d\r\n", media, len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// maxAnswer bounds an answer's body.
const maxAnswer = 1 << 20

// Do sends a request and returns the answer's status and body, valid until the
// next call, and the time between the two.
func (c *Conn) Do(request []byte) (status int, body []byte, took time.Duration, err error) {
	started := time.Now()
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, 0, fmt.Errorf("send request: %w", err)
	}
	status, body, err = c.read()
	if err != nil {
		return 0, nil, 0, fmt.Errorf("read answer: %w", err)
	}
	return status, body, time.Since(started), nil
}

// read reads an answer, whose length must be given, as the API's answers to
// small requests are.
func (c *Conn) read() (status int, body []byte, err error) {
	line, err := c.line()
	if err != nil {
		return 0, nil, err
	}
	const begin = "HTTP/1.1 "
	if len(line) < len(begin)+3 || string(line[:len(begin)]) != begin {
		return 0, nil, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[len(begin) : len(begin)+3])); err != nil {
		return 0, nil, fmt.Errorf("status line %q", line)
	}
	length := -1
	for {
		if line, err = c.line(); err != nil {
			return 0, nil, err
		}
		if len(line) == 0 {
			break
		}
		const label = "content-length:"
		if len(line) > len(label) && strings.EqualFold(string(line[:len(label)]), label) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(label):]))); err != nil {
				return 0, nil, fmt.Errorf("header %q", line)
			}
		}
	}
	if length < 0 || length > maxAnswer {
		return 0, nil, fmt.Errorf("a body of %d bytes; 0 to %d are read", length, maxAnswer)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, c.body, err
}

func (c *Conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return bytes.TrimRight(line, "\r\n"), err
}
