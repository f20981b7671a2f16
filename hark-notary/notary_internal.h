/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the core share.  hark-notary/DESIGN.md has the tables of states. */
#ifndef HARK_NOTARY_NOTARY_INTERNAL_H
#define HARK_NOTARY_NOTARY_INTERNAL_H

#include "event/types.h"
#include "hark-notary/notary.h"
#include "hark-notary/table.h"
#include "wire/sequence.h"

/* An agent says that it lives once a second; who was not heard for two of these is silent. */
#define HEARTBEAT_NS      UINT64_C(1000000000)
#define SILENT_SPEAKER_NS (2 * HEARTBEAT_NS)
/* A second speaker is reported unless the first one's end is read within this time. */
#define CHALLENGE_NS (2 * HEARTBEAT_NS)
/* What a replaced connection had sent before may be read for so long. */
#define DRAIN_NS UINT64_C(10000000000)
/* A removed cell's connections may end by themselves for so long. */
#define REMOVE_NS UINT64_C(2000000000)
/* Receivers and cells that the state knows and harkd does not name within this time are gone. */
#define SETTLE_NS UINT64_C(10000000000)
/* Records that waited for the ledger so long may be why a cell was not heard. */
#define BLOCKED_NS UINT64_C(1000000000)
/* Looking at every cell costs something, so it is not done more often. */
#define SCAN_INTERVAL_NS UINT64_C(50000000)
/* A look that comes later than this says so. */
#define WATCH_LATE_NS UINT64_C(3000000000)
/* Between two readings of both clocks their difference may change by so much. */
#define CLOCK_STEP_NS INT64_C(100000000)
/* Receipts that found no room are tried again so soon. */
#define RECEIPT_RETRY_NS UINT64_C(10000000)
/* After a failed write: first and longest wait. */
#define RETRY_FIRST_NS UINT64_C(100000000)
#define RETRY_MAX_NS   UINT64_C(5000000000)
/* A signer that was asked must answer within this time, or it is asked again. */
#define SIGN_LIMIT_NS UINT64_C(5000000000)
/* The history of checkpoints has one in so many seconds. */
#define HISTORY_S 60

/* The most streams that are remembered of one cell: twice its connections, as in wire/sequence.h.
 */
#define CELL_STREAMS_MAX SEQUENCE_STREAMS_MAX
/* Runs that were removed and whose epochs are remembered one by one. */
#define GONE_RUNS_MAX 4096u
/* SHA-256 of cell and run, cut: by it a run is known in the state. */
#define CELL_KEY_BYTES 16u

/* A batch has room for a record where two of the largest leaves fit: a record leads to one
 * declaration of any size and to findings that together are less than another. */
#define BATCH_RESERVE_BYTES (2u * (LEDGER_LEAF_BYTES_MAX + 16u))
/* Upper bounds of one changed entry of state, and of those that one record can change at once. */
#define DIRTY_ENTRY_BYTES   160u
#define STATE_RESERVE_BYTES 4096u

struct cell;
struct channel;
struct observers;

/* A stream of a cell: epoch is its number in the run.  seq.stream is the name in its hello. */
struct stream {
	struct sequence_stream seq;
	uint32_t epoch;
	bool is_forked;  /* of one connection alone, which used another's name */
	bool is_dirty;   /* changed since the last commit was begun */
	uint32_t users;  /* connections */
	uint64_t used;   /* turn of the cell, for forgetting the longest unused */
	uint64_t frames; /* of the connection that uses it, for its `closed` */
	struct cell *cell;
	struct stream *next;       /* of the cell */
	struct stream *next_dirty; /* of the notary */
};

