/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Observers as the core knows them: who runs which module, what became of modules, and what waits
 * to be recorded or told.  All of it is of the operations ledger; nothing here writes evidence.
 */
#ifndef HARK_NOTARY_OBSERVERS_H
#define HARK_NOTARY_OBSERVERS_H

#include "crypto/sha256.h"
#include "hark-notary/notary_internal.h"
#include "proto/trap.h"
#include "telemetry/event_observer.h"

/* The most modules that run or have strikes. */
#define MODULES_MAX 1024u
/* Events that are remembered of one module, so that the same trap is not counted twice. */
#define MODULE_TRAPS_MAX 16u
/* An event may be reported so often again, for crashes between a report and the cursor that passes
 * over it.  Then it counts anew: else a process that was taken over would hide behind it. */
#define TRAP_REPEATS_MAX 3u

/* An event that trapped, and the record of it. */
struct module_trap {
	uint64_t observer; /* the begin of SHA-256 of its name */
	uint64_t event;
	uint64_t receipt;
	uint8_t trap_class;
	uint8_t repeats;
};

/* One digest.  It is kept while it has strikes, or somebody runs it. */
struct module {
	bool is_there;
	uint8_t digest[QUARANTINE_DIGEST_BYTES];
	bool is_quarantined;
	uint32_t strikes;
	uint32_t users;      /* observers that run it */
	uint32_t trap_count; /* oldest first */
	struct module_trap traps[MODULE_TRAPS_MAX];
};

/* A trap that is to be recorded. */
struct observer_trap {
	bool is_there;
	enum event_trap_cause cause;
	bool has_place;
	struct trap_report report; /* without a place: the class alone */
};

/* What harkd is told once it is durable. */
struct observer_word {
	bool is_there;
	uint64_t batch; /* of the operations */
	struct notary_trapped trapped;
};

/* One name.  It is remembered so that a registration which says nothing new is not recorded. */
struct observer {
	bool is_there;
	char name[EVENT_OBSERVER_BYTES_MAX + 1];
	size_t name_size;
	uint8_t digest[QUARANTINE_DIGEST_BYTES]; /* these two as recorded last */
	uint8_t manifest[SHA256_BYTES];
	uint64_t serial; /* of that registration: the oldest is forgotten first */

	bool is_running;
	uint32_t strikes; /* so many quarantine its module */
	struct module *module;
	bool is_heard;             /* it has said all that is read of it */
	struct observer_trap trap; /* waits until the ledger can be written */
	struct observer_word word; /* of its own trap */
	struct observer_word end;  /* of its module's quarantine by another observer */
};

struct observers {
	struct observer observers[NOTARY_OBSERVERS_MAX];
	struct module modules[MODULES_MAX];
	uint64_t serial;
};

/* ---- observer.c ---- */

struct observer *observer_find(const struct notary *n, struct bytes name);
struct module *module_find(const struct notary *n, const uint8_t digest[QUARANTINE_DIGEST_BYTES]);
/* A free place; NULL where there is none. */
struct module *module_place(struct notary *n);
struct observer *observer_place(struct notary *n);
/* Frees its place where nobody runs it and nothing is known of it. */
void module_settle(struct module *m);
/* Leaves its module where it has ended and nothing of it is to be recorded. */
void observer_settle(struct observer *o);
bool observers_check(const struct notary *n);

/* ---- observer_trap.c ---- */

/* True while records of observers can be written; they leave the rest of a batch to others. */
bool observers_can_write(const struct notary *n);
/* Takes a trap, which is recorded now or when it can be. */
void observer_trapped(struct notary *n, struct observer *o, const struct observer_trap *trap);

/* ---- store_observer.c: entries of the operations' state ---- */

void store_observer(struct notary *n, const struct observer *o);
void store_observer_gone(struct notary *n, const struct observer *o);
/* Removed where nothing is known of it. */
void store_module(struct notary *n, const struct module *m);

#endif
