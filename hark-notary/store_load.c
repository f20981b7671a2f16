/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the notary must know after a crash, as entries of the evidence's state.  Each is durable
 * with the leaves of its batch, so state and leaves never disagree.  Numbers in keys are big-endian
 * and in values little-endian; every value begins with its version.
 *
 *	key                          value
 *	C cell                       1, u8 size of cell id, it, u8 of run id, it, u8 of spec hash,
 *it D cell                       1, flags (1 ever connected, 2 silent), u32 last epoch, i64
 *seconds, u32 nanoseconds silent since S cell u32 epoch             1, flags (1 used up, 2 forked),
 *u64 name, u64 expected, u64 dropped, u64 frames I u64 incarnation            1, u64 next record
 *number N u64 incarnation u32 number 1, flags, mode, u16 slot, u32 epoch, u32 other epoch, u64
 *stream, u64 boot, u64 frames, u64 guest's clock, cell R cell                       1, u32 last
 *epoch, u64 serial E                            1, u32 largest epoch of the runs that were
 *forgotten
 *
 * `cell` is the 16 bytes of cell_key.
 */
#include "hark-notary/store_bytes.h"

/* Cells come before what is of them, channels before their connections. */
struct pass {
	struct notary *n;
	const char *kinds;
};

static enum err
load_of_cell(struct notary *n, char kind, struct bytes key, struct store_reader *r)
{
	struct cell *c = cell_find(n, key.data + 1);
	uint32_t epoch;

	if (kind == 'R')
		return store_load_gone(n, key.data + 1, r);
	if (kind == 'C')
		return store_load_cell(n, r);
	if (c == NULL)
		return ERR_FORMAT;
	if (kind == 'D')
		return store_load_cell_changes(c, r);
	memcpy(&epoch, key.data + 1 + CELL_KEY_BYTES, sizeof(epoch));
	return store_load_stream(c, be32toh(epoch), r);
}

static enum err
load_entry(void *ctx, struct bytes key, struct bytes value)
{
	static const struct {
		char kind;
		size_t key_size;
	} kinds[] = {
		{ 'C', 1 + CELL_KEY_BYTES },
		{ 'D', 1 + CELL_KEY_BYTES },
		{ 'S', 5 + CELL_KEY_BYTES },
		{ 'R', 1 + CELL_KEY_BYTES },
		{ 'I', 1 + 8 },
		{ 'N', 1 + 8 + 4 },
		{ 'E', 1 },
		{ 'L', 1 },
	};
	const struct pass *pass = ctx;
	struct store_reader r = { .at = value.data, .size = value.size };
	uint64_t incarnation;
	uint32_t number;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (key.size == kinds[i].key_size && (char)key.data[0] == kinds[i].kind)
			break;
	}
	if (i == sizeof(kinds) / sizeof(kinds[0]))
		return ERR_FORMAT;
	if (strchr(pass->kinds, kinds[i].kind) == NULL)
		return ERR_OK;
	if (store_get8(&r) != STORE_VERSION)
		return ERR_FORMAT;
	if (kinds[i].kind == 'E') {
		pass->n->forgotten_epoch = store_get32(&r);
		return store_is_done(&r) ? ERR_OK : ERR_FORMAT;
	}
	if (kinds[i].kind != 'I' && kinds[i].kind != 'N')
		return load_of_cell(pass->n, kinds[i].kind, key, &r);
	memcpy(&incarnation, key.data + 1, sizeof(incarnation));
	if (kinds[i].kind == 'I')
		return store_load_channel(pass->n, be64toh(incarnation), &r);
	memcpy(&number, key.data + 9, sizeof(number));
	return store_load_connection(pass->n, be64toh(incarnation), be32toh(number), &r);
}

enum err
store_load(struct notary *n)
{
	static const char *const order[] = { "CIRE", "DS", "N" };
	size_t i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct pass pass = { n, order[i] };
		enum err e = ledger_state_each(EVIDENCE(n)->ledger, load_entry, &pass);

		if (e != ERR_OK)
			return e;
	}
	/* Each entry may be well-formed and all of them nonsense. */
	return notary_check(n) ? ERR_OK : ERR_FORMAT;
}
