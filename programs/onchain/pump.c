/* A bonding-curve launchpad that speaks pump's interface: same addresses, discriminators, account
   order, Borsh events, error numbers and integer arithmetic, in a few hundred lines. Left out: the
   Metaplex metadata CPI, volume accumulators, the fee program, create_v2, *_v2, buy_exact_sol_in.
   migrate has pump's accounts and event, but no AMM behind it: see pump_migrate.h. */
#include "pump_create.h"
#include "pump_migrate.h"
#include "pump_trade.h"

u64 entrypoint(u8 *input) {
  Ctx c;
  u64 n = parse_input(input, c.a, LEN(c.a), &c.data, &c.self);
  c.n = n < LEN(c.a) ? n : LEN(c.a);
  NEED(key_eq(c.self, &PROGRAM_ID), E_PROGRAM);
  NEED(c.data.len >= 8, E_FALLBACK);
  const u8 *arg = c.data.p + 8;
  u64 len = c.data.len - 8, disc = get64(c.data.p);
  if (disc == EVENT_IX_TAG) { /* our own event coming back; nobody else can sign for this address */
    NEED(n == 1 && c.a[0].signer && key_eq(c.a[0].key, &EVENT_AUTHORITY), E_SIGNER);
    return 0;
  }
  if (disc == DISC_GLOBAL_buy) return buy(&c, arg, len);
  if (disc == DISC_GLOBAL_sell) return sell(&c, arg, len);
  if (disc == DISC_GLOBAL_create) return create(&c, arg, len);
  if (disc == DISC_GLOBAL_migrate) return migrate(&c);
  if (disc == DISC_GLOBAL_initialize) return initialize(&c, arg, len);
  return E_FALLBACK;
}
