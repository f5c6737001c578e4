// Texts as bytes of UTF-8, without allocating.

/** A view of bytes: the address in the upper half, the length in the lower. */
export type Text = u64;

/** The view of n bytes at p. */
// @ts-ignore: decorator
@inline export function text(p: usize, n: u32): Text { return (<u64>p) << 32 | <u64>n; }
// @ts-ignore: decorator
@inline export function ptr(t: Text): usize { return <usize>(t >> 32); }
// @ts-ignore: decorator
@inline export function size(t: Text): u32 { return <u32>t; }
/** Byte i, which must be there. */
// @ts-ignore: decorator
@inline export function at(t: Text, i: u32): u32 { return load<u8>(ptr(t) + i); }
/** The bytes from up to and without to. */
// @ts-ignore: decorator
@inline export function part(t: Text, from: u32, to: u32): Text { return text(ptr(t) + from, to - from); }

// @ts-ignore: decorator
@inline function space(c: u32): bool { return c == 32 || c - 9 <= 4; }
// @ts-ignore: decorator
@inline export function lowerByte(c: u32): u32 { return c - 65 < 26 ? c | 32 : c; }

/** Without the white space at both ends. */
export function trim(t: Text): Text {
  let p = ptr(t), end = p + size(t);
  while (p < end && space(load<u8>(p))) p++;
  while (p < end && space(load<u8>(end - 1))) end--;
  return text(p, <u32>(end - p));
}

/** Whether nothing but white space is in it. */
// @ts-ignore: decorator
@inline export function isBlank(t: Text): bool { return size(trim(t)) == 0; }

/** Whether a and b are the same bytes. */
export function same(a: Text, b: Text): bool {
  return size(a) == size(b) && memory.compare(ptr(a), ptr(b), size(a)) == 0;
}

/** Whether t is s, which must be ASCII. */
export function is(t: Text, s: string): bool {
  if (size(t) != <u32>s.length) return false;
  for (let i: u32 = 0; i < size(t); i++) if (at(t, i) != load<u16>(changetype<usize>(s) + (<usize>i << 1))) return false;
  return true;
}

/** Whether t is s, which must be ASCII, in whatever case. */
export function isFold(t: Text, s: string): bool {
  if (size(t) != <u32>s.length) return false;
  for (let i: u32 = 0; i < size(t); i++)
    if (lowerByte(at(t, i)) != lowerByte(load<u16>(changetype<usize>(s) + (<usize>i << 1)))) return false;
  return true;
}

/** What parseInteger answers where there is none. */
export const NO_INTEGER: i64 = i64.MIN_VALUE;

/** A whole number such as 250, " 1,200 " or -7. */
export function parseInteger(t: Text): i64 {
  t = trim(t);
  let i: u32 = size(t) > 0 && at(t, 0) == 45 ? 1 : 0;
  const negative = i > 0;
  if (i >= size(t) || at(t, i) - 48 > 9) return NO_INTEGER;
  let n: i64 = 0;
  for (; i < size(t); i++) {
    const c = at(t, i);
    if (c == 44 && i + 1 < size(t)) continue;
    if (c - 48 > 9 || n > 99999999999999999) return NO_INTEGER;
    n = n * 10 + (c - 48);
  }
  return negative ? -n : n;
}

/** A string of t; allocates. */
export function toString(t: Text): string { return String.UTF8.decodeUnsafe(ptr(t), size(t)); }
