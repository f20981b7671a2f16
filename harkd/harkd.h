/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The supervisor's state, and what its files offer each other. */
#ifndef HARKD_HARKD_H
#define HARKD_HARKD_H

#include <stdbool.h>
#include <stdint.h>

#include <hark/telemetry.h>

#include "base/bytes.h"
#include "config/cell_file.h"
#include "config/config.h"
#include "follow/page.h"
#include "harkd/child.h"
#include "harkd/observer.h"
#include "harkd/options.h"
#include "harkd/place.h"
#include "loop/loop.h"
#include "os/notify.h"
#include "proto/message.h"

/* Questions that wait for an answer, at the most. */
#define PENDING_MAX 65536u
/* How long one waits for the notary, in milliseconds. */
#define PENDING_LIMIT_MS 20000u
/* Between two pings of the notary, in milliseconds. */
#define PING_MS 1000u
/* Between two tries to bind a cell's socket that could not be bound, in milliseconds. */
#define BIND_RETRY_MS 2000u
/*
 * What a child may say in a second of itself.  A signer says that it is ready, or has failed; so
 * does a receiver.  The notary says which receivers broke the protocol and which observers trapped.
 * hark-control asks for others: less than that, by a limit of its own (hark-control/serve.h).
 */
#define SIGNER_MESSAGES_PER_S   10u
#define RECEIVER_MESSAGES_PER_S 100u
#define NOTARY_MESSAGES_PER_S   10000u
#define CONTROL_MESSAGES_PER_S  6000u
/* Violations that wait for the notary, at the most. */
#define VIOLATIONS_MAX 64u
/* A key and its terminator, as FIELD_KEY has it. */
#define KEY_TEXT_BYTES 513u

struct cell;

/* ---- receivers ----------------------------------------------------------------------------- */

/* A receiver process and its cells. */
struct receiver {
	struct child child;
	struct receiver *next;
	uint64_t incarnation; /* of its process */
	uint64_t channel;     /* its number at the notary; 0: it has none */
	int channel_end;      /* the receiver's end, until the notary knows all slots; -1 */
	uint32_t cell_count;
	char label[129]; /* its cell's name; of a shared one its number */
};

enum cell_state {
	CELL_LISTENING,
	CELL_FAILING, /* its socket cannot be bound; tried again */
	CELL_LEAVING, /* its removal has begun */
};

struct cell {
	struct cell *next;
	struct harkd *h;
	struct cell_file file; /* as it is remembered */
	enum cell_state state;
	uint64_t number;                /* at the notary */
	uint16_t slot;                  /* at its receiver */
	struct receiver *receiver;      /* NULL: it has none (any more) */
	struct hark_listener *listener; /* NULL unless LISTENING */
	bool unlistened;                /* a shared receiver has let go of it */
	bool again;                     /* add it again, from the configuration, once it is gone */
	struct loop_timer retry;
	uint64_t asked_id; /* who asked for its removal and waits; 0: nobody */
	uint64_t asked_generation;
	char why[256]; /* FAILING: why */
};

/* ---- what waits for the notary ------------------------------------------------------------- */

/* done is NULL where the notary has ended or does not answer. */
typedef void pending_fn(struct harkd *h, void *ctx, const struct message *done);

struct pending {
	struct pending *next;
	uint64_t id;
	uint64_t deadline_ns;
	pending_fn *fn; /* NULL: nobody wants to know any more */
	void *ctx;
	uint64_t asked_id; /* whose answer it becomes; 0: fn's alone */
	uint64_t asked_generation;
};

/* ---- ledgers ------------------------------------------------------------------------------- */

struct ledger_view {
	char origin[256];
	int page_fd; /* made by us, written by the notary */
	struct page *page;
	struct child signer;
	bool create;              /* the signer may make a key */
	bool is_new;              /* there is no ledger yet: its key is said */
	bool rotate;              /* its next start makes the next key */
	bool rotation_untold;     /* the notary has not recorded its new key yet */
	char key[KEY_TEXT_BYTES]; /* its verifier key, once known */
	char state[33];           /* the notary's word: ok, full, failing; "" before */
	char text[CHILD_TEXT_BYTES];
	uint64_t rotate_id; /* who asked for a rotation and waits; 0: nobody */
	uint64_t rotate_generation;
};

/* The configuration in force, until the notary has recorded it. */
struct configured {
	int fd; /* its texts, for reading alone; -1: it is recorded */
	bool is_reload;
};

/* A rule that a child broke, until the notary has recorded it. */
struct violation {
	struct violation *next;
	struct harkd *h;
	bool is_told;
	char json[320];
};

enum life {
	LIFE_STARTING,
	LIFE_RUNNING,
	LIFE_ENDING_RECEIVERS, /* they send what they have */
	LIFE_ENDING_NOTARY,    /* host.stopped, sealed */
	LIFE_ENDING_REST,
	LIFE_ENDED,
};

struct harkd {
	struct options options;
	struct config config;
	struct configured configured;
	struct place place;
	struct loop *loop;
	struct notify notify;
	enum life life;
	int exit_code;
	int control_fd; /* listening */
	bool has_group;
	gid_t group; /* that may read */
	bool is_root;
	bool has_projector_user; /* else projectors are nobody's */
	uid_t projector_uid;     /* where harkd is root: theirs whose folder it makes */
	gid_t projector_gid;

	struct child notary;
	struct child control;
	struct ledger_view ledgers[PROTO_LEDGERS];
	struct receiver *receivers;
	struct cell *cells;
	size_t cell_count;
	struct observer *observers;
	struct violation *violations;
	size_t violation_count;

