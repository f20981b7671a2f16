/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The bytes of a message, written and read in one place: a head of 12 bytes, then the fields in
 * ascending order, each with a head of 4.  docs/format/proto.md has them.
 */
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "os/file.h"
#include "proto/message.h"

#define MESSAGE_FORMAT           1u
#define MESSAGE_HEAD_BYTES       12u
#define MESSAGE_FIELD_HEAD_BYTES 4u
#define MESSAGE_NUMBER_BYTES     8u

enum field_kind { NUMBER, TEXT, BYTES };

static const struct {
	enum field_kind kind;
	uint16_t size_max;
} field_table[MESSAGE_FIELDS] = {
#define FIELD(name, field_kind, most) [FIELD_##name] = { field_kind, most },
#include "proto/message.def"
#undef FIELD
};

#define NONE    UINT64_C(0)
#define F(name) (UINT64_C(1) << FIELD_##name)
static const struct {
	const char *name;
	uint64_t required;
	uint64_t allowed; /* with the required ones */
	size_t descriptors;
} message_table[MESSAGE_TYPE_COUNT] = {
	[MESSAGE_NONE] = { "NONE", 0, 0, 0 },
#define MESSAGE(name, fds, must, may) [MESSAGE_##name] = { #name, must, (must) | (may), fds },
#include "proto/message.def"
#undef MESSAGE
};
#undef F
#undef NONE

/* ---- in memory ----------------------------------------------------------------------------- */

void
message_init(struct message *m, enum message_type type, uint64_t id)
{
	size_t i;

	MUST(m != NULL);
	MUST(type > MESSAGE_NONE && type < MESSAGE_TYPE_COUNT);

	memset(m, 0, sizeof(*m));
	m->type = type;
	m->id = id;
	for (i = 0; i < IPC_DESCRIPTORS_MAX; i++)
		m->fds[i] = -1;
}

void
message_set_number(struct message *m, enum message_field field, uint64_t value)
{
	MUST(field < MESSAGE_FIELDS && field_table[field].kind == NUMBER);

	m->fields[field].number = value;
	m->present |= UINT64_C(1) << field;
}

void
message_set_text(struct message *m, enum message_field field, const char *text)
{
	MUST(text != NULL);

	message_set_bytes(m, field, text, strlen(text));
}

void
message_set_bytes(struct message *m, enum message_field field, const void *data, size_t size)
{
	MUST(field < MESSAGE_FIELDS && field_table[field].kind != NUMBER);
	MUST(data != NULL || size == 0);

	m->fields[field].bytes = (struct bytes){ data, size };
	m->present |= UINT64_C(1) << field;
}

bool
message_has(const struct message *m, enum message_field field)
{
	MUST(field < MESSAGE_FIELDS);

	return (m->present >> field & 1) != 0;
}

uint64_t
message_number(const struct message *m, enum message_field field, uint64_t absent)
{
	MUST(field < MESSAGE_FIELDS && field_table[field].kind == NUMBER);

	return message_has(m, field) ? m->fields[field].number : absent;
}

struct bytes
message_bytes(const struct message *m, enum message_field field)
{
	MUST(field < MESSAGE_FIELDS && field_table[field].kind != NUMBER);

	return message_has(m, field) ? m->fields[field].bytes : (struct bytes){ NULL, 0 };
}

enum err
message_text(const struct message *m, enum message_field field, char *text, size_t capacity)
{
	struct bytes b;

	MUST(text != NULL && capacity > 0);

	if (!message_has(m, field))
		return ERR_MISSING;
	b = message_bytes(m, field);
	if (b.size >= capacity)
		return ERR_LIMIT;
	if (b.size > 0 && memchr(b.data, 0, b.size) != NULL)
		return ERR_FORMAT;
	if (b.size > 0)
		memcpy(text, b.data, b.size);
	text[b.size] = '\0';
	return ERR_OK;
}

const char *
message_name(enum message_type type)
{
	return type < MESSAGE_TYPE_COUNT ? message_table[type].name : "UNKNOWN";
}

void
message_close(struct message *m)
{
	MUST(m != NULL);

	while (m->fd_count > 0)
		file_close(&m->fds[--m->fd_count]);
}

/* ---- bytes --------------------------------------------------------------------------------- */

