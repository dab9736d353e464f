/* migrate: what is left on a completed curve leaves it, once.

   Interface of pump: the 25 accounts of its IDL in order, CompletePumpAmmMigrationEvent with the figures
   of a real migration (all tokens of the vault; all lamports raised, less pool_migration_fee, which goes
   to the withdraw authority), the curve's reserves zero afterwards, a second call a no-op with a log line.
   Different from pump: there is no AMM here. Tokens and lamports end at the PDA "pool-authority" and its
   token account (pump hands them on to a PumpSwap pool); `pool` is the address that pool would have and
   stays empty; accounts that only the AMM needs are not looked at. */
#pragma once
#include "pump.h"

enum {
  M_GLOBAL, M_WITHDRAW, M_MINT, M_CURVE, M_VAULT, M_USER, M_SYSTEM, M_TOKEN, M_AMM, M_POOL, M_AUTHORITY, M_AUTHORITY_TOKEN,
  M_WSOL = 14, M_ATA = 20, M_EVENTS = 22, M_SELF = 23
};

static NOINLINE u64 check_pool(const Ctx *c) {
  const Account *a = c->a;
  Key pda;
  u8 bump, index[2] = {0};
  Bytes authority[2] = {STR("pool-authority"), RAW(a[M_MINT].key, 32)};
  TRY(sol_try_find_program_address(authority, 2, c->self, &pda, &bump));
  NEED(key_eq(&pda, a[M_AUTHORITY].key), E_SEEDS);
  Bytes pool[5] = {STR("pool"), RAW(index, 2), RAW(a[M_AUTHORITY].key, 32), RAW(a[M_MINT].key, 32), RAW(&WSOL_MINT, 32)};
  TRY(sol_try_find_program_address(pool, 5, &AMM_PROGRAM, &pda, &bump));
  NEED(key_eq(&pda, a[M_POOL].key), E_SEEDS);
  return 0;
}

static NOINLINE u64 check_migrate(const Ctx *c, const Global *g) {
  const Account *a = c->a;
  NEED(a[M_USER].signer, E_SIGNER);
  NEED(key_eq(a[M_WITHDRAW].key, &g->withdraw_authority), E_AUTH);
  NEED(key_eq(a[M_TOKEN].key, &TOKEN_PROGRAM) && key_eq(a[M_ATA].key, &ATA_PROGRAM), E_PROGRAM);
  NEED(key_eq(a[M_AMM].key, &AMM_PROGRAM), E_PROGRAM);
  NEED(key_eq(a[M_CURVE].owner, c->self) && a[M_CURVE].data_len >= sizeof(Curve), E_OWNER);
  const Curve *k = (const Curve *)a[M_CURVE].data;
  NEED(k->disc == DISC_ACCOUNT_BondingCurve, E_OWNER);
  Key pda;
  Bytes seeds[3] = {STR("bonding-curve"), RAW(a[M_MINT].key, 32), RAW(&k->bump, 1)};
  NEED(!sol_create_program_address(seeds, 3, c->self, &pda) && key_eq(&pda, a[M_CURVE].key), E_MINT);
  NEED(key_eq(a[M_VAULT].owner, &TOKEN_PROGRAM) && a[M_VAULT].data_len >= 165, E_OWNER);
  NEED(key_eq(a[M_VAULT].data, a[M_MINT].key) && key_eq(a[M_VAULT].data + 32, a[M_CURVE].key), E_TOKEN_ACCOUNT);
  NEED(k->complete, E_INCOMPLETE);
  return check_pool(c);
}

static NOINLINE u64 move_tokens(const Ctx *c, u64 amount) {
  const Account *a = c->a;
  const Curve *k = (const Curve *)a[M_CURVE].data;
  u8 idempotent = 1;
  Meta ata[6] = {{a[M_USER].key, 1, 1}, {a[M_AUTHORITY_TOKEN].key, 1, 0}, {a[M_AUTHORITY].key, 0, 0},
                 {a[M_MINT].key, 0, 0}, {a[M_SYSTEM].key, 0, 0}, {a[M_TOKEN].key, 0, 0}};
  TRY(cpi(c, &(Call){&ATA_PROGRAM, ata, 6, RAW(&idempotent, 1)}, NULL, 0));
  Bytes seeds[3] = {STR("bonding-curve"), RAW(a[M_MINT].key, 32), RAW(&k->bump, 1)};
  return token_transfer(c, &(Move){M_TOKEN, M_VAULT, M_AUTHORITY_TOKEN, M_CURVE}, amount, seeds, 3);
}

static NOINLINE u64 migrate(Ctx *c) {
  LOG("Instruction: Migrate");
  NEED(c->n >= 24, E_KEYS);
  Account *a = c->a;
  const Global *g;
  TRY(load_global(c, M_GLOBAL, &g));
  NEED(g->enable_migrate, E_AUTH);
  TRY(check_migrate(c, g));
  Curve *k = (Curve *)a[M_CURVE].data;
  if (!k->virtual_token) {
    LOG("Bonding curve already migrated");
    return 0;
  }
  u64 tokens = get64(a[M_VAULT].data + 64), sol = k->real_sol;
  NEED(SUB(sol, g->migration_fee), E_OVERFLOW);
  TRY(move_tokens(c, tokens));
  NEED(SUB(*a[M_CURVE].lamports, k->real_sol), E_OVERFLOW);
  *a[M_AUTHORITY].lamports += sol;
  *a[M_WITHDRAW].lamports += g->migration_fee;
  k->virtual_token = k->virtual_sol = k->real_token = k->real_sol = 0;

  Out o = event(DISC_EVENT_CompletePumpAmmMigrationEvent);
  wkey(&o, a[M_USER].key), wkey(&o, a[M_MINT].key), w64(&o, tokens), w64(&o, sol), w64(&o, g->migration_fee);
  wkey(&o, a[M_CURVE].key), w64(&o, (u64)now()), wkey(&o, a[M_POOL].key), wkey(&o, &k->quote_mint);
  return emit(c, &o);
}
