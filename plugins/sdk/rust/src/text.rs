//! Texts as bytes.

fn is_space(c: u8) -> bool { c == b' ' || (9..=13).contains(&c) }

/// Without the white space at both ends.
pub fn trim(mut t: &[u8]) -> &[u8] {
    while let [c, rest @ ..] = t {
        if !is_space(*c) { break; }
        t = rest;
    }
    while let [rest @ .., c] = t {
        if !is_space(*c) { break; }
        t = rest;
    }
    t
}

/// Whether nothing but white space is in it.
pub fn blank(t: &[u8]) -> bool { trim(t).is_empty() }

/// Whether a and b differ in nothing but ASCII case.
pub fn eq_fold(a: &[u8], b: &[u8]) -> bool { a.eq_ignore_ascii_case(b) }

/// Reads a whole number such as `250`, ` 1,200 ` or `-7`.
pub fn parse_int(t: &[u8]) -> Option<i64> {
    let t = trim(t);
    let (negative, digits) = match t { [b'-', rest @ ..] => (true, rest), _ => (false, t) };
    if digits.is_empty() || !digits[0].is_ascii_digit() || !digits[digits.len() - 1].is_ascii_digit() { return None; }
    let mut n: i64 = 0;
    for &c in digits {
        match c {
            b',' => continue,
            b'0'..=b'9' if n < 100_000_000_000_000_000 => n = n * 10 + (c - b'0') as i64,
            _ => return None,
        }
    }
    Some(if negative { -n } else { n })
}

/// Compares names ignoring case, spaces, `_` and `-`.
pub(crate) fn alike(a: &[u8], b: &[u8]) -> bool {
    let kept = |c: &&u8| !matches!(**c, b' ' | b'_' | b'-');
    a.iter().filter(kept).map(u8::to_ascii_lowercase).eq(b.iter().filter(kept).map(u8::to_ascii_lowercase))
}
