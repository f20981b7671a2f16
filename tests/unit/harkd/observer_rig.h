/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An observer of harkd with the time in hand: its two processes and the notary are the test itself,
 * which holds the other ends of their channels and says when and how each has ended.
 */
#ifndef TESTS_UNIT_HARKD_OBSERVER_RIG_H
#define TESTS_UNIT_HARKD_OBSERVER_RIG_H

#include "harkd/harkd.h"
#include "unit.h"

#define MS UINT64_C(1000000)

struct rig_process {
	int end; /* of the channel, as the process would have it */
	int pidfd;
	struct spawn_end how;
	bool has_ended;
	unsigned int starts, kills;
	struct spawn_use use; /* of the processors */
};

extern struct rig {
	uint64_t now_ns;
	struct harkd harkd;
	struct observer *observer; /* of rig_add_with */
	struct rig_process module, projector;
	int notary_end;
	bool notary_is_there;
	int answered; /* the code; -1: not yet */
	char answer[1200];
	int failed_code;
	char note[1200]; /* of the last item that was sent */
} rig;

int rig_set_up(void **state);
int rig_tear_down(void **state);
/* What there is to do now is done. */
void rig_turns(void);
void rig_pass_ms(uint64_t ms);

/* ---- its processes, as they speak and hear ---- */

void rig_say(struct rig_process *p, struct message *m);
void rig_say_plain(struct rig_process *p, enum message_type type);
void rig_say_failed(struct rig_process *p, int code);
void rig_say_digest(void);
void rig_say_database(const char *state);
/* What was told next at this end; NONE: nothing.  `m` may be NULL. */
enum message_type rig_told(int fd, struct message *m);
/* Answers what PINGs there are. */
void rig_pong(void);

/* ---- the notary ---- */

/* It hears this next; gives its id.  `m` may be NULL. */
uint64_t rig_notary_gets(enum message_type type, struct message *m);
void rig_notary_says(uint64_t id, int code);
void rig_trapped(const char *state, uint64_t count);
/* The REASON of the OBSERVER_GONE that it hears; "" where it has none. */
const char *rig_reason(void);

/* The evidence has so many leaves. */
void rig_commit(uint64_t size);

/* ---- its life ---- */

/* An observer of that name, with more lines of its manifest; of rig_add_with it is `o`. */
struct observer *rig_add_named(const char *name, const char *more);
void rig_add_with(const char *more);
/* Both processes are started; the module may be loaded; all runs, which is the three in one. */
void rig_begin(void);
void rig_let_go(void);
void rig_run(void);

/* ---- ends ---- */

void rig_end(struct rig_process *p, bool by_signal, int number);
/* Ends what still runs as it was told; not what may be started by that. */
void rig_end_rest(void);
void rig_module_signal(void);
void rig_module_exit_1(void);
void rig_module_exit_0(void);
void rig_module_says_71(void);
void rig_module_says_what_it_may_not(void);
void rig_projector_signal(void);
void rig_projector_exit_0(void);
void rig_projector_says_71(void);

#endif
