/* Load generator: N WebSocket clients of one server, and one publisher.
 *
 *   load NAME=VALUE …      see `set` below; then one command a line on stdin, one JSON line for each:
 *   run BURST SECONDS RATE saturated (RATE 0): the next BURST messages are published as soon as
 *                          everybody has the last ones; else BURST messages RATE/BURST times a second.
 *                          → messages delivered, seconds, latency from publishing to arrival
 *   record SECONDS FILE    (seq, unix ns) of every event that arrives, 16 bytes each
 *   drop COUNT             cut COUNT connections at once and connect them again
 *   status                 how many are live, dead, closed; pings answered
 *
 * The first line on stdout says how long it took until all were connected and greeted. */
#include "client.h"
#include "histogram.h"

#define IN_FLIGHT 65536 /* messages published whose arrival is not complete: more is "falls behind" */

static struct conn *conns, publisher = {.fd = -1, .index = 0, .is_publisher = true};
static int live_count, dead_count, next_start, pending, waited_for;
static uint64_t began_ns, resettled_ns;
static struct histogram settling; /* time from the drop to being live again */

static unsigned char unit[1 << 20]; /* BURST messages as the publisher says them */
static size_t unit_bytes;
static struct message {
  char *text;
  size_t bytes;
  int audience; /* clients who get it; 0: all */
} *messages; /* said one after another, round and round */
static int message_count, next_message;

static struct {
  bool is_on;
  int burst, live;
  double rate;
  uint64_t start, end, due, last, published, delivered, expected;
  uint64_t published_at[IN_FLIGHT];
  struct histogram latency;
} run;

static struct {
  FILE *file;
  uint64_t end, count;
} recording;

static void answer(const char *text) {
  puts(text);
  fflush(stdout);
}

/* --- connections settle */

static void start_more(void) {
  while (next_start < options.conns && pending < options.flight) {
    struct conn *c = &conns[next_start++];
    if (c->phase == IDLE) pending++, start(c);
  }
}

static void settled(void) {
  char text[200];
  if (pending || next_start < options.conns || publisher.phase < LIVE) return;
  if (!waited_for) return;
  snprintf(text, sizeof text,
           "{\"live\":%d,\"dead\":%d,\"seconds\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}", live_count,
           dead_count, (double)(resettled_ns - began_ns) / 1e9,
           (double)histogram_at(&settling, 0.5) / 1e6, (double)histogram_at(&settling, 0.99) / 1e6);
  waited_for = 0;
  answer(text);
}

static void begin_settling(int count) {
  began_ns = resettled_ns = now_ns(CLOCK_MONOTONIC);
  waited_for = count;
  next_start = 0;
  histogram_clear(&settling);
  start_more();
}

static void on_live(struct conn *c) {
  if (c->is_publisher) {
    settled();
    return;
  }
  live_count++, pending--;
  resettled_ns = now_ns(CLOCK_MONOTONIC);
  histogram_add(&settling, resettled_ns - began_ns);
  start_more();
  settled();
}

static void on_dead(struct conn *c, const char *why) {
  if (c->is_publisher) {
    fprintf(stderr, "load: the publisher's connection ended: %s\n", why);
    exit(1);
  }
  if (!dead_count) fprintf(stderr, "load: connection %d ended: %.80s\n", c->index, why);
  if (c->phase == LIVE) live_count--;
  else pending--;
  stop(c, false);
  c->phase = DEAD;
  dead_count++;
  start_more();
  settled();
}

static void drop(int count) {
  for (int i = 0; i < count && i < options.conns; i++) {
    if (conns[i].phase != LIVE) continue;
    stop(&conns[i], true);
    conns[i].phase = IDLE;
    live_count--;
  }
  begin_settling(count);
}

/* --- messages are published and arrive */

/* The next burst as bytes; returns how many deliveries it means. */
static uint64_t set_unit(int burst) {
  uint64_t audience = 0;
  unit_bytes = 0;
  for (int i = 0; i < burst; i++) {
    const struct message *m = &messages[next_message++ % message_count];
    audience += (uint64_t)(m->audience ? m->audience : run.live);
    if (options.pub_port) {
      memcpy(unit + unit_bytes, m->text, m->bytes);
      unit_bytes += m->bytes;
    } else {
      unit_bytes += framed(unit + unit_bytes, options.opcode, m->text, m->bytes);
    }
  }
  return audience;
}