/* An open connection.  Flags: hark-notary/DESIGN.md has what leads where. */
struct connection {
	struct channel *channel;
	struct cell *cell;
	uint32_t number;
	uint16_t slot;
	struct hark_wire_session session;
	uint32_t epoch;        /* once it has spoken */
	struct stream *stream; /* on wire 2 */
	bool said_goodbye;
	bool is_draining;   /* another connection has its stream's name now */
	bool is_superseded; /* another boot speaks now */
	bool is_challenger; /* it speaks beside another; reported at challenge_until_ns */
	bool is_silenced;   /* its muteness beside others was reported */
	bool is_dirty;
	uint32_t other_epoch; /* of whom it challenged */
	uint64_t challenge_until_ns;
	uint64_t drain_until_ns;
	uint64_t first_guest_ns; /* the guest's clock in its first frame */
	uint64_t boot;           /* a hash of its boot_id; 0: none was said */
	uint64_t frames;
	uint64_t last_ns;         /* when it spoke last */
	uint64_t silent_since_ns; /* where is_silenced */
	struct connection *next;  /* of the cell */
	struct connection *next_dirty;
};

/* One run of a cell.  number 0: the state knows it, harkd has not named it yet. */
struct cell {
	uint64_t number;
	uint8_t key[CELL_KEY_BYTES];
	char cell_id[HARK_ID_BYTES_MAX + 1];
	char run_id[HARK_ID_BYTES_MAX + 1];
	char spec_hash[HARK_ID_BYTES_MAX + 1];
	struct hark_host_stamp stamp;
	struct hark_keepalive keepalive;
	struct hark_agent_silenced_trigger trigger;
	struct hark_time silent_since; /* where trigger.fired */
	bool ever_connected;
	bool is_removing;
	uint64_t remove_until_ns;
	uint64_t remove_id;
	char remove_reason[EVENT_WORD_BYTES_MAX + 1];
	uint64_t limited_ns; /* when its reading paused last for its limits; 0: never */
	uint32_t last_epoch;
	uint64_t bytes; /* of ledger, since this notary began */
	uint64_t turn;
	uint32_t stream_count; /* without forked ones */
	struct stream *streams;
	uint32_t connection_count;
	struct connection *connections;
	struct cell *next; /* of the notary */
	struct cell *before;
};

/* A slot of a channel; cell NULL: it was removed, and what still comes is dropped. */
struct slot {
	uint16_t number;
	struct cell *cell;
	uint64_t reported; /* bytes in the last receipt */
};

/* number 0: an incarnation that the state knows, of which harkd has not spoken. */
struct channel {
	uint64_t number;
	uint64_t incarnation;
	uint64_t next;         /* record number that is expected */
	uint64_t closed_next;  /* the same when the commit that is under way was begun */
	uint64_t durable_next; /* below it all is durable */
	uint64_t told_next;    /* the last receipt's */
	bool is_violated;
	bool is_gone;       /* its connections are being ended */
	bool is_gone_after; /* the same once its message is taken */
	bool is_dirty;      /* records were taken since the last commit was begun */
	bool is_owed;       /* a receipt found no room */
	bool in_flight;
	struct table slots;
	struct table connections;
	struct channel *next_dirty;
	struct channel *next_flight;
};

/* A ledger with its batch, its commit, its signer. */
struct book {
	struct ledger *ledger;
	char source[LEDGER_ORIGIN_BYTES_MAX + sizeof("/hark/")];
	struct hark_event_origin origin;
	enum notary_ledger_state state;
	bool in_flight;
	bool is_low;        /* no space is reserved beyond the segment that is written */
	uint64_t low_ns;    /* where it is: when a commit tries to reserve again */
	uint64_t oldest_ns; /* of the open batch; meaningless where that is empty */
	uint64_t batch;     /* number of the open batch, from 1 */
	uint64_t durable_batch;
	uint64_t retry_ns; /* when to write again; 0: not failing */
	uint64_t retry_wait_ns;
	/* sealing */
	bool awaits_head; /* a link to its signer is there, and its head is not */
	bool has_signer;
	bool is_refused;
	bool is_asked;
	bool wants_seal;
	bool has_sealed; /* since this notary began */
	uint64_t asked_ns;
	uint64_t asked_size;
	struct merkle_hash asked_root;
	uint64_t head_size; /* the signer's */
	struct merkle_hash head_root;
	uint64_t sealed_size;
	struct merkle_hash sealed_root;
	uint64_t seal_at_ns;
	int64_t kept_s; /* when a checkpoint was kept last */
};

