// cleaner tidies company lists: white space in names, domains out of addresses,
// countries to ISO 3166-1 codes, counts of employees to size buckets.
//
// Configuration, all of it optional:
//
//	{"countries": "keep"}   leave countries as they are
//	{"strict": true}        reject rows with a country or a size that is not known
#include "../../sdk/c/sluice.h"
#include "countries.h"

static sl_column company, site, domain_in, employees, country_in;
static sl_field name, domain, website, size, country;
static int keep_countries, strict;

// ---- Countries: a table of the hashes of all spellings, made when the plugin is
// opened.

#define SLOTS 2048
static struct { sl_text spelling; const sl_u8 *code; } slots[SLOTS];
static int ready;

// hash is the same for texts that differ in letter case: | 0x20 lowers letters,
// and what else it makes alike is told apart by same_folded.
static sl_u32 hash(sl_text t) {
  const sl_u64 lower = 0x2020202020202020ull, odd = 0x9E3779B97F4A7C15ull;
  sl_u64 h = t.len, w;
  sl_u32 i = 0;
  for (; i + 8 <= t.len; i += 8) {
    __builtin_memcpy(&w, t.at + i, 8);
    h = (h ^ (w | lower)) * odd;
    h ^= h >> 29;
  }
  w = sl__upto(t.at + i, t.at + t.len);
  return (h ^ (w | lower)) * odd >> 32;
}

static int same_folded(sl_text a, sl_text b) {
  if (a.len != b.len) return 0;
  if (sl_same(a, b)) return 1;
  for (sl_u32 i = 0; i < a.len; i++) if (sl_lower_byte(a.at[i]) != sl_lower_byte(b.at[i])) return 0;
  return 1;
}

static inline __attribute__((always_inline)) sl_u32 slot_of(sl_text t) {
  sl_u32 s = hash(t) % SLOTS;
  while (slots[s].spelling.at && !same_folded(slots[s].spelling, t)) s = (s + 1) % SLOTS;
  return s;
}

static void read_countries(void) {
  const sl_u8 *p = (const sl_u8 *)country_list, *code = p;
  while (*p) {
    const sl_u8 *start = p;
    while (*p != '|' && *p != '\n') p++;
    sl_text spelling = {start, (sl_u32)(p - start), SL_TEXT};
    sl_u32 s = slot_of(spelling);
    slots[s].spelling = spelling; slots[s].code = code;
    if (*p++ == '\n') code = p;
  }
  ready = 1;
}

// ---- Texts.

// untidy tells whether there is a byte below ' ' in w, or two of up to ' ' in a row.
static int untidy(sl_u64 w) {
  sl_u64 low = w & SL__ALL(0x7F), high = w | ~SL__ALL(0x80);
  sl_u64 space = ~(low + SL__ALL(0x7F - ' ') | high), below = ~(low + SL__ALL(0x80 - ' ') | high);
  return (below | (space & space >> 8)) != 0;
}

// tidy trims t and makes one space of several; t itself where nothing changes.
static sl_text tidy(sl_text t) {
  t = sl_trim(t);
  const sl_u8 *p = t.at, *end = p + t.len;
  for (; end - p >= 8 && !untidy(sl__word(p)); p += 7); // each pair lies within a word
  if (end - p < 8 && !untidy(sl__upto(p, end) | ~0ull << 8 * (end - p))) return t;
  sl_u8 *to = sl_alloc(t.len);
  sl_u32 n = 0;
  for (sl_u32 i = 0; i < t.len; i++) {
    if (!sl_is_space(t.at[i])) to[n++] = t.at[i];
    else if (!sl_is_space(t.at[i - 1])) to[n++] = ' ';
  }
  return (sl_text){to, n, SL_TEXT};
}

// has marks each byte of w that is c; above the first such byte it may mark others.
static sl_u64 has(sl_u64 w, sl_u8 c) {
  w ^= SL__ALL((sl_u64)c);
  return (w - SL__ALL(1)) & ~w & SL__ALL(0x80);
}

// after_scheme returns where "://" ends, if it begins within the first eight bytes.
static const sl_u8 *after_scheme(const sl_u8 *p, const sl_u8 *end) {
  for (sl_u64 m = has(sl__upto(p, end), ':'); m; m &= m - 1) {
    const sl_u8 *at = p + __builtin_ctzll(m) / 8;
    if ((sl__upto(at, end) & 0xFFFFFF) == 0x2F2F3A) return at + 3;
  }
  return p;
}

// marks has the upper bit set in each byte of w that is up to '#', '/', or from ':'
// to '@': in all that part an address, and few others.
static sl_u64 marks(sl_u64 w) {
  sl_u64 low = w & SL__ALL(0x7F);
  sl_u64 upto = ~(low + SL__ALL(0x7F - '#')), slash = ~((low ^ SL__ALL('/')) + SL__ALL(0x7F));
  sl_u64 between = (low + SL__ALL(0x80 - ':')) & ~(low + SL__ALL(0x7F - '@'));
  return (upto | slash | between) & ~w & SL__ALL(0x80);
}

// dotted tells whether there is a dot in t.
static int dotted(sl_text t) {
  const sl_u8 *p = t.at, *end = p + t.len;
  for (; p < end; p += 8) if (has(sl__upto(p, end), '.')) return 1;
  return 0;
}

