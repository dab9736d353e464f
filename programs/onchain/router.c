/* A router: trades for its caller by calling other programs, as many calls as one instruction holds.
   Instruction data: calls as relay.h reads them, one after the other. */
#include "relay.h"

u64 entrypoint(u8 *input) {
  Script s;
  u64 r = open_script(&s, input);
  LOG("Instruction: Route");
  while (!r && s.p < s.end) r = relay(&s);
  return r;
}
