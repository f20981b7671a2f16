/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The script and its judge.  Leaves have random sizes, of which many are small and few large. */
#include "sim/model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"
#include "ledger/reader.h"
#include "unit.h"

#define ORIGIN      "sim.example/evidence"
#define BATCH_BYTES LEDGER_BATCH_BYTES_MIN
#define RETRIES_MAX 400u

static size_t
leaf_write(uint32_t seed, uint64_t index, char *out)
{
	uint64_t s = seed;
	size_t size = 60 + (size_t)(sim_random(&s) % (sim_random(&s) % 8 == 0 ? 12000 : 400));
	size_t at = (size_t)snprintf(out, 60, "{\"leaf\":%llu}", (unsigned long long)index);

	while (at < size)
		out[at++] = (char)('a' + sim_random(&s) % 26);
	return size;
}

static void
leaf_hash(const struct model *m, uint64_t index, struct merkle_hash *out)
{
	static char data[LEDGER_LEAF_BYTES_MAX];

	merkle_leaf(data, leaf_write(m->leaf_seed[index], index, data), out);
}

static void
note_commit(struct model *m)
{
	struct model_commit *c = &m->commits[m->closed];

	c->size = m->frontier.size;
	merkle_frontier_root(&m->frontier, &c->root);
	memcpy(c->values, m->values, sizeof(c->values));
}

void
model_init(struct model *m, uint64_t seed, struct sim_disk *disk)
{
	memset(m, 0, sizeof(*m));
	m->seed = seed;
	m->disk = disk;
	note_commit(m);
}

bool
model_open(struct model *m)
{
	struct ledger_options o = {
		.origin = ORIGIN,
		.segment_bytes = 512 + UINT64_C(2) * BATCH_BYTES,
		.batch_bytes = BATCH_BYTES,
		.is_synchronous = true,
	};
	struct ledger_failure why = { 0 };
	unsigned int tries = 0;
	enum err e;

	o.salt[0] = sim_random(&m->seed);
	o.salt[1] = sim_random(&m->seed);
	do
		e = ledger_open(sim_as_disk(m->disk), &o, &m->ledger, &why);
	while (e == ERR_SYSTEM && !sim_is_dead(m->disk) && tries++ < RETRIES_MAX);
	m->retries += tries;
	if (e == ERR_OK)
		return true;
	if (!sim_is_dead(m->disk))
		fail_msg("opening: %d: %s (%d)", e, why.text, why.system_error);
	return false;
}

void
model_drop(struct model *m)
{
	ledger_close(m->ledger);
	m->ledger = NULL;
}

/* True while a failed act shall be tried again. */
static bool
again(struct model *m, enum err e, unsigned int *tries)
{
	if (e == ERR_OK || sim_is_dead(m->disk))
		return false;
	assert_int_equal(e, ERR_SYSTEM);
	assert_true((*tries)++ < RETRIES_MAX);
	m->retries++;
	return true;
}

static void
append(struct model *m)
{
	char *at = ledger_reserve(m->ledger);
	uint64_t index = m->frontier.size;
	struct merkle_hash hash;

	if (at == NULL)
		return;
	assert_true(index < MODEL_LEAVES_MAX);
	assert_int_equal(ledger_next_index(m->ledger), index);
	m->leaf_seed[index] = (uint32_t)sim_random(&m->seed);
	ledger_append(m->ledger, leaf_write(m->leaf_seed[index], index, at));
	leaf_hash(m, index, &hash);
	merkle_frontier_add(&m->frontier, &hash, NULL, NULL);
}

static void
change(struct model *m)
{
	unsigned int k = (unsigned int)(sim_random(&m->seed) % MODEL_KEYS);
	uint64_t value = sim_random(&m->seed) % 4 == 0 ? 0 : sim_random(&m->seed);
	char key[16];

	(void)snprintf(key, sizeof(key), "key%u", k);
	assert_int_equal(ledger_state_set(m->ledger, key, strlen(key), value == 0 ? NULL : &value,
					  value == 0 ? 0 : sizeof(value)),
			 ERR_OK);
	m->values[k] = value;
}

