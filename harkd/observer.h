/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Observers as harkd has them: a manifest, and while it runs a pair of processes that live and die
 * together.  hark-observer runs the module and has no credentials; hark-projector has the database
 * and runs no foreign code.
 */
#ifndef HARKD_OBSERVER_H
#define HARKD_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "config/observer.h"
#include "harkd/child.h"

/* Between two pings of a module's process, and what it may take beyond its call's time, in
 * milliseconds. */
#define OBSERVER_PING_MS 1000u
#define OBSERVER_HUNG_MS 5000u
/* From GO to READY, beyond its compile_ms. */
#define OBSERVER_START_MS 5000u
/* Its process may end between GO and READY so many times in a row: then it is refused. */
#define OBSERVER_LOADS_MAX 8u
/* After a report it commits what came before the trap, and ends; it has so long, in milliseconds.
 */
#define OBSERVER_LAST_MS 30000u
/* Who adds one waits so long for it to run, in milliseconds: below what a client waits. */
#define OBSERVER_ASK_MS 45000u
/* What either of a pair may say in a second: one of each kind, and more where a database comes and
 * goes. */
#define OBSERVER_MESSAGES_PER_S 100u
/* A projection that is behind and has not moved for so long is said to wait, in milliseconds. */
#define OBSERVER_STILL_MS 10000u
/* How often its cursor is written beside its manifest, in milliseconds. */
#define OBSERVER_CURSOR_MS    60000u
#define OBSERVER_DIGEST_BYTES 32u

/* State, its name for people. */
#define OBSERVER_STATES(X)                                                               \
	X(WAITING, "waiting")   /* for its next start, the notary, or harkd's */         \
	X(STARTING, "starting") /* its processes are there, and not both are ready */    \
	X(RUNNING, "running")                                                            \
	X(AWAY, "away")               /* it runs, and its database does not answer */    \
	X(REFUSED, "refused")         /* it cannot be run as it is: a person must act */ \
	X(STOPPED, "stopped")         /* it trapped, and on_trap says stop */            \
	X(QUARANTINED, "quarantined") /* until its digest is released */                 \
	X(DISABLED, "disabled")       /* by a person */

enum observer_state {
#define STATE(name, text) OBSERVER_##name,
	OBSERVER_STATES(STATE)
#undef STATE
		OBSERVER_STATE_COUNT
};

struct harkd;
struct observer_gear;

struct observer {
	struct observer *next;
	struct harkd *h;
	struct config_observer manifest;
	bool from_config;
	bool leaving;     /* it goes once its processes have ended */
	bool was_started; /* since harkd started */
	enum observer_state state;
	char why[CHILD_TEXT_BYTES];
	uint64_t notes_logged_ns;     /* 0: never */
	char notes[CHILD_TEXT_BYTES]; /* what the module's process says while it runs */

	/* ---- the pair */
	struct child module;
	struct child projector;
	struct observer_gear *gear; /* while they are started; NULL */
	uint64_t pair;              /* +1 for each start */
	int link_end;               /* the module's end to its projector, until GO; -1 */
	int report_end;             /* the module's end to the notary, until GO; -1 */
	bool was_asked;             /* the notary has the other end */
	bool went;                  /* it was told GO */
	bool database_said;         /* the projector has said how its database is */
	bool database_is_away;
	char database_text[CHILD_TEXT_BYTES];
	uint64_t database_logged_ns; /* when that was logged last; 0: never */
	bool was_told;               /* the pair, to end */
	bool was_hung;               /* the module's process did not answer */
	bool ended_unasked;          /* the module's process */
	bool projector_was_killed;   /* by us, before the module's process ended */
	bool dropped_link; /* its projector has ended because of what came from it, or its end */
	bool is_trapped;   /* it has reported: it ends by itself */
	enum observer_state after; /* and is this then */
	char after_why[256];
	uint64_t trapped_ns;
	struct loop_timer retry; /* the next start */
	uint32_t failures;       /* in a row */
	uint64_t ready_ns;       /* since when it runs; 0 */
	uint32_t failed_loads;   /* in a row; see observer_judge_load */
	bool was_loaded;         /* once, as the manifest is */

