/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Guests by the thousand: one thread that writes frames to many cells' sockets, and measures how
 *long it takes until each is acknowledged as durable.
 *
 * usage: load DIRECTORY CELLS FRAMES_A_WRITE FRAMES RATE WIRE
 *	connects once to each DIRECTORY/<n>.sock_9001 and writes FRAMES frames in all, in turns, at
 *	most RATE a second (0: as fast as they are taken).  WIRE 1 sends CellOS's frames.  WIRE 2
 *	sends numbered ones, waits until the last is acknowledged, and takes the time from a frame's
 *	write to its acknowledgement.  Prints one JSON object: frames, seconds, and for wire 2
 *p50_us and p99_us.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <hark/telemetry.h>

#include "base/num.h"

#define CELLS_MAX          1024u
#define FRAMES_A_WRITE_MAX 64u
#define FRAME_BYTES        160u
/* Frames of one cell whose time of writing is remembered. */
#define PENDING 65536u
/* Buckets of the histogram, in microseconds; the last holds what is longer. */
#define BUCKETS 10000000u

struct guest {
	int fd;
	uint64_t sent;  /* numbered frames */
	uint64_t acked; /* everything below is durable */
	uint8_t data[FRAMES_A_WRITE_MAX * FRAME_BYTES];
	size_t size; /* of what waits in data, from at on */
	size_t at;
	uint64_t *written_ns; /* wire 2: by number modulo PENDING */
};

