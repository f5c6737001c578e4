package jsonscan

import (
	"io"
	"slices"
	"strconv"

	"sluice/engine/fault"
)

const (
	// MaxOptionBytes is the longest value of a member other than rows and csv.
	MaxOptionBytes = 1 << 20

	maxMembers     = 64
	maxMemberBytes = 256
)

// Handler says where the members of a body go. An error of a callback or of a
// writer ends ReadBody, which returns it wrapped. A nil callback drops its
// member, which must be valid all the same.
type Handler struct {
	// Option gets the JSON, at most MaxOptionBytes without the white space
	// between its tokens, of any member but rows and csv. name and raw are
	// valid until it returns.
	Option func(name string, raw []byte) error

	// Rows is called at an array rows, before its elements are read. The writer
	// gets them as NDJSON: one line each, of any type and length, without white
	// space between tokens.
	Rows func() (io.Writer, error)

	// CSV is called at a string csv; the writer gets its text, unescaped. Bytes
	// that are not UTF-8 stay as they are.
	CSV func() (io.Writer, error)
}

// ReadBody reads the body of an import request: an object with the members
// rows or csv, and options, in any order. It holds neither of the big ones, and
// reads r to its end. A UTF-8 byte order mark at the start is passed over.
//
// # Errors
//
// Of code fault.Validation: the body is no JSON object, ends early or goes on
// after its end, nests deeper than MaxBodyDepth, repeats a member or has too
// many, rows is no array, csv no string, or an option is too long. Whether both
// rows and csv may be there is for the callbacks to say. A failed read and a
// failed write are returned as they are, wrapped.
func ReadBody(r io.Reader, h Handler) error {
	s := getStream(r)
	defer putStream(s)
	return s.body(h)
}

func (s *stream) body(h Handler) error {
	if err := s.byteOrderMark(); err != nil {
		return err
	}
	c, err := s.token(badBody)
	if err != nil {
		return err
	}
	if c != '{' {
		return s.fail(badBody, nil)
	}
	s.pos++
	if c, err = s.token(badFirstKey); err != nil {
		return err
	}
	for missing := badFirstKey; c != '}' || missing == badKey; missing = badKey {
		if err = s.member(h, missing); err != nil {
			return err
		}
		if c, err = s.token(badMember); err != nil {
			return err
		}
		if c == '}' {
			break
		}
		if c != ',' {
			return s.fail(badMember, nil)
		}
		s.pos++
	}
	s.pos++
	return s.nothingMore()
}

// byteOrderMark passes over one at the start of the body.
func (s *stream) byteOrderMark() error {
	for i := range len(byteOrderMark) {
		c, err := s.peek(badBody)
		if err != nil {
			return err
		}
		if c != byteOrderMark[i] {
			if i > 0 {
				return s.fail(badBody, nil)
			}
			return nil
		}
		s.pos++
	}
	return nil
}

// nothingMore reads to the end of the input, where only white space may come.
func (s *stream) nothingMore() error {
	for {
		if s.pos = skipSpace(s.buf[:s.end], s.pos); s.pos < s.end {
			return s.fail(badEnd, nil)
		}
		if err := s.more(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// member reads one member of the body.
func (s *stream) member(h Handler, missing flaw) error {
	c, err := s.token(missing)
	if err != nil {
		return err
	}
	if c != '"' {
		return s.fail(missing, nil)
	}
	s.pos++
	s.collect("the name of a member", maxMemberBytes)
	if err = s.text(); err != nil {
		return err
	}
	name := string(s.out)
	s.drop()
	if slices.Contains(s.names, name) {
		return fault.New(fault.Validation, "%q is given twice", name)
	}
	if len(s.names) == maxMembers {
		return fault.New(fault.Validation, "the body has more than %d members", maxMembers)
	}
	s.names = append(s.names, name)
	if c, err = s.colon(); err != nil {
		return err
	}
	switch name {
	case "rows":
		return s.rows(h, c)
	case "csv":
		return s.csv(h, c)
	}
	return s.option(h, name)
}

func (s *stream) option(h Handler, name string) error {
	s.collect("option "+strconv.Quote(name), MaxOptionBytes)
	s.startCapture()
	err := s.value(1)
	if err == nil {
		err = s.stopCapture()
	}
	if err == nil && h.Option != nil {
		err = h.Option(name, s.out)
	}
	s.drop()
	return err
}

// rows passes the elements of the array on, a line each.
func (s *stream) rows(h Handler, c byte) error {
	if c != '[' {
		return s.mismatch(badRows, c)
	}
	if err := s.open("rows", h.Rows); err != nil {
		return err
	}
	s.pos++
	c, err := s.token(badFirstElement)
	if err != nil {
		return err
	}
	if c != ']' {
		if startsValue(c) != sound {
			return s.fail(badFirstElement, nil)
		}
		for {
			s.startCapture()
			if err = s.value(2); err != nil {
				return err
			}
			if err = s.stopCapture(); err != nil {
				return err
			}
			s.out = append(s.out, '\n')
			if c, err = s.token(badElement); err != nil {
				return err
			}
			if c == ']' {
				break
			}
			if c != ',' {
				return s.fail(badElement, nil)
			}
			s.pos++
			if _, err = s.token(badValue); err != nil {
				return err
			}
		}
	}
	s.pos++
	err = s.flush()
	s.drop()
	return err
}

func (s *stream) csv(h Handler, c byte) error {
	if c != '"' {
		return s.mismatch(badCSV, c)
	}
	if err := s.open("csv", h.CSV); err != nil {
		return err
	}
	s.pos++
	err := s.text()
	if err == nil {
		err = s.flush()
	}
	s.drop()
	return err
}

// text passes the rest of a string and puts its text into out.
func (s *stream) text() error {
	var pairs surrogates
	for {
		n := special(s.buf[:s.end], s.pos)
		if n > s.pos {
			s.out = pairs.flush(s.out)
			if err := s.put(s.buf[s.pos:n]); err != nil {
				return err
			}
			s.pos = n
		}
		c, err := s.peek(badString)
		switch {
		case err != nil:
			return err
		case c == '"':
			s.pos++
			s.out = pairs.flush(s.out)
			return nil
		case c == '\\':
			s.pos++
			r, unit, err := s.escape()
			if err != nil {
				return err
			}
			if unit {
				s.out = pairs.append(s.out, r)
			} else {
				s.out = append(pairs.flush(s.out), byte(r))
			}
			if err := s.put(nil); err != nil {
				return err
			}
		case c < ' ':
			return s.fail(badControl, nil)
		}
	}
}

// mismatch reports a value of the wrong type for its member.
func (s *stream) mismatch(f flaw, c byte) error {
	if startsValue(c) != sound {
		return s.fail(badValue, nil)
	}
	return fault.New(fault.Validation, "%s, found %s at offset %d", flawTexts[f], typeName(c), s.base+int64(s.pos))
}

// open starts the output to a member's writer.
func (s *stream) open(what string, writer func() (io.Writer, error)) error {
	s.what, s.w = what, io.Discard
	if writer != nil {
		w, err := writer()
		if err != nil {
			return err
		}
		s.w = w
	}
	return nil
}

// collect starts the output to memory.
func (s *stream) collect(what string, limit int) {
	s.what, s.limit = what, limit
}

// drop ends an output.
func (s *stream) drop() {
	s.what, s.w, s.out = "", nil, s.out[:0]
}

func (s *stream) startCapture() {
	s.capture, s.mark = true, s.pos
}

func (s *stream) stopCapture() error {
	err := s.sync()
	s.capture = false
	return err
}
