/* Times in nanoseconds, counted in buckets of 1/32 of their power of two: 3 % exact, 16 KiB. */
#include <stdint.h>
#include <string.h>

#define HISTOGRAM_BUCKETS 2048

struct histogram {
  uint64_t counts[HISTOGRAM_BUCKETS];
  uint64_t total;
  uint64_t max;
};

static inline void histogram_clear(struct histogram *h) { memset(h, 0, sizeof *h); }

static inline void histogram_add(struct histogram *h, uint64_t value) {
  uint32_t bucket = (uint32_t)value;
  if (value >= 32) {
    uint32_t shift = 58u - (uint32_t)__builtin_clzll(value);
    bucket = (shift << 5) + (uint32_t)(value >> shift);
  }
  h->counts[bucket]++;
  h->total++;
  if (value > h->max) h->max = value;
}

/* The value that `share` of all are at or below (the bucket's lower end). */
static inline uint64_t histogram_at(const struct histogram *h, double share) {
  uint64_t wanted = (uint64_t)((double)h->total * share), seen = 0;
  for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += h->counts[bucket];
    if (seen > wanted) {
      if (bucket < 64) return bucket;
      uint32_t shift = (bucket >> 5) - 1;
      return (uint64_t)(bucket - (shift << 5)) << shift;
    }
  }
  return h->max;
}
