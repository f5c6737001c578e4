// Chaos is a guest that succeeds, errs or traps as its config and its rows say, so
// that each way a guest can end is tried end to end. It is written against the ABI
// alone. Config, all of it optional:
//
//	alloc    zero, unaligned, outside, trap or spin, from the call after the first open
//	open     error, garbage, field, trap or spin
//	process  error (of each row), outside, trap or spin
//
// It answers its first column as name and its second as domain. A first cell of
// !trap, !spin, !skip, !reject, !twice or !log does that with its row.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

typedef struct { u32 ptr, meta; } cell;
typedef struct { u32 rows, cols; cell *cells; u32 zero; } batch;
typedef struct { u32 row, column; const char *code; u32 code_len; const char *message; u32 message_len; } error;
typedef struct { u32 rows; cell *cells; u32 *source; u32 errors; error *list; } result;

#define EXPORT(name) __attribute__((export_name(name)))
#define SAID(text) (((u64)(u32)(text) << 32) | (sizeof(text) - 1))
#define NO_COLUMN 0xFFFFFFFFu

__attribute__((import_module("sluice"), import_name("log"))) void host_log(u32 level, const char *text, u32 len);

extern u8 __heap_base;

static char on_alloc, on_process;
static u32 room; // bytes of the region so far
static result answer;

static u32 heap(void) { return ((u32)&__heap_base + 7) & ~7u; }

// hold makes memory reach to end.
static int hold(u64 end) {
  u64 have = (u64)__builtin_wasm_memory_size(0) << 16;
  if (end <= have) return 1;
  return __builtin_wasm_memory_grow(0, (u32)((end - have + 65535) >> 16)) != (unsigned long)-1;
}

static void spin(void) {
  for (volatile u32 n = 0;; n++) {
  }
}

static int same(const u8 *p, u32 n, const char *text) {
  for (u32 i = 0; i < n; i++)
    if (!text[i] || p[i] != (u8)text[i]) return 0;
  return !text[n];
}

// ordered returns the first letter of what the config says of name, a key with its
// colon and quotes; 0: nothing.
static char ordered(const u8 *json, u32 n, const char *name) {
  u32 len = 0;
  while (name[len]) len++;
  for (u32 i = 0; i + len < n; i++)
    if (same(json + i, len, name)) return json[i + len];
  return 0;
}

EXPORT("sluice_v1_alloc") u32 sluice_alloc(u32 size) {
  switch (on_alloc) {
  case 'z': return 0;
  case 'u': return heap() + 4;
  case 'o': return 0xFFFFFFF8u;
  case 't': __builtin_trap();
  case 's': spin();
  }
  if (!hold((u64)heap() + size)) return 0;
  room = size;
  return heap();
}

EXPORT("sluice_v1_open") u64 sluice_open(const u8 *json, u32 n) {
  on_alloc = ordered(json, n, "\"alloc\":\"");
  on_process = ordered(json, n, "\"process\":\"");
  switch (ordered(json, n, "\"open\":\"")) {
  case 'e': return SAID("{\"error\":\"refused, as the config says\"}");
  case 'g': return SAID("{\"columns\":");
  case 'f': return SAID("{\"columns\":[\"nmae\"]}");
  case 't': __builtin_trap();
  case 's': spin();
  }
  return SAID("{\"columns\":[\"name\",\"domain\"]}");
}

EXPORT("sluice_v1_describe") u64 sluice_describe(void) {
  return SAID("{\"name\":\"chaos\",\"version\":\"1.0.0\",\"description\":\"Succeeds, errs or traps as told\","
              "\"config\":{\"type\":\"object\",\"properties\":{\"alloc\":{\"type\":\"string\"},\"open\":{\"type\":\"string\"},"
              "\"process\":{\"type\":\"string\"}}}}");
}

static void reject(u32 row, u32 column) {
  static const char code[] = "chaos", message[] = "rejected, as told";
  answer.list[answer.errors++] = (error){row, column, code, sizeof code - 1, message, sizeof message - 1};
}

static void emit(const batch *in, u32 row) {
  cell *to = answer.cells + answer.rows * 2;
  for (u32 j = 0; j < 2; j++) to[j] = j < in->cols ? in->cells[row * in->cols + j] : (cell){0, 1u << 28};
  answer.source[answer.rows++] = row;
}

static void judge(const batch *in, u32 row) {
  u32 meta = in->cols ? in->cells[row * in->cols].meta : 0;
  const u8 *text = meta ? (const u8 *)in->cells[row * in->cols].ptr : 0;
  if (meta >> 28 || !meta || text[0] != '!') { // not text, or no order
    emit(in, row);
    return;
  }
  if (same(text, meta, "!trap")) __builtin_trap();
  if (same(text, meta, "!spin")) spin();
  if (same(text, meta, "!skip")) return;
  if (same(text, meta, "!log")) host_log(2, "logged, as told", 15);
  if (same(text, meta, "!reject")) {
    reject(row, in->cols > 1 ? 1 : NO_COLUMN);
    return;
  }
  emit(in, row);
  if (same(text, meta, "!twice")) emit(in, row);
}

EXPORT("sluice_v1_process") result *sluice_process(const batch *in) {
  if (on_process == 't') __builtin_trap();
  if (on_process == 's') spin();
  if (on_process == 'o') return (result *)0xFFFFFFF0u;
  u32 n = in->rows, at = (heap() + room + 7) & ~7u;
  if (!hold((u64)at + (u64)n * (2 * 2 * sizeof(cell) + 2 * sizeof(u32) + sizeof(error)))) __builtin_trap();
  answer.rows = answer.errors = 0;
  answer.cells = (cell *)at;
  answer.source = (u32 *)(answer.cells + 4 * n);
  answer.list = (error *)(answer.source + 2 * n);
  for (u32 row = 0; row < n; row++) {
    if (on_process == 'e')
      reject(row, NO_COLUMN);
    else
      judge(in, row);
  }
  return &answer;
}
