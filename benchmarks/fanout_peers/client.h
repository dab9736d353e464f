/* WebSocket clients by the thousand in one epoll loop: connect, greet, count what arrives. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#define READ_BYTES (1 << 20)
#define PART_BYTES (1 << 16) /* the longest frame understood that comes in pieces */

enum phase { IDLE, CONNECTING, UPGRADING, GREETING, LIVE, DEAD };

struct conn {
  int fd, index, readies;
  enum phase phase;
  bool is_publisher;
  uint32_t counted;    /* messages since the run began */
  uint64_t bytes;      /* payload since the run began, where messages are counted by bytes */
  uint64_t last_seq;   /* position of the newest event, where `resume` is asked for */
  unsigned char *part; /* the frame that has not arrived whole */
  uint32_t part_bytes;
};

/* What a run of the program is told on its command line. */
struct options {
  int port, conns, flight, sources, opcode, is_resuming, readies;
  size_t unit_bytes; /* 0: a message is a frame of at least `min_bytes` */
  size_t min_bytes;
  const char *hello, *ready;                          /* said after the upgrade; awaited then */
  const char *pub_path, *pub_hello, *pub_ready;       /* the same for the publisher */
  char **paths;                                       /* connection i asks for paths[i % path_count] */
  int path_count, pub_port;                           /* pub_port: raw TCP instead of a WebSocket */
};

static struct options options = {.flight = 256, .sources = 1, .opcode = 1, .min_bytes = 256};
static int poll_fd;
static char epoch[64];
static uint64_t pings, closes;

static uint64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The rest of the program. */
static void on_live(struct conn *c);
static void on_dead(struct conn *c, const char *why);
static void on_event(struct conn *c, const unsigned char *payload, size_t bytes);

static void send_all(int fd, const void *data, size_t bytes) {
  const char *at = data;
  while (bytes) {
    ssize_t done = send(fd, at, bytes, MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN) return; /* its end arrives as an event */
    if (done < 0) {
      struct pollfd wait = {.fd = fd, .events = POLLOUT};
      poll(&wait, 1, 1000);
      continue;
    }
    at += done, bytes -= (size_t)done;
  }
}

/* A client's frame, masked with zeros: the same bytes. Returns its size. */
static size_t framed(unsigned char *to, int opcode, const void *payload, size_t bytes) {
  size_t header = 2;
  to[0] = (unsigned char)(0x80 | opcode);
  to[1] = (unsigned char)(0x80 | bytes);
  if (bytes > 125) {
    to[1] = 0x80 | 126, to[2] = (unsigned char)(bytes >> 8), to[3] = (unsigned char)bytes;
    header = 4;
  }
  memset(to + header, 0, 4);
  memcpy(to + header + 4, payload, bytes);
  return header + 4 + bytes;
}

static void say(struct conn *c, int opcode, const void *payload, size_t bytes) {
  unsigned char frame[2048];
  if (bytes < sizeof frame - 16) send_all(c->fd, frame, framed(frame, opcode, payload, bytes));
}

