/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A queue of written messages.  It does not know whom they are for. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "os/file.h"
#include "proto/outbox.h"

struct outbox_item {
	struct outbox_item *next;
	size_t size;
	size_t fd_count;
	int fds[IPC_DESCRIPTORS_MAX];
	uint8_t data[];
};

static void
item_destroy(struct outbox_item *item)
{
	while (item->fd_count > 0)
		file_close(&item->fds[--item->fd_count]);
	free(item);
}

bool
outbox_is_waiting(const struct outbox *o)
{
	return o->first != NULL;
}

void
outbox_finish(struct outbox *o)
{
	struct outbox_item *item;

	MUST(o != NULL);

	while ((item = o->first) != NULL) {
		o->first = item->next;
		item_destroy(item);
	}
	o->last = NULL;
	o->bytes = 0;
}

/* Keeps a written message with the descriptors of *m. */
static enum err
keep(struct outbox *o, struct message *m, const uint8_t *data, size_t size)
{
	struct outbox_item *item;

	if (o->bytes + sizeof(*item) + size > OUTBOX_BYTES_MAX)
		return ERR_LIMIT;
	item = malloc(sizeof(*item) + size);
	if (item == NULL)
		return ERR_MEMORY;
	item->next = NULL;
	item->size = size;
	item->fd_count = m->fd_count;
	memcpy(item->fds, m->fds, sizeof(item->fds));
	m->fd_count = 0;
	memcpy(item->data, data, size);
	if (o->last != NULL)
		o->last->next = item;
	else
		o->first = item;
	o->last = item;
	o->bytes += sizeof(*item) + size;
	return ERR_OK;
}

enum err
outbox_send(struct outbox *o, int fd, struct message *m)
{
	uint8_t data[IPC_BYTES_MAX];
	size_t size = 0;
	enum err e;

	MUST(o != NULL && fd >= 0 && m != NULL);

	e = message_write(m, data, sizeof(data), &size);
	if (e == ERR_OK && o->first == NULL)
		e = ipc_send(fd, data, size, m->fds, m->fd_count);
	else if (e == ERR_OK)
		e = ERR_AGAIN;
	if (e == ERR_AGAIN)
		e = keep(o, m, data, size);
	message_close(m);
	return e;
}

enum err
outbox_flush(struct outbox *o, int fd)
{
	MUST(o != NULL && fd >= 0);

	while (o->first != NULL) {
		struct outbox_item *item = o->first;
		enum err e = ipc_send(fd, item->data, item->size, item->fds, item->fd_count);

		if (e != ERR_OK)
			return e;
		o->first = item->next;
		if (o->first == NULL)
			o->last = NULL;
		o->bytes -= sizeof(*item) + item->size;
		item_destroy(item);
	}
	return ERR_OK;
}
