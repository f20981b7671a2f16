/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The past checkpoints of a ledger, one after another from its file `checkpoints`. */
#ifndef VERIFY_HISTORY_H
#define VERIFY_HISTORY_H

#include "verify/verify_internal.h"
#include "verify/window.h"

struct history {
	struct window window;
	uint64_t offset;
	uint64_t end; /* of what was there when it was opened */
};

struct history_entry {
	uint64_t offset;
	enum signed_answer answer;
	struct checkpoint head;
	bool has_other_line; /* a key of the same name that was not given has signed it too */
};

void history_init(struct history *h);
/* A file that is not there is an empty one.  ERR_SYSTEM. */
MUST_USE enum err history_open(struct history *h, struct disk disk);
/* ERR_END: there are no more, or the last was not written whole (*torn_out); ERR_FORMAT: what
 * stands at h->offset is no entry; ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err history_next(struct history *h, struct hark_verifier *v,
			       struct history_entry *out, bool *torn_out);
void history_finish(struct history *h);

#endif
