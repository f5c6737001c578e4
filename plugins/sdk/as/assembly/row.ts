// One row of the file, and what is answered for it.

import { Text, text, ptr, size, at, trim, isFold, parseInteger, lowerByte } from "./text";

const ABSENT: u64 = (<u64>1) << 60;
const NULL: u64 = (<u64>2) << 60;
const MAX_ERRORS: u32 = 16; // of one row; more are dropped

/** Memory of one batch, in pieces that never move; it is free again with the next. */
export class Arena {
  private pieces: usize[] = [];
  private sizes: usize[] = [];
  private used: i32 = 0;
  private next: usize = 0;
  private end: usize = 0;

  reset(): void { this.used = 0; this.next = 0; this.end = 0; }

  /** n bytes, 8-aligned. */
  take(n: usize): usize {
    let p = (this.next + 7) & ~7;
    if (p + n > this.end || p == 0) {
      if (this.used < this.pieces.length && this.sizes[this.used] < n) {
        heap.free(this.pieces[this.used]);
        this.pieces[this.used] = heap.alloc(n);
        this.sizes[this.used] = n;
      } else if (this.used == this.pieces.length) {
        const room: usize = n > 65536 ? n : 65536;
        this.pieces.push(heap.alloc(room));
        this.sizes.push(room);
      }
      p = this.pieces[this.used];
      this.end = p + this.sizes[this.used++];
    }
    this.next = p + n;
    return p;
  }
}

export const arena = new Arena();

@final export class Row {
  input: usize = 0;
  index: u32 = 0;
  done: bool = false;
  failed: u32 = 0;
  width: u32 = 0;
  rows: u32 = 0; // answered
  room: u32 = 0;
  cells: usize = 0;
  source: usize = 0;
  out: usize = 0;
  errors: usize = 0;
  failures: u32 = 0;
  errorsRoom: u32 = 0;

  /** The bytes of a cell; none where it is absent or null. */
  // @ts-ignore: decorator
  @inline get(column: i32): Text {
    if (column < 0) return 0;
    const cell = load<u64>(this.input + (<usize>column << 3));
    return cell << 32 | cell >> 32 & 0x0FFFFFFF;
  }

  /** What kind of value a cell holds. */
  kind(column: i32): u32 { return column < 0 ? 1 : load<u32>(this.input + (<usize>column << 3), 4) >> 28; }

  /** A cell as a whole number; NO_INTEGER where it is none. */
  int(column: i32): i64 { return parseInteger(this.get(column)); }

  /** A cell as true, yes, 1, false, no or 0: 1, 0, or -1 where it is none of them. */
  bool(column: i32): i32 {
    const t = trim(this.get(column));
    if (isFold(t, "true") || isFold(t, "yes") || isFold(t, "1")) return 1;
    return isFold(t, "false") || isFold(t, "no") || isFold(t, "0") ? 0 : -1;
  }

  /** Answers text. Nothing is copied, so it must last as long as the batch. */
  // @ts-ignore: decorator
  @inline set(field: i32, t: Text): void { this.put(field, t, 0); }
  /** Answers a string, which is copied as UTF-8. */
  setString(field: i32, s: string): void { this.put(field, this.keep(s), 0); }
  /** Answers a JSON number, as text. */
  setNumber(field: i32, t: Text): void { this.put(field, t, 3); }
  setInt(field: i32, n: i64): void { this.put(field, this.keep(n.toString()), 3); }
  setBool(field: i32, b: bool): void { this.put(field, this.keep(b ? "true" : "false"), 4); }
  /** Answers a JSON value, for tags. */
  setJSON(field: i32, t: Text): void { this.put(field, t, 5); }
  /** Clears the field of the company. */
  setNull(field: i32): void { store<u64>(this.out + (<usize>field << 3), NULL); }
  /** Takes back what was set: the company's field stays as it is. */
  clear(field: i32): void { store<u64>(this.out + (<usize>field << 3), ABSENT); }
  /** Answers a cell as it came, its kind included. */
  copy(field: i32, column: i32): void {
    store<u64>(this.out + (<usize>field << 3), column < 0 ? ABSENT : load<u64>(this.input + (<usize>column << 3)));
  }

  /** Room for n bytes that lasts as long as the batch. */
  alloc(n: u32): usize { return arena.take(n); }

  /** A string as UTF-8 that lasts as long as the batch. */
  keep(s: string): Text {
    const n = String.UTF8.byteLength(s), p = arena.take(n);
    String.UTF8.encodeUnsafe(changetype<usize>(s), s.length, p);
    return text(p, <u32>n);
  }

  /** The text with A–Z in lower case; itself where there are none. */
  lower(t: Text): Text {
    const n = size(t);
    let i: u32 = 0;
    while (i < n && at(t, i) - 65 >= 26) i++;
    if (i == n) return t;
    const p = arena.take(n);
    for (i = 0; i < n; i++) store<u8>(p + i, lowerByte(at(t, i)));
    return text(p, n);
  }

  /** Leaves the row out, without an error. */
  skip(): void { this.done = true; }

  /** Fails the row; it may have several errors. column -1 means the row as a whole. */
  reject(column: i32, code: string, message: string): void {
    this.done = true;
    if (++this.failed > MAX_ERRORS) return;
    if (this.failures == this.errorsRoom) {
      this.errorsRoom = this.errorsRoom > 0 ? this.errorsRoom * 2 : 64;
      const grown = arena.take(<usize>this.errorsRoom * 24);
      memory.copy(grown, this.errors, <usize>this.failures * 24);
      this.errors = grown;
    }
    const e = this.errors + <usize>(this.failures++) * 24, c = this.keep(code), m = this.keep(message);
    let n = size(m);
    if (n > 1024) for (n = 1024; (at(m, n) & 0xC0) == 0x80;) n--;
    store<u32>(e, this.index); store<u32>(e, column, 4);
    store<u32>(e, <u32>ptr(c), 8); store<u32>(e, size(c), 12);
    store<u32>(e, <u32>ptr(m), 16); store<u32>(e, n, 20);
  }

  /** Answers the fields that are set and clears them for one more row. */
  emit(): void {
    this.done = true;
    this.end();
    this.begin();
  }

  // @ts-ignore: decorator
  @inline private put(field: i32, t: Text, kind: u32): void {
    store<u64>(this.out + (<usize>field << 3), t >> 32 | (<u64>(size(t) | kind << 28)) << 32);
  }

  begin(): void {
    if (this.rows == this.room) {
      this.room *= 2;
      const cells = arena.take(<usize>this.room * this.width * 8), source = arena.take(<usize>this.room * 4);
      memory.copy(cells, this.cells, <usize>this.rows * this.width * 8);
      memory.copy(source, this.source, <usize>this.rows * 4);
      this.cells = cells; this.source = source;
    }
    this.out = this.cells + <usize>this.rows * this.width * 8;
    for (let p = this.out, end = p + <usize>this.width * 8; p < end; p += 8) store<u64>(p, ABSENT);
  }

  // @ts-ignore: decorator
  @inline end(): void { store<u32>(this.source + (<usize>(this.rows++) << 2), this.index); }
}
