/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One cell being heard on a loop: its listener, its connections, its silence and what it is
 * refused, all of it turned into events for one sink.
 */
#ifndef HARK_LISTEN_CELL_H
#define HARK_LISTEN_CELL_H

#include <hark/event.h>
#include <hark/keepalive.h>
#include <hark/telemetry.h>

#include "loop/loop.h"
#include "telemetry/rejections.h"
#include "wire/sequence.h"

/* The most declarations that one connection gets through in a turn: nobody starves. */
#define CELL_FRAMES_PER_TURN 1024u

/* True where the sink takes another large event and a few small ones. */
typedef bool cell_room_fn(const void *sink_context);

struct cell_settings {
	struct hark_text cell_id; /* texts are borrowed and outlive the cell */
	struct hark_text run_id;
	struct hark_text spec_signature_hash;
	struct hark_text source;
	struct hark_text id_prefix;
	uint64_t keepalive_window_ns;
	bool rearm;
	const char *uds_base;
	struct hark_listener_options listener;
	cell_room_fn *has_room;
};

struct cell;

/* `again` is armed while frames wait in the stream's buffer, of which the descriptor says nothing.
 */
struct cell_connection {
	struct cell *cell;
	struct hark_stream *stream; /* NULL: the place is free */
	uint64_t frames;            /* accepted */
	bool goodbye;
	struct loop_timer again;
};

/* What is said when the program ends. */
struct cell_counts {
	uint64_t connections;
	uint64_t frames;
	uint64_t duplicates;
	uint64_t rejected;
	uint64_t events;
};

struct cell {
	struct loop *loop;
	struct hark_host_stamp host;
	struct hark_event_origin origin;
	struct hark_event_sink sink;
	struct hark_listener *listener;
	struct cell_connection connections[HARK_CONNECTIONS_MAX];
	struct hark_keepalive keepalive;
	struct hark_agent_silenced_trigger trigger;
	struct sequence_table sequences;
	struct rejections rejections;
	struct cell_counts counts;
	struct loop_timer watch;
	struct loop_timer accept_again;
	cell_room_fn *has_room;
	uint64_t turn_ns;  /* the loop's time at which the stamp's was read */
	uint64_t watch_ns; /* when the watcher looked last: its own lateness shows */
	bool ever_connected;
	bool paused;
	bool closing;       /* nothing more is read than what has come */
	bool accept_waits;  /* for a free descriptor */
	bool accept_failed; /* and was so said */
	bool sink_failed;
	char json[HARK_EVENT_BYTES_MAX];
};

/* Binds the socket and starts the window.  Errors are hark_listener_bind_for_cell's, and SYSTEM. */
enum hark_telemetry_error cell_open(struct cell *cell, const struct cell_settings *settings,
				    struct hark_event_sink sink, struct loop *loop,
				    struct hark_failure *why);
/*
 * Paused, no event is made: connections are accepted but not read, silence and refusals wait.  It
 * is how a slow reader of the events is passed on to the guest, which then finds its socket full.
 */
void cell_pause(struct cell *cell, bool pause);
/* Gives the event in cell->json to the sink and counts it; false where that was not possible. */
bool cell_emit(struct cell *cell, enum hark_telemetry_error built, size_t size);
/* To be asked before a large event is made; where there is none it is made in a later turn. */
bool cell_has_room(const struct cell *cell);
/* Sets the stamp's time once a turn of the loop. */
void cell_time(struct cell *cell);
/*
 * Ends the hearing: from now on a guest's write fails, and what it wrote before waits to be read.
 * Then cell_read_rest is called until it is false, with room made in between.
 */
void cell_stop(struct cell *cell);
bool cell_read_rest(struct cell *cell);
/* Reports what is still unreported, closes every connection and removes the socket. */
void cell_close(struct cell *cell);

#endif
