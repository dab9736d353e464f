/* A call to another program, spelled out in instruction data: what a router does for its users.

   Bytes of one call: accounts u8 (the called program first, then its accounts), length u16 LE, data.
   The accounts are the next ones of the instruction; their signer and writable flags are passed on. */
#pragma once
#include "solana.h"

#define MAX_ACCOUNTS 64
#define MAX_METAS 32

typedef struct { Account *all; u64 n, next; const u8 *p, *end; } Script;

INLINE bool has(const Script *s, u64 n) { return (u64)(s->end - s->p) >= n; }
INLINE u64 take8(Script *s) { return *s->p++; }
INLINE u64 take16(Script *s) {
  u64 low = *s->p++;
  return low | (u64)*s->p++ << 8;
}

/* The accounts stay on the heap: 64 of them are too many for a frame. */
static u64 open_script(Script *s, u8 *input) {
  Bytes data;
  Key *self;
  s->all = (Account *)0x300000000ULL;
  s->n = parse_input(input, s->all, MAX_ACCOUNTS, &data, &self);
  if (s->n > MAX_ACCOUNTS) return E_INVALID_ARG;
  s->next = 0, s->p = data.p, s->end = data.p + data.len;
  return 0;
}

static NOINLINE u64 relay(Script *s) {
  if (!has(s, 3)) return E_INVALID_DATA;
  u64 n = take8(s), length = take16(s);
  if (!n || n > MAX_METAS || s->next + n > s->n) return E_NOT_ENOUGH_KEYS;
  if (!has(s, length)) return E_INVALID_DATA;
  Meta metas[MAX_METAS];
  const Account *a = s->all + s->next;
  for (u64 i = 1; i < n; i++) {
    metas[i - 1].key = a[i].key;
    metas[i - 1].writable = a[i].writable, metas[i - 1].signer = a[i].signer;
  }
  Instr ix = {a[0].key, metas, n - 1, s->p, length};
  s->p += length, s->next += n;
  return sol_invoke_signed_c(&ix, s->all, s->n, NULL, 0);
}
