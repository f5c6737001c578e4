// JSON, as much as a context needs. The host's is valid; of what is not, getters
// find nothing.

import { Text, text, ptr, size, at, part, parseInteger, toString, NO_INTEGER } from "./text";

/** A JSON value, read where it is asked for. */
export class Value {
  constructor(
    /** The JSON as it was written; of length 0 where the value is not there. */
    public json: Text,
  ) {}

  get exists(): bool { return size(this.json) > 0; }

  /** The value of a key of an object. Of equal keys the last wins. */
  key(key: string): Value {
    const found = new Value(0), t = this.json;
    let i = skip(t, 0);
    if (i >= size(t) || at(t, i) != 123) return found;
    for (i = skip(t, i + 1); i < size(t) && at(t, i) == 34;) {
      const end = past(t, i), value = skip(t, skip(t, end) + 1), next = past(t, value);
      if (next <= value) break;
      if (new Value(part(t, i, end)).string("") == key) found.json = part(t, value, next);
      i = skip(t, next);
      if (i >= size(t) || at(t, i) != 44) break;
      i = skip(t, i + 1);
    }
    return found;
  }

  /** The items of a list. */
  list(): Value[] {
    const items: Value[] = [], t = this.json;
    let i = skip(t, 0);
    if (i >= size(t) || at(t, i) != 91) return items;
    for (i = skip(t, i + 1); i < size(t) && at(t, i) != 93;) {
      const next = past(t, i);
      if (next <= i) break;
      items.push(new Value(part(t, i, next)));
      i = skip(t, next);
      if (i >= size(t) || at(t, i) != 44) break;
      i = skip(t, i + 1);
    }
    return items;
  }

  /** The value as text, or otherwise where it is none. */
  string(otherwise: string): string {
    const t = this.json;
    if (size(t) < 2 || at(t, 0) != 34) return otherwise;
    const raw = toString(part(t, 1, size(t) - 1));
    return raw.indexOf("\\") < 0 ? raw : unescape(raw);
  }

  /** The text at key, or otherwise where there is none. */
  text(key: string, otherwise: string): string { return this.key(key).string(otherwise); }

  /** The whole number at key, or otherwise where there is none. */
  int(key: string, otherwise: i64): i64 {
    const n = parseInteger(this.key(key).json);
    return n == NO_INTEGER ? otherwise : n;
  }

  /** The boolean at key, or otherwise where there is none. */
  bool(key: string, otherwise: bool): bool {
    const t = this.key(key).json;
    if (size(t) == 4 && at(t, 0) == 116) return true;
    if (size(t) == 5 && at(t, 0) == 102) return false;
    return otherwise;
  }

  /** The texts in the list at key. */
  texts(key: string): string[] {
    const out: string[] = [], items = this.key(key).list();
    for (let i = 0; i < items.length; i++) if (at(items[i].json, 0) == 34) out.push(items[i].string(""));
    return out;
  }
}

function skip(t: Text, i: u32): u32 {
  while (i < size(t) && (at(t, i) == 32 || at(t, i) - 9 <= 4)) i++;
  return i;
}

/** Where the value that begins at i ends. */
function past(t: Text, i: u32): u32 {
  let depth = 0;
  for (; i < size(t); i++) {
    const c = at(t, i);
    if (c == 34) {
      for (i++; i < size(t) && at(t, i) != 34; i++) if (at(t, i) == 92) i++;
      if (depth == 0) return i + 1 < size(t) ? i + 1 : size(t);
    } else if (c == 123 || c == 91) {
      depth++;
    } else if (c == 125 || c == 93) {
      if (depth <= 1) return depth == 0 ? i : i + 1;
      depth--;
    } else if (depth == 0 && (c == 44 || c == 58 || c == 32 || c - 9 <= 4)) {
      return i;
    }
  }
  return size(t);
}

function unescape(s: string): string {
  let out = "";
  for (let i = 0; i < s.length; i++) {
    let c = s.charCodeAt(i);
    if (c != 92 || i + 1 == s.length) { out += String.fromCharCode(c); continue; }
    c = s.charCodeAt(++i);
    if (c == 117) { out += String.fromCharCode(<i32>parseInt(s.substr(i + 1, 4), 16)); i += 4; }
    else out += c == 110 ? "\n" : c == 116 ? "\t" : c == 114 ? "\r" : c == 98 ? "\b" : c == 102 ? "\f" : String.fromCharCode(c);
  }
  return out;
}

/** Appends s as a JSON string. */
export function quote(s: string): string {
  let out = "\"";
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c == 34 || c == 92) out += "\\" + String.fromCharCode(c);
    else if (c < 32) out += "\\u00" + (c < 16 ? "0" : "1") + "0123456789abcdef".charAt(c & 15);
    else out += String.fromCharCode(c);
  }
  return out + "\"";
}

export function quoteList(names: string[]): string {
  let out = "[";
  for (let i = 0; i < names.length; i++) out += (i > 0 ? "," : "") + quote(names[i]);
  return out + "]";
}
