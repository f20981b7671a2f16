/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is still owed to harkd of cells that have left.  It ends no cell itself. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/must.h"
#include "hark-receiver/farewell.h"
#include "proto/message.h"

struct farewell {
	struct farewell *next;
	uint64_t id;
	uint64_t until; /* the answer is due when every record below it is durable */
	uint16_t slot;
	bool said;
};

enum err
farewell_begin(struct receiver *r, uint16_t slot, uint64_t id)
{
	struct farewell *f = calloc(1, sizeof(*f));

	MUST(id != 0);

	if (f == NULL)
		return ERR_MEMORY;
	f->id = id;
	f->slot = slot;
	f->next = r->farewells;
	r->farewells = f;
	return ERR_OK;
}

void
farewell_said(struct receiver *r, uint16_t slot)
{
	struct farewell *f;

	for (f = r->farewells; f != NULL; f = f->next) {
		if (f->said || f->slot != slot)
			continue;
		f->said = true;
		f->until = r->window.next;
	}
}

void
farewell_tell(struct receiver *r)
{
	struct farewell **link = &r->farewells;
	struct farewell *f;

	while ((f = *link) != NULL) {
		struct message m;

		if (!f->said || f->until > window_durable(&r->window)) {
			link = &f->next;
			continue;
		}
		message_init(&m, MESSAGE_DONE, f->id);
		message_set_number(&m, FIELD_CODE, 0);
		/* Where harkd does not take it now, the next turn tries again. */
		if (message_send(r->supervisor, &m) != ERR_OK)
			return;
		*link = f->next;
		free(f);
	}
}

void
farewell_finish(struct receiver *r)
{
	while (r->farewells != NULL) {
		struct farewell *f = r->farewells;

		r->farewells = f->next;
		free(f);
	}
}
