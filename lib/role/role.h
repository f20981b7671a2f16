/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A child's first seconds, in one written order and nowhere else: take descriptors, close all else,
 * user and group, resource limits, not dumpable, no_new_privs, Landlock, seccomp, say READY.  A
 * role is a row of a table (table.c, calls.def): what it may do is data.
 *
 *   role_begin      first act of main()
 *   role_setup      harkd's first message; from here on the role's own user, no capability
 *   (the signer opens its key and its head)
 *   role_confine    no way back
 *   (the notary opens its ledgers, below the directories that it was given, and its thread starts;
 *   the observer compiles its module, and its threads start)
 *   role_threads_end  the notary and the observer
 *   (a client looks up its server's address)
 *   role_client_end   a client
 *   (READY)
 */
#ifndef ROLE_ROLE_H
#define ROLE_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/message.h"

/* The descriptor on which harkd and its child speak; 0 and 1 are /dev/null, 2 is the log. */
#define ROLE_SUPERVISOR_FD 3
/* How long harkd may take to send the first message, in seconds. */
#define ROLE_SETUP_LIMIT_S 60u

enum role_name {
	ROLE_CONTROL,
	ROLE_RECEIVER,
	ROLE_NOTARY,
	ROLE_SIGNER,
	ROLE_OBSERVER,
	ROLE_PROJECTOR,        /* its database is a file */
	ROLE_PROJECTOR_CLIENT, /* its database is a server: it begins as ROLE_PROJECTOR */
	ROLE_COUNT,
};

/* What is beyond directories: a few files (or folders of them) that may be read, O_PATH will do,
 * TCP ports that may be connected to, and, of role_client_end alone, Unix sockets. */
struct role_reach {
	const int *readable;
	size_t readable_count;
	const uint16_t *ports;
	size_t port_count;
	bool unix_sockets;
};

/* What could not be put in force, for a person: goes into READY's TEXT.  Empty where all was. */
struct role_report {
	char missing[256];
};

/*
 * Names the process for the log, closes every descriptor but 0 to 3, checks that 3 is a SEQPACKET
 * socket, and sees to it that a child does not outlive harkd.  On failure it says so on stderr and
 * gives the exit code in *exit_out.
 */
MUST_USE enum err role_begin(enum role_name role, const char *program, int *exit_out);
/*
 * Waits for the first message, which must be of `type`; else ends as role_begin does.  Where harkd
 * is root, the process then becomes somebody who owns nothing (control, receiver) or the owner of a
 * directory of the message's (notary, signer and projector: the first descriptor; observer: the
 * second), and has no capability any more.  ERR_REFUSED: that owner would be root, and the role is
 * never root.
 */
MUST_USE enum err role_setup(enum message_type type, void *buffer, size_t capacity,
			     struct message *out, int *exit_out);
/*
 * Gives up everything that the role's row does not grant.  dirfds: the directories below which it
 * may open files (the notary's two ledgers, the observer's one to read; others get none).  With
 * `require`, what the kernel lacks is ERR_UNSUPPORTED and named in *report; without, it is named
 * alone.  ERR_SYSTEM: a step failed that every kernel has; *report names it.  Called once, after
 * role_setup, before the first foreign byte and before any thread: Landlock binds the thread that
 * calls it and those that it makes.
 */
MUST_USE enum err role_confine(enum role_name role, const int *dirfds, size_t dirfd_count,
			       bool require, struct role_report *report);
/* The same for a role that reaches further; `reach` may be NULL. */
MUST_USE enum err role_confine_reaching(enum role_name role, const int *dirfds, size_t dirfd_count,
					const struct role_reach *reach, bool require,
					struct role_report *report);
/*
 * Whom a client has to reach is known by now: it is left this reach alone, as far as it had it, and
 * streams of TCP where there are ports, of Unix sockets where they are in it.  No datagrams, no
 * other protocol.  Nothing where the kernel has neither Landlock nor filters, which role_confine
 * has said.  ERR_SYSTEM; *report names the step.
 */
MUST_USE enum err role_client_end(const int *dirfds, size_t dirfd_count,
				  const struct role_reach *reach, struct role_report *report);
/*
 * The threads of the role have been made: from now on none can be, in any of them.  The observer's
 * module is compiled too: from now on no memory can be made executable.  Nothing where the kernel
 * has no filters.  ERR_SYSTEM.
 */
MUST_USE enum err role_threads_end(void);

/* Last words for harkd, which shows them; where it has gone, they go to the log.  Gives the code.
 */
int role_fail(int code, const char *text);
/* Says READY, with the role's own fields and what could not be put in force.  Gives the exit code:
 * EXIT_OK, or EXIT_TEMPORARY where harkd has gone. */
int role_ready(struct message *ready, const struct role_report *report);

#endif