enum waiter_kind { WAIT_ANSWER, WAIT_PRUNE, WAIT_REDACT, WAIT_SEAL };

/* Something to be done once a batch is durable, or sealed. */
struct waiter {
	enum waiter_kind kind;
	uint64_t id;
	uint64_t code; /* of WAIT_ANSWER, with a static text or NULL, and a count */
	const char *text;
	bool has_count;
	uint64_t count;
	enum proto_ledger book; /* whose batch */
	uint64_t batch;
	enum proto_ledger ledger; /* what it works on */
	uint64_t index;
	uint64_t size; /* WAIT_SEAL, once it is durable: what must be sealed */
	bool is_durable;
	bool has_index;
};

struct gone_run {
	uint8_t key[CELL_KEY_BYTES];
	uint32_t last_epoch;
	uint64_t serial;
};

/* A message that is being taken. */
struct pending {
	bool is_there;
	bool was_asked; /* harkd's words were read for the record at hand */
	uint64_t channel;
	size_t size;
	size_t at;
	uint32_t index;
	struct record_batch batch;
	struct event_clock clock;
};

struct notary {
	struct notary_options options;
	struct notary_ops ops;
	void *ctx;
	enum err failure;
	struct book books[PROTO_LEDGERS];
	struct event_clock now; /* of the call that is being served */
	bool has_clock;
	struct event_clock last; /* the last reading, to see a step */

	struct cell *cells; /* all */
	struct table cell_numbers;
	struct table cell_keys;
	size_t cell_count;
	struct table channels;     /* by number */
	struct table incarnations; /* by incarnation: also those without number */
	struct stream *dirty_streams;
	struct connection *dirty_connections;
	struct channel *dirty_channels;
	struct channel *flight_channels;
	size_t dirty_count;
	uint64_t lazy_ns;        /* when changed state alone is committed; 0: none is */
	uint64_t receipts_at_ns; /* when owed receipts are tried again; 0: none is owed */

	uint8_t *buffer; /* RECORD_BATCH_BYTES_MAX */
	struct pending pending;
	struct record record; /* too large for a stack that is walked often */
	struct record_receipt receipt;

	struct waiter *waiters; /* NOTARY_ANSWERS_MAX */
	size_t waiter_count;
	struct gone_run *gone; /* GONE_RUNS_MAX */
	size_t gone_count;
	struct observers *observers; /* observers.h */
	uint64_t gone_serial;
	uint32_t forgotten_epoch; /* no run that was forgotten had a larger one */

	uint64_t scan_ns; /* the next look at every cell */
	uint64_t tick_ns;
	uint64_t settle_ns;        /* 0: it is done */
	uint64_t blocked_since_ns; /* records wait for the ledger since then; 0: they do not */
	uint64_t blocked_ns;       /* when they last had waited for BLOCKED_NS; 0: never */
	uint64_t removing_ns;      /* when a removal is due; 0: none is under way */
	bool has_gone;             /* a channel's connections are being ended */
	uint64_t begin_ns;         /* when it begins at the latest; 0: harkd has not spoken */
	bool is_begun;             /* host.started is written, or in the open batch */
	bool is_stopping;
	bool stop_is_written;
	bool stop_is_told;
	uint64_t stop_id;
	uint64_t stop_limit_ns;
	struct event_counts counts; /* but for cells and connections */
	uint64_t connection_count;
};

#define EVIDENCE(n)   (&(n)->books[PROTO_EVIDENCE])
#define OPERATIONS(n) (&(n)->books[PROTO_OPERATIONS])

/* ---- book.c: leaves into batches ---- */

void book_init(struct book *b, struct ledger *l, const struct event_clock *now);
/* True where a record may be taken: there is room for what it can lead to, and the notary has
 * begun. */
