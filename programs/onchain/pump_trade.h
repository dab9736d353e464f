/* buy and sell. */
#pragma once
#include "pump.h"

/* One trade. buy and sell order two of their accounts differently: `token` and `creator_vault` say where. */
typedef struct { u64 token, creator_vault; bool buy, track; u64 amount, limit; } Trade;
enum { T_GLOBAL, T_FEES, T_MINT, T_CURVE, T_VAULT, T_USER_TOKEN, T_USER, T_SYSTEM, T_EVENTS = 10, T_SELF };

static NOINLINE u64 check_trade(Ctx *c, const Trade *t, const Global *g) {
  Account *a = c->a;
  NEED(a[T_USER].signer, E_SIGNER);
  NEED(key_eq(a[t->token].key, &TOKEN_PROGRAM) || key_eq(a[t->token].key, &TOKEN_2022_PROGRAM), E_PROGRAM);
  const Key *allowed = &g->fee_recipient;
  for (u64 i = 0; !key_eq(a[T_FEES].key, allowed); i++) {
    NEED(i < 7, E_AUTH);
    allowed = &g->fee_recipients[i];
  }
  NEED(key_eq(a[T_CURVE].owner, c->self) && a[T_CURVE].data_len >= sizeof(Curve), E_OWNER);
  const Curve *k = (const Curve *)a[T_CURVE].data;
  NEED(k->disc == DISC_ACCOUNT_BondingCurve, E_OWNER);
  Key pda;
  Bytes seeds[3] = {STR("bonding-curve"), RAW(a[T_MINT].key, 32), RAW(&k->bump, 1)};
  NEED(!sol_create_program_address(seeds, 3, c->self, &pda) && key_eq(&pda, a[T_CURVE].key), E_MINT);
  Bytes vault[3] = {STR("creator-vault"), RAW(&k->creator, 32), RAW(&k->vault_bump, 1)};
  NEED(!sol_create_program_address(vault, 3, c->self, &pda) && key_eq(&pda, a[t->creator_vault].key), E_SEEDS);
  /* SPL token account: mint at 0, owner at 32, amount at 64 */
  NEED(key_eq(a[T_VAULT].owner, a[t->token].key) && a[T_VAULT].data_len >= 165, E_OWNER);
  NEED(key_eq(a[T_VAULT].data, a[T_MINT].key) && key_eq(a[T_VAULT].data + 32, a[T_CURVE].key), E_TOKEN_ACCOUNT);
  NEED(key_eq(a[T_USER_TOKEN].owner, a[t->token].key) && a[T_USER_TOKEN].data_len >= 165, E_OWNER);
  NEED(!k->complete, E_COMPLETE);
  return 0;
}

typedef struct { u64 sol, fee, creator_fee; } Cost;

static NOINLINE u64 emit_trade(Ctx *c, const Trade *t, const Global *g, const Cost *x) {
  Account *a = c->a;
  const Curve *k = (const Curve *)a[T_CURVE].data;
  Out o = event(DISC_EVENT_TradeEvent);
  wkey(&o, a[T_MINT].key), w64(&o, x->sol), w64(&o, t->amount), w8(&o, t->buy), wkey(&o, a[T_USER].key);
  w64(&o, (u64)now()), w64(&o, k->virtual_sol), w64(&o, k->virtual_token), w64(&o, k->real_sol);
  w64(&o, k->real_token), wkey(&o, a[T_FEES].key), w64(&o, g->fee_bps), w64(&o, x->fee), wkey(&o, &k->creator);
  w64(&o, g->creator_fee_bps), w64(&o, x->creator_fee), w8(&o, t->track);
  for (int i = 0; i < 4; i++) w64(&o, 0); /* volume accumulators */
  if (t->buy) wstr(&o, (const u8 *)"buy", 3);
  else wstr(&o, (const u8 *)"sell", 4);
  w8(&o, 0);
  for (int i = 0; i < 4; i++) w64(&o, 0); /* cashback, buyback */
  *(u32 *)o.p = 0, o.p += 4;              /* shareholders: [] */
  wkey(&o, &k->quote_mint), w64(&o, x->sol), w64(&o, k->virtual_sol), w64(&o, k->real_sol), w64(&o, 0), w64(&o, 0);
  return emit(c, &o);
}

static NOINLINE u64 fees(const Global *g, const Curve *k, Cost *x) {
  x->creator_fee = 0;
  NEED(fee_of(x->sol, g->fee_bps, &x->fee), E_OVERFLOW);
  if (!key_eq(&k->creator, &SYSTEM_PROGRAM))
    NEED(fee_of(x->sol, g->creator_fee_bps, &x->creator_fee), E_OVERFLOW);
  return 0;
}

