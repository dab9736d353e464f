/* The fan-out no server can beat by much: one epoll loop, every frame built once.
 *
 *   server PORT write       one write() per frame and connection: the limit without coalescing
 *   server PORT coalesced   the frames of one read of the publisher joined, one write() per connection
 *
 * GET /pub makes a connection the publisher: its text messages go to everybody else, byte for byte.
 * GET /pub/rooms: each begins with four digits, the room, and goes to who asked for it with
 * /ws?room=7&room=12; coalesced is then what a connection gets from all its rooms: one writev().
 * A yardstick, not a server: it knows only the key of RFC 6455's example, which load.c sends, trusts
 * its publisher, and answers nothing a client says. A connection whose socket is full keeps what is
 * left in memory, without a bound. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define ACCEPT                                                                                     \
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"              \
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
#define IN_BYTES (1 << 20)
#define ROOMS 1024
#define PIECES 16

struct conn {
  int fd;
  bool is_upgraded, is_publisher, has_rooms; /* has_rooms: of a publisher */
  char *left;                                /* what the socket did not take */
  size_t left_bytes;
  struct iovec pieces[PIECES]; /* what it gets of the burst in hand, from its rooms */
  int piece_count;
};

struct room {
  struct conn **members;
  int count, space;
};

static int poll_fd;
static struct room rooms[ROOMS]; /* room 0: everybody who asked for none */
static struct conn **waiting;    /* connections that have pieces */
static int waiting_count, waiting_space;
static unsigned char in[IN_BYTES];
static size_t in_bytes; /* of the publisher: the only one whose messages are read */
static unsigned char out[IN_BYTES * 2];

static void watch(struct conn *c, uint32_t events, int how) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(poll_fd, how, c->fd, &event);
}

static void add(struct conn ***list, int *count, int *space, struct conn *c) {
  if (*count == *space) *list = realloc(*list, sizeof **list * (size_t)(*space = 2 * *space + 1024));
  (*list)[(*count)++] = c;
}

static void drop(struct conn *c) {
  for (struct room *r = rooms; c->is_upgraded && r < rooms + ROOMS; r++)
    for (int i = 0; i < r->count; i++)
      if (r->members[i] == c) r->members[i--] = r->members[--r->count];
  close(c->fd);
  free(c->left);
  free(c);
}

static void keep(struct conn *c, const unsigned char *data, size_t bytes) {
  if (!c->left_bytes) watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
  c->left = realloc(c->left, c->left_bytes + bytes);
  memcpy(c->left + c->left_bytes, data, bytes);
  c->left_bytes += bytes;
}

static void put(struct conn *c, const unsigned char *data, size_t bytes) {
  ssize_t done = 0;
  if (!c->left_bytes) {
    done = write(c->fd, data, bytes);
    if (done < 0 && errno != EAGAIN) return; /* its end arrives as an event */
    if (done < 0) done = 0;
  }
  if ((size_t)done < bytes) keep(c, data + done, bytes - (size_t)done);
}

static void put_all(const struct room *r, const unsigned char *data, size_t bytes) {
  for (int i = 0; i < r->count; i++) put(r->members[i], data, bytes);
}

static void put_pieces(struct conn *c) {
  ssize_t done = c->left_bytes ? 0 : writev(c->fd, c->pieces, c->piece_count);
  for (int i = 0; i < c->piece_count; i++) {
    size_t size = c->pieces[i].iov_len, taken = done < 0 ? 0 : (size_t)done;
    if (taken < size) keep(c, (unsigned char *)c->pieces[i].iov_base + taken, size - taken);
    done = taken < size ? 0 : done - (ssize_t)size;
  }
  c->piece_count = 0;
}

static void collect(const struct room *r, unsigned char *data, size_t bytes) {
  for (int i = 0; i < r->count; i++) {
    struct conn *c = r->members[i];
    if (c->piece_count == PIECES) put_pieces(c);
    else if (!c->piece_count) add(&waiting, &waiting_count, &waiting_space, c);
    c->pieces[c->piece_count++] = (struct iovec){data, bytes};
  }
}

static void on_writable(struct conn *c) {
  ssize_t done = write(c->fd, c->left, c->left_bytes);
  if (done <= 0) return;
  c->left_bytes -= (size_t)done;
  memmove(c->left, c->left + done, c->left_bytes);
  if (!c->left_bytes) watch(c, EPOLLIN, EPOLL_CTL_MOD);
}