bool book_has_room(const struct notary *n, enum proto_ledger ledger);
/* True where records may be taken, too: they wait while space is low, so that the rest of it is
 * there for what says so. */
bool book_takes_records(const struct notary *n);
/* Where the next leaf goes.  There MUST be room. */
struct event_place book_place(struct book *b);
/* The leaf of `size` bytes was built there, or could not be: that ends the notary. */
void book_written(struct notary *n, struct book *b, enum err built, size_t size);
/* A change of the evidence's state; value NULL deletes. */
void book_state(struct notary *n, const void *key, size_t key_size, const void *value,
		size_t value_size);
void book_state_of(struct notary *n, struct book *b, const void *key, size_t key_size,
		   const void *value, size_t value_size);
/* w is served once the open batch of w->book is durable.  False: too many wait. */
bool book_wait(struct notary *n, const struct waiter *w);
void notary_fail(struct notary *n, enum err e);

/* ---- commit.c ---- */

void commit_step(struct notary *n);
uint64_t commit_deadline(const struct notary *n);
void commit_publish(struct notary *n, enum proto_ledger ledger);
void book_enter(struct notary *n, enum proto_ledger ledger, enum notary_ledger_state state,
		const char *text);

/* ---- seal.c ---- */

void seal_step(struct notary *n);
uint64_t seal_deadline(const struct notary *n);

/* ---- operations.c ---- */

/* True where one more may be written and waited for. */
bool operations_have_room(const struct notary *n);
/* Writes a record; there MUST be room in that book.  ERR_FORMAT: members are no JSON object. */
MUST_USE enum err operations_write(struct notary *n, struct bytes kind, struct bytes members);
/* The record that came before an act is durable: now the act. */
void operations_act(struct notary *n, const struct waiter *w);
void notary_say(struct notary *n, uint64_t id, uint64_t code, const char *text);

/* ---- store.c: the evidence's state ---- */

void store_cell(struct notary *n, const struct cell *c);
void store_cell_changes(struct notary *n, const struct cell *c);
void store_cell_gone(struct notary *n, const struct cell *c);
void store_stream(struct notary *n, const struct stream *s);
void store_stream_gone(struct notary *n, const struct stream *s);
void store_connection(struct notary *n, const struct connection *c);
void store_connection_gone(struct notary *n, const struct connection *c);
void store_channel(struct notary *n, const struct channel *c);
void store_channel_gone(struct notary *n, const struct channel *c);
/* Reads all of it into cells, streams, channels and connections. */
MUST_USE enum err store_load(struct notary *n);

/* ---- gone.c: epochs of runs that were removed ---- */

/* What a run that is registered (again) counts on from. */
uint32_t gone_take(struct notary *n, const uint8_t key[CELL_KEY_BYTES]);
void gone_add(struct notary *n, const uint8_t key[CELL_KEY_BYTES], uint32_t last_epoch);
/* One that the state has. */
MUST_USE enum err gone_load(struct notary *n, const struct gone_run *run);

/* ---- cell.c ---- */

void cell_key(struct hark_text cell_id, struct hark_text run_id, uint8_t key[CELL_KEY_BYTES]);
MUST_USE enum err cell_create(struct notary *n, struct hark_text cell_id, struct hark_text run_id,
			      struct hark_text spec_hash, struct cell **out);
struct cell *cell_find(const struct notary *n, const uint8_t key[CELL_KEY_BYTES]);
/* Frees it with its streams; it has no connection. */
void cell_destroy(struct notary *n, struct cell *c);
/* Its stamp, with this moment and this epoch (0: none). */
const struct hark_host_stamp *cell_stamp(struct notary *n, struct cell *c, uint32_t epoch);
/* One leaf of this cell was written: counts its bytes. */
void cell_written(struct notary *n, struct cell *c, enum err built, size_t size);
/* Removals that are due: ends connections, writes `removed`, as far as there is room. */
void cells_remove_due(struct notary *n);
uint32_t cell_next_epoch(struct notary *n, struct cell *c);

