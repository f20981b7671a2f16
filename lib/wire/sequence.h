/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Tracks the numbers of one cell's wire 2 streams: what is new, what comes twice, what is missing.
 * It keeps no event and knows no time.  Numbers of a stream begin at 0, so whatever lies before the
 * first number that is seen of a stream was lost to this listener and is a gap.
 *
 * The table holds the SEQUENCE_STREAMS_MAX streams used last; a further one takes the place of the
 * one that is longest unused.  A replaced stream that comes back is a stream not seen before, so
 * forgetting can only claim too much loss, never too little.  `replaced` counts it.
 */
#ifndef WIRE_SEQUENCE_H
#define WIRE_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#include <hark/telemetry.h>

/* Twice the connections that a cell may have: each may be replaced once before one is forgotten. */
#define SEQUENCE_STREAMS_MAX 16u

enum sequence_verdict {
	SEQUENCE_NEW,       /* as expected */
	SEQUENCE_DUPLICATE, /* an event below the expected number: drop it; it was counted */
	SEQUENCE_GAP,       /* new too, but numbers are missing before it */
};

/* The missing numbers, both ends among them. */
struct sequence_gap {
	uint64_t first;
	uint64_t last;
};

struct sequence_stream {
	uint64_t stream;
	uint64_t expected; /* the number that the next new event has */
	uint64_t dropped;  /* the largest `dropped` that was said */
	uint64_t used;     /* when it was used last, in turns of the table */
	bool is_used_up;   /* the number UINT64_MAX was taken: there is no next one */
};

/*
 * Zeroed is empty.  The first `count` streams are set and differ; every `used` is at most `turn`,
 * and no two are equal; a stream that is used up expects UINT64_MAX.
 */
struct sequence_table {
	struct sequence_stream streams[SEQUENCE_STREAMS_MAX];
	uint32_t count;
	uint64_t turn;
	uint64_t duplicates; /* events that came twice */
	uint64_t replaced;   /* streams forgotten for want of room */
};

/*
 * A hello: `seq` is the number of the first event that its connection will carry.  At or below the
 * expected number it continues (what is sent again comes as DUPLICATE), above it is a GAP.  An
 * unknown stream expects 0.  Never DUPLICATE.  *gap is set for GAP alone.
 */
enum sequence_verdict sequence_hello(struct sequence_table *t, uint64_t stream, uint64_t seq,
				     struct sequence_gap *gap);
/* An event with its own number. */
enum sequence_verdict sequence_event(struct sequence_table *t, uint64_t stream, uint64_t seq,
				     struct sequence_gap *gap);
/* A heartbeat or a goodbye: `seq` is the number of the next event.  So a lost tail shows too. */
enum sequence_verdict sequence_next(struct sequence_table *t, uint64_t stream, uint64_t seq,
				    struct sequence_gap *gap);
/* What `dropped` says beyond what this stream said before: losses before numbering, "at least". */
uint64_t sequence_dropped(struct sequence_table *t, uint64_t stream, uint64_t dropped);

/* What one declaration of a wire 2 session means. */
struct sequence_finding {
	enum sequence_verdict verdict;
	struct sequence_gap gap; /* with SEQUENCE_GAP */
	uint64_t newly_dropped;  /* 0 for a duplicate */
};

/*
 * Takes a declaration by its probe_source.  An event without seq is NEW: it says nothing about
 * others.  A hello without seq is one with 0.
 */
void sequence_take(struct sequence_table *t, uint64_t stream,
		   const struct hark_guest_declaration *d, struct sequence_finding *out);

/*
 * The same for one stream that the caller keeps: zeroed is one not seen before, `stream` and `used`
 * mean nothing.  A DUPLICATE is the caller's to count.
 */
void sequence_take_stream(struct sequence_stream *s, const struct hark_guest_declaration *d,
			  struct sequence_finding *out);

/* The invariants above. */
bool sequence_check(const struct sequence_table *t);

#endif