/* One unmasked text frame; returns its size. */
static size_t framed(unsigned char *to, const unsigned char *payload, const unsigned char *mask,
                     size_t bytes) {
  size_t header = 2;
  to[0] = 0x81;
  to[1] = (unsigned char)bytes;
  if (bytes > 125) {
    to[1] = 126, to[2] = (unsigned char)(bytes >> 8), to[3] = (unsigned char)bytes;
    header = 4;
  }
  for (size_t i = 0; i < bytes; i++) to[header + i] = payload[i] ^ mask[i & 3];
  return header + bytes;
}

static struct room *room_of(const unsigned char *payload) {
  int number = 0;
  for (int i = 0; i < 4; i++) number = number * 10 + (payload[i] - '0');
  return &rooms[number % ROOMS];
}

/* Everything whole that the publisher has said so far. */
static void publish(bool is_coalesced, bool has_rooms) {
  size_t at = 0, out_bytes = 0;
  while (in_bytes - at >= 6) {
    size_t size = in[at + 1] & 127, header = 2;
    if (size == 126) {
      if (in_bytes - at < 8) break;
      size = (size_t)in[at + 2] << 8 | in[at + 3], header = 4;
    }
    if (in_bytes - at < header + 4 + size) break;
    const unsigned char *mask = in + at + header;
    size_t bytes = framed(out + out_bytes, mask + 4, mask, size);
    const struct room *r = has_rooms ? room_of(out + out_bytes + header) : rooms;
    at += header + 4 + size;
    if (!is_coalesced) put_all(r, out, bytes);
    else if (has_rooms) collect(r, out + out_bytes, bytes);
    if (is_coalesced) out_bytes += bytes;
  }
  if (has_rooms)
    while (waiting_count) put_pieces(waiting[--waiting_count]);
  else if (out_bytes) put_all(rooms, out, out_bytes);
  memmove(in, in + at, in_bytes -= at);
}

static void enter(struct conn *c, const char *request) {
  bool is_anywhere = false;
  const char *end = strchr(request, '\n');
  for (const char *at = request; (at = strstr(at, "room=")) && at < end; at += 5) {
    struct room *r = &rooms[atoi(at + 5) % ROOMS];
    add(&r->members, &r->count, &r->space, c);
    is_anywhere = true;
  }
  if (!is_anywhere) add(&rooms->members, &rooms->count, &rooms->space, c);
}

static void upgrade(struct conn *c) {
  char request[4096];
  ssize_t bytes = read(c->fd, request, sizeof request - 1);
  if (bytes <= 0) {
    drop(c);
    return;
  }
  request[bytes] = 0;
  c->is_upgraded = true;
  c->is_publisher = strncmp(request, "GET /pub", 8) == 0;
  c->has_rooms = strncmp(request, "GET /pub/rooms", 14) == 0;
  if (write(c->fd, ACCEPT, sizeof ACCEPT - 1) > 0 && !c->is_publisher) enter(c, request);
}

static void on_readable(struct conn *c, bool is_coalesced) {
  static char ignored[65536];
  if (!c->is_upgraded) {
    upgrade(c);
    return;
  }
  ssize_t bytes = c->is_publisher ? read(c->fd, in + in_bytes, sizeof in - in_bytes)
                                  : read(c->fd, ignored, sizeof ignored);
  if (bytes == 0 || (bytes < 0 && errno != EAGAIN)) {
    if (c->is_publisher) in_bytes = 0;
    drop(c);
  } else if (bytes > 0 && c->is_publisher) {
    in_bytes += (size_t)bytes;
    publish(is_coalesced, c->has_rooms);
  }
}

static void accept_all(int listener) {
  int fd, one = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    struct conn *c = calloc(1, sizeof *c);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = fd;
    watch(c, EPOLLIN, EPOLL_CTL_ADD);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  bool is_coalesced = strcmp(argv[2], "coalesced") == 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("listen");
    return 1;
  }
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[256], first = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &first);
  for (;;) {
    int count = epoll_wait(poll_fd, events, 256, -1);
    for (int i = 0; i < count; i++) {
      struct conn *c = events[i].data.ptr;
      if (!c) accept_all(listener);
      else if (events[i].events & EPOLLOUT && c->left_bytes) on_writable(c);
      else on_readable(c, is_coalesced);
    }
  }
}