/* ---- stream.c ---- */

/* The cell's stream of that name; made where it is new.  NULL: no memory. */
struct stream *stream_of_name(struct notary *n, struct cell *c, uint64_t name);
/* A stream for one connection alone, which goes on at seq.  NULL: no memory. */
struct stream *stream_fork(struct notary *n, struct cell *c, uint64_t name, uint64_t seq);
MUST_USE enum err stream_create(struct cell *c, uint64_t name, uint32_t epoch, bool is_forked,
				struct stream **out);
void stream_touch(struct notary *n, struct stream *s);
/* A connection does not use it any more. */
void stream_release(struct notary *n, struct stream *s);
void stream_destroy(struct notary *n, struct stream *s);

/* ---- channel.c ---- */

MUST_USE enum err channel_create(struct notary *n, uint64_t number, uint64_t incarnation,
				 struct channel **out);
void channel_destroy(struct notary *n, struct channel *c);
/* Ends connections of channels that are gone, as far as there is room. */
void channels_end_gone(struct notary *n);
/* A cell is no more: its slots are nobody's. */
void channels_forget_cell(struct notary *n, const struct cell *cell);
void channel_touch(struct notary *n, struct channel *c);

/* ---- connection.c ---- */

MUST_USE enum err connection_create(struct notary *n, struct channel *channel, struct cell *cell,
				    uint16_t slot, uint32_t number, struct connection **out);
void connection_touch(struct notary *n, struct connection *c);
/* How a connection ended: its end was read, its receiver died, its cell was removed. */
enum connection_end { CONNECTION_CLOSED, CONNECTION_LOST, CONNECTION_REMOVED };
/* Writes `closed` (and what was lost), and forgets it. */
void connection_end(struct notary *n, struct connection *c, enum connection_end how,
		    uint64_t frames);
/* Frees without a word. */
void connection_destroy(struct notary *n, struct connection *c);

/* ---- hear.c: what records mean ---- */

/* Takes n->record.  NULL, or why it is a violation. */
const char *hear_record(struct notary *n, struct channel *channel, struct cell *cell);

/* ---- conflict.c ---- */

/* c speaks for the first time: who else speaks in its cell? */
void conflict_begin(struct notary *n, struct connection *c);
/* c speaks, and not for the first time. */
void conflict_frame(struct notary *n, struct connection *c, const struct hark_guest_declaration *d);
/* c ends; before its `closed`. */
void conflict_end(struct notary *n, struct connection *c, enum connection_end how);
/* Reports where c's challenge is due. */
void conflict_due(struct notary *n, struct connection *c);

/* ---- silence.c ---- */

/* A frame of c was decoded. */
void silence_frame(struct notary *n, struct connection *c);
/* Looks at every cell where it is time. */
void silence_step(struct notary *n);
/* Something may be due at this time. */
void silence_sooner(struct notary *n, uint64_t at_ns);

/* ---- observer_trap.c, store_observer.c; the rest is in observers.h ---- */

/* Records what waited until the ledger can be written. */
void observers_step(struct notary *n);
/* A batch of the operations is durable: tells harkd. */
void observers_are_durable(struct notary *n);
/* Reads the operations' state. */
MUST_USE enum err store_load_observers(struct notary *n);

/* ---- host.c ---- */

/* Takes the time of a call, and writes where the real clock has stepped. */
void host_time(struct notary *n, const struct event_clock *clock);
/* Takes the time of a call that is not about evidence: a step of the clock is seen by another one,
 * so that the evidence does not depend on what is only for the operations ledger. */
void host_glance(struct notary *n, const struct event_clock *clock);
/* Begins where that is due. */
void host_begin(struct notary *n);
/* When it begins at the latest; UINT64_MAX: it has, or must be told to. */
uint64_t host_begin_deadline(const struct notary *n);
void host_step(struct notary *n);
uint64_t host_deadline(const struct notary *n);

#endif
