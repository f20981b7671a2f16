/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A child in a role, entered by role.c as the real programs do, and a folder around it. */
#ifndef CONFINE_ENTER_H
#define CONFINE_ENTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "acts.h"
#include "role/role.h"

/* How a child ends where the test itself has a fault: no errno is that large. */
#define ENTER_BROKE 250

/* The last three are a client's: it may look up its server, which is at ENTER_PORT; it has found it
 * there, or at a Unix socket. */
enum depth { TWIN, CONFINED, THREADS_ENDED, LOOKING, AT_TCP, AT_UNIX };

/* Where nobody listens. */
#define ENTER_PORT     1u
#define ENTER_PORT_DNS 53u

/* A folder of the test's: two ledgers of the notary, a file in the first, and what lies outside of
 * them. */
struct place {
	char path[64];
	char evidence[80], operations[80], file[80], fresh[80], key[80];
	char leaf[96], more[96]; /* in evidence */
	bool stays_roots;        /* where root runs the test, also for who is never root */
};

void place_make(struct place *p);
void place_remove(struct place *p);

bool enter_is_projector(enum role_name role);
enum message_type enter_setup_type(enum role_name role);
/* harkd's side: sends the role's setup. */
void enter_send_setup(int fd, enum role_name role, const struct place *p);
/* The child's side: all of a role up to `depth`, in a process that has the channel as 3. */
void enter_role(enum role_name role, enum depth depth, const struct place *p, struct acts *a);
/* Forks a child that has one end as 3, and runs `fn` in it; gives the other end. */
typedef void enter_fn(void *ctx);
pid_t enter_fork(enter_fn *fn, void *ctx, int *channel_out);
/* Waits for its end: its code, or minus the signal. */
int enter_wait(pid_t pid);
/* How an act ended in a process of its own: 0, errno, or minus the signal that ended it. */
int enter_try(enum role_name role, enum depth depth, act_fn *act);

#endif