	uint64_t last_cell; /* numbers that were given */
	uint64_t last_channel;
	uint64_t last_pending;
	uint64_t last_receiver;
	struct pending *pending_first;
	struct pending *pending_last;
	size_t pending_count;
	struct loop_timer ping;
	bool notary_was_ready; /* in the life of this harkd */
	bool notary_is_told;   /* the one that runs has its links, and what else it must know */
	bool notary_stopped;   /* it wrote host.stopped */
	bool nothing_begun;    /* it ended without having written anything */
	bool ping_waits;
};

/* life.c: how harkd starts, is ready, and ends. */
MUST_USE int life_open(struct harkd *h, int argc, char **argv, bool *run_out);
/* The first thing that cannot heal: says so and ends with this code. */
__attribute__((format(printf, 3, 4))) void life_fail(struct harkd *h, int code, const char *format,
						     ...);
void life_end(struct harkd *h);
/* Something has become ready, or has ended: looks whether the next state is due. */
void life_step(struct harkd *h);
bool life_is_ending(const struct harkd *h);
void life_close(struct harkd *h);

/* roles.c */
extern const struct child_kind role_control;
extern const struct child_kind role_signer;
/* Tells the notary of a new key, until one has recorded it. */
void signer_tell_rotation(struct harkd *h, struct ledger_view *l);
/* notary.c */
extern const struct child_kind role_notary;
void notary_link_signer(struct harkd *h, struct ledger_view *l);
/*
 * Tells the notary all that it must know, once it has the links to the signers: before, it writes
 * nothing, and a ledger that its signer refuses stays as it is.  Again, or too early: nothing.
 */
void notary_tell(struct harkd *h);
/* It runs and was told. */
bool notary_hears(const struct harkd *h);
/* True where the ping was sent and is not answered for too long. */
void notary_ping(void *ctx, uint64_t now_ns);

/* pending.c: sends m to the notary under a new id.  On failure fn is called at once with NULL. */
void pending_ask(struct harkd *h, struct message *m, pending_fn *fn, void *ctx, uint64_t asked_id,
		 uint64_t asked_generation);
void pending_done(struct harkd *h, const struct message *done);
void pending_forget(struct harkd *h, const void *ctx);
/* The notary has ended. */
void pending_fail_all(struct harkd *h);
/* Those that have waited too long. */
void pending_expire(struct harkd *h, uint64_t now_ns);

/* receiver.c */
extern const struct child_kind role_receiver;
/* Gives the cell a receiver, which is started where it is new.  ERR_MEMORY. */
MUST_USE enum err receiver_take(struct harkd *h, struct cell *cell);
/* The cell's socket listens now: its receiver hears of it. */
void receiver_listen(struct cell *cell);
/* The cell leaves.  cell_left is called when nothing more comes from it. */
void receiver_release(struct cell *cell);
bool receiver_is_starting(const struct receiver *r); /* NULL: it is not */
/* A receiver and the notary that both run and have no channel get one. */
void receiver_pair(struct receiver *r);
/* The notary has ended: channels are gone. */
void receiver_unpair_all(struct harkd *h);
void receiver_pair_all(struct harkd *h);
struct receiver *receiver_of_channel(struct harkd *h, uint64_t channel);

/* cell.c */
struct cell *cell_find(struct harkd *h, const char *name);
/* Why a cell was not added: an exit code and words. */
struct cell_refusal {
	int code;
	char text[512];
};
/*
 * Binds, remembers, starts.  `strict`: what cannot be bound is refused; else it is tried again
 * later.  The cell's texts are copied; a run id is made where there is none.
 */
struct cell *cell_add(struct harkd *h, const struct cell_file *file, bool strict, bool remember,
		      struct cell_refusal *why);
/* Begins the removal.  False: not remembered, with *why. */
MUST_USE bool cell_remove(struct cell *cell, struct cell_refusal *why);
/* Its socket goes, and its receiver says the last of it. */
void cell_let_go(struct cell *cell);
/* Nothing more comes from its receiver. */
void cell_left(struct cell *cell);
/* To a new notary: all that it must know of the cell. */
void cell_introduce(struct cell *cell);
void cell_forget_all(struct harkd *h);

/* remember.c: DATA/cells. */
MUST_USE bool remember_cell(struct harkd *h, const struct cell_file *file,
			    struct cell_refusal *why);
void forget_cell(struct harkd *h, const char *name);
/* Adds every cell that is remembered.  False: said why. */
MUST_USE bool remember_all(struct harkd *h);

/* reload.c: cells of the configuration, at start and again. */
void reload_cells(struct harkd *h);
void reload_config(struct harkd *h);

/* configured.c: what the notary is told of the configuration.  ERR_SYSTEM: said why. */
MUST_USE enum err configured_keep(struct harkd *h, const struct buf *texts, bool is_reload);
/* Tells it what is not recorded yet. */
void configured_tell(struct harkd *h);

/* violation.c: has it recorded that a child broke a rule, with a word of a closed list. */
void violation_record(struct child *c, const char *reason);
/* Tells the notary what is not recorded yet. */
void violation_tell(struct harkd *h);
void violation_forget_all(struct harkd *h);

/* answer.c: one question that hark-control passed on.  False: it may not ask that. */
MUST_USE bool answer_ask(struct harkd *h, struct message *ask);
/* Answers DONE; nothing where that control has ended since. */
void answer_done(struct harkd *h, uint64_t id, uint64_t generation, int code, const char *text);
void answer_message(struct harkd *h, uint64_t generation, struct message *m);

/* status.c */
void status_answer(struct harkd *h, const struct message *ask);
/* True where every program runs. */
bool status_is_whole(const struct harkd *h);
/* The child of that number, above 0; NULL: it is none of ours. */
struct child *status_child_of(struct harkd *h, uint64_t pid);

#endif
