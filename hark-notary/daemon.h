/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The notary as a process: descriptors and the clock on one side, the core on the other. */
#ifndef HARK_NOTARY_DAEMON_H
#define HARK_NOTARY_DAEMON_H

#include "follow/page.h"
#include "hark-notary/notary.h"
#include "hark-notary/table.h"
#include "loop/loop.h"
#include "os/disk.h"
#include "proto/outbox.h"
#include "telemetry/event_observer.h"

/* Channels that are read in one turn of the loop, one message each. */
#define DAEMON_CHANNELS_PER_TURN 64u

/* A receiver's channel. */
struct daemon_channel {
	uint64_t number;
	int fd;
	bool is_gone; /* harkd says that its receiver has ended: what it sent is read to the end */
	bool is_read; /* its descriptor is watched */
};

/* An observer that runs, and the channel of its report: -1 once that was read. */
struct daemon_observer {
	struct daemon *daemon;
	char name[EVENT_OBSERVER_BYTES_MAX + 1];
	int fd;
	struct daemon_observer *next;
};

struct daemon {
	struct loop *loop;
	struct notary *core;
	struct loop_timer timer;
	struct loop_timer again; /* what is left is looked at in the next turn */
	struct outbox outbox;    /* to harkd */
	bool outbox_is_watched;
	bool has_ended; /* the loop has stopped: exit_code is how */
	int exit_code;
	char exit_text[256];
	struct disk disks[PROTO_LEDGERS];
	struct page *pages[PROTO_LEDGERS];
	int signers[PROTO_LEDGERS];
	int channels_fd; /* an epoll of all channels: paused as one where the ledger is behind */
	bool channels_are_paused;
	struct table channels;
	struct daemon_observer *observers; /* NOTARY_OBSERVERS_MAX at most */
	bool wants_stop; /* harkd says so: when what ended receivers had sent is taken */
	uint64_t stop_id;
	bool is_stopping;
	bool has_held; /* `held`, whose bytes are in `bytes`, waits for room in the ledger */
	struct message held;
	uint8_t bytes[IPC_BYTES_MAX];
};

/* ---- daemon.c ---- */

/* `setup` is NOTARY_SETUP: opens the ledgers and pages.  On failure *code and *why say it. */
MUST_USE enum err daemon_open(struct daemon *d, struct message *setup, int *code, char *why,
			      size_t why_size);
/* Makes the core and serves until harkd says STOP, or something fails: the exit code. */
int daemon_run(struct daemon *d);
/* Zeroed and half-open ones are fine. */
void daemon_close(struct daemon *d);
/* Ends the loop. */
void daemon_end(struct daemon *d, int code, const char *text);
struct event_clock daemon_clock(void);
/* To harkd, in order.  Takes the descriptors. */
void daemon_say(struct daemon *d, struct message *m);

/* ---- channels.c ---- */

MUST_USE enum err channels_open(struct daemon *d);
void channels_close(struct daemon *d);
/* Takes the descriptor. */
void channels_add(struct daemon *d, uint64_t number, uint64_t incarnation, int fd);
/* Its receiver has ended. */
void channels_gone(struct daemon *d, uint64_t number);
/* A violation: it is not read any more. */
void channels_stop(struct daemon *d, uint64_t number);
bool channels_receipt(struct daemon *d, uint64_t number, const struct record_receipt *receipt);
/* True while something of a receiver that has ended is not taken yet. */
bool channels_have_rest(const struct daemon *d);
/* Goes on with what waited for room, and reads again where there is some. */
void channels_resume(struct daemon *d);

/* ---- supervisor.c: what harkd says ---- */

MUST_USE enum err supervisor_open(struct daemon *d);
/* Reads all that it has said, as far as the core takes it. */
void supervisor_read(struct daemon *d);
/* Something waits in the outbox. */
void supervisor_watch_outbox(struct daemon *d);
/* Tries again what waits for room. */
void supervisor_resume(struct daemon *d);

/* ---- traps.c: observers ---- */

/* Takes the descriptor.  Errors as notary_observer_add; ERR_MEMORY. */
MUST_USE enum err traps_add(struct daemon *d, const struct notary_observer *words, uint64_t id,
			    int fd, const struct event_clock *now);
/* Its process has ended.  Errors as notary_observer_gone. */
MUST_USE enum err traps_gone(struct daemon *d, struct bytes name, struct bytes reason,
			     const struct event_clock *now);
void traps_close(struct daemon *d);

/* ---- signers.c ---- */

/* Takes the descriptor; the link before it is closed. */
void signers_add(struct daemon *d, enum proto_ledger ledger, int fd);
bool signers_ask(struct daemon *d, enum proto_ledger ledger, uint64_t size,
		 const struct merkle_hash *root, const struct merkle_hash *proof, size_t count);
void signers_close(struct daemon *d);

#endif
