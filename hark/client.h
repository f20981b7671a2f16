/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One client of the control socket: asks, and takes the answers.  It says on stderr what went
 * wrong; the exit codes it gives are what the command ends with.
 */
#ifndef HARK_CLIENT_H
#define HARK_CLIENT_H

#include <stdbool.h>

#include "proto/message.h"

#define CLIENT_CONTROL_DEFAULT  "/run/hark/control.sock"
#define CLIENT_CONTROL_VARIABLE "HARK_CONTROL"
/* How long the daemon may take for one answer, in seconds: longer than it waits for its notary. */
#define CLIENT_ANSWER_LIMIT_S 60u

/* For the usage text of a command, and its rows of options. */
#define CLIENT_OPTION_CONTROL 0x434f
#define CLIENT_OPTIONS                                                    \
	{                                                                 \
		"control", required_argument, NULL, CLIENT_OPTION_CONTROL \
	}
#define CLIENT_USAGE \
	"      --control PATH  the daemon's socket (HARK_CONTROL, or /run/hark/control.sock)\n"

/* The socket's path as an option gave it; borrowed.  Before that it is the environment's. */
void client_set_control(const char *path);

struct client;

/* Called for each answer before the last; anything but EXIT_OK ends the asking with it. */
typedef int client_item_fn(void *ctx, const struct message *item);

/* EXIT_OK, EXIT_UNREACHABLE, EXIT_NO_PERMISSION, EXIT_SOFTWARE. */
MUST_USE int client_open(struct client **out);
/* NULL is fine. */
void client_close(struct client *c);
void client_closep(struct client **c);
/*
 * Sends one question, whose id is set here, and takes its answers up to the last (DONE or
 * LEDGER_OPEN), which goes to *last and borrows from the client until its next question; its
 * descriptors are the caller's.  EXIT_OK; the code of a DONE that is a refusal, whose text has been
 * told; EXIT_UNREACHABLE; EXIT_PROTOCOL.
 */
MUST_USE int client_ask(struct client *c, struct message *question, client_item_fn *item, void *ctx,
			struct message *last);

/* True where the daemon has let go of the connection; nothing is taken from it. */
bool client_has_ended(const struct client *c);
/* Waits until a daemon listens, without a word; looks `looks` times, so many ms apart.  False where
 * none did. */
bool client_wait_for_daemon(unsigned int looks, unsigned int ms);

#endif
