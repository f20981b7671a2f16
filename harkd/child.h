/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One child process: started, spoken to, watched and started again.  What differs between the
 * programs is a struct child_kind; what state it is in is said by a table with time limits.
 */
#ifndef HARKD_CHILD_H
#define HARKD_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop/loop.h"
#include "os/spawn.h"
#include "proto/message.h"
#include "proto/outbox.h"

struct harkd;
struct child;

/* State, its name for people.  Time limits are those of the kind, but for the last. */
#define CHILD_STATES(X)                                                            \
	X(STOPPED, "stopped")   /* it does not run and is not to be started */     \
	X(WAITING, "waiting")   /* it does not run; its next start has its time */ \
	X(STARTING, "starting") /* it has its setup; READY is due */               \
	X(RUNNING, "running")                                                      \
	X(STOPPING, "stopping") /* it was told to end */                           \
	X(ENDING, "ending")     /* it was killed; the kernel has not told its end */

enum child_state {
#define STATE(name, text) CHILD_##name,
	CHILD_STATES(STATE)
#undef STATE
		CHILD_STATE_COUNT
};

/* A child that ran so long after READY has not failed, in milliseconds. */
#define CHILD_PROVEN_MS 1000u
/* One that is late for want of a processor is looked at so often. */
#define CHILD_STARVED_MS 1000u
/* Between two starts in a row that failed: nothing first, then this, then twice as much each. */
#define CHILD_BACKOFF_FIRST_MS 50u
#define CHILD_BACKOFF_MAX_MS   10000u
/* A text of a child with its terminator, as FIELD_TEXT has it. */
#define CHILD_TEXT_BYTES 1025u
/* From the end of its channel to the end of the process, in milliseconds. */
#define CHILD_END_LIMIT_MS 2000u

struct child_kind {
	const char *role;    /* in status */
	const char *program; /* in the folder of programs */
	uint32_t start_limit_s;
	uint32_t stop_limit_s;
	enum message_type stop; /* how it is told to end */
	/* Nothing is read from it while it has not taken what it was sent: for a child that asks,
	 * and never waits itself. */
	bool asks;
	/* It is told to end only once it is ready: something may wait already that it must read. */
	bool drains;
	/* It is not started again by itself, and its failures are its owner's to judge: its end is
	 * the end of its being wanted. */
	bool once;
	/* That it broke the rules is no record of harkd's: its owner sees to one. */
	bool owner_records;
	/* It is killed where it says more in one second, beside the answers that it owes; above 0.
	 * What a child says costs harkd time of its own. */
	uint32_t messages_per_s;
	/* Fills the setup message, whose descriptors are the child's.  False: said why; the start
	 * has failed. */
	bool (*setup)(struct child *c, struct message *m);
	void (*ready)(struct child *c, const struct message *ready);
	/* Any other message but FAILED.  False: it may not say that. */
	bool (*hear)(struct child *c, struct message *m);
	/* It has ended; nothing can be sent.  Whether it starts again is planned afterwards. */
	void (*ended)(struct child *c);
	/* It has ended and is not wanted: the last that is done with it.  May be NULL. */
	void (*gone)(struct child *c);
};

struct child {
	const struct child_kind *kind;
	struct harkd *h;
	const char *label; /* which of several, such as a cell's name; NULL */
	enum child_state state;
	bool wanted;   /* to be started again where it ends */
	bool stop_due; /* to be told to end as soon as it is ready */
	pid_t pid;
	int pidfd;
	int channel;
	struct outbox outbox;
	uint64_t second_ns; /* when the second began in which it has said `said` messages */
	uint32_t said;
	uint64_t owed;           /* answers that it was asked for and has not given */
	struct loop_timer timer; /* the state's time limit, or the next start */
	uint64_t generation;     /* +1 for each process */
	uint64_t ready_ns;       /* 0: not yet */
	uint64_t restarts;
	uint32_t failures;     /* in a row */
	bool said_ready;       /* also where it had been told to end before */
	uint64_t start_cpu_ms; /* of child_limit_start: what it may have had of the processors; 0 */
	bool was_late;         /* killed because it was not READY in time */
	bool was_killed;       /* by us */
	struct spawn_end end;  /* of the last process, once it has ended */
	int failed_code;       /* of its FAILED; 0 */
	char report[CHILD_TEXT_BYTES];     /* what its confinement lacks */
	char last_words[CHILD_TEXT_BYTES]; /* why it ended last */
};

void child_init(struct child *c, const struct child_kind *kind, struct harkd *h);
/* "notary", "receiver of alpha": for the log. */
const char *child_name(const struct child *c, char *text, size_t capacity);
const char *child_state_text(enum child_state s);
/* From now on it is wanted. */
void child_start(struct child *c);
/* It is not wanted any more and told to end; killed where it does not in time. */
void child_stop(struct child *c);
/* It was told to end by a message of the caller's: as child_stop goes on. */
void child_expect_end(struct child *c);
/* SIGKILL now; it is started again where it is wanted. */
void child_kill(struct child *c, const char *why);
/* The same to one that broke the rules, and that is recorded with this word. */
void child_punish(struct child *c, const char *reason, const char *why);
/* From now on it has so long to say READY, whatever its kind has, and longer where it does not get
 * a processor.  Only where it is starting. */
void child_limit_start(struct child *c, uint64_t ms);
/* What it has had of the processors, in milliseconds; 0 where the system does not say. */
uint64_t child_cpu_ms(const struct child *c);
/* It would run, and has not come to so much: a limit of time is not its fault, but of who takes the
 * processors, which may be a guest.  Who sleeps is none, nor who has had it all. */
bool child_is_starved(const struct child *c, uint64_t cpu_ms);
/* The pause after so many failures in a row. */
uint64_t child_backoff_ms(uint32_t failures);
/* True for the codes of what no second try heals: a person must act. */
bool child_code_is_final(int code);
bool child_runs(const struct child *c);   /* it said READY, and was not told to end */
bool child_exists(const struct child *c); /* there is a process */
/* Sends, or kills a child that cannot be sent to.  Takes the descriptors of *m.  Nothing where it
 * does not run. */
void child_send(struct child *c, struct message *m);
/* Only where no process is there. */
void child_finish(struct child *c);

#endif