// host_of cuts the host out of a web or mail address and lowers its letters.
static sl_text host_of(sl_row *r, sl_text t) {
  t = sl_trim(t);
  const sl_u8 *end = t.at + t.len, *p = after_scheme(t.at, end);
  if (end - p > 4 && ((sl_u32)sl__upto(p, end) | 0x202020) == 0x2E777777) p += 4; // "www."
  const sl_u8 *q = p, *port = 0;
  sl_u64 letters = 0; // has the bit 0x40 set where a letter may be upper case
  for (;; q++) {
    sl_u64 w = sl__upto(q, end), m;
    for (; !(m = marks(w)); w = sl__upto(q += 8, end)) letters |= w & ~(w << 1);
    letters |= w & ~(w << 1);
    q += __builtin_ctzll(m) / 8; // end at most, as zeros are marks
    sl_u8 c = w >> (__builtin_ctzll(m) & 56);
    if (q == end || c == '/' || c == '?' || c == '#') break;
    if (c == ':') port = q;
    else if (c == '@') { p = q + 1; port = 0; }
  }
  if (port) q = port;
  if (q > p && q[-1] == '.') q--;
  t = (sl_text){p, (sl_u32)(q - p), SL_TEXT};
  return letters & SL__ALL(0x40) ? sl_lower(r, t) : t;
}

// bucket_of names the size bucket of "250", "1,200", "201 - 500", "201–500", "500+"
// or "2.5k"; an empty text where there is no number.
static sl_text bucket_of(sl_text t) {
#define BUCKET(end, name) {end, {(const sl_u8 *)name, sizeof name - 1, SL_TEXT}}
  static const struct { sl_u32 end; sl_text name; } buckets[] = {
    BUCKET(10, "1-10"), BUCKET(50, "11-50"), BUCKET(200, "51-200"), BUCKET(500, "201-500"), BUCKET(1000, "501-1000"),
    BUCKET(5000, "1001-5000"), BUCKET(10000, "5001-10000"), BUCKET(0, "10001+"), // the rest
  };
  const sl_text none = {0, 0, SL_TEXT};
  sl_u64 n = 0;
  sl_u32 i = 0, digits = 0;
  while (i < t.len && t.at[i] - '0' > 9u) i++;
  for (; i < t.len; i++) {
    sl_u8 c = t.at[i];
    if (c - '0' <= 9u) { n = n * 10 + (c - '0'); if (n > 100000000) n = 100000000; digits++; }
    else if (c == '.' && i + 2 < t.len && t.at[i + 1] - '0' <= 9u && (t.at[i + 2] | 32) == 'k') { n = n * 10 + (t.at[i + 1] - '0'); n *= 100; i += 3; break; }
    else if (c == '.' && i + 1 < t.len && t.at[i + 1] == '0' && i + 2 >= t.len) break;
    else if (c != ',' && c != '.' && c != '\'') break;
  }
  if (!digits) return none;
  if (i < t.len && (t.at[i] | 32) == 'k') n *= 1000;
  if (i < t.len && t.at[i] == '+') n++;
  if (n == 0) return none;
  sl_u32 bucket = 0; // counted, not searched for: no branch can foresee it
  for (i = 0; i < sizeof buckets / sizeof *buckets - 1; i++) bucket += n > buckets[i].end;
  return buckets[bucket].name;
}

static void open(sl_job *job) {
  if (!ready) read_countries();
  keep_countries = sl_same(sl_config_text(job, "countries", "iso"), sl_str("keep"));
  strict = sl_config_bool(job, "strict", 0);
  company = sl_input(job, "Company");
  if (company < 0) company = sl_input(job, "Name");
  if (company < 0) company = sl_input(job, "Company name");
  site = sl_input(job, "Website");
  domain_in = sl_input(job, "Domain");
  employees = sl_input(job, "Employees");
  if (employees < 0) employees = sl_input(job, "Size");
  country_in = sl_input(job, "Country");
  if (company < 0 && site < 0 && domain_in < 0) sl_refuse(job, "the file has none of the columns Company, Name, Website and Domain");
  name = sl_output(job, "name");
  domain = sl_output(job, "domain");
  website = sl_output(job, "website");
  size = sl_output(job, "size");
  country = sl_output(job, "country");
  sl_pass(job, "industry", "Industry");
  sl_pass(job, "city", "City");
  sl_pass(job, "phone", "Phone");
  sl_pass(job, "description", "Description");
  sl_pass(job, "tags", "Tags");
}

static void row(sl_row *r) {
  sl_text t = sl_get(r, company);
  if (t.len) sl_set(r, name, tidy(t));
  t = sl_get(r, site);
  if (t.len) sl_set(r, website, sl_trim(t));
  sl_text given = sl_get(r, domain_in);
  if (!given.len) given = t;
  sl_text d = host_of(r, given);
  // What is no host name stays as it was sent, so that the error shows that.
  if (d.len) sl_set(r, domain, dotted(d) ? d : sl_trim(given));

  t = sl_trim(sl_get(r, employees));
  if (t.len) {
    sl_text bucket = bucket_of(t);
    if (bucket.len) sl_set(r, size, bucket);
    else if (strict) sl_reject(r, employees, "unknown_size", "there is no number of employees in it");
    else sl_copy(r, size, employees);
  }
  t = sl_trim(sl_get(r, country_in));
  if (!t.len) return;
  sl_u32 s = keep_countries ? 0 : slot_of(t);
  if (keep_countries) sl_copy(r, country, country_in);
  else if (slots[s].spelling.at) sl_set(r, country, (sl_text){slots[s].code, 2, SL_TEXT});
  else if (strict) sl_reject(r, country_in, "unknown_country", "it is no country's name or ISO code");
  else sl_copy(r, country, country_in);
}

SLUICE_PLUGIN(open, row,
  "{\"name\":\"cleaner\",\"version\":\"1.0.0\",\"description\":\"Tidies names, domains, countries and company sizes\","
  "\"config\":{\"type\":\"object\",\"properties\":{\"countries\":{\"enum\":[\"iso\",\"keep\"]},\"strict\":{\"type\":\"boolean\"}}}}")
