// sluice.h: write a Sluice plugin in C, without a standard library.
//
//	clang --target=wasm32 -O2 -nostdlib -ffreestanding -fvisibility=hidden \
//	      -mbulk-memory -Wl,--no-entry -Wl,--strip-debug -o plugin.wasm plugin.c
//
// Include it in one file, write an open and a row function, and end with
// SLUICE_PLUGIN(open, row, describe):
//
//	static sl_column company, site;
//	static sl_field name, domain;
//
//	static void open(sl_job *job) {
//	  company = sl_input(job, "Company");
//	  site = sl_input(job, "Website");
//	  name = sl_output(job, "name");
//	  domain = sl_output(job, "domain");
//	  sl_pass(job, "phone", "Phone");
//	}
//	static void row(sl_row *r) {
//	  if (sl_blank(sl_get(r, company))) { sl_reject(r, company, "no_name", "a company needs a name"); return; }
//	  sl_copy(r, name, company);
//	  sl_set(r, domain, sl_lower(r, sl_trim(sl_get(r, site))));
//	}
//	SLUICE_PLUGIN(open, row, "{\"name\":\"mine\",\"version\":\"1.0.0\"}")
//
// A row is answered when the row function returns, unless it was skipped or
// rejected or sl_emit was called. Fields that were not set are absent. Texts are
// pointers and lengths into memory that is valid until the row function returns;
// what sl_config gave stays. Nothing is allocated for a row but what sl_alloc is
// asked for, and that is free again with the next batch.
#ifndef SLUICE_H
#define SLUICE_H

typedef unsigned char sl_u8;
typedef unsigned int sl_u32;
typedef unsigned long long sl_u64;
typedef int sl_column; // of the file; -1: the file has none such
typedef int sl_field;  // of the answer

enum { SL_TEXT, SL_ABSENT, SL_NULL, SL_NUMBER, SL_BOOL, SL_JSON };
enum { SL_DEBUG, SL_INFO, SL_WARN, SL_ERROR };

#define SL_MAX_COLUMNS 1024 // that one plugin reads, answers or passes
#define SL_MAX_ERRORS 16    // of one row; more are dropped

// sl_text is bytes somewhere in memory, with the kind of the cell they came from.
typedef struct { const sl_u8 *at; sl_u32 len; sl_u32 kind; } sl_text;

typedef struct { sl_u32 ptr, meta; } sl_cell;
typedef struct { sl_u32 row, column, code, code_len, message, message_len; } sl_error;

typedef struct {
  sl_text columns;   // JSON: the list of names
  sl_text config;    // JSON: an object
  sl_text options;   // JSON: an object
  const char *refused;
} sl_job;

typedef struct {
  const sl_cell *in;
  sl_cell *out;
  sl_u32 index;  // of the row in its batch
  sl_u32 state;  // 0 to be answered, 1 done with
  sl_u32 errors; // of this row
} sl_row;

// ---- Memory. The host's region comes first, then what a batch needs; alloc
// begins anew, so nothing is ever freed.

extern sl_u8 __heap_base;

static struct {
  sl_u32 floor, top;               // of what is free: kept from open, in use
  sl_u32 inputs, outputs, passes;  // declared at open
  const char *input[SL_MAX_COLUMNS]; sl_u32 input_len[SL_MAX_COLUMNS];
  const char *output[SL_MAX_COLUMNS];
  const char *pass_field[SL_MAX_COLUMNS]; const char *pass_column[SL_MAX_COLUMNS]; sl_u32 pass_len[SL_MAX_COLUMNS];
  sl_cell *cells; sl_u32 *source; sl_u32 rows, room;  // the answer so far
  sl_error *errors; sl_u32 errors_count, errors_room;
  sl_u32 result[5];
} sl__;

__attribute__((import_module("sluice"), import_name("log"))) void sl__log(sl_u32 level, const void *at, sl_u32 len);



