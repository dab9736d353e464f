/* initialize and create. */
#pragma once
#include "pump.h"

/* initialize([fee_bps: u64, creator_fee_bps: u64]); accounts: global, user, system. The two optional
   arguments are ours; without them 100 and 0, as documented for mainnet. */
static NOINLINE u64 initialize(Ctx *c, const u8 *arg, u64 len) {
  LOG("Instruction: Initialize");
  NEED(c->n >= 3, E_KEYS);
  NEED(c->a[1].signer, E_SIGNER);
  NEED(key_eq(c->a[0].key, &GLOBAL), E_SEEDS);
  NEED(!c->a[0].data_len, E_INIT);
  u8 bump = GLOBAL_BUMP;
  Bytes seeds[2] = {STR("global"), RAW(&bump, 1)};
  TRY(create_account(c, &(New){1, 0, sizeof(Global), c->self}, seeds, 2));
  Global *g = (Global *)c->a[0].data;
  g->disc = DISC_ACCOUNT_Global, g->initialized = 1;
  __builtin_memcpy(&g->authority, c->a[1].key, 32);
  __builtin_memcpy(&g->fee_recipient, c->a[1].key, 32);
  g->virtual_token = 1073000000000000ULL, g->virtual_sol = 30000000000ULL;
  g->real_token = 793100000000000ULL, g->supply = 1000000000000000ULL;
  __builtin_memcpy(&g->withdraw_authority, c->a[1].key, 32);
  g->enable_migrate = 1, g->migration_fee = 15000001ULL; /* the fee of a real migration of 2025-06 */
  g->fee_bps = len >= 16 ? get64(arg) : 100;
  g->creator_fee_bps = len >= 16 ? get64(arg + 8) : 0;
  NEED(g->fee_bps <= 5000 && g->creator_fee_bps <= 5000, E_ARGS);
  return 0;
}

static bool take_str(const u8 **p, const u8 *end, Bytes *s) {
  if (end - *p < 4) return 0;
  s->len = *(const u32 *)*p, *p += 4, s->p = *p;
  if ((u64)(end - *p) < s->len) return 0;
  return *p += s->len, 1;
}

static NOINLINE u64 create_accounts(Ctx *c, const Global *g, const Bytes *curve_seeds) {
  enum { MINT, AUTHORITY, CURVE, VAULT, GLOBAL_, MPL, METADATA, USER, SYSTEM_, TOKEN, ATA };
  u8 bump = MINT_AUTHORITY_BUMP, d[35] = {20, 6};
  Bytes auth[2] = {STR("mint-authority"), RAW(&bump, 1)};
  TRY(create_account(c, &(New){USER, MINT, 82, &TOKEN_PROGRAM}, NULL, 0));
  Meta mint[3] = {{c->a[MINT].key, 1, 0}, {c->a[VAULT].key, 1, 0}, {c->a[AUTHORITY].key, 0, 1}};
  __builtin_memcpy(d + 2, c->a[AUTHORITY].key, 32); /* InitializeMint2, 6 decimals, no freezing */
  TRY(cpi(c, &(Call){&TOKEN_PROGRAM, mint, 1, RAW(d, 35)}, NULL, 0));
  TRY(create_account(c, &(New){USER, CURVE, sizeof(Curve), c->self}, curve_seeds, 3));
  Meta ata[6] = {{c->a[USER].key, 1, 1}, {c->a[VAULT].key, 1, 0}, {c->a[CURVE].key, 0, 0},
                 {c->a[MINT].key, 0, 0}, {c->a[SYSTEM_].key, 0, 0}, {c->a[TOKEN].key, 0, 0}};
  TRY(cpi(c, &(Call){&ATA_PROGRAM, ata, 6, RAW(d, 0)}, NULL, 0));
  d[0] = 7, put64(d + 1, g->supply); /* MintTo */
  TRY(cpi(c, &(Call){&TOKEN_PROGRAM, mint, 3, RAW(d, 9)}, auth, 2));
  d[0] = 6, d[1] = 0, d[2] = 0; /* SetAuthority(MintTokens, None) */
  mint[1] = mint[2];
  return cpi(c, &(Call){&TOKEN_PROGRAM, mint, 2, RAW(d, 3)}, auth, 2);
}

static NOINLINE u64 create(Ctx *c, const u8 *arg, u64 len) {
  enum { MINT, AUTHORITY, CURVE, VAULT, GLOBAL_, MPL, METADATA, USER, SYSTEM_, TOKEN, ATA, RENT, EVENTS, SELF };
  LOG("Instruction: Create");
  NEED(c->n >= 14, E_KEYS);
  Account *a = c->a;
  const Global *g;
  Bytes name, symbol, uri;
  const u8 *end = arg + len;
  NEED(take_str(&arg, end, &name) && take_str(&arg, end, &symbol) && take_str(&arg, end, &uri), E_ARGS);
  NEED(end - arg >= 32, E_ARGS);
  NEED(name.len <= 32, E_NAME);
  NEED(symbol.len <= 13, E_SYMBOL);
  NEED(uri.len <= 200, E_URI);
  NEED(a[MINT].signer && a[USER].signer, E_SIGNER);
  NEED(key_eq(a[TOKEN].key, &TOKEN_PROGRAM) && key_eq(a[ATA].key, &ATA_PROGRAM), E_PROGRAM);
  NEED(key_eq(a[AUTHORITY].key, &MINT_AUTHORITY), E_SEEDS);
  TRY(load_global(c, GLOBAL_, &g));

  Key pda;
  u8 bump, vault_bump;
  Bytes seeds[3] = {STR("bonding-curve"), RAW(a[MINT].key, 32), RAW(&bump, 1)};
  TRY(sol_try_find_program_address(seeds, 2, c->self, &pda, &bump));
  NEED(key_eq(&pda, a[CURVE].key), E_SEEDS);
  Bytes vault[2] = {STR("creator-vault"), RAW(arg, 32)};
  TRY(sol_try_find_program_address(vault, 2, c->self, &pda, &vault_bump));
  TRY(create_accounts(c, g, seeds));

  Curve *k = (Curve *)a[CURVE].data;
  k->disc = DISC_ACCOUNT_BondingCurve;
  k->virtual_token = g->virtual_token, k->virtual_sol = g->virtual_sol;
  k->real_token = g->real_token, k->supply = g->supply;
  __builtin_memcpy(&k->creator, arg, 32);
  k->bump = bump, k->vault_bump = vault_bump;

  Out o = event(DISC_EVENT_CreateEvent);
  wstr(&o, name.p, name.len), wstr(&o, symbol.p, symbol.len), wstr(&o, uri.p, uri.len);
  wkey(&o, a[MINT].key), wkey(&o, a[CURVE].key), wkey(&o, a[USER].key), wkey(&o, arg);
  w64(&o, (u64)now()), w64(&o, k->virtual_token), w64(&o, k->virtual_sol);
  w64(&o, k->real_token), w64(&o, k->supply), wkey(&o, &TOKEN_PROGRAM);
  w8(&o, 0), w8(&o, 0), wkey(&o, &SYSTEM_PROGRAM), w64(&o, k->virtual_sol), w64(&o, 0), w8(&o, 0);
  return emit(c, &o);
}
