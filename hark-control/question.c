/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What may be asked, by whom, and how it is passed on.  Pure. */
#include "base/must.h"
#include "hark-control/serve.h"
#include "proto/order.h"

enum proto_rights
serve_rights_of(const struct serve *s, uid_t uid, bool in_group)
{
	if (uid == 0 || uid == s->owner)
		return PROTO_MAY_ADMINISTER;
	return in_group ? PROTO_MAY_READ : PROTO_MAY_NOTHING;
}

enum err
serve_question(const struct message *from, uint64_t id, enum proto_rights rights, pid_t pid,
	       struct message *out)
{
	struct message m;

	MUST(from != NULL && id != 0 && out != NULL);

	/* Of descriptors only an order has one, and reading has counted it. */
	if (message_rights(from->type) == PROTO_MAY_NOTHING || order_is_needed(from->type) ||
	    from->id == 0 || message_has(from, FIELD_RIGHTS) || message_has(from, FIELD_PID))
		return ERR_REFUSED;
	m = *from;
	m.id = id;
	message_set_number(&m, FIELD_RIGHTS, rights);
	/* 0: it is in a namespace that we do not see. */
	if (pid > 0)
		message_set_number(&m, FIELD_PID, (uint64_t)pid);
	*out = m;
	return ERR_OK;
}