	/* ---- is it alive */
	struct loop_timer ping;
	uint64_t ping_id;
	bool ping_waits;
	uint64_t ping_sent_ns;
	uint64_t ping_cpu_ms; /* what it may have had of the processors before it has hung */

	/* ---- what it and the notary said */
	bool has_digest;
	uint8_t digest[OBSERVER_DIGEST_BYTES];
	bool has_cursor;
	uint64_t cursor;      /* the next leaf that its projection lacks */
	uint64_t kept_cursor; /* as it stands beside the manifest */
	uint64_t kept_ns;
	bool has_kept;
	uint64_t still_ns; /* since when its projection has been behind, at the same leaf */
	uint64_t dead_letters;
	uint64_t events; /* shown to the module by this process */
	uint64_t strikes;

	/* ---- who waits for it to run, or to end; 0: nobody */
	uint64_t asked_id;
	bool asked_to_end;
	uint64_t asked_generation;
	struct loop_timer asked_limit;
	bool is_new; /* added by command, and not answered yet: it goes where it is refused */
	bool is_unrecorded; /* it never was one: it goes without a record */
	int last_code;      /* what who asked hears once it has gone; 0 */
	char last_text[CHILD_TEXT_BYTES];
};

/* An exit code and words. */
struct observer_refusal {
	int code;
	char text[1024];
};

const char *observer_state_text(enum observer_state s);

/* ---- observer.c: the list, and the state ---- */

struct observer *observer_find(struct harkd *h, const char *name);
/* Takes the manifest, also on failure.  NULL with *why. */
struct observer *observer_add(struct harkd *h, struct config_observer *manifest, bool from_config,
			      struct observer_refusal *why);
/* The one function that changes the state.  Its processes are told to end where it has none. */
void observer_enter(struct observer *o, enum observer_state next, const char *why);
bool observer_may_enter(const struct observer *o, enum observer_state next);
/* Its pair is ended, and another started at once where it is to run. */
void observer_again(struct observer *o, const char *why);
/* Once its processes have ended it is recorded as removed, and forgotten. */
void observer_remove(struct observer *o);
/* harkd runs now, or the notary runs again: those that wait are started. */
void observer_start_all(struct harkd *h);
/* The notary has ended, or harkd ends: none runs on. */
void observer_stop_all(struct harkd *h, const char *why);
bool observer_exist(const struct harkd *h);
void observer_kill_all(struct harkd *h, const char *why);
void observer_forget_all(struct harkd *h);
/* Nothing of it is left but its record: takes it out of the list and frees it. */
void observer_destroy(struct observer *o);

/* ---- observer_pair.c: its two processes ---- */

extern const struct child_kind role_module;
extern const struct child_kind role_projector;
struct observer *observer_of_module(struct child *c);
struct observer *observer_of_projector(struct child *c);
bool observer_has_pair(const struct observer *o);
/* Starts both, where all is there that they need and the state is WAITING. */
void observer_begin(struct observer *o);
/* Tells both to end. */
void observer_end(struct observer *o);
/* Nobody holds them any more: closes what waited for GO. */
void observer_drop_ends(struct observer *o);

/* ---- observer_talk.c: what they say, and the notary of them ---- */

bool observer_hear_module(struct child *c, struct message *m);
bool observer_hear_projector(struct child *c, struct message *m);
/* Both are ready, and the projector has said how its database is. */
void observer_look(struct observer *o);
void observer_ping(void *ctx, uint64_t now_ns);
/* Records that it was refused, with a word and words, and enters that state. */
void observer_refuse(struct observer *o, const char *reason, const char *text);
/* One record about it, without an answer. */
void observer_record(struct observer *o, const char *kind);

