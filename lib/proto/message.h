/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What Hark's processes and its command line say to each other: a type, an id that an answer
 * repeats, and fields of closed lists (message.def).  Reader and writer are one file; a message
 * with an unknown type or field, a field twice, a required one missing, bytes left over or the
 * wrong number of descriptors is refused.
 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "ipc/ipc.h"

enum proto_ledger { PROTO_EVIDENCE = 0, PROTO_OPERATIONS = 1, PROTO_LEDGERS = 2 };
/* What a client of the control socket may: look, or change things too. */
enum proto_rights { PROTO_MAY_NOTHING = 0, PROTO_MAY_READ = 1, PROTO_MAY_ADMINISTER = 2 };

enum message_field {
#define FIELD(name, kind, size_max) FIELD_##name,
#include "proto/message.def"
#undef FIELD
	MESSAGE_FIELDS
};
_Static_assert(MESSAGE_FIELDS <= 64, "the fields of a message are bits of a u64");

enum message_type {
	MESSAGE_NONE = 0,
#define MESSAGE(name, descriptors, required, allowed) MESSAGE_##name,
#include "proto/message.def"
#undef MESSAGE
	MESSAGE_TYPE_COUNT
};

/*
 * Zeroed is an empty message.  Texts are borrowed: after reading, from the caller's buffer.
 * Descriptors that were received are the receiver's, who closes what it does not keep
 * (message_close); descriptors to be sent stay the sender's.
 */
struct message {
	enum message_type type;
	uint64_t id;      /* 0 where no answer is wanted */
	uint64_t present; /* bit FIELD_x */
	union {
		uint64_t number;
		struct bytes bytes;
	} fields[MESSAGE_FIELDS];
	int fds[IPC_DESCRIPTORS_MAX];
	size_t fd_count;
};

void message_init(struct message *m, enum message_type type, uint64_t id);
void message_set_number(struct message *m, enum message_field field, uint64_t value);
void message_set_text(struct message *m, enum message_field field, const char *text);
void message_set_bytes(struct message *m, enum message_field field, const void *data, size_t size);
bool message_has(const struct message *m, enum message_field field);
/* The number, or `absent` where it is not there. */
uint64_t message_number(const struct message *m, enum message_field field, uint64_t absent);
/* The bytes; empty where it is not there. */
struct bytes message_bytes(const struct message *m, enum message_field field);
/* Copies a text and terminates it.  ERR_LIMIT, ERR_FORMAT (it holds a NUL), ERR_MISSING. */
MUST_USE enum err message_text(const struct message *m, enum message_field field, char *text,
			       size_t capacity);
/* What a question of a client needs; PROTO_MAY_NOTHING: it is none that a client may ask.  Two
 * programs look, hark-control and harkd, by this one list. */
enum proto_rights message_rights(enum message_type type);
/* A static name, never NULL. */
const char *message_name(enum message_type type);

/* Pure.  ERR_LIMIT where it does not fit; MUST hold what its type requires. */
MUST_USE enum err message_write(const struct message *m, void *data, size_t capacity,
				size_t *size_out);
/* Pure; knows nothing of descriptors.  ERR_FORMAT. */
MUST_USE enum err message_read(const void *data, size_t size, struct message *out);

/* Both over ipc.h with its errors; ERR_FORMAT also for a wrong number of descriptors, which are
 * then closed. */
MUST_USE enum err message_send(int fd, const struct message *m);
MUST_USE enum err message_receive(int fd, void *buffer, size_t capacity, struct message *out);
/* Closes the descriptors that are not -1 and forgets them. */
void message_close(struct message *m);

#endif
