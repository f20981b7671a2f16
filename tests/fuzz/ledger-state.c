/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Snapshots of a ledger's state: the first byte says whether the CRC is mended, the rest is the
 * file.  What is accepted goes into a map, is written from there, and reads back as the same.
 */
#include <string.h>

#include "fuzz.h"

#include "base/crc32c.h"
#include "ledger/snapshot.h"

static const uint64_t secret[2] = { 1, 2 };

static enum err
compare_entry(void *ctx, struct bytes key, struct bytes value)
{
	const struct state_map *other = ctx;
	struct bytes there;

	FUZZ_CLAIM(state_get(other, key, &there));
	FUZZ_CLAIM(there.size == value.size);
	FUZZ_CLAIM(value.size == 0 || memcmp(there.data, value.data, value.size) == 0);
	return ERR_OK;
}

static void
check_round(const struct snapshot *s, size_t size)
{
	struct state_map first;
	struct state_map second;
	struct buf file = { 0 };
	struct snapshot again;
	struct merkle_hash a;
	struct merkle_hash b;
	format_complaint why = NULL;

	state_init(&first, secret);
	state_init(&second, secret);
	if (snapshot_apply(s, &first, &why) == ERR_OK) {
		FUZZ_CLAIM(snapshot_write(s->serial, s->salt, &s->frontier, &first, &file) ==
			   ERR_OK);
		FUZZ_CLAIM(file.size == size);
		FUZZ_CLAIM(snapshot_read((struct bytes){ file.data, file.size }, &again, &why) ==
			   ERR_OK);
		FUZZ_CLAIM(again.serial == s->serial);
		FUZZ_CLAIM(again.frontier.size == s->frontier.size);
		FUZZ_CLAIM(snapshot_apply(&again, &second, &why) == ERR_OK);
		FUZZ_CLAIM(first.count == second.count && first.bytes == second.bytes);
		FUZZ_CLAIM(state_each(&first, compare_entry, &second) == ERR_OK);
		merkle_frontier_root(&s->frontier, &a);
		merkle_frontier_root(&again.frontier, &b);
		FUZZ_CLAIM(merkle_equal(&a, &b));
#ifdef FUZZ_TWIN
		FUZZ_CLAIM(first.count < 2); /* wrong: a seed has three keys */
#endif
	} else {
		FUZZ_CLAIM(why != NULL);
	}
	state_finish(&first);
	state_finish(&second);
	buf_finish(&file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snapshot s;
	format_complaint why = NULL;
	uint8_t *copy;
	enum err e;

	if (size == 0)
		return 0;
	copy = malloc(size);
	FUZZ_CLAIM(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	if ((data[0] & 1) != 0 && size > 5)
		format_put_u32(copy + size - 5, crc32c_of(copy, size - 5));
	e = snapshot_read((struct bytes){ copy, size - 1 }, &s, &why);
	FUZZ_CLAIM((e == ERR_OK) == (why == NULL));
	if (e == ERR_OK)
		check_round(&s, size - 1);
	free(copy);
	return 0;
}