static bool
commit(struct model *m)
{
	const struct hark_time now = { 1762348800 + m->closed, 7 };
	unsigned int tries = 0;
	enum err e;

	if (ledger_batch_is_empty(m->ledger))
		return true;
	assert_true(m->closed + 1 < MODEL_COMMITS_MAX);
	m->closed++;
	note_commit(m);
	e = ledger_commit_begin(m->ledger, now, UINT64_C(1000000000) * m->closed);
	assert_int_equal(e, ERR_OK);
	while (again(m, e = ledger_commit_end(m->ledger), &tries))
		assert_int_equal(ledger_commit_retry(m->ledger), ERR_OK);
	if (e != ERR_OK)
		return false;
	m->acknowledged = m->closed;
	assert_int_equal(ledger_committed_size(m->ledger), m->commits[m->closed].size);
	return true;
}

static bool
checkpoint(struct model *m)
{
	static const uint8_t signature[64] = { 1, 2, 3 };
	struct checkpoint c = { .origin = ORIGIN };
	struct buf note = { 0 };
	char text[CHECKPOINT_TEXT_MAX];
	unsigned int tries = 0;
	size_t size = 0;
	enum err e;

	c.size = ledger_committed_size(m->ledger);
	ledger_committed_root(m->ledger, &c.root);
	checkpoint_write(&c, text, &size);
	assert_int_equal(note_write_text(text, size, &note), ERR_OK);
	assert_int_equal(note_write_signature(ORIGIN, 77, signature, sizeof(signature), &note),
			 ERR_OK);
	do
		e = ledger_checkpoint_write(m->ledger, note.data, note.size,
					    (struct hark_time){ 1762348800, 0 }, true);
	while (again(m, e, &tries));
	buf_finish(&note);
	return e == ERR_OK;
}

static bool
redact(struct model *m)
{
	uint64_t index = sim_random(&m->seed) % (ledger_committed_size(m->ledger) + 1);
	unsigned int tries = 0;
	bool was = m->redacted[index] != 0;
	enum err e;

	if (index == ledger_committed_size(m->ledger)) {
		assert_int_equal(ledger_redact(m->ledger, index), ERR_RANGE);
		return true;
	}
	if (!was)
		m->redacted[index] = 1;
	for (;;) {
		e = ledger_redact(m->ledger, index);
		/* What failed may have been done all the same. */
		if (e == ERR_EXISTS && (was || tries > 0)) {
			e = ERR_OK;
			break;
		}
		if (e == ERR_MISSING && index < m->pruned_below)
			return true;
		if (!again(m, e, &tries))
			break;
	}
	if (e == ERR_OK)
		m->redacted[index] = 2;
	return e == ERR_OK;
}

static bool
prune(struct model *m)
{
	uint64_t below = sim_random(&m->seed) % (ledger_committed_size(m->ledger) + 1);
	uint64_t first = UINT64_MAX;
	unsigned int tries = 0;
	enum err e;

	if (m->acknowledged == 0)
		return true;
	if (below > m->pruned_below)
		m->pruned_below = below;
	do
		e = ledger_prune(m->ledger, below, &first);
	while (again(m, e, &tries));
	if (e == ERR_OK)
		assert_true(first <= m->pruned_below);
	return e == ERR_OK;
}

bool
model_grow(struct model *m)
{
	unsigned int count = 12;

	while (count-- > 0)
		append(m);
	return commit(m);
}

bool
model_run(struct model *m, unsigned int rounds)
{
	while (rounds-- > 0) {
		unsigned int count = (unsigned int)(sim_random(&m->seed) % 12);

		while (count-- > 0) {
			if (sim_random(&m->seed) % 4 == 0)
				change(m);
			else
				append(m);
		}
		if (!commit(m))
			return false;
		switch (sim_random(&m->seed) % 16) {
		case 0:
		case 1:
		case 2:
			if (!checkpoint(m))
				return false;
			break;
		case 3:
		case 4:
			if (!redact(m))
				return false;
			break;
		case 5:
			if (!prune(m))
				return false;
			break;
		default:
			break;
		}
	}
	return true;
}

static enum err
count_key(void *ctx, struct bytes key, struct bytes value)
{
	(void)key;
	(void)value;
	++*(unsigned int *)ctx;
	return ERR_OK;
}

static void
check_state(const struct model *m, const struct model_commit *c)
{
	unsigned int want = 0;
	unsigned int count = 0;
	unsigned int k;

	for (k = 0; k < MODEL_KEYS; k++) {
		struct bytes value = { 0 };
		char key[16];

		(void)snprintf(key, sizeof(key), "key%u", k);
		if (c->values[k] == 0) {
			assert_false(ledger_state_get(m->ledger, key, strlen(key), &value));
			continue;
		}
		want++;
		assert_true(ledger_state_get(m->ledger, key, strlen(key), &value));
		assert_int_equal(value.size, sizeof(c->values[k]));
		assert_memory_equal(value.data, &c->values[k], value.size);
	}
	assert_int_equal(ledger_state_each(m->ledger, count_key, &count), ERR_OK);
	assert_int_equal(count, want);
}