static void start(struct conn *c) {
  struct sockaddr_in to = {.sin_family = AF_INET}, from = {.sin_family = AF_INET};
  int one = 1;
  bool is_raw = c->is_publisher && options.pub_port;
  to.sin_port = htons((uint16_t)(is_raw ? options.pub_port : options.port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) {
    on_dead(c, strerror(errno));
    return;
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (options.sources > 1) { /* 127.1.0.1 and on: as many clients' addresses */
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    int source = c->index % options.sources;
    from.sin_addr.s_addr = htonl(0x7f010000u + (uint32_t)(source / 250 << 8 | (source % 250 + 1)));
    bind(c->fd, (struct sockaddr *)&from, sizeof from);
  }
  c->phase = CONNECTING;
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) {
    on_dead(c, strerror(errno));
    return;
  }
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void stop(struct conn *c, bool is_reset) {
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  if (is_reset) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (c->fd >= 0) close(c->fd);
  free(c->part);
  c->part = NULL, c->part_bytes = 0, c->fd = -1;
}

static void on_connected(struct conn *c) {
  char request[2048], since[96] = "";
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &event);
  if (c->is_publisher && options.pub_port) {
    c->phase = LIVE;
    on_live(c);
    return;
  }
  const char *path = c->is_publisher ? options.pub_path
                                     : options.paths[c->index % options.path_count];
  if (options.is_resuming && c->last_seq)
    snprintf(since, sizeof since, "&since=%s:%llu", epoch, (unsigned long long)c->last_seq);
  int bytes = snprintf(request, sizeof request,
                       "GET %s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n",
                       path, since, options.port);
  c->phase = UPGRADING;
  send_all(c->fd, request, (size_t)bytes);
}

static bool has(const unsigned char *payload, size_t bytes, const char *text) {
  return memmem(payload, bytes, text, strlen(text)) != NULL;
}

static uint64_t number_after(const unsigned char *payload, size_t bytes, const char *name) {
  const unsigned char *found = memmem(payload, bytes < 512 ? bytes : 512, name, strlen(name));
  return found ? strtoull((const char *)found + strlen(name), NULL, 10) : 0;
}

static void become_live(struct conn *c) {
  c->phase = LIVE;
  on_live(c);
}

static void greet(struct conn *c) {
  const char *hello = c->is_publisher ? options.pub_hello : options.hello;
  const char *ready = c->is_publisher ? options.pub_ready : options.ready;
  c->phase = GREETING;
  c->readies = 0;
  if (hello && *hello) say(c, options.opcode, hello, strlen(hello));
  if (!ready || !*ready) become_live(c);
}

/* The server's own questions: Socket.IO's and the hub's pings. */
static void on_small(struct conn *c, const unsigned char *payload, size_t bytes) {
  if (bytes == 1 && payload[0] == '2') {
    pings++;
    say(c, 1, "3", 1);
  } else if (bytes > 14 && memcmp(payload, "{\"type\":\"ping\"", 14) == 0) {
    pings++;
    say(c, 1, "{\"type\":\"pong\"}", 15);
  }
}

static void note_position(struct conn *c, const unsigned char *payload, size_t bytes) {
  const char *name = "\"epoch\":\"";
  const unsigned char *found = *epoch ? NULL : memmem(payload, bytes, name, strlen(name));
  if (found) sscanf((const char *)found + strlen(name), "%63[^\"]", epoch);
  uint64_t seq = number_after(payload, bytes, "\"seq\":");
  if (seq > c->last_seq) c->last_seq = seq;
}

static void on_frame(struct conn *c, int opcode, const unsigned char *payload, size_t bytes) {
  if (opcode == 9) {
    pings++;
    say(c, 10, payload, bytes);
  } else if (opcode == 8) {
    closes++;
    fprintf(stderr, "load: closed with %d\n", bytes > 1 ? payload[0] << 8 | payload[1] : 1005);
  } else if (opcode != 10) {
    if (options.is_resuming) note_position(c, payload, bytes);
    const char *ready = c->is_publisher ? options.pub_ready : options.ready;
    if (c->phase == GREETING && has(payload, bytes, ready)) {
      if (c->is_publisher || ++c->readies >= options.readies) become_live(c);
    } else if (c->phase == LIVE && (options.unit_bytes || bytes >= options.min_bytes))
      on_event(c, payload, bytes);
    else on_small(c, payload, bytes);
  }
}

/* Whole frames of `data`; returns how many bytes they take. */
static size_t frames(struct conn *c, const unsigned char *data, size_t bytes) {
  size_t at = 0;
  while (bytes - at >= 2) {
    size_t size = data[at + 1] & 127, header = 2;
    if (size == 126) {
      if (bytes - at < 4) break;
      size = (size_t)data[at + 2] << 8 | data[at + 3], header = 4;
    } else if (size == 127) {
      if (bytes - at < 10) break;
      size = 0, header = 10;
      for (int i = 2; i < 10; i++) size = size << 8 | data[at + (size_t)i];
    }
    if (bytes - at < header + size) break;
    on_frame(c, data[at] & 15, data + at + header, size);
    at += header + size;
    if (c->phase == DEAD) return bytes;
  }
  return at;
}

/* The answer to the upgrade; returns how many bytes it takes, 0 while it is not whole. */
static size_t answered(struct conn *c, unsigned char *data, size_t bytes) {
  unsigned char *end = memmem(data, bytes, "\r\n\r\n", 4);
  if (!end) return 0;
  if (memcmp(data, "HTTP/1.1 101", 12) != 0) {
    data[bytes < 80 ? bytes : 80] = 0;
    on_dead(c, (char *)data);
    return bytes;
  }
  greet(c);
  return (size_t)(end - data) + 4;
}

static void on_readable(struct conn *c) {
  static unsigned char data[READ_BYTES + PART_BYTES + 1];
  size_t bytes = c->part_bytes;
  memcpy(data, c->part ? c->part : data, bytes);
  ssize_t got = read(c->fd, data + bytes, READ_BYTES);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) on_dead(c, got ? strerror(errno) : "closed by the server");
    return;
  }
  bytes += (size_t)got;
  size_t at = c->phase == UPGRADING ? answered(c, data, bytes) : 0;
  if (c->phase >= GREETING && c->phase != DEAD) at += frames(c, data + at, bytes - at);
  if (c->phase == DEAD) return;
  c->part_bytes = (uint32_t)(bytes - at);
  if (c->part_bytes > PART_BYTES) {
    on_dead(c, "a frame larger than this client understands");
    return;
  }
  if (!c->part_bytes) {
    free(c->part);
    c->part = NULL;
    return;
  }
  c->part = realloc(c->part, c->part_bytes);
  memmove(c->part, data + at, c->part_bytes);
}
