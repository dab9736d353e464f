/* Ramp: a bonding curve of your own, as small as one can be. Tokens have no decimals; the curve keeps
   lamports x tokens constant, starting from virtual reserves that nobody paid in. It logs its events
   as Anchor does: 8 bytes of sha256("event:<Name>"), then the fields in Borsh. */
#include "solana.h"
#include "ids.h" /* written by the build: SYSTEM_PROGRAM, TOKEN_PROGRAM and their like */

#define LAUNCH 0x3d4a4516e15df199ULL   /* sha256("global:launch") */
#define BUY 0xeaebda01123d0666ULL      /* sha256("global:buy") */
#define SELL 0xad837f01a485e633ULL     /* sha256("global:sell") */
#define LAUNCHED 0xb7bdd481981d7fd1ULL /* sha256("event:Launched") */
#define SWAPPED 0x6d608793533434d9ULL  /* sha256("event:Swapped") */
#define FIRST_TOKENS 1100000ULL
#define FIRST_LAMPORTS 10000000000ULL
#define NEED(ok, err) do { if (!(ok)) return err; } while (0)
#define TRY(expr) do { u64 r_ = (expr); if (r_) return r_; } while (0)
#define TOO_DEAR 6000
#define TOO_MUCH 6001

typedef struct __attribute__((packed)) { Key mint; u64 tokens, lamports; } Curve;
enum { WALLET, CURVE, MINT, HOLDING, AUTHORITY, TOKEN, SYSTEM, ACCOUNTS };
typedef struct { Account a[ACCOUNTS]; u64 n; Bytes data; Key *self; u8 bump; } Ctx;

static u64 call(const Ctx *c, const Instr *ix) { /* signed by the wallet, and by our authority */
  Bytes seeds[2] = {STR("authority"), RAW(&c->bump, 1)};
  Signer s = {seeds, 2};
  return sol_invoke_signed_c(ix, c->a, c->n, &s, 1);
}

static NOINLINE u64 pay_in(const Ctx *c, u64 lamports) {
  u8 d[12] = {2};
  put64(d + 4, lamports);
  Meta m[2] = {{c->a[WALLET].key, 1, 1}, {c->a[CURVE].key, 1, 0}};
  return call(c, &(Instr){&SYSTEM_PROGRAM, m, 2, d, sizeof d});
}

static NOINLINE u64 mint_or_burn(const Ctx *c, u8 what, u64 tokens) { /* SPL Token: 7 MintTo, 8 Burn */
  u8 d[9] = {what};
  put64(d + 1, tokens);
  const Key *signer = what == 7 ? c->a[AUTHORITY].key : c->a[WALLET].key;
  Meta mint = {c->a[MINT].key, 1, 0}, holding = {c->a[HOLDING].key, 1, 0};
  Meta m[3] = {what == 7 ? mint : holding, what == 7 ? holding : mint, {signer, 0, 1}};
  return call(c, &(Instr){&TOKEN_PROGRAM, m, 3, d, sizeof d});
}

/* Events are made on the heap, one at a time. */
static u8 *begin(u64 discriminator) {
  u8 *p = (u8 *)0x300000000ULL;
  put64(p, discriminator);
  return p + 8;
}
INLINE u8 *key(u8 *p, const void *k) { return __builtin_memcpy(p, k, 32), p + 32; }
INLINE u8 *number(u8 *p, u64 n) { return put64(p, n), p + 8; }
static void emit(const u8 *end) {
  const u8 *start = (const u8 *)0x300000000ULL;
  Bytes line = RAW(start, end - start);
  sol_log_data(&line, 1);
}

/* launch(name, symbol, uri): the creator made both accounts in the same transaction, the curve's
   with us as its owner, the mint with our authority as its own. */