static void publish(uint64_t now) {
  for (int i = 0; i < run.burst; i++) run.published_at[run.published++ % IN_FLIGHT] = now;
  run.expected += set_unit(run.burst);
  send_all(publisher.fd, unit, unit_bytes);
}

static void begin_run(int burst, double seconds, double rate) {
  for (int i = 0; i < options.conns; i++) conns[i].counted = 0, conns[i].bytes = 0;
  histogram_clear(&run.latency);
  run.is_on = true, run.burst = burst, run.rate = rate, run.live = live_count;
  run.published = run.delivered = run.expected = 0;
  run.start = run.due = run.last = now_ns(CLOCK_MONOTONIC);
  run.end = run.start + (uint64_t)(seconds * 1e9);
  if (rate == 0) publish(run.start);
}

static void finish_run(void) {
  char text[400];
  run.is_on = false;
  snprintf(text, sizeof text,
           "{\"published\":%llu,\"delivered\":%llu,\"expected\":%llu,\"seconds\":%.6f,"
           "\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"max_ms\":%.4f}",
           (unsigned long long)run.published, (unsigned long long)run.delivered,
           (unsigned long long)run.expected, (double)(run.last - run.start) / 1e9,
           (double)histogram_at(&run.latency, 0.5) / 1e6,
           (double)histogram_at(&run.latency, 0.99) / 1e6, (double)run.latency.max / 1e6);
  answer(text);
}

static void arrived(struct conn *c, uint32_t count) {
  uint64_t now = now_ns(CLOCK_MONOTONIC);
  for (uint32_t i = 0; i < count; i++)
    histogram_add(&run.latency, now - run.published_at[c->counted++ % IN_FLIGHT]);
  run.delivered += count;
  run.last = now;
  if (run.rate > 0 || run.delivered < run.expected) return;
  if (now < run.end) publish(now);
  else finish_run();
}

static void on_event(struct conn *c, const unsigned char *payload, size_t bytes) {
  if (recording.file) {
    uint64_t pair[2] = {number_after(payload, bytes, "\"seq\":"), now_ns(CLOCK_REALTIME)};
    recording.count += fwrite(pair, sizeof pair, 1, recording.file);
  }
  if (!run.is_on || c->is_publisher) return;
  if (!options.unit_bytes) {
    arrived(c, 1);
    return;
  }
  c->bytes += bytes;
  uint32_t whole = (uint32_t)(c->bytes / options.unit_bytes);
  if (whole > c->counted) arrived(c, whole - c->counted);
}

/* --- time */

/* What is due; returns the milliseconds until something is (-1: nothing will be). */
static int tick(void) {
  uint64_t now = now_ns(CLOCK_MONOTONIC);
  if (recording.file && now >= recording.end) {
    char text[100];
    fclose(recording.file);
    recording.file = NULL;
    snprintf(text, sizeof text, "{\"recorded\":%llu}", (unsigned long long)recording.count);
    answer(text);
  }
  if (recording.file) return 5;
  if (!run.is_on) return -1;
  if (run.rate == 0) {
    if (now > run.last + 10000000000u) finish_run(); /* something was lost */
    return 100;
  }
  uint64_t open = run.published - run.delivered / (uint64_t)(run.live ? run.live : 1);
  if (now >= run.end || open + (uint64_t)run.burst > IN_FLIGHT) {
    if (run.delivered == run.expected || now > run.end + 2000000000u)
      finish_run();
    return 1;
  }
  while (run.due <= now) {
    publish(now);
    run.due += (uint64_t)(1e9 * run.burst / run.rate);
  }
  return (int)((run.due - now) / 1000000);
}

/* --- commands */

static void obey(char *line) {
  int count;
  double seconds, rate;
  char text[300];
  if (sscanf(line, "run %d %lf %lf", &count, &seconds, &rate) == 3) {
    begin_run(count, seconds, rate);
  } else if (sscanf(line, "record %lf %255s", &seconds, text) == 2) {
    recording.file = fopen(text, "wb");
    recording.count = 0;
    recording.end = now_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
  } else if (sscanf(line, "drop %d", &count) == 1) {
    drop(count);
  } else if (strncmp(line, "status", 6) == 0) {
    snprintf(text, sizeof text, "{\"live\":%d,\"dead\":%d,\"closes\":%llu,\"pings\":%llu}",
             live_count, dead_count, (unsigned long long)closes, (unsigned long long)pings);
    answer(text);
  }
}

