/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Receiver to notary: batches of numbered records, and the receipts that come back on the same
 * SEQPACKET channel.  Writer and reader are one file.  The reader trusts nothing: a receiver holds
 * a guest's bytes and may have been taken over.  docs/format/record.md has the bytes.
 */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include <hark/telemetry.h>

#include "base/bytes.h"
#include "base/err.h"

/* A batch, head and records, in bytes: one message of the channel. */
#define RECORD_BATCH_BYTES_MAX 65536u
/* The head of a batch in bytes. */
#define RECORD_BATCH_HEAD_BYTES 24u
/* The largest record: the texts of a whole frame and fixed members. */
#define RECORD_BYTES_MAX 8192u
/* Slots in one receipt. */
#define RECORD_RECEIPT_SLOTS_MAX 1024u

enum record_type {
	RECORD_OPENED = 1,   /* a connection was accepted */
	RECORD_DECLARED = 2, /* a frame that decoded */
	RECORD_REJECTED = 3, /* bytes or a connection that were refused */
	RECORD_CLOSED = 4,   /* a connection has ended */
	RECORD_LIMITED =
		5, /* reading has paused for the cell's limits since the last such record */
};

enum record_end {
	RECORD_END_CLEAN = 0,    /* the guest closed between two frames */
	RECORD_END_REFUSED = 1,  /* we closed after a rejection */
	RECORD_END_BROKEN = 2,   /* the connection broke */
	RECORD_END_UNLISTEN = 3, /* the cell was removed, or its receiver was told to end */
};

/* One thing that a receiver reports.  Texts borrow from the frame, or from the batch. */
struct record {
	enum record_type type;
	uint16_t slot;
	uint32_t connection; /* number of the connection in this incarnation, from 1, never reused;
				0 where none is meant (a refused connection) */
	struct hark_wire_session session; /* DECLARED (after this frame), CLOSED */
	/* OPENED */
	struct hark_peer peer;
	/* DECLARED */
	struct hark_guest_declaration declaration;
	/* REJECTED: how many, at least 1 */
	struct hark_rejection rejection;
	uint64_t count; /* REJECTED: refusals; LIMITED: milliseconds */
	/* CLOSED */
	enum record_end end;
	uint64_t frames;
};

/* Appends one record.  ERR_LIMIT where it does not fit into `capacity`. */
MUST_USE enum err record_write(const struct record *r, void *data, size_t capacity,
			       size_t *size_out);
/*
 * Reads the record at the front of data and gives its size.  Checks everything that the notary
 * relies on: bounds, UTF-8, enums, keys of detail ascending and within their letters.  ERR_FORMAT.
 */
MUST_USE enum err record_read(const void *data, size_t size, struct record *out, size_t *used_out);

/* A batch's head: how many records follow, and the number of the first.  Numbers of an incarnation
 * begin at 0 and have no holes. */
struct record_batch {
	uint64_t first;
	uint32_t count;
};
void record_batch_write(const struct record_batch *b, uint8_t head[RECORD_BATCH_HEAD_BYTES]);
MUST_USE enum err record_batch_read(const void *data, size_t size, struct record_batch *out);

/*
 * A receipt: every record numbered below `next` is durable.  With it, for each slot that has a
 * limit by bytes, how many bytes of ledger it has used in all.
 */
struct record_receipt_slot {
	uint16_t slot;
	uint64_t bytes;
};
struct record_receipt {
	uint64_t next;
	uint32_t count;
	struct record_receipt_slot slots[RECORD_RECEIPT_SLOTS_MAX];
};
#define RECORD_RECEIPT_BYTES_MAX (16u + 16u * RECORD_RECEIPT_SLOTS_MAX)
MUST_USE enum err record_receipt_write(const struct record_receipt *r, void *data, size_t capacity,
				       size_t *size_out);
MUST_USE enum err record_receipt_read(const void *data, size_t size, struct record_receipt *out);

#endif