/* What the user adds so that the creator vault, opened by its first fee, is rent-exempt (as pump does). */
static u64 vault_top_up(const Ctx *c, const Trade *t, u64 fee) {
  u64 have = *c->a[t->creator_vault].lamports, least = rent_exempt(0);
  return !fee || have >= least || have + fee >= least ? 0 : least - have - fee;
}

static NOINLINE u64 buy(Ctx *c, const u8 *arg, u64 len) {
  LOG("Instruction: Buy");
  NEED(c->n >= 12, E_KEYS);
  NEED(len >= 16, E_ARGS);
  Account *a = c->a;
  Trade t = {8, 9, 1, len > 16 && arg[16], get64(arg), get64(arg + 8)};
  const Global *g;
  TRY(load_global(c, T_GLOBAL, &g));
  TRY(check_trade(c, &t, g));
  Curve *k = (Curve *)a[T_CURVE].data;
  NEED(t.amount, E_BUY_ZERO);
  NEED(t.amount <= k->real_token && t.amount < k->virtual_token, E_BUY_MUCH);

  Cost x;
  NEED(mul_div(t.amount, k->virtual_sol, k->virtual_token - t.amount, &x.sol) && ADD(x.sol, 1), E_OVERFLOW);
  TRY(fees(g, k, &x));
  u64 total = x.sol;
  NEED(ADD(total, x.fee) && ADD(total, x.creator_fee), E_OVERFLOW);
  NEED(total <= t.limit, E_MAX_COST);

  Bytes seeds[3] = {STR("bonding-curve"), RAW(a[T_MINT].key, 32), RAW(&k->bump, 1)};
  TRY(token_transfer(c, &(Move){t.token, T_VAULT, T_USER_TOKEN, T_CURVE}, t.amount, seeds, 3));
  TRY(pay(c, T_USER, T_CURVE, x.sol));
  TRY(pay(c, T_USER, T_FEES, x.fee));
  TRY(pay(c, T_USER, t.creator_vault, x.creator_fee + vault_top_up(c, &t, x.creator_fee)));
  NEED(ADD(k->virtual_sol, x.sol) && ADD(k->real_sol, x.sol), E_OVERFLOW);
  NEED(SUB(k->virtual_token, t.amount) && SUB(k->real_token, t.amount), E_OVERFLOW);
  TRY(emit_trade(c, &t, g, &x));
  if (k->real_token) return 0;

  k->complete = 1;
  Out o = event(DISC_EVENT_CompleteEvent);
  wkey(&o, a[T_USER].key), wkey(&o, a[T_MINT].key), wkey(&o, a[T_CURVE].key), w64(&o, (u64)now());
  wkey(&o, &k->quote_mint);
  return emit(c, &o);
}

static NOINLINE u64 sell(Ctx *c, const u8 *arg, u64 len) {
  LOG("Instruction: Sell");
  NEED(c->n >= 12, E_KEYS);
  NEED(len >= 16, E_ARGS);
  Account *a = c->a;
  Trade t = {9, 8, 0, 0, get64(arg), get64(arg + 8)};
  const Global *g;
  TRY(load_global(c, T_GLOBAL, &g));
  TRY(check_trade(c, &t, g));
  Curve *k = (Curve *)a[T_CURVE].data;
  NEED(t.amount, E_SELL_ZERO);
  NEED(t.amount <= get64(a[T_USER_TOKEN].data + 64), E_SELL_MUCH);

  Cost x;
  u64 depth = k->virtual_token;
  NEED(ADD(depth, t.amount) && mul_div(t.amount, k->virtual_sol, depth, &x.sol), E_OVERFLOW);
  TRY(fees(g, k, &x));
  u64 net = x.sol;
  NEED(SUB(net, x.fee) && SUB(net, x.creator_fee), E_MIN_OUT);
  NEED(net >= t.limit, E_MIN_OUT);

  TRY(token_transfer(c, &(Move){t.token, T_USER_TOKEN, T_VAULT, T_USER}, t.amount, NULL, 0));
  TRY(pay(c, T_USER, t.creator_vault, vault_top_up(c, &t, x.creator_fee)));
  NEED(SUB(*a[T_CURVE].lamports, x.sol), E_OVERFLOW); /* the program owns the curve: no CPI needed */
  *a[T_USER].lamports += net;
  *a[T_FEES].lamports += x.fee;
  *a[t.creator_vault].lamports += x.creator_fee;
  NEED(SUB(k->virtual_sol, x.sol) && SUB(k->real_sol, x.sol), E_OVERFLOW);
  NEED(ADD(k->virtual_token, t.amount) && ADD(k->real_token, t.amount), E_OVERFLOW);
  return emit_trade(c, &t, g, &x);
}
