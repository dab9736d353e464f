/* A program that lies in its logs, to prove that the decoders do not believe it. It runs a script:
     0 length u16, bytes              a "Program data:" line (pump's event bytes, for instance)
     1 length u16, text               a "Program log:" line; the text may hold newlines and forged lines
     2 times u16, length u16, text    the same line many times: enough of them truncate the log
     3 call as relay.h reads it       a real call, so that true events stand between false ones
     4                                fails, after all of the above was logged */
#include "relay.h"

static NOINLINE u64 step(Script *s) {
  u64 kind = take8(s), times = 1;
  if (kind == 3) return relay(s);
  if (kind == 4) return 13; /* a custom error of no meaning */
  if (kind == 2) {
    if (!has(s, 2)) return E_INVALID_DATA;
    times = take16(s);
  }
  if (kind > 2 || !has(s, 2)) return E_INVALID_DATA;
  u64 length = take16(s);
  if (!has(s, length)) return E_INVALID_DATA;
  Bytes text = RAW(s->p, length);
  s->p += length;
  if (!kind) sol_log_data(&text, 1);
  else while (times--) sol_log_((const char *)text.p, text.len);
  return 0;
}

u64 entrypoint(u8 *input) {
  Script s;
  u64 r = open_script(&s, input);
  while (!r && s.p < s.end) r = step(&s);
  return r;
}
