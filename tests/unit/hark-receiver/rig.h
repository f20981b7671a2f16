/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A receiver inside a test: harkd's end, the notary's end and guests are the test's, and so is the
 * time.  Nothing waits: rig_turns lets the receiver do all that there is to do now.
 */
#ifndef TESTS_UNIT_HARK_RECEIVER_RIG_H
#define TESTS_UNIT_HARK_RECEIVER_RIG_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hark-receiver/cell.h"
#include "hark-receiver/receiver.h"
#include "proto/message.h"
#include "unit.h"

#define RIG_SECOND UINT64_C(1000000000)
/* The most records that a test looks at. */
#define RIG_RECORDS 16384u

/* What a test wants to know of a record. */
struct rig_record {
	enum record_type type;
	uint16_t slot;
	uint32_t connection;
	enum record_end end;
	uint64_t count;
	uint64_t seq;
	enum hark_reject_reason reason;
};

struct rig {
	struct loop *loop;
	struct receiver *r;
	int supervisor; /* harkd's end */
	int notary;     /* the notary's end; -1 where there is none */
	char directory[64];
	uint64_t next; /* number that must come on this channel */
	size_t count;
	struct rig_record records[RIG_RECORDS];
};

static uint64_t rig_now;

static uint64_t
rig_clock(void)
{
	return rig_now;
}

static inline void
rig_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
}

/* Lets the receiver do what there is to do. */
static inline void
rig_turns(struct rig *rig)
{
	unsigned int i;

	for (i = 0; i < 400 && !rig->r->done; i++)
		assert_int_equal(receiver_turn(rig->r, false), ERR_OK);
}

static inline void
rig_say(struct rig *rig, struct message *m, int fd)
{
	if (fd >= 0) {
		m->fds[0] = fd;
		m->fd_count = 1;
	}
	assert_int_equal(message_send(rig->supervisor, m), ERR_OK);
	if (!rig->r->done)
		rig_turns(rig);
}

static inline void
rig_new_notary(struct rig *rig)
{
	struct message m;
	int fds[2];

	rig_pair(fds);
	if (rig->notary >= 0)
		(void)close(rig->notary);
	rig->notary = fds[0];
	rig->next = UINT64_MAX; /* the first says it */
	message_init(&m, MESSAGE_RECEIVER_CHANNEL, 0);
	rig_say(rig, &m, fds[1]);
	(void)close(fds[1]);
}

static inline struct rig *
rig_open(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int fds[2];

	assert_non_null(rig);
	rig_now = 1000 * RIG_SECOND;
	rig->notary = -1;
	(void)snprintf(rig->directory, sizeof(rig->directory), "/tmp/hark-unit-XXXXXX");
	assert_non_null(mkdtemp(rig->directory));
	rig_pair(fds);
	rig->supervisor = fds[0];
	rig->r = calloc(1, sizeof(*rig->r));
	assert_non_null(rig->r);
	assert_int_equal(loop_create(rig_clock, &rig->loop), ERR_OK);
	assert_int_equal(receiver_init(rig->r, rig->loop, fds[1]), ERR_OK);
	return rig;
}

static inline void
rig_close(struct rig *rig)
{
	int receiver_end = rig->r->supervisor;

	receiver_finish(rig->r);
	loop_destroy(rig->loop);
	(void)close(receiver_end);
	(void)close(rig->supervisor);
	if (rig->notary >= 0)
		(void)close(rig->notary);
	(void)rmdir(rig->directory);
	free(rig->r);
	free(rig);
}

static inline struct sockaddr_un
rig_address(const struct rig *rig, unsigned int slot)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%u", rig->directory, slot);
	return a;
}

/* A listening socket; its name is gone when the test has connected to it. */
static inline int
rig_socket(const struct rig *rig, unsigned int slot)
{
	struct sockaddr_un a = rig_address(rig, slot);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)unlink(a.sun_path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 4096), 0);
	return fd;
}