static u64 launch(Ctx *c, const u8 *args, u64 length) {
  const Account *mint = &c->a[MINT], *curve = &c->a[CURVE];
  Curve *k = (Curve *)curve->data;
  NEED(key_eq(curve->owner, c->self) && curve->data_len == sizeof *k && !k->lamports, E_INVALID_ACCOUNT);
  NEED(key_eq(mint->owner, &TOKEN_PROGRAM) && mint->data_len == 82, E_INVALID_ACCOUNT);
  NEED(mint->data[0] == 1 && key_eq(mint->data + 4, c->a[AUTHORITY].key), E_INVALID_ACCOUNT);
  NEED(length >= 12 && length < 400, E_INVALID_DATA);
  k->mint = *mint->key, k->tokens = FIRST_TOKENS, k->lamports = FIRST_LAMPORTS;
  u8 *p = key(key(key(begin(LAUNCHED), mint->key), c->a[WALLET].key), curve->key);
  for (u64 i = 0; i < length; i++) *p++ = args[i];
  emit(number(number(p, k->tokens), k->lamports));
  return 0;
}

static NOINLINE void tell(const Ctx *c, bool is_buy, u64 tokens, u64 lamports) {
  const Curve *k = (const Curve *)c->a[CURVE].data;
  Clock now;
  sol_get_clock_sysvar(&now);
  u8 *p = key(key(key(begin(SWAPPED), &k->mint), c->a[WALLET].key), c->a[CURVE].key);
  *p++ = is_buy;
  p = number(number(number(number(p, tokens), lamports), k->tokens), k->lamports);
  emit(number(p, (u64)now.unix_timestamp));
}

/* buy(tokens, most lamports) and sell(tokens, least lamports): rounded in favour of the curve. */
static u64 swap(Ctx *c, bool is_buy, u64 tokens, u64 limit) {
  Curve *k = (Curve *)c->a[CURVE].data;
  NEED(key_eq(c->a[CURVE].owner, c->self) && key_eq(&k->mint, c->a[MINT].key), E_INVALID_ACCOUNT);
  NEED(tokens && tokens < FIRST_TOKENS && (!is_buy || tokens < k->tokens), TOO_MUCH);
  u64 product = k->tokens * k->lamports; /* below 2^64: both are small on purpose */
  u64 after = is_buy ? product / (k->tokens - tokens) + 1 : product / (k->tokens + tokens) + 1;
  u64 lamports = is_buy ? after - k->lamports : k->lamports - after;
  NEED(is_buy ? lamports <= limit : lamports >= limit, TOO_DEAR);
  if (is_buy) TRY(pay_in(c, lamports));
  TRY(mint_or_burn(c, is_buy ? 7 : 8, tokens));
  if (!is_buy) *c->a[CURVE].lamports -= lamports, *c->a[WALLET].lamports += lamports;
  k->tokens = is_buy ? k->tokens - tokens : k->tokens + tokens, k->lamports = after;
  tell(c, is_buy, tokens, lamports);
  return 0;
}

u64 entrypoint(u8 *input) {
  Ctx c;
  Key authority;
  c.n = parse_input(input, c.a, ACCOUNTS, &c.data, &c.self);
  NEED(c.n == ACCOUNTS, E_NOT_ENOUGH_KEYS);
  NEED(c.a[WALLET].signer, E_MISSING_SIGNATURE);
  Bytes seed = STR("authority");
  TRY(sol_try_find_program_address(&seed, 1, c.self, &authority, &c.bump));
  NEED(key_eq(&authority, c.a[AUTHORITY].key) && c.data.len >= 24, E_INVALID_ARG);
  const u8 *args = c.data.p + 8;
  u64 what = get64(c.data.p);
  if (what == LAUNCH) return LOG("Instruction: Launch"), launch(&c, args, c.data.len - 8);
  if (what == BUY) return LOG("Instruction: Buy"), swap(&c, 1, get64(args), get64(args + 8));
  if (what == SELL) return LOG("Instruction: Sell"), swap(&c, 0, get64(args), get64(args + 8));
  return E_INVALID_DATA;
}
