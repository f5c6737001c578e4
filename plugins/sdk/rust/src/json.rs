//! JSON, as much as a context needs. The host's is valid; of what is not, getters
//! find nothing.

use crate::memory::Writer;

/// A JSON value, read where it is asked for.
#[derive(Clone, Copy)]
pub struct Value<'a>(pub &'a [u8]);

impl<'a> Value<'a> {
    /// The value of a key of an object. Of equal keys the last wins.
    pub fn key(self, key: &str) -> Option<Value<'a>> {
        let mut found = None;
        let mut items = self.items();
        if !items.object { return None; }
        while let Some((k, v)) = items.next() {
            if Value(k).bytes() == Some(key.as_bytes()) { found = Some(v); }
        }
        found
    }

    /// The items of a list, or the keys, as JSON, and values of an object.
    pub fn items(self) -> Items<'a> {
        let t = skip(self.0);
        match t.first() {
            Some(b'{') => Items { rest: skip(&t[1..]), object: true },
            Some(b'[') => Items { rest: skip(&t[1..]), object: false },
            _ => Items { rest: &[], object: false },
        }
    }

    /// The text of a JSON string. Only one with escapes is copied.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self.0 {
            [b'"', t @ .., b'"'] if !t.contains(&b'\\') => Some(t),
            [b'"', t @ .., b'"'] => Some(unescape(t)),
            _ => None,
        }
    }

    /// The text at key, or otherwise where there is none.
    pub fn text(self, key: &str, otherwise: &'a [u8]) -> &'a [u8] {
        self.key(key).and_then(Value::bytes).unwrap_or(otherwise)
    }

    /// The whole number at key, or otherwise where there is none.
    pub fn int(self, key: &str, otherwise: i64) -> i64 {
        self.key(key).and_then(|v| crate::parse_int(v.0)).unwrap_or(otherwise)
    }

    /// The boolean at key, or otherwise where there is none.
    pub fn bool(self, key: &str, otherwise: bool) -> bool {
        match self.key(key) {
            Some(Value(b"true")) => true,
            Some(Value(b"false")) => false,
            _ => otherwise,
        }
    }
}

/// Walks a list or an object.
pub struct Items<'a> { rest: &'a [u8], object: bool }

impl<'a> Iterator for Items<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut t = self.rest;
        self.rest = &[];
        let mut key: &[u8] = &[];
        if self.object {
            let n = past(t);
            if n == 0 { return None; }
            key = &t[..n];
            t = skip(&t[n..]);
            if t.first() != Some(&b':') { return None; }
            t = skip(&t[1..]);
        }
        let n = past(t);
        if n == 0 { return None; }
        let rest = skip(&t[n..]);
        if let [b',', rest @ ..] = rest { self.rest = skip(rest); }
        Some((key, Value(&t[..n])))
    }
}

fn skip(mut t: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = t { t = rest; }
    t
}

/// The length of the value that t begins with; 0 where it has none.
fn past(t: &[u8]) -> usize {
    let (mut depth, mut i) = (0u32, 0);
    while i < t.len() {
        match t[i] {
            b'"' => {
                i += 1;
                while i < t.len() && t[i] != b'"' { i += if t[i] == b'\\' { 2 } else { 1 }; }
                if i >= t.len() { return 0; }
                if depth == 0 { return i + 1; }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return i,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 { return i + 1; }
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return i,
            _ => {}
        }
        i += 1;
    }
    if depth > 0 { 0 } else { t.len() }
}

fn unescape<'a>(t: &[u8]) -> &'a [u8] {
    let mut w = Writer::new();
    let mut i = 0;
    while i < t.len() {
        if t[i] != b'\\' || i + 1 == t.len() {
            w.push(&t[i..i + 1]);
            i += 1;
            continue;
        }
        let c = t[i + 1];
        i += 2;
        match c {
            b'n' => w.push(b"\n"),
            b't' => w.push(b"\t"),
            b'r' => w.push(b"\r"),
            b'b' => w.push(b"\x08"),
            b'f' => w.push(b"\x0c"),
            b'u' => {
                let mut rune = hex(t, i);
                i += 4;
                if (0xD800..0xDC00).contains(&rune) && t.get(i) == Some(&b'\\') && t.get(i + 1) == Some(&b'u') {
                    rune = 0x10000 + ((rune & 0x3FF) << 10 | hex(t, i + 2) & 0x3FF);
                    i += 6;
                }
                let mut buffer = [0; 4];
                w.push(char::from_u32(rune).unwrap_or('\u{FFFD}').encode_utf8(&mut buffer).as_bytes());
            }
            c => w.push(&[c]),
        }
    }
    w.bytes()
}

fn hex(t: &[u8], at: usize) -> u32 {
    t.iter().skip(at).take(4).fold(0, |n, c| n << 4 | (*c as char).to_digit(16).unwrap_or(0))
}
