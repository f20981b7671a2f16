/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Clients of the control socket and their questions: one at a time for each client, passed on to
 * harkd under a number of our own, and the answers back.
 */
#ifndef HARK_CONTROL_SERVE_H
#define HARK_CONTROL_SERVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop/loop.h"
#include "proto/message.h"
#include "proto/outbox.h"

/* Connections at once; of those, how many of one user who may not administer. */
#define CLIENTS_MAX        64u
#define CLIENTS_A_USER_MAX 8u
/* A client that asks nothing is let go after this, in seconds. */
#define CLIENT_IDLE_S 60u
/* An answer is due within this: longer than harkd itself waits for anybody, in seconds. */
#define CLIENT_ANSWER_S 120u

/* Questions of all clients in a second: those beyond wait for the next.  harkd ends a hark-control
 * that asks three times as much. */
#define QUESTIONS_PER_S 2000u

struct serve;

struct client {
	struct client *next;
	struct serve *serve;
	int fd;
	pid_t pid; /* of the process that connected */
	uid_t uid;
	enum proto_rights rights;
	struct outbox outbox;
	struct loop_timer timer; /* idle, or waiting for an answer */
	uint64_t asked;          /* our number of the question that is under way; 0: none */
	uint64_t their_id;       /* the client's number of it */
};

struct serve {
	struct loop *loop;
	int supervisor_fd; /* borrowed */
	int listening_fd;  /* borrowed */
	struct outbox supervisor_outbox;
	struct client *clients;
	size_t client_count;
	uint64_t last_asked;
	uint64_t second_ns; /* when the second began in which `questions` were asked */
	uint32_t questions;
	bool rests; /* until the second has passed nobody is read */
	struct loop_timer rest;
	uid_t owner; /* administers, as root does */
	bool has_group;
	gid_t group; /* reads */
	int exit_code;
	uint8_t bytes[IPC_BYTES_MAX];
};

/* What a user with this uid may; in_group: whether the group that reads is one of theirs. */
enum proto_rights serve_rights_of(const struct serve *s, uid_t uid, bool in_group);
/*
 * The question as harkd gets it: ours are number, rights and who asks.  Texts and descriptors stay
 * those of `from`.  ERR_REFUSED: no question, one that needs an order and is none, without a
 * number, or with rights or a process that the client gave itself.
 */
MUST_USE enum err serve_question(const struct message *from, uint64_t id, enum proto_rights rights,
				 pid_t pid, struct message *out);

/* Watches both descriptors.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err serve_init(struct serve *s, struct loop *loop, int supervisor_fd,
			     int listening_fd);
/* Until harkd says STOP or has gone.  Gives the exit code. */
int serve_run(struct serve *s);
void serve_finish(struct serve *s);

#endif
