/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The floor that the daemon is measured against: the same path and the same leaf bytes in two bare
 * processes.  One accepts, reads 64 KiB at a time, decodes and copies what was said into batches of
 * a SEQPACKET socket; the other stamps, writes canonical JSON, hashes leaves into a Merkle
 *frontier, and appends with one write and one fdatasync a batch.  No isolation, no recovery, no
 *receipts, no limits, no silence, no signature; what it needs of a frame it takes from the
 *libraries.
 *
 * usage: floor DIRECTORY SOCKETS EVENTS
 *	listens on DIRECTORY/<n>.sock_9001, prints "ready", ends after EVENTS events are durable,
 *and prints the seconds from the first byte read to the last fdatasync, and the bytes of a leaf.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hark/event.h>
#include <hark/telemetry.h>

#include "base/num.h"
#include "merkle/merkle.h"

#define SOCKETS_MAX  1024u
#define READ_BYTES   65536u
#define BATCH_BYTES  65536u
#define COMMIT_BYTES 2097152u
#define COMMIT_NS    UINT64_C(5000000)

/* What crosses between the two: one for each frame, its texts behind it. */
struct said {
	uint32_t socket;
	uint32_t pid;
	uint64_t ns;
	uint16_t source_size;
	uint16_t comm_size;
};

struct connection {
	uint32_t socket;
	int fd;
	bool listens;
	size_t size;
	struct hark_wire_session session;
	uint8_t data[READ_BYTES];
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the one that reads -------------------------------------------------------------------- */

static uint8_t batch[BATCH_BYTES];
static size_t batch_size;

static void
batch_send(int out)
{
	if (batch_size > 0 && send(out, batch, batch_size, 0) != (ssize_t)batch_size)
		die("send");
	batch_size = 0;
}

static void
batch_add(int out, uint32_t socket, const struct hark_guest_declaration *d)
{
	struct said said = { 0 };
	size_t size = sizeof(said) + d->probe_source.size + d->guest_comm.size;

	if (batch_size + size > BATCH_BYTES)
		batch_send(out);
	said.socket = socket;
	said.pid = d->guest_pid;
	said.ns = d->guest_monotonic_ns;
	said.source_size = (uint16_t)d->probe_source.size;
	said.comm_size = (uint16_t)d->guest_comm.size;
	memcpy(batch + batch_size, &said, sizeof(said));
	memcpy(batch + batch_size + sizeof(said), d->probe_source.data, d->probe_source.size);
	memcpy(batch + batch_size + sizeof(said) + d->probe_source.size, d->guest_comm.data,
	       d->guest_comm.size);
	batch_size += size;
}

/* Decodes what is whole and keeps the rest.  False at the end of the connection. */
static bool
connection_read(struct connection *c, int out)
{
	struct hark_guest_declaration d;
	struct hark_rejection why;
	ssize_t got = read(c->fd, c->data + c->size, READ_BYTES - c->size);
	size_t at = 0;

	if (got <= 0)
		return got < 0 && (errno == EAGAIN || errno == EINTR);
	c->size += (size_t)got;
	while (c->size - at >= 4) {
		uint32_t size;

		memcpy(&size, c->data + at, 4);
		if (size == 0 || size > HARK_MAX_FRAME_BYTES)
			return false;
		if (c->size - at - 4 < size)
			break;
		if (hark_decode_frame(&c->session, c->data + at + 4, size, &d, &why) !=
		    HARK_TELEMETRY_OK)
			return false;
		batch_add(out, c->socket, &d);
		at += 4 + size;
	}
	memmove(c->data, c->data + at, c->size - at);
	c->size -= at;
	return true;
}

static void
listen_on(int poll_fd, const char *directory, uint32_t n)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct connection *c = calloc(1, sizeof(*c));
	struct epoll_event event = { .events = EPOLLIN };

	if (c == NULL)
		die("calloc");
	c->socket = n;
	c->listens = true;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%u.sock_9001", directory, n);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || bind(c->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(c->fd, 4096) != 0)
		die(address.sun_path);
	event.data.ptr = c;
	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
		die("epoll_ctl");
}

