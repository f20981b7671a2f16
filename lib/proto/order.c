/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Orders made and taken; whether what is ordered can be done is not judged here. */
#include "proto/order.h"
#include "base/must.h"
#include "os/memfd.h"

bool
order_is_needed(enum message_type type)
{
	return type != MESSAGE_ASK_ORDER && message_rights(type) == PROTO_MAY_ADMINISTER;
}

enum err
order_make(const struct message *question, struct message *out)
{
	uint8_t data[IPC_BYTES_MAX];
	struct message m;
	size_t size = 0;
	enum err e;

	MUST(question != NULL && order_is_needed(question->type) && out != NULL);

	e = message_write(question, data, sizeof(data), &size);
	if (e != ERR_OK)
		return e;
	message_init(&m, MESSAGE_ASK_ORDER, question->id);
	e = memfd_for_taking("order", (struct bytes){ data, size }, &m.fds[0]);
	if (e != ERR_OK)
		return e;
	m.fd_count = 1;
	*out = m;
	return ERR_OK;
}

/* hark-control's word of who asks, which is shown and looked at, and gives no right. */
static void
copy_number(const struct message *from, enum message_field field, struct message *to)
{
	if (message_has(from, field))
		message_set_number(to, field, message_number(from, field, 0));
}

enum err
order_take(const struct message *order, uid_t owner, void *buffer, size_t capacity,
	   struct message *out)
{
	struct message m;
	size_t size = 0;
	uid_t maker = 0;
	enum err e;

	MUST(order != NULL && order->type == MESSAGE_ASK_ORDER && order->fd_count == 1);
	MUST(buffer != NULL && out != NULL);

	e = memfd_take(order->fds[0], buffer, capacity, &size, &maker);
	if (e == ERR_LIMIT)
		return ERR_FORMAT;
	if (e != ERR_OK)
		return e;
	if (maker != 0 && maker != owner)
		return ERR_REFUSED;
	e = message_read(buffer, size, &m);
	if (e != ERR_OK)
		return e;
	if (!order_is_needed(m.type) || message_has(&m, FIELD_RIGHTS) || message_has(&m, FIELD_PID))
		return ERR_FORMAT;
	m.id = order->id;
	copy_number(order, FIELD_RIGHTS, &m);
	copy_number(order, FIELD_PID, &m);
	*out = m;
	return ERR_OK;
}
