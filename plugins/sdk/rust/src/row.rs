//! One row of the file, and what is answered for it.

use crate::job::{Column, Field};
use crate::memory::{address, table, take, Writer};
use crate::text;

/// What a cell holds. `Number`, `Bool` and `Json` hold their JSON text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind { Text, Absent, Null, Number, Bool, Json }

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Cell { pub ptr: u32, pub meta: u32 }

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Failure { pub row: u32, pub column: u32, pub code: u32, pub code_len: u32, pub message: u32, pub message_len: u32 }

const ABSENT: Cell = Cell { ptr: 0, meta: (Kind::Absent as u32) << 28 };
const MAX_ERRORS: u32 = 16; // of one row; more are dropped

/// One row. The lifetime is that of the batch.
pub struct Row<'a> {
    pub(crate) input: &'a [Cell],
    pub(crate) index: u32,
    pub(crate) done: bool,
    pub(crate) failed: u32,
    pub(crate) width: u32,
    pub(crate) rows: u32, // answered
    pub(crate) cells: &'a mut [Cell],
    pub(crate) source: &'a mut [u32],
    pub(crate) errors: &'a mut [Failure],
    pub(crate) failures: u32,
}

impl<'a> Row<'a> {
    /// The bytes of a cell; none where it is absent or null.
    pub fn get(&self, c: Column) -> &'a [u8] {
        match self.input.get(c.0 as usize) {
            Some(cell) => unsafe { table(cell.ptr, cell.meta & 0x0FFF_FFFF) },
            None => &[],
        }
    }

    /// What kind of value a cell holds.
    pub fn kind(&self, c: Column) -> Kind {
        match self.input.get(c.0 as usize).map(|cell| cell.meta >> 28) {
            Some(0) => Kind::Text,
            Some(2) => Kind::Null,
            Some(3) => Kind::Number,
            Some(4) => Kind::Bool,
            Some(5) => Kind::Json,
            _ => Kind::Absent,
        }
    }

    /// Whether a cell is absent, null, empty or only white space.
    pub fn blank(&self, c: Column) -> bool { text::blank(self.get(c)) }

    /// A cell as a whole number.
    pub fn int(&self, c: Column) -> Option<i64> { text::parse_int(self.get(c)) }

    /// A cell as true, yes, 1, false, no or 0.
    pub fn bool(&self, c: Column) -> Option<bool> {
        let t = text::trim(self.get(c));
        let is = |names: [&[u8]; 3]| names.iter().any(|n| text::eq_fold(t, n));
        if is([b"true", b"yes", b"1"]) { return Some(true); }
        if is([b"false", b"no", b"0"]) { return Some(false); }
        None
    }

    /// Answers text. Nothing is copied, so it must last as long as the batch.
    pub fn set(&mut self, f: Field, text: &'a [u8]) { self.put(f, Kind::Text, text) }

    /// Answers a JSON number, as text.
    pub fn set_number(&mut self, f: Field, number: &'a [u8]) { self.put(f, Kind::Number, number) }

    /// Answers a whole number.
    pub fn set_int(&mut self, f: Field, n: i64) {
        let mut buffer = [0u8; 20];
        let (mut at, mut rest) = (buffer.len(), n.unsigned_abs());
        loop {
            at -= 1;
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 { break; }
        }
        if n < 0 { at -= 1; buffer[at] = b'-'; }
        let text = self.keep(&buffer[at..]);
        self.put(f, Kind::Number, text)
    }

    /// Answers true or false.
    pub fn set_bool(&mut self, f: Field, b: bool) { self.put(f, Kind::Bool, if b { b"true" } else { b"false" }) }

    /// Answers a JSON value, for tags.
    pub fn set_json(&mut self, f: Field, json: &'a [u8]) { self.put(f, Kind::Json, json) }

    /// Clears the field of the company.
    pub fn set_null(&mut self, f: Field) { *self.cell(f) = Cell { ptr: 0, meta: (Kind::Null as u32) << 28 } }

    /// Takes back what was set: the company's field stays as it is.
    pub fn clear(&mut self, f: Field) { *self.cell(f) = ABSENT }

    /// Answers a cell as it came, its kind included.
    pub fn copy(&mut self, f: Field, c: Column) {
        let cell = self.input.get(c.0 as usize).copied().unwrap_or(ABSENT);
        *self.cell(f) = cell;
    }

    /// Copies bytes to where they last as long as the batch.
    pub fn keep(&self, text: &[u8]) -> &'a [u8] {
        let mut w = Writer::new();
        w.push(text);
        w.bytes()
    }

    /// Makes room for a text of n bytes that lasts as long as the batch.
    pub fn room(&self, n: usize) -> &'a mut [u8] {
        let to: &mut [u8] = unsafe { table(take(n as u32), n as u32) };
        to.fill(0);
        to
    }

    /// The text with A–Z in lower case; itself where there are none.
    pub fn lower(&self, t: &'a [u8]) -> &'a [u8] {
        if !t.iter().any(u8::is_ascii_uppercase) { return t; }
        let to: &mut [u8] = unsafe { table(take(t.len() as u32), t.len() as u32) };
        for (to, from) in to.iter_mut().zip(t) { *to = from.to_ascii_lowercase(); }
        to
    }

    /// Leaves the row out, without an error.
    pub fn skip(&mut self) { self.done = true }

    /// Fails the row; it may have several errors. The code is of a-z, 0-9 and `_`.
    pub fn reject(&mut self, c: Column, code: &'static str, message: &'a str) {
        self.done = true;
        self.failed += 1;
        if self.failed > MAX_ERRORS { return; }
        let mut n = message.len().min(1024);
        while !message.is_char_boundary(n) { n -= 1; }
        if self.failures as usize == self.errors.len() {
            let room = (self.failures * 2).max(64);
            let errors: &mut [Failure] = unsafe { table(take(room * 24), room) };
            errors[..self.failures as usize].copy_from_slice(self.errors);
            self.errors = errors;
        }
        self.errors[self.failures as usize] = Failure { row: self.index, column: c.0, code: address(code.as_bytes()),
            code_len: code.len() as u32, message: address(message.as_bytes()), message_len: n as u32 };
        self.failures += 1;
    }

    /// Answers the fields that are set and clears them for one more row.
    pub fn emit(&mut self) {
        self.done = true;
        self.end();
        self.begin();
    }

    fn cell(&mut self, f: Field) -> &mut Cell { &mut self.cells[(self.rows * self.width + f.0) as usize] }

    fn put(&mut self, f: Field, kind: Kind, text: &[u8]) {
        *self.cell(f) = Cell { ptr: address(text), meta: text.len() as u32 & 0x0FFF_FFFF | (kind as u32) << 28 };
    }

    pub(crate) fn begin(&mut self) {
        let used = self.rows as usize;
        if used == self.source.len() {
            let room = self.rows * 2;
            let cells: &mut [Cell] = unsafe { table(take(room * self.width * 8), room * self.width) };
            let source: &mut [u32] = unsafe { table(take(room * 4), room) };
            cells[..self.cells.len()].copy_from_slice(self.cells);
            source[..used].copy_from_slice(self.source);
            self.cells = cells;
            self.source = source;
        }
        let at = used * self.width as usize;
        self.cells[at..at + self.width as usize].fill(ABSENT);
    }

    pub(crate) fn end(&mut self) {
        self.source[self.rows as usize] = self.index;
        self.rows += 1;
    }
}