static void
put(uint8_t *at, uint64_t value, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t
get(const uint8_t *at, size_t size)
{
	uint64_t value = 0;
	size_t i;

	for (i = size; i > 0; i--)
		value = value << 8 | at[i - 1];
	return value;
}

static bool
text_is_good(struct bytes b)
{
	return b.size == 0 ||
	       (memchr(b.data, 0, b.size) == NULL && text_is_utf8((const char *)b.data, b.size));
}

/* What both ways require of a field's value. */
static enum err
check_value(enum message_field field, struct bytes value)
{
	if (field_table[field].kind == NUMBER)
		return value.size == MESSAGE_NUMBER_BYTES ? ERR_OK : ERR_FORMAT;
	if (value.size > field_table[field].size_max)
		return ERR_LIMIT;
	if (field_table[field].kind == TEXT && !text_is_good(value))
		return ERR_FORMAT;
	return ERR_OK;
}

enum err
message_write(const struct message *m, void *data, size_t capacity, size_t *size_out)
{
	uint8_t *out = data;
	size_t size = MESSAGE_HEAD_BYTES;
	unsigned int count = 0;
	unsigned int i;
	enum err e;

	MUST(m != NULL && data != NULL && size_out != NULL);
	MUST(m->type > MESSAGE_NONE && m->type < MESSAGE_TYPE_COUNT);
	MUST((m->present & message_table[m->type].required) == message_table[m->type].required);
	MUST((m->present & ~message_table[m->type].allowed) == 0);

	if (capacity < size)
		return ERR_LIMIT;
	for (i = 0; i < MESSAGE_FIELDS; i++) {
		uint8_t number[MESSAGE_NUMBER_BYTES];
		struct bytes value = { number, sizeof(number) };

		if (!message_has(m, i))
			continue;
		if (field_table[i].kind == NUMBER)
			put(number, m->fields[i].number, sizeof(number));
		else
			value = m->fields[i].bytes;
		e = check_value(i, value);
		if (e != ERR_OK)
			return e;
		if (capacity - size < MESSAGE_FIELD_HEAD_BYTES + value.size)
			return ERR_LIMIT;
		put(out + size, i, 2);
		put(out + size + 2, value.size, 2);
		if (value.size > 0)
			memcpy(out + size + MESSAGE_FIELD_HEAD_BYTES, value.data, value.size);
		size += MESSAGE_FIELD_HEAD_BYTES + value.size;
		count++;
	}
	put(out, m->type, 2);
	out[2] = MESSAGE_FORMAT;
	out[3] = (uint8_t)count;
	put(out + 4, m->id, 8);
	*size_out = size;
	return ERR_OK;
}

/* The field at the front of data, which must be a higher one than those before. */
static enum err
read_field(const uint8_t *data, size_t size, struct message *m, size_t *used_out)
{
	struct bytes value;
	uint64_t field;

	if (size < MESSAGE_FIELD_HEAD_BYTES)
		return ERR_FORMAT;
	field = get(data, 2);
	value.size = (size_t)get(data + 2, 2);
	value.data = data + MESSAGE_FIELD_HEAD_BYTES;
	if (field >= MESSAGE_FIELDS || value.size > size - MESSAGE_FIELD_HEAD_BYTES)
		return ERR_FORMAT;
	/* Ascending order: one form for one message, and a field twice is seen without a search. */
	if (m->present >> field != 0)
		return ERR_FORMAT;
	if (check_value((enum message_field)field, value) != ERR_OK)
		return ERR_FORMAT;
	if (field_table[field].kind == NUMBER)
		message_set_number(m, (enum message_field)field, get(value.data, value.size));
	else
		message_set_bytes(m, (enum message_field)field, value.data, value.size);
	*used_out = MESSAGE_FIELD_HEAD_BYTES + value.size;
	return ERR_OK;
}

enum err
message_read(const void *data, size_t size, struct message *out)
{
	const uint8_t *in = data;
	struct message m;
	uint64_t type;
	size_t at = MESSAGE_HEAD_BYTES;
	size_t used;
	unsigned int left;

	MUST(data != NULL || size == 0);
	MUST(out != NULL);

	if (size < MESSAGE_HEAD_BYTES || in[2] != MESSAGE_FORMAT)
		return ERR_FORMAT;
	type = get(in, 2);
	if (type <= MESSAGE_NONE || type >= MESSAGE_TYPE_COUNT)
		return ERR_FORMAT;
	message_init(&m, (enum message_type)type, get(in + 4, 8));
	for (left = in[3]; left > 0; left--) {
		if (read_field(in + at, size - at, &m, &used) != ERR_OK)
			return ERR_FORMAT;
		at += used;
	}
	if (at != size)
		return ERR_FORMAT;
	if ((m.present & message_table[type].required) != message_table[type].required ||
	    (m.present & ~message_table[type].allowed) != 0)
		return ERR_FORMAT;
	*out = m;
	return ERR_OK;
}

/* ---- over a socket ------------------------------------------------------------------------- */

enum err
message_send(int fd, const struct message *m)
{
	uint8_t data[IPC_BYTES_MAX];
	size_t size;
	enum err e;

	MUST(m != NULL && m->fd_count == message_table[m->type].descriptors);

	e = message_write(m, data, sizeof(data), &size);
	if (e != ERR_OK)
		return e;
	return ipc_send(fd, data, size, m->fds, m->fd_count);
}

enum err
message_receive(int fd, void *buffer, size_t capacity, struct message *out)
{
	struct message m;
	int fds[IPC_DESCRIPTORS_MAX];
	size_t count = 0;
	size_t size = 0;
	enum err e;

	MUST(out != NULL);

	e = ipc_receive(fd, buffer, capacity, &size, fds, IPC_DESCRIPTORS_MAX, &count);
	if (e != ERR_OK)
		return e;
	e = message_read(buffer, size, &m);
	if (e == ERR_OK && count == message_table[m.type].descriptors) {
		memcpy(m.fds, fds, count * sizeof(fds[0]));
		m.fd_count = count;
		*out = m;
		return ERR_OK;
	}
	while (count > 0)
		file_close(&fds[--count]);
	return ERR_FORMAT;
}

enum proto_rights
message_rights(enum message_type type)
{
	switch (type) {
	case MESSAGE_ASK_CELLS:
	case MESSAGE_ASK_STATUS:
	case MESSAGE_ASK_LEDGER:
	case MESSAGE_ASK_KEY:
	case MESSAGE_ASK_SEAL:
	case MESSAGE_ASK_OBSERVERS:
		return PROTO_MAY_READ;
	case MESSAGE_ASK_CELL_ADD:
	case MESSAGE_ASK_CELL_REMOVE:
	case MESSAGE_ASK_ROTATE:
	case MESSAGE_ASK_PRUNE:
	case MESSAGE_ASK_REDACT:
	case MESSAGE_ASK_OBSERVER_ADD:
	case MESSAGE_ASK_OBSERVER_REMOVE:
	case MESSAGE_ASK_OBSERVER_SWITCH:
	case MESSAGE_ASK_OBSERVER_RELEASE:
	case MESSAGE_ASK_ORDER:
		return PROTO_MAY_ADMINISTER;
	default:
		return PROTO_MAY_NOTHING;
	}
}
