package jsonscan

// value passes the value at pos, which stands inside of outer arrays and
// objects.
func (s *stream) value(outer int) error {
	var objects [MaxBodyDepth/64 + 1]uint64 // a bit for each open container
	depth := outer
	c, err := s.token(badValue)
	for {
		if err != nil {
			return err
		}
		// At a value that starts with c.
		closed := true
		if c == '{' || c == '[' {
			if depth == MaxBodyDepth {
				return s.fail(tooDeepBody, nil)
			}
			depth++
			bit := uint64(1) << (depth % 64)
			s.pos++
			if c == '{' {
				objects[depth/64] |= bit
				if c, err = s.token(badFirstKey); err != nil {
					return err
				}
				if closed = c == '}'; !closed {
					if c, err = s.key(badFirstKey); err != nil {
						return err
					}
				}
			} else {
				objects[depth/64] &^= bit
				if c, err = s.token(badFirstElement); err != nil {
					return err
				}
				if closed = c == ']'; !closed && startsValue(c) != sound {
					return s.fail(badFirstElement, nil)
				}
			}
			if !closed {
				continue
			}
			s.pos++
			depth--
		} else if err = s.scalar(c); err != nil {
			return err
		}
		// After a value: on to the next one, or out of what ends here.
		for closed {
			if depth == outer {
				return nil
			}
			if objects[depth/64]&(1<<(depth%64)) != 0 {
				if c, err = s.token(badMember); err != nil {
					return err
				}
				if c == ',' {
					s.pos++
					c, err = s.key(badKey)
					closed = false
				} else if c != '}' {
					return s.fail(badMember, nil)
				}
			} else {
				if c, err = s.token(badElement); err != nil {
					return err
				}
				if c == ',' {
					s.pos++
					c, err = s.token(badValue)
					closed = false
				} else if c != ']' {
					return s.fail(badElement, nil)
				}
			}
			if closed {
				s.pos++
				depth--
			}
		}
	}
}

// key passes a key and its colon and returns the first byte of the value.
func (s *stream) key(missing flaw) (byte, error) {
	c, err := s.token(missing)
	if err != nil {
		return 0, err
	}
	if c != '"' {
		return 0, s.fail(missing, nil)
	}
	s.pos++
	if err = s.string(); err != nil {
		return 0, err
	}
	return s.colon()
}

func (s *stream) colon() (byte, error) {
	c, err := s.token(badColon)
	if err != nil {
		return 0, err
	}
	if c != ':' {
		return 0, s.fail(badColon, nil)
	}
	s.pos++
	return s.token(badValue)
}

// scalar passes the string, number or literal that starts with c.
func (s *stream) scalar(c byte) error {
	if c == '"' {
		s.pos++
		return s.string()
	}
	if c == '-' || isDigit(c) {
		return s.number(c)
	}
	word := literal(c)
	if word == "" {
		return s.fail(badValue, nil)
	}
	for i := range len(word) {
		if c, err := s.peek(badLiteral); err != nil {
			return err
		} else if c != word[i] {
			return s.fail(badLiteral, nil)
		}
		s.pos++
	}
	return nil
}

// string passes the rest of a string.
func (s *stream) string() error {
	for {
		s.pos = special(s.buf[:s.end], s.pos)
		c, err := s.peek(badString)
		switch {
		case err != nil:
			return err
		case c == '"':
			s.pos++
			return nil
		case c == '\\':
			s.pos++
			if _, _, err := s.escape(); err != nil {
				return err
			}
		case c < ' ':
			return s.fail(badControl, nil)
		}
	}
}

// escape passes what follows a backslash and returns the character; ok says
// that it is a UTF-16 unit and not a byte.
func (s *stream) escape() (r rune, unit bool, err error) {
	c, err := s.peek(badEscape)
	if err != nil {
		return 0, false, err
	}
	if c != 'u' {
		if r = rune(unescaped(c)); r == 0 {
			return 0, false, s.fail(badEscape, nil)
		}
		s.pos++
		return r, false, nil
	}
	s.pos++
	for range 4 {
		if c, err = s.peek(badHex); err != nil {
			return 0, false, err
		}
		h := unhex(c)
		if h < 0 {
			return 0, false, s.fail(badHex, nil)
		}
		r = r<<4 | rune(h)
		s.pos++
	}
	return r, true, nil
}

// number passes the number that starts with c. A body can't end in one, so that
// something must follow it.
func (s *stream) number(c byte) (err error) {
	if c == '-' {
		s.pos++
		if c, err = s.peek(badDigit); err != nil {
			return err
		}
	}
	if c == '0' {
		s.pos++
		c, err = s.peek(badNext)
	} else {
		c, err = s.digits()
	}
	if err == nil && c == '.' {
		s.pos++
		c, err = s.digits()
	}
	if err == nil && c|0x20 == 'e' {
		s.pos++
		if c, err = s.peek(badDigit); err == nil && (c == '+' || c == '-') {
			s.pos++
		}
		if err == nil {
			_, err = s.digits()
		}
	}
	return err
}

// digits passes at least one digit and returns the byte that follows.
func (s *stream) digits() (byte, error) {
	for missing := badDigit; ; missing = badNext {
		c, err := s.peek(missing)
		if err != nil {
			return 0, err
		}
		if !isDigit(c) {
			if missing == badDigit {
				return 0, s.fail(badDigit, nil)
			}
			return c, nil
		}
		s.pos = skipDigits(s.buf[:s.end], s.pos)
	}
}
