/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What may be asked, by whom, and how it is passed on.  Pure. */
#include "base/must.h"
#include "hark-control/serve.h"

enum proto_rights
serve_rights_for(enum message_type type)
{
	switch (type) {
	case MESSAGE_ASK_CELLS:
	case MESSAGE_ASK_STATUS:
	case MESSAGE_ASK_LEDGER:
	case MESSAGE_ASK_KEY:
	case MESSAGE_ASK_SEAL:
		return PROTO_MAY_READ;
	case MESSAGE_ASK_CELL_ADD:
	case MESSAGE_ASK_CELL_REMOVE:
	case MESSAGE_ASK_ROTATE:
	case MESSAGE_ASK_PRUNE:
	case MESSAGE_ASK_REDACT:
		return PROTO_MAY_ADMINISTER;
	default:
		return PROTO_MAY_NOTHING;
	}
}

enum proto_rights
serve_rights_of(const struct serve *s, uid_t uid, bool in_group)
{
	if (uid == 0 || uid == s->owner)
		return PROTO_MAY_ADMINISTER;
	return in_group ? PROTO_MAY_READ : PROTO_MAY_NOTHING;
}

enum err
serve_question(const struct message *from, uint64_t id, enum proto_rights rights,
	       struct message *out)
{
	struct message m;

	MUST(from != NULL && id != 0 && out != NULL);

	if (serve_rights_for(from->type) == PROTO_MAY_NOTHING || from->id == 0 ||
	    message_has(from, FIELD_RIGHTS))
		return ERR_REFUSED;
	MUST(from->fd_count == 0); /* no question has descriptors, and reading has counted them */
	m = *from;
	m.id = id;
	message_set_number(&m, FIELD_RIGHTS, rights);
	*out = m;
	return ERR_OK;
}
