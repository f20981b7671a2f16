/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A child's first seconds, in one written order and nowhere else: take descriptors, close all else,
 * resource limits, user and group, not dumpable, no_new_privs, Landlock, seccomp, say READY.  A
 * role is a row of a table; what it may do is data.  Nothing is opened by path afterwards.
 */
#ifndef ROLE_ROLE_H
#define ROLE_ROLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "proto/message.h"

/* The descriptor on which harkd and its child speak; 0 and 1 are /dev/null, 2 is the log. */
#define ROLE_SUPERVISOR_FD 3

enum role_name { ROLE_CONTROL, ROLE_RECEIVER, ROLE_NOTARY, ROLE_SIGNER, ROLE_COUNT };

/* What could not be put in force, for a person; empty where all was. */
struct role_report {
	char missing[256];
};

/*
 * First act of main(): names the process for the log, closes every descriptor but 0 to 3, checks
 * that 3 is a SEQPACKET socket, sets PDEATHSIG (a child does not outlive harkd).  On failure it
 * says so on stderr and gives the exit code in *exit_out.
 */
MUST_USE enum err role_begin(enum role_name role, const char *program, int *exit_out);
/* Waits for the first message, which must be of `type`; else ends as role_begin does. */
MUST_USE enum err role_setup(enum message_type type, void *buffer, size_t capacity,
			     struct message *out, int *exit_out);
/*
 * Gives up everything that the role's row does not grant.  dirfds: the directories below which it
 * may open files (for the notary its two ledgers, for the signer its keys).  With `require`, what
 * the kernel lacks is ERR_UNSUPPORTED; else it is named in *report.  Called once, before the first
 * foreign byte; threads are made before it.
 */
MUST_USE enum err role_confine(enum role_name role, const int *dirfds, size_t dirfd_count,
			       bool require, struct role_report *report);

#endif