static void
check_leaf(struct model *m, const struct ledger_leaf *leaf)
{
	static char want[LEDGER_LEAF_BYTES_MAX];
	size_t size = leaf_write(m->leaf_seed[leaf->index], leaf->index, want);
	struct merkle_hash hash;

	assert_int_equal(leaf->bytes, size);
	if (leaf->redacted) {
		assert_true(m->redacted[leaf->index] != 0);
		leaf_hash(m, leaf->index, &hash);
		assert_true(merkle_equal(&hash, &leaf->redacted_hash));
		m->redacted[leaf->index] = 2;
		return;
	}
	assert_true(m->redacted[leaf->index] != 2);
	m->redacted[leaf->index] = 0;
	assert_int_equal(leaf->data.size, size);
	assert_memory_equal(leaf->data.data, want, size);
}

static void
check_leaves(struct model *m, const struct model_commit *c)
{
	struct ledger_failure why = { 0 };
	struct ledger_reader *r = NULL;
	struct merkle_hash root;
	struct ledger_leaf leaf;
	uint64_t size = 0;
	uint64_t i;
	enum err e;

	assert_int_equal(ledger_reader_open(sim_as_disk(m->disk), &r, &why), ERR_OK);
	assert_true(ledger_reader_first(r) <= m->pruned_below);
	assert_int_equal(ledger_reader_seek(r, ledger_reader_first(r), &why), ERR_OK);
	for (i = ledger_reader_first(r); i < c->size; i++) {
		e = ledger_reader_next(r, UINT64_MAX, &leaf, &why);
		if (e != ERR_OK)
			fail_msg("leaf %llu: %d %s", (unsigned long long)i, e, why.text);
		assert_int_equal(leaf.index, i);
		check_leaf(m, &leaf);
	}
	e = ledger_reader_next(r, UINT64_MAX, &leaf, &why);
	if (e != ERR_AGAIN)
		fail_msg("behind the last: %d %s", e, why.text);
	assert_int_equal(ledger_reader_size(r, &size, &why), ERR_OK);
	assert_int_equal(size, c->size);
	assert_int_equal(merkle_root_at(ledger_reader_node, r, size, &root), ERR_OK);
	assert_true(merkle_equal(&root, &c->root));
	ledger_reader_close(r);
}

void
model_check(struct model *m)
{
	uint64_t size = ledger_committed_size(m->ledger);
	const struct model_commit *c;
	struct merkle_hash root;
	unsigned int at = m->acknowledged;

	/* One commit at most was under way.  Of two of the same size the state tells them apart. */
	if (m->closed > at && size >= m->commits[m->closed].size) {
		struct bytes value;
		bool is_later = m->commits[m->closed].size > m->commits[at].size;
		unsigned int k;

		for (k = 0; k < MODEL_KEYS && !is_later; k++) {
			char key[16];
			bool has;
			uint64_t now = 0;

			(void)snprintf(key, sizeof(key), "key%u", k);
			has = ledger_state_get(m->ledger, key, strlen(key), &value);
			if (has)
				memcpy(&now, value.data, sizeof(now));
			is_later = now != m->commits[at].values[k];
		}
		if (is_later)
			at = m->closed;
	}
	c = &m->commits[at];
	assert_int_equal(size, c->size);
	ledger_committed_root(m->ledger, &root);
	assert_true(merkle_equal(&root, &c->root));
	assert_int_equal(merkle_root_at(ledger_node, m->ledger, size, &root), ERR_OK);
	assert_true(merkle_equal(&root, &c->root));
	check_state(m, c);
	check_leaves(m, c);

	/* The model goes on from here. */
	memcpy(m->values, c->values, sizeof(m->values));
	m->commits[m->acknowledged + 1] = *c;
	if (at != m->acknowledged)
		m->acknowledged++;
	m->closed = m->acknowledged;
	memset(&m->frontier, 0, sizeof(m->frontier));
	while (m->frontier.size < size) {
		struct merkle_hash hash;

		leaf_hash(m, m->frontier.size, &hash);
		merkle_frontier_add(&m->frontier, &hash, NULL, NULL);
	}
}
