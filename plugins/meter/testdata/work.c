// Work of the kinds that guests do. work.wasm is built by
//
//	clang --target=wasm32 -O2 -mbulk-memory -nostdlib -fno-builtin -Wl,--no-entry -Wl,--strip-all -o work.wasm work.c

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(#name))) name

static u8 heap[1 << 20];
static u8 text[1000 * 64];

u32 EXPORT(sluice_v1_alloc)(u32 size) { return (u32)heap; }
u64 EXPORT(sluice_v1_open)(u32 ptr, u32 len) { return 0; }
u32 EXPORT(sluice_v1_process)(u32 batch) { return batch; }

static int lower(int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

static u32 length(const u8 *p, u32 max) {
  u32 i = 0;
  while (i < max && p[i])
    i++;
  return i;
}

// domain copies the host name of a URL.
static u32 domain(const u8 *p, u32 n, u8 *out) {
  u32 i = 0, k = 0;
  for (; i + 2 < n; i++)
    if (p[i] == ':' && p[i + 1] == '/' && p[i + 2] == '/') {
      i += 3;
      break;
    }
  if (i + 2 >= n)
    i = 0;
  if (n - i > 4 && lower(p[i]) == 'w' && lower(p[i + 1]) == 'w' && lower(p[i + 2]) == 'w' && p[i + 3] == '.')
    i += 4;
  for (; i < n; i++) {
    u8 c = p[i];
    if (c == '/' || c == ':' || c == '?')
      break;
    out[k++] = lower(c);
  }
  return k;
}

u32 EXPORT(rows)(u32 rounds) {
  const char *url = "https://WWW.Example-Company.com/about/us?x=1";
  u32 size = 0, hash = 0;
  u8 out[64];
  while (url[size])
    size++;
  for (u32 r = 0; r < 1000; r++)
    for (u32 i = 0; i < 64; i++)
      text[r * 64 + i] = i < size ? url[i] + (i == 15 ? r % 7 : 0) : 0;
  for (u32 q = 0; q < rounds; q++)
    for (u32 r = 0; r < 1000; r++) {
      u8 *p = text + r * 64;
      u32 k = domain(p, length(p, 64), out);
      for (u32 i = 0; i < k; i++)
        hash = hash * 31 + out[i];
    }
  return hash;
}

u32 EXPORT(sieve)(u32 n) {
  u32 count = 0;
  for (u32 i = 0; i < n; i++)
    heap[i] = 1;
  for (u32 i = 2; i < n; i++)
    if (heap[i]) {
      count++;
      for (u32 j = i + i; j < n; j += i)
        heap[j] = 0;
    }
  return count;
}

__attribute__((noinline)) static u32 fibonacci(u32 n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

u32 EXPORT(fib)(u32 n) { return fibonacci(n); }

u64 EXPORT(sum)(u32 n) {
  u64 s = 0;
  for (u32 i = 0; i < n; i++)
    s += i * i ^ (s >> 3);
  return s;
}

u32 EXPORT(crc)(u32 n) {
  u32 c = ~0u;
  for (u32 i = 0; i < n; i++) {
    c ^= heap[i & 0xfffff];
    for (int k = 0; k < 8; k++)
      c = c & 1 ? (c >> 1) ^ 0xedb88320u : c >> 1;
  }
  return c;
}

#define SIDE 96
static double a[SIDE * SIDE], b[SIDE * SIDE], product[SIDE * SIDE];

double EXPORT(matmul)(u32 rounds) {
  for (u32 i = 0; i < SIDE * SIDE; i++) {
    a[i] = i % 13;
    b[i] = i % 7;
  }
  for (u32 r = 0; r < rounds; r++)
    for (int i = 0; i < SIDE; i++)
      for (int j = 0; j < SIDE; j++) {
        double s = 0;
        for (int k = 0; k < SIDE; k++)
          s += a[i * SIDE + k] * b[k * SIDE + j];
        product[i * SIDE + j] = s;
      }
  return product[500];
}

static u32 keys[4096];

// sort is Shell's.
u32 EXPORT(sort)(u32 rounds) {
  u32 x = 1;
  for (u32 r = 0; r < rounds; r++) {
    for (u32 i = 0; i < 4096; i++) {
      x = x * 1664525 + 1013904223;
      keys[i] = x;
    }
    for (u32 gap = 2048; gap; gap /= 2)
      for (u32 i = gap; i < 4096; i++) {
        u32 v = keys[i], j = i;
        while (j >= gap && keys[j - gap] > v) {
          keys[j] = keys[j - gap];
          j -= gap;
        }
        keys[j] = v;
      }
  }
  return keys[77];
}
