/* The part of the Solana on-chain ABI these programs use: input parsing, syscalls, CPI.
   Rules of the compiler (upstream LLVM BPF): at most 5 arguments, no u128 mul/div, no signed
   division, no writable globals; a frame may use 4096 bytes (-mllvm -bpf-stack-size=4096). */
#pragma once
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
typedef _Bool bool;
#define NULL ((void *)0)
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define LEN(a) (sizeof(a) / sizeof *(a))

typedef struct __attribute__((packed)) { u64 w[4]; } Key; /* may sit at any address */
typedef struct { const u8 *p; u64 len; } Bytes;           /* SolSignerSeed, SolBytes */
typedef struct { const Bytes *seeds; u64 len; } Signer;   /* SolSignerSeeds */
typedef struct { const Key *key; bool writable, signer; } Meta;
typedef struct { const Key *program; const Meta *metas; u64 n; const u8 *data; u64 len; } Instr;
typedef struct {
  Key *key; u64 *lamports; u64 data_len; u8 *data; Key *owner; u64 rent_epoch;
  bool signer, writable, executable;
} Account;
typedef struct { u64 slot; i64 epoch_start; u64 epoch, leader_epoch; i64 unix_timestamp; } Clock;
typedef struct { u64 lamports_per_byte_year; u64 threshold_bits; u8 burn; } Rent;

void sol_log_(const char *s, u64 n);
void sol_log_data(const Bytes *fields, u64 n);
u64 sol_try_find_program_address(const Bytes *seeds, u64 n, const Key *program, Key *out, u8 *bump);
u64 sol_create_program_address(const Bytes *seeds, u64 n, const Key *program, Key *out);
u64 sol_invoke_signed_c(const Instr *ix, const Account *accounts, u64 n, const Signer *signers, u64 n_signers);
u64 sol_get_clock_sysvar(Clock *out);
u64 sol_get_rent_sysvar(Rent *out);

#define LOG(s) sol_log_(s, sizeof(s) - 1)
#define STR(s) ((Bytes){(const u8 *)(s), sizeof(s) - 1})
#define RAW(p, n) ((Bytes){(const u8 *)(p), (n)})

/* Builtin errors (the runtime's numbering, code << 32); custom errors are returned as they are. */
#define E_INVALID_ARG (2ULL << 32)
#define E_INVALID_DATA (3ULL << 32)
#define E_INVALID_ACCOUNT (4ULL << 32)
#define E_MISSING_SIGNATURE (8ULL << 32)
#define E_NOT_ENOUGH_KEYS (11ULL << 32)

INLINE u64 get64(const u8 *p) { u64 v; __builtin_memcpy(&v, p, 8); return v; }
INLINE void put64(u8 *p, u64 v) { __builtin_memcpy(p, &v, 8); }
INLINE bool key_eq(const void *a, const void *b) {
  const u8 *x = a, *y = b;
  return get64(x) == get64(y) && get64(x + 8) == get64(y + 8) && get64(x + 16) == get64(y + 16) &&
         get64(x + 24) == get64(y + 24);
}

/* Fills `out` with up to `max` accounts; returns how many the instruction carries. The remaining
   outputs are the instruction data and the program's own id. */
static u64 parse_input(u8 *p, Account *out, u64 max, Bytes *data, Key **program) {
  u64 n = get64(p);
  p += 8;
  for (u64 i = 0; i < n; i++) {
    if (*p != 0xff) { /* the same account again */
      if (i < max) __builtin_memcpy(&out[i], &out[*p < i ? *p : 0], sizeof *out);
      p += 8;
      continue;
    }
    u64 size = get64(p + 80);
    if (i < max) {
      Account *a = &out[i];
      a->signer = p[1], a->writable = p[2], a->executable = p[3];
      a->key = (Key *)(p + 8), a->owner = (Key *)(p + 40), a->lamports = (u64 *)(p + 72);
      a->data_len = size, a->data = p + 88;
      a->rent_epoch = get64(p + 88 + ((size + 10240 + 7) & ~7ULL));
    }
    p += 88 + ((size + 10240 + 7) & ~7ULL) + 8;
  }
  data->len = get64(p), data->p = p + 8;
  *program = (Key *)(p + 8 + data->len);
  return n;
}

/* Rent-exempt minimum without floating point: the threshold is the double 2.0 or 1.0. */
static inline u64 rent_exempt(u64 size) {
  Rent r;
  sol_get_rent_sysvar(&r);
  u64 per_byte = r.lamports_per_byte_year;
  if (r.threshold_bits == 0x4000000000000000ULL) per_byte *= 2;
  return (128 + size) * per_byte;
}