/* ---- observer_trap.c: traps, and modules that cannot be loaded ---- */

/* The pair has ended: the notary hears it, and whether that is a trap. */
void observer_tell_gone(struct observer *o);
/*
 * The pair has ended: true where it is refused by that, because its process ended while it loaded
 * the module.  Then *o may be freed.
 */
bool observer_judge_load(struct observer *o);
/* The notary: a receipt is durable. */
void observer_hear_trapped(struct harkd *h, const struct message *m);

/* ---- observer_setup.c: what they are given ---- */

/* What the setups of a pair carry, and the end that GO will. */
struct observer_gear {
	struct buf module_options;
	struct buf projector_options;
	int module_fds[3];    /* module, evidence, page */
	int projector_fds[4]; /* database, metrics, receipts, link */
	int link_end;
};

/*
 * Opens and makes all of it.  Links to the module are followed, because people put them there and
 * the digest says what it must be.  False with *why, whose code is EXIT_TEMPORARY where another try
 * may do.  To be finished in any case.
 */
MUST_USE bool observer_gear_make(struct harkd *h, const struct config_observer *m,
				 struct observer_gear *gear, struct observer_refusal *why);
void observer_gear_finish(struct observer_gear *gear);

/* ---- observer_folder.c: where a projector writes ---- */

/* The user whose projectors are, where harkd is root: this one, else nobody. */
#define OBSERVER_PROJECTOR_USER "hark-projector"
#define OBSERVER_NOBODY         65534u

/* False, with *why: a file of the system's that is short just now is EXIT_TEMPORARY. */
bool observer_refuse_path(struct observer_refusal *why, const char *what, const char *path,
			  enum err e);
/* The folders of its database, metrics and receipts; its own, which is made, where it has none.
 * What is open is the caller's, also where it fails. */
MUST_USE bool observer_open_folders(struct harkd *h, const struct config_observer *m, int out[3],
				    struct observer_refusal *why);

/* ---- observer_keep.c: DATA/observers ---- */

/* Its manifest, durably.  False with *why. */
MUST_USE bool observer_keep(struct observer *o, struct observer_refusal *why);
/* That a person has disabled it, or has not.  False with *why. */
MUST_USE bool observer_keep_off(struct observer *o, bool off, struct observer_refusal *why);
bool observer_is_off(const struct harkd *h, const char *name);
/* How far it is, for who asks while it does not run. */
void observer_keep_cursor(struct observer *o);
void observer_read_cursor(struct observer *o);
/* Of one that has never run: where it will begin, for who prunes while no harkd runs. */
void observer_keep_from(struct observer *o);
/* All that is kept of it. */
void observer_unkeep(struct harkd *h, const char *name);
/* Adds all that are kept.  False: said why. */
MUST_USE bool observer_keep_all(struct harkd *h);

/* Removes what is kept of observers that are neither here nor in the configuration. */
void observer_sweep(struct harkd *h);

/* ---- observer_reload.c ---- */

/* Those of the configuration, at start and at SIGHUP. */
void observer_reload(struct harkd *h);

/* ---- observer_answer.c: what people ask ---- */

void observer_answer(struct harkd *h, const struct message *ask);
/* Who waits for it hears how it came out: EXIT_OK and "", or a refusal. */
void observer_answer_asked(struct observer *o, int code, const char *text);
/* The same, but only who waits for it to run. */
void observer_answer_runs(struct observer *o, int code, const char *text);
/* An item of each, for `hark status`. */
/* Once a second while it runs, so that it is known since when it has been behind. */
void observer_watch_lag(struct observer *o);
void observer_send_items(struct harkd *h, uint64_t id);
/* The first that has not read up to `index`: then *next_out is where it is.  NULL: none. */
const struct observer *observer_holds(const struct harkd *h, uint64_t index, bool *known_out,
				      uint64_t *next_out);

#endif
