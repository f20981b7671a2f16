/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The connection to the host: made for ever anew, written in batches, read for confirmations. */
#ifndef AGENT_STREAM_H
#define AGENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hark-agent/declare.h"
#include "hark-agent/ring.h"
#include "os/wait.h"

/* name, time limit in milliseconds (0: none) */
#define STREAM_STATES(X)                                                     \
	X(WAITING, 0)        /* until retry_ns */                            \
	X(CONNECTING, 10000) /* a vsock connect fails by itself after 2 s */ \
	X(OPEN, 0)           /* a host that does not read costs us nothing */

enum stream_state {
#define STREAM_STATE_ENUM(name, limit_ms) STREAM_##name,
	STREAM_STATES(STREAM_STATE_ENUM)
#undef STREAM_STATE_ENUM
		STREAM_STATE_COUNT
};

#define STREAM_BATCH_BYTES   (64u << 10)
#define STREAM_RETRY_MS_MIN  50u
#define STREAM_RETRY_MS_MAX  2000u
#define STREAM_WRITES_A_TURN 8u
#define STREAM_ACK_BYTES     8u
/* A host that confirms, and then does not for so long, is not at the other end any more: a VMM may
 * keep a connection open whose host's side is gone.  Twice as long after each time in vain, so that
 * a host that is only slow is not overrun. */
#define STREAM_PATIENCE_MS_MIN 10000u
#define STREAM_PATIENCE_MS_MAX 320000u

/* Where to connect: a Unix path, or (path NULL) a vsock address. */
struct stream_target {
	const char *path;
	uint32_t cid;
	uint32_t port;
};

/* Borrows ring and declarer. */
struct stream {
	struct stream_target target;
	struct ring *ring;
	const struct declarer *declarer;
	enum stream_state state;
	int fd;
	uint32_t retry_ms;
	uint64_t retry_ns;     /* in WAITING: when to connect */
	uint64_t limit_ns;     /* in CONNECTING: when to give up */
	uint64_t heartbeat_ns; /* when the next one is due */
	uint64_t heartbeat_interval_ns;
	bool ending;       /* a goodbye is to be said */
	bool said_goodbye; /* on this connection */
	bool host_acks;    /* it has ever confirmed anything */
	bool acked_since_goodbye;
	uint32_t patience_ms;
	uint64_t patience_ns; /* when a confirmation is overdue; UINT64_MAX: none is owed */
	int wait_status;      /* what the goodbye tells */
	uint8_t ack[STREAM_ACK_BYTES];
	size_t ack_size;
	size_t out_at; /* out[out_at .. out_size - 1] is not written yet */
	size_t out_size;
	uint8_t out[STREAM_BATCH_BYTES];
};

void stream_init(struct stream *s, const struct stream_target *target, struct ring *ring,
		 const struct declarer *declarer, uint64_t heartbeat_interval_ns);

/* What to wait for, and until when at most. */
void stream_prepare(struct stream *s, uint64_t now_ns, struct wait_item *item,
		    uint64_t *deadline_ns);

/* Does what can be done now without waiting. */
void stream_service(struct stream *s, uint64_t now_ns, const struct wait_item *item);

/* No event follows: say goodbye after all that is held. */
void stream_end(struct stream *s, int wait_status);

/* True when nothing is left that waiting would help: all was taken by the host. */
bool stream_is_done(const struct stream *s);

/* Closes the connection. */
void stream_finish(struct stream *s);

#endif