static inline void
rig_message_listen(struct message *m, uint64_t slot, uint64_t events, uint64_t bytes)
{
	message_init(m, MESSAGE_LISTEN, 0);
	message_set_number(m, FIELD_SLOT, slot);
	message_set_text(m, FIELD_CELL, "cell");
	message_set_number(m, FIELD_CONNECTIONS, 8);
	message_set_number(m, FIELD_EVENTS_PER_S, events);
	message_set_number(m, FIELD_BYTES_PER_S, bytes);
}

static inline void
rig_listen(struct rig *rig, unsigned int slot, uint64_t events, uint64_t bytes)
{
	struct message m;
	int fd = rig_socket(rig, slot);

	rig_message_listen(&m, slot, events, bytes);
	rig_say(rig, &m, fd);
	(void)close(fd);
}

static inline int
rig_connect(struct rig *rig, unsigned int slot)
{
	struct sockaddr_un a = rig_address(rig, slot);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	rig_turns(rig);
	return fd;
}

static inline void
rig_simple(struct rig *rig, enum message_type type, uint64_t slot)
{
	struct message m;

	message_init(&m, type, 0);
	if (type == MESSAGE_UNLISTEN) {
		m.id = 1000 + slot;
		message_set_number(&m, FIELD_SLOT, slot);
	}
	rig_say(rig, &m, -1);
	{
		struct sockaddr_un a = rig_address(rig, (unsigned int)slot);

		(void)unlink(a.sun_path);
	}
}

/* The id of the DONE that harkd has got; 0 where none came. */
static inline uint64_t
rig_done(struct rig *rig)
{
	static uint8_t data[IPC_BYTES_MAX];
	struct message m;

	if (message_receive(rig->supervisor, data, sizeof(data), &m) != ERR_OK)
		return 0;
	assert_int_equal(m.type, MESSAGE_DONE);
	assert_int_equal(message_number(&m, FIELD_CODE, 99), 0);
	return m.id;
}

/* Takes what the receiver has sent into rig->records, what came before too. */
static inline void
rig_take(struct rig *rig)
{
	static uint8_t data[RECORD_BATCH_BYTES_MAX];
	static struct record r;
	ssize_t n;

	while ((n = recv(rig->notary, data, sizeof(data), 0)) > 0) {
		struct record_batch head;
		size_t at = RECORD_BATCH_HEAD_BYTES;
		size_t used = 0;

		assert_int_equal(record_batch_read(data, (size_t)n, &head), ERR_OK);
		if (rig->next != UINT64_MAX)
			assert_true(head.first == rig->next);
		rig->next = head.first + head.count;
		for (; at < (size_t)n; at += used) {
			struct rig_record *out = &rig->records[rig->count++];

			assert_true(rig->count < RIG_RECORDS);
			assert_int_equal(record_read(data + at, (size_t)n - at, &r, &used), ERR_OK);
			*out = (struct rig_record){ .type = r.type,
						    .slot = r.slot,
						    .connection = r.connection };
			if (r.type == RECORD_CLOSED)
				out->end = r.end;
			if (r.type == RECORD_REJECTED || r.type == RECORD_LIMITED)
				out->count = r.count;
			if (r.type == RECORD_REJECTED)
				out->reason = r.rejection.reason;
			if (r.type == RECORD_DECLARED)
				out->seq = r.declaration.has_seq ? r.declaration.seq : 0;
		}
		rig_turns(rig); /* the queue has room again */
	}
}

/* The receipt for all that was taken, or for less, with a slot's bytes where they are not 0. */
static inline void
rig_receipt(struct rig *rig, uint64_t next, uint16_t slot, uint64_t bytes)
{
	static struct record_receipt receipt;
	uint8_t data[RECORD_RECEIPT_BYTES_MAX];
	size_t size = 0;

	receipt.next = next;
	receipt.count = bytes > 0 ? 1 : 0;
	receipt.slots[0] = (struct record_receipt_slot){ .slot = slot, .bytes = bytes };
	assert_int_equal(record_receipt_write(&receipt, data, sizeof(data), &size), ERR_OK);
	assert_int_equal(send(rig->notary, data, size, MSG_NOSIGNAL), (ssize_t)size);
	rig_turns(rig);
}

