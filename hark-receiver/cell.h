/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One cell: its listener, its connections, its limits, and what of it was refused.  Limits work by
 * not reading; accepting never stops.
 */
#ifndef RECEIVER_CELL_H
#define RECEIVER_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include <hark/telemetry.h>

#include "hark-receiver/bucket.h"
#include "hark-receiver/list.h"
#include "hark-receiver/window.h"
#include "telemetry/listener.h"
#include "telemetry/rejections.h"

struct receiver;

/* What a leaf has in bytes beyond the record of which it is made, for the estimate of a limit. */
#define CELL_LEAF_BYTES 512u
/* A cell at its limit is looked at again after so long, lest it be read frame by frame. */
#define CELL_PAUSE_NS UINT64_C(10000000)

/* One connection of a guest; its place is free where `stream` is NULL. */
struct connection {
	struct hark_stream *stream;
	struct cell *cell;
	uint32_t number; /* from 1 in this process, never used again */
	uint32_t marks;  /* of it in the window */
	bool opened;     /* RECORD_OPENED was said */
	bool ended;      /* RECORD_CLOSED was said: it stays for what is still to be confirmed */
	bool hung_up;    /* nobody is at the other end */
	bool wants_answers;
	bool watches_write;
	bool due;     /* there is something new in `confirm`, or the guest waits for it */
	uint8_t left; /* bytes of `answer` that were not written */
	uint8_t answer[8];
	uint64_t confirm; /* every event of its stream below it is durable */
	uint64_t frames;
	uint64_t ended_ns;
	struct window_place place;
	struct link ready; /* in the receiver's, or in its cell's `parked` */
	struct link answers;
};

struct cell {
	struct receiver *receiver;
	bool is_first;                  /* it stands in the receiver */
	struct hark_listener *listener; /* NULL once it is closing */
	uint16_t slot;
	uint64_t stop_id; /* of harkd's word to stop; 0: it wants no answer */
	uint64_t said;    /* once nothing more is to be said: the number behind the last */
	bool silent;      /* `said` is set */
	struct rejections rejections;
	struct bucket events;
	struct bucket bytes;
	uint64_t in_flight;       /* estimated bytes of ledger that no receipt has counted yet */
	uint64_t counted_bytes;   /* of ledger, as the channel's latest receipt has it */
	bool counted;             /* this channel has told them before */
	uint64_t limited_from_ns; /* since when it is not read for its limits; 0: it is read */
	uint64_t limited_ns;      /* to be told */
	uint64_t limited_told_ns; /* when it was told last */
	struct link limited;
	struct link parked; /* its connections that would be read but for the limits */
	struct link shut;
	struct connection connections[HARK_CONNECTIONS_MAX];
	struct listener_place listener_place;
};

/* How a cell is listened to. */
struct cell_settings {
	uint16_t slot;
	struct hark_listener_options options;
	uint64_t events_per_s; /* 0: no limit */
	uint64_t bytes_per_s;  /* 0: no limit */
};

/* Takes *fd (-1 afterwards) on success alone.  ERR_MEMORY, ERR_SYSTEM, ERR_FORMAT: not a listening
 * socket. */
MUST_USE enum err cell_open(struct receiver *r, const struct cell_settings *settings, int *fd,
			    struct cell **out);
/* Stops accepting; what has come is read.  It is done when cell_is_done says so. */
void cell_stop(struct cell *cell);
/* True where nothing is left to read or to say, and all that was said is durable.  Says what can be
 * said. */
bool cell_is_done(struct cell *cell);
/* Closes what is there without a word and frees it. */
void cell_close(struct cell *cell);

/* True where its limits allow to read on. */
bool cell_may_read(const struct cell *cell);
/* Its limits were met: a connection that waits to be read is put aside. */
void cell_park(struct cell *cell, struct connection *c);
/* Reads a limited cell on where its limits allow it; else gives when that may be. */
bool cell_try_resume(struct cell *cell, uint64_t *again_ns_out);
/* Counts a refusal and says what is due. */
void cell_reject(struct cell *cell, const struct hark_rejection *rejection);
/* What the ledger has of this cell, by this channel's count. */
void cell_count_bytes(struct cell *cell, uint64_t bytes);
/* The channel is another: its count begins anew. */
void cell_forget_count(struct cell *cell);
/* A descriptor has become free. */
void cell_accept_again(struct cell *cell);
/* What needs looking at even when nothing comes. */
void cell_tick(struct cell *cell, uint64_t now_ns);
/* Gives memory that is not used back. */
void cell_give_back(struct cell *cell);

#endif