// sl_alloc gives n bytes, 8-aligned, that last until the batch is answered; past
// the memory limit the plugin traps.
static void *sl_alloc(sl_u32 n) {
  sl_u32 at = (sl__.top + 7) & ~7u;
  sl_u64 end = (sl_u64)at + n, have = (sl_u64)__builtin_wasm_memory_size(0) << 16;
  if (end > have) {
    sl_u32 pages = (sl_u32)((end - have + 65535) >> 16);
    // Half as much again, where the limit allows: batches grow alike.
    if (end > 0xFFFFFFFFull || (__builtin_wasm_memory_grow(0, pages + pages / 2) == (unsigned long)-1 &&
                                __builtin_wasm_memory_grow(0, pages) == (unsigned long)-1)) __builtin_trap();
  }
  sl__.top = (sl_u32)end;
  return (void *)at;
}

// ---- Texts.

static inline sl_u32 sl_len(const char *s) { sl_u32 n = 0; while (s[n]) n++; return n; }
static inline sl_text sl_str(const char *s) { return (sl_text){(const sl_u8 *)s, sl_len(s), SL_TEXT}; }
static inline sl_text sl_part(sl_text t, sl_u32 from, sl_u32 to) { return (sl_text){t.at + from, to - from, SL_TEXT}; }
static inline int sl_is_space(sl_u8 c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline sl_u8 sl_lower_byte(sl_u8 c) { return c - 'A' < 26u ? c | 0x20 : c; }

static inline sl_text sl_trim(sl_text t) {
  if (t.len && t.at[0] > ' ' && t.at[t.len - 1] > ' ') return t; // nearly always: loops are dear
  while (t.len && sl_is_space(t.at[0])) { t.at++; t.len--; }
  while (t.len && sl_is_space(t.at[t.len - 1])) t.len--;
  return t;
}

// sl_blank tells whether t is absent, null, empty or only white space.
static inline int sl_blank(sl_text t) { return sl_trim(t).len == 0; }

// Texts are read in words of eight bytes. The last word of a longer one overlaps
// the one before it.
#define SL__ALL(byte) ((byte) * 0x0101010101010101ull)
static inline sl_u64 sl__word(const sl_u8 *p) { sl_u64 w; __builtin_memcpy(&w, p, 8); return w; }

// sl__upto reads the word at p, with zeros from end on. It looks at what lies before
// a text rather than behind it: memory may end there, and never begins there.
static inline sl_u64 sl__upto(const sl_u8 *p, const sl_u8 *end) {
  sl_u32 n = end - p;
  return n >= 8 ? sl__word(p) : n ? sl__word(end - 8) >> (64 - 8 * n) : 0;
}

static inline int sl_same(sl_text a, sl_text b) {
  sl_u32 i = 0;
  if (a.len != b.len) return 0;
  if (a.len < 8) return sl__upto(a.at, a.at + a.len) == sl__upto(b.at, b.at + b.len);
  for (; i < a.len - 8; i += 8) if (sl__word(a.at + i) != sl__word(b.at + i)) return 0;
  return sl__word(a.at + a.len - 8) == sl__word(b.at + a.len - 8);
}
static inline int sl_is(sl_text t, const char *s) { return sl_same(t, sl_str(s)); }

// sl__upper has the bit 0x20 set in each byte of w that is A to Z.
static inline sl_u64 sl__upper(sl_u64 w) {
  sl_u64 low = w & SL__ALL(0x7F);
  return (low + SL__ALL(0x80 - 'A') & ~(low + SL__ALL(0x7F - 'Z')) & ~w & SL__ALL(0x80)) >> 2;
}

// sl_lower returns t with A–Z in lower case; t itself where there are none.
static sl_text sl_lower(sl_row *r, sl_text t) {
  (void)r;
  sl_u32 i = 0, last = t.len - 8;
  if (t.len < 8) while (i < t.len && t.at[i] - 'A' >= 26u) i++;
  else {
    while (i < last && !sl__upper(sl__word(t.at + i))) i += 8;
    if (i >= last && !sl__upper(sl__word(t.at + last))) i = t.len;
  }
  if (i == t.len) return t;
  sl_u8 *to = sl_alloc(t.len);
  if (t.len < 8) for (i = 0; i < t.len; i++) to[i] = sl_lower_byte(t.at[i]);
  else for (i = 0; i < t.len; i += 8) {
    sl_u32 at = i < last ? i : last;
    sl_u64 w = sl__word(t.at + at);
    w |= sl__upper(w);
    __builtin_memcpy(to + at, &w, 8);
  }
  return (sl_text){to, t.len, t.kind};
}

// sl_int reads a whole number such as 250, " 1,200 " or -7; 0 where t is none.
static int sl_int(sl_text t, long long *value) {
  t = sl_trim(t);
  sl_u32 i = t.len && t.at[0] == '-';
  long long n = 0;
  if (i == t.len || t.at[i] - '0' > 9u) return 0;
  for (; i < t.len; i++) {
    if (t.at[i] == ',' && i + 1 < t.len) continue;
    if (t.at[i] - '0' > 9u || n > 99999999999999999ll) return 0;
    n = n * 10 + (t.at[i] - '0');
  }
  *value = t.at[0] == '-' ? -n : n;
  return 1;
}

// ---- JSON, as much as a context needs: the host's is valid, so nothing is
// checked but the ends.

static sl_u32 sl__skip(sl_text t, sl_u32 i) { while (i < t.len && sl_is_space(t.at[i])) i++; return i; }

// sl__past returns where the value that begins at i ends.
static sl_u32 sl__past(sl_text t, sl_u32 i) {
  sl_u32 depth = 0;
  for (; i < t.len; i++) {
    sl_u8 c = t.at[i];
    if (c == '"') {
      for (i++; i < t.len && t.at[i] != '"'; i++) if (t.at[i] == '\\') i++;
      if (!depth) return i + 1 < t.len ? i + 1 : t.len;
    } else if (c == '{' || c == '[') depth++;
    else if (c == '}' || c == ']') {
      if (depth <= 1) return depth ? i + 1 : i;
      depth--;
    } else if (!depth && (c == ',' || c == ':' || sl_is_space(c))) return i;
  }
  return t.len;
}

// sl_key returns the value of key in the object t, as JSON; absent where it has
// none. The last of equal keys wins. A key with escapes is not found.
static sl_text sl_key(sl_text t, const char *key) {
  sl_text found = {0, 0, SL_ABSENT}, want = sl_str(key);
  sl_u32 i = sl__skip(t, 0);
  if (i >= t.len || t.at[i] != '{') return found;
  for (i = sl__skip(t, i + 1); i < t.len && t.at[i] == '"';) {
    sl_u32 end = sl__past(t, i), value = sl__skip(t, end);
    value = sl__skip(t, value + 1);
    sl_u32 past = sl__past(t, value);
    if (past <= value) break;
    if (sl_same(sl_part(t, i + 1, end - 1), want)) found = (sl_text){t.at + value, past - value, SL_JSON};
    i = sl__skip(t, past);
    if (i >= t.len || t.at[i] != ',') break;
    i = sl__skip(t, i + 1);
  }
  return found;
}

// sl_item returns value n of the list t, as JSON; absent past its end.
static sl_text sl_item(sl_text t, sl_u32 n) {
  sl_u32 i = sl__skip(t, 0);
  if (i < t.len && t.at[i] == '[') for (i = sl__skip(t, i + 1); i < t.len && t.at[i] != ']'; n--) {
    sl_u32 past = sl__past(t, i);
    if (past <= i) break;
    if (!n) return (sl_text){t.at + i, past - i, SL_JSON};
    i = sl__skip(t, past);
    if (i >= t.len || t.at[i] != ',') break;
    i = sl__skip(t, i + 1);
  }
  return (sl_text){0, 0, SL_ABSENT};
}

static sl_u32 sl__hex(sl_text t, sl_u32 i) {
  sl_u32 v = 0;
  for (sl_u32 end = i + 4; i < end && i < t.len; i++) {
    sl_u8 c = sl_lower_byte(t.at[i]);
    v = v << 4 | (c - '0' <= 9u ? c - '0' : (c - 'a' + 10) & 15);
  }
  return v;
}

// sl_unquote returns the text that the JSON string t stands for. Only one with
// escapes is copied; the copy lasts as long as what sl_alloc gives.
static sl_text sl_unquote(sl_text t) {
  if (t.len < 2 || t.at[0] != '"') return t;
  t = sl_part(t, 1, t.len - 1);
  sl_u32 i = 0, n = 0;
  while (i < t.len && t.at[i] != '\\') i++;
  if (i == t.len) return t;
  sl_u8 *to = sl_alloc(t.len);
  for (i = 0; i < t.len;) {
    sl_u8 c = t.at[i++];
    if (c != '\\' || i == t.len) { to[n++] = c; continue; }
    c = t.at[i++];
    if (c != 'u') { to[n++] = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? '\b' : c == 'f' ? '\f' : c; continue; }
    sl_u32 r = sl__hex(t, i); i += 4;
    if (r >= 0xD800 && r < 0xDC00 && i + 1 < t.len && t.at[i] == '\\' && t.at[i + 1] == 'u') {
      r = 0x10000 + ((r & 0x3FF) << 10 | (sl__hex(t, i + 2) & 0x3FF)); i += 6;
    }
    if (r < 0x80) to[n++] = r;
    else if (r < 0x800) { to[n++] = 0xC0 | r >> 6; to[n++] = 0x80 | (r & 63); }
    else if (r < 0x10000) { to[n++] = 0xE0 | r >> 12; to[n++] = 0x80 | (r >> 6 & 63); to[n++] = 0x80 | (r & 63); }
    else { to[n++] = 0xF0 | r >> 18; to[n++] = 0x80 | (r >> 12 & 63); to[n++] = 0x80 | (r >> 6 & 63); to[n++] = 0x80 | (r & 63); }
  }
  return (sl_text){to, n, SL_TEXT};
}

// ---- What open may ask and declare.

// The values of the job's configuration; otherwise where there is none such.
static sl_text sl_config_text(sl_job *j, const char *key, const char *otherwise) {
  sl_text v = sl_key(j->config, key);
  return v.len && v.at[0] == '"' ? sl_unquote(v) : sl_str(otherwise);
}
static long long sl_config_int(sl_job *j, const char *key, long long otherwise) {
  long long n;
  return sl_int(sl_key(j->config, key), &n) ? n : otherwise;
}
static int sl_config_bool(sl_job *j, const char *key, int otherwise) {
  sl_text v = sl_key(j->config, key);
  return sl_is(v, "true") ? 1 : sl_is(v, "false") ? 0 : otherwise;
}
// sl_config_list gives the list at key, for sl_item and sl_unquote.
static sl_text sl_config_list(sl_job *j, const char *key) { return sl_key(j->config, key); }

// sl_name returns the name of column n of the file; absent past the last.
static sl_text sl_name(sl_job *j, sl_u32 n) {
  sl_text t = sl_item(j->columns, n);
  return t.kind == SL_ABSENT ? t : sl_unquote(t);
}

static int sl__alike(sl_text a, sl_text b) { // ignoring case, spaces, _ and -
  sl_u32 i = 0, k = 0;
  for (;;) {
    while (i < a.len && (a.at[i] == ' ' || a.at[i] == '_' || a.at[i] == '-')) i++;
    while (k < b.len && (b.at[k] == ' ' || b.at[k] == '_' || b.at[k] == '-')) k++;
    if (i == a.len || k == b.len) return i == a.len && k == b.len;
    if (sl_lower_byte(a.at[i++]) != sl_lower_byte(b.at[k++])) return 0;
  }
}

// sl_find returns the name, as the file has it, of the column that is called name,
// exactly or else ignoring case, spaces, _ and -; absent where there is none.
static sl_text sl_find(sl_job *j, const char *name) {
  sl_text want = sl_str(name), at;
  for (sl_u32 i = 0; (at = sl_name(j, i)).kind != SL_ABSENT; i++) if (sl_same(at, want)) return at;
  for (sl_u32 i = 0; (at = sl_name(j, i)).kind != SL_ABSENT; i++) if (sl__alike(at, want)) return at;
  return at;
}

// sl_input asks for a column by its name; -1 where the file has none.
static sl_column sl_input(sl_job *j, const char *name) {
  sl_text at = sl_find(j, name);
  if (at.kind == SL_ABSENT) return -1;
  for (sl_u32 i = 0; i < sl__.inputs; i++)
    if (sl_same(at, (sl_text){(const sl_u8 *)sl__.input[i], sl__.input_len[i], SL_TEXT})) return i;
  if (sl__.inputs == SL_MAX_COLUMNS) __builtin_trap();
  sl__.input[sl__.inputs] = (const char *)at.at;
  sl__.input_len[sl__.inputs] = at.len;
  return sl__.inputs++;
}

// sl_output declares a field that rows answer: name, domain, custom.x, …
static sl_field sl_output(sl_job *j, const char *field) {
  (void)j;
  if (sl__.outputs == SL_MAX_COLUMNS) __builtin_trap();
  sl__.output[sl__.outputs] = field;
  return sl__.outputs++;
}

// sl_pass lets the host copy a column to a field; nothing where there is none.
static int sl_pass(sl_job *j, const char *field, const char *column) {
  sl_text at = sl_find(j, column);
  if (at.kind == SL_ABSENT) return 0;
  if (sl__.passes == SL_MAX_COLUMNS) __builtin_trap();
  sl__.pass_field[sl__.passes] = field;
  sl__.pass_column[sl__.passes] = (const char *)at.at;
  sl__.pass_len[sl__.passes++] = at.len;
  return 1;
}

// sl_refuse ends the job with a message.
static void sl_refuse(sl_job *j, const char *message) { if (!j->refused) j->refused = message; }

static void sl_log(sl_u32 level, sl_text t) { sl__log(level, t.at, t.len); }

// ---- What row may ask and answer.

// sl_get returns the cell of a column; absent where the column is -1.
static inline sl_text sl_get(sl_row *r, sl_column c) {
  if (c < 0) return (sl_text){0, 0, SL_ABSENT};
  sl_cell cell = r->in[c];
  return (sl_text){(const sl_u8 *)cell.ptr, cell.meta & 0x0FFFFFFF, cell.meta >> 28};
}
// sl_get_int reads a cell as a whole number; 0 where it is none.
static inline int sl_get_int(sl_row *r, sl_column c, long long *value) { return sl_int(sl_get(r, c), value); }
// sl_get_bool reads a cell as true, yes, 1, false, no or 0; -1 where it is none.
static inline int sl_get_bool(sl_row *r, sl_column c) {
  sl_text t = sl_lower(r, sl_trim(sl_get(r, c)));
  if (sl_is(t, "true") || sl_is(t, "yes") || sl_is(t, "1")) return 1;
  if (sl_is(t, "false") || sl_is(t, "no") || sl_is(t, "0")) return 0;
  return -1;
}

static inline void sl__put(sl_row *r, sl_field f, sl_text t, sl_u32 kind) {
  r->out[f] = (sl_cell){(sl_u32)t.at, t.len | kind << 28};
}
static inline void sl_set(sl_row *r, sl_field f, sl_text t) { sl__put(r, f, t, SL_TEXT); }
static inline void sl_set_str(sl_row *r, sl_field f, const char *s) { sl_set(r, f, sl_str(s)); }
static inline void sl_set_json(sl_row *r, sl_field f, sl_text json) { sl__put(r, f, json, SL_JSON); }
static inline void sl_set_bool(sl_row *r, sl_field f, int b) { sl__put(r, f, sl_str(b ? "true" : "false"), SL_BOOL); }
static inline void sl_set_null(sl_row *r, sl_field f) { r->out[f] = (sl_cell){0, SL_NULL << 28}; }
static inline void sl_clear(sl_row *r, sl_field f) { r->out[f] = (sl_cell){0, SL_ABSENT << 28}; }
static void sl_set_int(sl_row *r, sl_field f, long long n) {
  sl_u8 *end = (sl_u8 *)sl_alloc(24) + 24, *p = end;
  sl_u64 u = n < 0 ? -(sl_u64)n : (sl_u64)n;
  do *--p = '0' + u % 10; while (u /= 10);
  if (n < 0) *--p = '-';
  sl__put(r, f, (sl_text){p, (sl_u32)(end - p), SL_NUMBER}, SL_NUMBER);
}
// sl_copy answers a cell as it came, its kind included.
static inline void sl_copy(sl_row *r, sl_field f, sl_column c) {
  if (c < 0) sl_clear(r, f); else r->out[f] = r->in[c];
}

// sl__absent makes n cells absent. What is done is copied to as much again, so that
// many cost little each.
static void sl__absent(sl_cell *cells, sl_u32 n) {
  if (!n) return;
  *cells = (sl_cell){0, (sl_u32)SL_ABSENT << 28};
  for (sl_u32 done = 1; done < n; done *= 2) __builtin_memcpy(cells + done, cells, (done < n - done ? done : n - done) * sizeof(sl_cell));
}

// sl__table gives the answer room for rows whose cells are all absent.
static void sl__table(sl_u32 room) {
  sl_u32 used = sl__.rows * sl__.outputs;
  sl_cell *cells = sl_alloc(room * sl__.outputs * sizeof(sl_cell));
  sl_u32 *source = sl_alloc(room * sizeof(sl_u32));
  __builtin_memcpy(cells, sl__.cells, used * sizeof(sl_cell));
  __builtin_memcpy(source, sl__.source, sl__.rows * sizeof(sl_u32));
  sl__absent(cells + used, room * sl__.outputs - used);
  sl__.cells = cells; sl__.source = source; sl__.room = room;
}

static void sl__ready(sl_row *r) {
  if (sl__.rows == sl__.room) sl__table(sl__.room * 2); // more rows than were sent
  r->out = sl__.cells + sl__.rows * sl__.outputs;
}

// sl_emit answers the fields that are set and clears them for one more row.
static void sl_emit(sl_row *r) {
  r->state = 1;
  sl__.source[sl__.rows++] = r->index;
  sl__ready(r);
}

// sl_skip leaves the row out, without an error.
static inline void sl_skip(sl_row *r) { r->state = 1; }

// sl__error is a call that is not given the row, whose parts so stay in locals.
__attribute__((noinline)) static void sl__error(sl_u32 row, sl_column c, const char *code, sl_text message) {
  if (sl__.errors_count == sl__.errors_room) {
    sl_u32 room = sl__.errors_room ? sl__.errors_room * 2 : 64;
    sl_error *errors = sl_alloc(room * sizeof(sl_error));
    __builtin_memcpy(errors, sl__.errors, sl__.errors_count * sizeof(sl_error));
    sl__.errors = errors; sl__.errors_room = room;
  }
  if (message.len > 1024) for (message.len = 1024; message.len && (message.at[message.len] & 0xC0) == 0x80;) message.len--;
  sl__.errors[sl__.errors_count++] = (sl_error){row, (sl_u32)c, (sl_u32)code, sl_len(code), (sl_u32)message.at, message.len};
}

// sl_reject fails the row; a row may have several errors. code is [a-z0-9_]{1,64},
// message UTF-8 of at most 1,024 bytes; column -1 means the row as a whole.
static inline void sl_reject_text(sl_row *r, sl_column c, const char *code, sl_text message) {
  r->state = 1;
  if (r->errors++ < SL_MAX_ERRORS) sl__error(r->index, c, code, message);
}
static inline void sl_reject(sl_row *r, sl_column c, const char *code, const char *message) { sl_reject_text(r, c, code, sl_str(message)); }

// ---- The exports.

static sl_u8 *sl__json_text(sl_u8 *to, sl_text t) {
  *to++ = '"';
  for (sl_u32 i = 0; i < t.len; i++) {
    sl_u8 c = t.at[i];
    if (c == '"' || c == '\\') *to++ = '\\';
    if (c < 0x20) {
      *to++ = '\\'; *to++ = 'u'; *to++ = '0'; *to++ = '0'; *to++ = '0' + (c >> 4);
      c = (c & 15) < 10 ? '0' + (c & 15) : 'a' + (c & 15) - 10;
    }
    *to++ = c;
  }
  *to++ = '"';
  return to;
}

static sl_u8 *sl__put_str(sl_u8 *to, const char *s) { while (*s) *to++ = *s++; return to; }

static sl_u64 sl__answer(sl_job *j) {
  sl_u32 size = 64 + (j->refused ? sl_len(j->refused) : 0);
  for (sl_u32 i = 0; i < sl__.inputs; i++) size += sl__.input_len[i] + 1;
  for (sl_u32 i = 0; i < sl__.outputs; i++) size += sl_len(sl__.output[i]) + 1;
  for (sl_u32 i = 0; i < sl__.passes; i++) size += sl_len(sl__.pass_field[i]) + sl__.pass_len[i] + 1;
  sl_u8 *start = sl_alloc(size * 6), *p = start; // an escape has six bytes
  if (j->refused) {
    p = sl__put_str(p, "{\"error\":");
    p = sl__json_text(p, sl_str(j->refused));
    *p++ = '}';
    return (sl_u64)(sl_u32)start << 32 | (sl_u32)(p - start);
  }
  p = sl__put_str(p, "{\"columns\":[");
  for (sl_u32 i = 0; i < sl__.outputs; i++) { if (i) *p++ = ','; p = sl__json_text(p, sl_str(sl__.output[i])); }
  p = sl__put_str(p, "],\"input\":[");
  for (sl_u32 i = 0; i < sl__.inputs; i++) { if (i) *p++ = ','; p = sl__json_text(p, (sl_text){(const sl_u8 *)sl__.input[i], sl__.input_len[i], SL_TEXT}); }
  p = sl__put_str(p, "],\"pass\":{");
  for (sl_u32 i = 0; i < sl__.passes; i++) {
    if (i) *p++ = ',';
    p = sl__json_text(p, sl_str(sl__.pass_field[i])); *p++ = ':';
    p = sl__json_text(p, (sl_text){(const sl_u8 *)sl__.pass_column[i], sl__.pass_len[i], SL_TEXT});
  }
  p = sl__put_str(p, "}}");
  return (sl_u64)(sl_u32)start << 32 | (sl_u32)(p - start);
}

static sl_u32 sl__alloc(sl_u32 size) {
  if (!sl__.floor) sl__.floor = (sl_u32)&__heap_base;
  sl__.top = sl__.floor;
  return (sl_u32)sl_alloc(size ? size : 8);
}

static sl_u64 sl__open(sl_u32 ptr, sl_u32 len, void (*open)(sl_job *)) {
  // What is declared points into the context, so it is kept, where the former one
  // was; so are copies that the plugin makes while it is opened.
  sl_u8 *base = &__heap_base;
  __builtin_memmove(base, (void *)ptr, len);
  sl__.top = (sl_u32)base + len;
  sl__.inputs = sl__.outputs = sl__.passes = 0;
  sl_text context = {base, len, SL_JSON};
  sl_job job = {sl_key(context, "columns"), sl_key(context, "config"), sl_key(context, "options"), 0};
  open(&job);
  sl__.floor = sl__.top;
  return sl__answer(&job);
}

#define SLUICE_PLUGIN(open_function, row_function, describe_json)                                                      \
  __attribute__((export_name("sluice_v1_alloc"))) sl_u32 sluice_v1_alloc(sl_u32 size) { return sl__alloc(size); }     \
  __attribute__((export_name("sluice_v1_open"))) sl_u64 sluice_v1_open(sl_u32 ptr, sl_u32 len) {                      \
    return sl__open(ptr, len, open_function);                                                                         \
  }                                                                                                                   \
  __attribute__((export_name("sluice_v1_describe"))) sl_u64 sluice_v1_describe(void) {                                \
    static const char text[] = describe_json;                                                                         \
    return (sl_u64)(sl_u32)text << 32 | (sizeof text - 1);                                                            \
  }                                                                                                                   \
  __attribute__((export_name("sluice_v1_process"))) sl_u32 sluice_v1_process(sl_u32 batch) {                          \
    const sl_u32 *header = (const sl_u32 *)batch;                                                                     \
    sl_u32 rows = header[0], cols = header[1];                                                                        \
    sl_row r = {(const sl_cell *)header[2], 0, 0, 0, 0};                                                              \
    sl__.rows = sl__.errors_count = sl__.errors_room = 0;                                                             \
    sl__table(rows + 1);                                                                                              \
    for (r.index = 0; r.index < rows; r.index++, r.in += cols) {                                                      \
      r.state = r.errors = 0;                                                                                         \
      sl__ready(&r);                                                                                                  \
      row_function(&r);                                                                                               \
      if (!r.state) sl__.source[sl__.rows++] = r.index;                                                               \
      else sl__absent(r.out, sl__.outputs); /* it may have set some */                                                \
    }                                                                                                                 \
    sl__.result[0] = sl__.rows;                                                                                       \
    sl__.result[1] = (sl_u32)sl__.cells;                                                                              \
    sl__.result[2] = (sl_u32)sl__.source;                                                                             \
    sl__.result[3] = sl__.errors_count;                                                                               \
    sl__.result[4] = (sl_u32)sl__.errors;                                                                             \
    return (sl_u32)sl__.result;                                                                                       \
  }

#endif