struct load {
	uint32_t wire;
	uint32_t cells;
	uint32_t per_write;
	uint64_t frames;
	uint64_t rate;
	uint64_t made;
	uint64_t began_ns;
	struct guest *guests;
	struct pollfd *polls;
	uint32_t *histogram;
	uint64_t measured;
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
encode(struct guest *g, const struct hark_guest_declaration *d)
{
	size_t size;

	if (hark_encode_frame(d, g->data + g->size, sizeof(g->data) - g->size, &size) !=
	    HARK_TELEMETRY_OK)
		die("encode");
	g->size += size;
}

static struct hark_guest_declaration
usual(const struct load *l)
{
	return (struct hark_guest_declaration){
		.content_version = l->wire == 2 ? HARK_WIRE_CONTENT_VERSION_HARK
						: HARK_WIRE_CONTENT_VERSION_MAJOR,
		.guest_pid = 4242,
		.guest_monotonic_ns = UINT64_C(123456789012),
		.probe_source = hark_text_of("process.spawned"),
		.guest_comm = hark_text_of("workload"),
	};
}

static void
encode_hello(struct guest *g, const struct load *l, uint32_t n)
{
	char stream[17];
	struct hark_guest_declaration d = usual(l);

	(void)snprintf(stream, sizeof(stream), "%08x%08x", (unsigned int)(now_ns() & 0xffffffffu),
		       n);
	d.probe_source = hark_text_of("agent.hello");
	d.has_seq = true;
	d.detail_count = 2;
	d.detail[0] = (struct hark_detail){ .key = hark_text_of("ack"),
					    .type = HARK_DETAIL_BOOL,
					    .value.boolean = true };
	d.detail[1] = (struct hark_detail){ .key = hark_text_of("stream"),
					    .type = HARK_DETAIL_TEXT,
					    .value.text = hark_text_of(stream) };
	encode(g, &d);
}

static void
connect_guest(struct load *l, const char *directory, uint32_t n)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct guest *g = &l->guests[n];

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%u.sock_9001", directory, n);
	g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (g->fd < 0 || connect(g->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		die(address.sun_path);
	l->polls[n].fd = g->fd;
	if (l->wire != 2)
		return;
	g->written_ns = calloc(PENDING, sizeof(*g->written_ns));
	if (g->written_ns == NULL)
		die("calloc");
	encode_hello(g, l, n);
}

/* Frames for one write, where the guest has none waiting and may have more. */
static void
fill(struct load *l, struct guest *g)
{
	struct hark_guest_declaration d = usual(l);
	uint32_t i;

	g->size = 0;
	g->at = 0;
	for (i = 0; i < l->per_write && l->made < l->frames; i++, l->made++) {
		if (l->wire == 2) {
			d.has_seq = true;
			d.seq = g->sent;
			g->written_ns[g->sent % PENDING] = now_ns();
		}
		g->sent++;
		encode(g, &d);
	}
}

/* True where something was written. */
static bool
push(struct guest *g)
{
	ssize_t wrote;

	if (g->at == g->size)
		return false;
	wrote = send(g->fd, g->data + g->at, g->size - g->at, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (wrote < 0) {
		if (errno != EAGAIN && errno != EINTR)
			die("send");
		return false;
	}
	g->at += (size_t)wrote;
	return true;
}

static void
count_ack(struct load *l, struct guest *g, uint64_t next)
{
	uint64_t now = now_ns();

	for (; g->acked < next && g->acked < g->sent; g->acked++) {
		uint64_t us = (now - g->written_ns[g->acked % PENDING]) / 1000u;

		l->histogram[us < BUCKETS ? us : BUCKETS - 1]++;
		l->measured++;
	}
}

/* An acknowledgement is never cut: eight bytes at a time are written. */
static void
pull(struct load *l, struct guest *g)
{
	uint64_t next[64];
	ssize_t got = recv(g->fd, next, sizeof(next), MSG_DONTWAIT);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		die("recv");
	if (got >= 8 && got % 8 == 0)
		count_ack(l, g, next[got / 8 - 1]);
	else if (got > 0)
		die("half an acknowledgement");
}

static bool
may_fill(const struct load *l, const struct guest *g)
{
	uint64_t due =
		l->rate == 0 ? UINT64_MAX
			     : (uint64_t)((double)(now_ns() - l->began_ns) / 1e9 * (double)l->rate);

	return g->at == g->size && l->made < l->frames && l->made < due &&
	       g->sent - g->acked + l->per_write < (l->wire == 2 ? PENDING : UINT64_MAX / 2);
}

static bool
is_done(const struct load *l)
{
	uint32_t i;

	if (l->made < l->frames)
		return false;
	for (i = 0; i < l->cells; i++) {
		const struct guest *g = &l->guests[i];

		if (g->at != g->size || (l->wire == 2 && g->acked < g->sent))
			return false;
	}
	return true;
}

static void
turn(struct load *l)
{
	bool moved = false;
	uint32_t i;

	for (i = 0; i < l->cells; i++) {
		struct guest *g = &l->guests[i];

		if (may_fill(l, g))
			fill(l, g);
		moved |= push(g);
	}
	for (i = 0; i < l->cells; i++)
		l->polls[i].events = (short)((l->guests[i].at < l->guests[i].size ? POLLOUT : 0) |
					     (l->wire == 2 ? POLLIN : 0));
	if (poll(l->polls, l->cells, moved ? 0 : 1) <= 0)
		return;
	for (i = 0; i < l->cells; i++) {
		if ((l->polls[i].revents & POLLIN) != 0)
			pull(l, &l->guests[i]);
	}
}

static uint64_t
percentile(const struct load *l, uint64_t percent)
{
	uint64_t seen = 0;
	uint64_t us;

	for (us = 0; us < BUCKETS; us++) {
		seen += l->histogram[us];
		if (seen * 100 >= l->measured * percent)
			return us;
	}
	return BUCKETS;
}

static uint64_t
argument(const char *text, uint64_t least, uint64_t most)
{
	uint64_t v = 0;

	if (num_read_u64(text, strlen(text), most, &v) != ERR_OK || v < least)
		exit(2);
	return v;
}

int
main(int argc, char **argv)
{
	static struct load l;
	struct rlimit files = { 65536, 65536 };
	uint32_t i;

	if (argc != 7)
		return 2;
	l.cells = (uint32_t)argument(argv[2], 1, CELLS_MAX);
	l.per_write = (uint32_t)argument(argv[3], 1, FRAMES_A_WRITE_MAX);
	l.frames = argument(argv[4], 1, UINT64_MAX);
	l.rate = argument(argv[5], 0, UINT64_MAX);
	l.wire = (uint32_t)argument(argv[6], 1, 2);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	l.guests = calloc(l.cells, sizeof(*l.guests));
	l.polls = calloc(l.cells, sizeof(*l.polls));
	l.histogram = calloc(BUCKETS, sizeof(*l.histogram));
	if (l.guests == NULL || l.polls == NULL || l.histogram == NULL)
		die("calloc");
	for (i = 0; i < l.cells; i++)
		connect_guest(&l, argv[1], i);
	l.began_ns = now_ns();
	while (!is_done(&l))
		turn(&l);
	(void)printf("{\"frames\":%llu,\"seconds\":%.6f", (unsigned long long)l.frames,
		     (double)(now_ns() - l.began_ns) / 1e9);
	if (l.wire == 2)
		(void)printf(",\"p50_us\":%llu,\"p99_us\":%llu",
			     (unsigned long long)percentile(&l, 50),
			     (unsigned long long)percentile(&l, 99));
	(void)puts("}");
	return 0;
}