static void
accept_one(int poll_fd, const struct connection *listener)
{
	struct connection *c = malloc(sizeof(*c));
	struct epoll_event event = { .events = EPOLLIN };

	if (c == NULL)
		die("malloc");
	*c = (struct connection){ .socket = listener->socket };
	c->fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	event.data.ptr = c;
	if (c->fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
		die("accept");
}

static void
receive(int poll_fd, int out)
{
	struct epoll_event ready[64];

	for (;;) {
		int count = epoll_wait(poll_fd, ready, 64, -1);
		int i;

		for (i = 0; i < count; i++) {
			struct connection *c = ready[i].data.ptr;

			if (c->listens) {
				accept_one(poll_fd, c);
			} else if (!connection_read(c, out)) {
				(void)close(c->fd);
				free(c);
			}
		}
		batch_send(out);
	}
}

/* ---- the one that writes ------------------------------------------------------------------- */

struct writer {
	int fd;
	struct hark_host_stamp stamps[SOCKETS_MAX];
	char cells[SOCKETS_MAX][16];
	struct hark_event_origin origin;
	struct merkle_frontier tree;
	uint8_t *data;
	size_t size;
	size_t leaf_size;
	uint64_t oldest_ns;
	uint64_t first_ns;
};

static void
write_leaf(struct writer *w, const struct said *said, const char *texts)
{
	struct hark_guest_declaration d = { .content_version = HARK_WIRE_CONTENT_VERSION_MAJOR };
	struct hark_stamped_declaration stamped;
	struct merkle_hash leaf;
	uint32_t size32;
	size_t size = 0;

	d.guest_pid = said->pid;
	d.guest_monotonic_ns = said->ns;
	d.probe_source = (struct hark_text){ texts, said->source_size };
	d.guest_comm = (struct hark_text){ texts + said->source_size, said->comm_size };
	if (hark_stamp(&d, &w->stamps[said->socket], &stamped) != HARK_TELEMETRY_OK ||
	    hark_event_from_stamped(&stamped, &w->origin, (char *)w->data + w->size + 4,
				    HARK_EVENT_BYTES_MAX, &size) != HARK_TELEMETRY_OK)
		die("event");
	w->origin.number++;
	merkle_leaf(w->data + w->size + 4, size, &leaf);
	merkle_frontier_add(&w->tree, &leaf, NULL, NULL);
	size32 = (uint32_t)size;
	memcpy(w->data + w->size, &size32, 4);
	w->size += 4 + size;
	w->leaf_size = size;
}

static void
commit(struct writer *w)
{
	struct merkle_hash root;

	if (w->size == 0)
		return;
	merkle_frontier_root(&w->tree, &root);
	memcpy(w->data + w->size, root.bytes, sizeof(root.bytes));
	w->size += sizeof(root.bytes);
	if (write(w->fd, w->data, w->size) != (ssize_t)w->size || fdatasync(w->fd) != 0)
		die("write");
	w->size = 0;
}

static void
take_batch(struct writer *w, const uint8_t *data, size_t size)
{
	struct timespec t;
	size_t at = 0;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	while (at < size) {
		struct said said;

		memcpy(&said, data + at, sizeof(said));
		w->stamps[said.socket].host_received_at =
			(struct hark_time){ t.tv_sec, (uint32_t)t.tv_nsec };
		write_leaf(w, &said, (const char *)data + at + sizeof(said));
		at += sizeof(said) + said.source_size + said.comm_size;
	}
}

static void
write_all(struct writer *w, int in, uint64_t events)
{
	static uint8_t data[BATCH_BYTES];

	w->data = malloc(3u * (size_t)COMMIT_BYTES);
	if (w->data == NULL)
		die("malloc");
	while (w->origin.number < events) {
		ssize_t got = recv(in, data, sizeof(data), w->size > 0 ? MSG_DONTWAIT : 0);
		uint64_t now = now_ns();

		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			die("recv");
		if (got > 0) {
			if (w->first_ns == 0)
				w->first_ns = now;
			if (w->size == 0)
				w->oldest_ns = now;
			take_batch(w, data, (size_t)got);
		}
		if (w->size > COMMIT_BYTES - 8u * BATCH_BYTES ||
		    (w->size > 0 && now - w->oldest_ns >= COMMIT_NS))
			commit(w);
		else if (got < 0)
			(void)usleep(200);
	}
	commit(w);
	(void)printf("%.6f %zu\n", (double)(now_ns() - w->first_ns) / 1e9, w->leaf_size);
}

static void
writer_init(struct writer *w, const char *directory, uint32_t sockets)
{
	static const char hash[] =
		"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
	char path[4096];
	uint32_t i;

	(void)snprintf(path, sizeof(path), "%s/floor.log", directory);
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w->fd < 0)
		die(path);
	w->origin.source = hark_text_of("/hark/bench/evidence");
	w->origin.id_prefix = hark_text_of("bench/evidence");
	for (i = 0; i < sockets; i++) {
		(void)snprintf(w->cells[i], sizeof(w->cells[i]), "c%u", i);
		if (hark_host_stamp_init(hark_text_of(w->cells[i]), hark_text_of("run-1"),
					 hark_text_of(hash), &w->stamps[i]) != HARK_TELEMETRY_OK)
			die("stamp");
		w->stamps[i].has_epoch = true;
		w->stamps[i].epoch = 1;
	}
}

int
main(int argc, char **argv)
{
	static struct writer writer;
	struct rlimit files = { 65536, 65536 };
	uint64_t sockets;
	uint64_t events;
	int pair[2];
	int poll_fd;
	uint32_t i;

	if (argc != 4 || num_read_u64(argv[2], strlen(argv[2]), SOCKETS_MAX, &sockets) != ERR_OK ||
	    num_read_u64(argv[3], strlen(argv[3]), UINT64_MAX, &events) != ERR_OK || sockets == 0)
		return 2;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (poll_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		die("socketpair");
	for (i = 0; i < sockets; i++)
		listen_on(poll_fd, argv[1], i);
	writer_init(&writer, argv[1], (uint32_t)sockets);
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		receive(poll_fd, pair[0]);
	}
	(void)puts("ready");
	(void)fflush(stdout);
	write_all(&writer, pair[1], events);
	return 0;
}
