/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdlib.h>

#include "reopen.h"

unsigned int reopen_fail_at;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *
__wrap_calloc(size_t count, size_t size)
{
	if (reopen_fail_at > 0 && --reopen_fail_at == 0)
		return NULL;
	return __real_calloc(count, size);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *
__wrap_malloc(size_t size)
{
	if (reopen_fail_at > 0 && --reopen_fail_at == 0)
		return NULL;
	return __real_malloc(size);
}

static void
no_answer(void *ctx, const struct notary_answer *answer)
{
	(void)ctx;
	(void)answer;
}

static void
no_page(void *ctx, enum proto_ledger ledger, const struct page_state *state)
{
	(void)ctx;
	(void)ledger;
	(void)state;
}

static const struct notary_ops ops = { .answer = no_answer, .publish = no_page };
static const struct notary_options options = {
	.restarts = 1,
	.commit_us = WORLD_COMMIT_US,
	.batch_bytes = WORLD_BATCH_BYTES,
	.tick_ms = WORLD_TICK_MS,
	.checkpoint_ms = WORLD_CHECKPOINT_MS,
};
static const struct event_clock now = { .real = { 1762348800, 0 }, .monotonic_ns = 1 };

void
reopen_ledgers(struct world *w, struct ledger *ledgers[PROTO_LEDGERS])
{
	static const char *const origins[] = { "h/evidence", "h/operations" };
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		const struct ledger_options o = {
			.origin = origins[i],
			.segment_bytes = 512 + 2 * WORLD_BATCH_BYTES,
			.batch_bytes = WORLD_BATCH_BYTES,
			.is_synchronous = true,
		};
		struct ledger_failure why;

		assert_int_equal(ledger_open(sim_as_disk(w->disks[i]), &o, &ledgers[i], &why),
				 ERR_OK);
	}
}

static enum err
keep(void *ctx, struct bytes key, struct bytes value)
{
	struct reopen_entries *e = ctx;

	assert_true(e->count < COUNT_OF(e->keys));
	memcpy(e->keys[e->count], key.data, key.size);
	memcpy(e->values[e->count], value.data, value.size);
	e->key_sizes[e->count] = key.size;
	e->value_sizes[e->count++] = value.size;
	return ERR_OK;
}

enum err
reopen_try(struct ledger *ledgers[PROTO_LEDGERS])
{
	struct notary *n = NULL;
	enum err e = notary_create(ledgers, &options, &ops, NULL, &now, &n);

	if (e == ERR_OK) {
		assert_true(notary_check(n));
		notary_destroy(n);
	} else {
		ledger_close(ledgers[PROTO_EVIDENCE]);
		ledger_close(ledgers[PROTO_OPERATIONS]);
	}
	return e;
}

enum err
reopen_try_with(struct world *w, enum proto_ledger ledger, const void *key, size_t key_size,
		const void *value, size_t size)
{
	struct ledger *ledgers[PROTO_LEDGERS] = { NULL, NULL };

	reopen_ledgers(w, ledgers);
	assert_int_equal(ledger_state_set(ledgers[ledger], key, key_size, value, size), ERR_OK);
	return reopen_try(ledgers);
}

void
reopen_read(struct world *w, enum proto_ledger ledger, struct reopen_entries *e)
{
	struct ledger *ledgers[PROTO_LEDGERS] = { NULL, NULL };

	memset(e, 0, sizeof(*e));
	reopen_ledgers(w, ledgers);
	assert_int_equal(ledger_state_each(ledgers[ledger], keep, e), ERR_OK);
	assert_int_equal(reopen_try(ledgers), ERR_OK);
}
