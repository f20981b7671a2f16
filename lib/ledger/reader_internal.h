/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the reader share. */
#ifndef LEDGER_READER_INTERNAL_H
#define LEDGER_READER_INTERNAL_H

#include "ledger/cursor.h"
#include "ledger/reader.h"
#include "ledger/tree.h"

struct ledger_reader {
	struct disk disk;
	char origin[FORMAT_ORIGIN_MAX + 1u];
	struct segment_range segments;
	uint64_t first;
	struct cursor main; /* of seek and next */
	uint64_t wanted;    /* leaves before it are passed over */
	struct ledger_frame frame;
	struct cursor side; /* of node and size */
	struct tree tree;
};

/* Where the record of the leaf that was given last begins: its size. */
struct format_position reader_record_position(const struct ledger_reader *r);
/* Puts a cursor before `index`: the frame that holds it is loaded, or it is the end. */
MUST_USE enum err reader_place(struct ledger_reader *r, struct cursor *c, uint64_t index,
			       struct ledger_failure *why);
/* Looks again how much the tree's files hold. */
MUST_USE enum err reader_look_at_tree(struct ledger_reader *r);

#endif