static inline size_t
rig_count(const struct rig *rig, enum record_type type)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < rig->count; i++)
		count += rig->records[i].type == type;
	return count;
}

static inline const struct rig_record *
rig_last(const struct rig *rig, enum record_type type)
{
	size_t i;

	for (i = rig->count; i > 0; i--) {
		if (rig->records[i - 1].type == type)
			return &rig->records[i - 1];
	}
	fail_msg("no record of type %d among %zu", (int)type, rig->count);
	return &rig->records[0]; /* not reached */
}

/* Time passes, and the receiver looks. */
static inline void
rig_pass(struct rig *rig, uint64_t ns)
{
	rig_now += ns;
	rig_turns(rig);
	rig_take(rig);
}

/* ---- guests -------------------------------------------------------------------------------- */

/* A frame; `version` 2 has seq, and a hello its detail. */
static inline size_t
rig_frame(uint8_t *out, const char *source, uint16_t version, uint64_t seq, bool ack)
{
	static struct hark_guest_declaration d;
	size_t size = 0;

	d = (struct hark_guest_declaration){ .content_version = version,
					     .probe_source = hark_text_of(source),
					     .guest_comm = hark_text_of("sh") };
	d.has_seq = version == 2;
	d.seq = seq;
	if (version == 2 && strcmp(source, "agent.hello") == 0) {
		d.detail_count = 2;
		d.detail[0] = (struct hark_detail){ .key = hark_text_of("ack"),
						    .type = HARK_DETAIL_BOOL,
						    .value.boolean = ack };
		d.detail[1] =
			(struct hark_detail){ .key = hark_text_of("stream"),
					      .type = HARK_DETAIL_TEXT,
					      .value.text = hark_text_of("00000000000000ab") };
	}
	assert_int_equal(
		hark_encode_frame(&d, out, HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES, &size),
		HARK_TELEMETRY_OK);
	return size;
}

static inline void
rig_write(struct rig *rig, int guest, const void *data, size_t size)
{
	assert_int_equal(send(guest, data, size, MSG_NOSIGNAL), (ssize_t)size);
	rig_turns(rig);
}

static inline void
rig_declare(struct rig *rig, int guest, const char *source, uint16_t version, uint64_t seq)
{
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];

	rig_write(rig, guest, frame, rig_frame(frame, source, version, seq, true));
}

/* Writes as many frames as the guest's socket takes, `most` at the most: a hundred at a time, which
 * the kernel takes whole or not at all. */
static inline size_t
rig_flood(int guest, size_t most)
{
	static uint8_t frames[100 * (HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES)];
	size_t count = 0;

	while (count < most) {
		size_t chunk = most - count < 100 ? most - count : 100;
		size_t size = 0;
		size_t i;

		for (i = 0; i < chunk; i++)
			size += rig_frame(frames + size, "process.spawned", 1, 0, false);
		if (send(guest, frames, size, MSG_NOSIGNAL) != (ssize_t)size)
			break;
		count += chunk;
	}
	return count;
}

/* The confirmation that came last; UINT64_MAX where none did. */
static inline uint64_t
rig_answer(int guest, size_t *count_out)
{
	uint64_t last = UINT64_MAX;
	uint8_t data[8];
	ssize_t n;

	*count_out = 0;
	while ((n = recv(guest, data, sizeof(data), 0)) > 0) {
		size_t i;

		assert_int_equal(n, sizeof(data));
		last = 0;
		for (i = 0; i < sizeof(data); i++)
			last |= (uint64_t)data[i] << (8 * i);
		(*count_out)++;
	}
	return last;
}

static inline bool
rig_has_ended(int guest)
{
	uint8_t byte;

	return recv(guest, &byte, 1, MSG_PEEK) == 0;
}

#endif