static void on_command(void) {
  static char line[4096];
  static size_t bytes;
  ssize_t got = read(0, line + bytes, sizeof line - bytes - 1);
  if (got <= 0) exit(0);
  bytes += (size_t)got;
  line[bytes] = 0;
  for (char *end; (end = strchr(line, '\n'));) {
    *end = 0;
    obey(line);
    bytes -= (size_t)(end + 1 - line);
    memmove(line, end + 1, bytes + 1);
  }
}

/* --- options */

static char **lines_of(const char *name, int *count) {
  char *text = calloc(1, 1 << 24);
  FILE *file = fopen(name, "r");
  if (!file || !text || !fread(text, 1, (1 << 24) - 1, file)) exit(2);
  fclose(file);
  char **lines = NULL;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    lines = realloc(lines, sizeof *lines * (size_t)(*count + 1));
    lines[(*count)++] = line;
  }
  return lines;
}

static void read_message(const char *name) {
  static char text[4096];
  FILE *file = fopen(name, "rb");
  if (!file) exit(2);
  messages = calloc(1, sizeof *messages);
  messages->bytes = fread(text, 1, sizeof text, file);
  messages->text = text;
  message_count = 1;
  fclose(file);
}

/* Lines of an audience and a message; a publisher without WebSocket says the line's end too. */
static void read_messages(const char *name) {
  char **lines = lines_of(name, &message_count);
  messages = calloc((size_t)message_count, sizeof *messages);
  for (int i = 0; i < message_count; i++) {
    messages[i].audience = (int)strtol(lines[i], &messages[i].text, 10);
    messages[i].bytes = strlen(++messages[i].text);
    if (options.pub_port) messages[i].text[messages[i].bytes++] = '\n';
  }
}

static const char *messages_file;

static void set(const char *name, const char *value) {
  int number = atoi(value);
  if (!strcmp(name, "port")) options.port = number;                /* of the server */
  else if (!strcmp(name, "conns")) options.conns = number;         /* clients */
  else if (!strcmp(name, "flight")) options.flight = number;       /* connecting at a time */
  else if (!strcmp(name, "sources")) options.sources = number;     /* clients' addresses */
  else if (!strcmp(name, "opcode")) options.opcode = number;       /* 1 text, 2 binary */
  else if (!strcmp(name, "resume")) options.is_resuming = number;  /* reconnect with since= */
  else if (!strcmp(name, "unit")) options.unit_bytes = (size_t)number;
  else if (!strcmp(name, "min")) options.min_bytes = (size_t)number;
  else if (!strcmp(name, "hello")) options.hello = value;
  else if (!strcmp(name, "ready")) options.ready = value;
  else if (!strcmp(name, "paths")) options.paths = lines_of(value, &options.path_count);
  else if (!strcmp(name, "pub_path")) options.pub_path = value;
  else if (!strcmp(name, "pub_port")) options.pub_port = number;   /* raw TCP, no WebSocket */
  else if (!strcmp(name, "pub_hello")) options.pub_hello = value;
  else if (!strcmp(name, "pub_ready")) options.pub_ready = value;
  else if (!strcmp(name, "readies")) options.readies = number;     /* times `ready` is awaited */
  else if (!strcmp(name, "message")) read_message(value);          /* file with one message */
  else if (!strcmp(name, "messages")) messages_file = value;       /* file with many */
  else exit(2);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    if (!value) return 2;
    *value = 0;
    set(argv[i], value + 1);
  }
  if (messages_file) read_messages(messages_file);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[1024], commands = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &commands);
  conns = calloc((size_t)options.conns, sizeof *conns);
  for (int i = 0; i < options.conns; i++) conns[i].index = i, conns[i].fd = -1;
  if (options.pub_path || options.pub_port) start(&publisher);
  else publisher.phase = LIVE;
  begin_settling(options.conns);
  for (;;) {
    int count = epoll_wait(poll_fd, events, 1024, tick());
    for (int i = 0; i < count; i++) {
      struct conn *c = events[i].data.ptr;
      if (!c) on_command();
      else if (c->fd < 0) continue; /* ended by an event before it */
      else if (c->phase == CONNECTING && events[i].events & (EPOLLERR | EPOLLHUP))
        on_dead(c, "refused");
      else if (c->phase == CONNECTING) on_connected(c);
      else on_readable(c);
    }
  }
}
