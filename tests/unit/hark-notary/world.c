/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A notary whose whole world is the test's. */
#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"

#include "world.h"

#define NS_PER_MS UINT64_C(1000000)

static void
on_answer(void *ctx, const struct notary_answer *answer)
{
	struct world *w = ctx;

	assert_true(w->answer_count < WORLD_ANSWERS);
	w->answers[w->answer_count] = answer->id;
	w->codes[w->answer_count] = answer->code;
	w->counts[w->answer_count] = answer->has_count ? answer->count : UINT64_MAX;
	w->indexes[w->answer_count++] = answer->has_index ? answer->index : UINT64_MAX;
}

static bool
on_receipt(void *ctx, uint64_t channel, const struct record_receipt *receipt)
{
	struct world *w = ctx;

	if (w->no_receipts)
		return false;
	if (channel != w->channel)
		return true;
	assert_true(receipt->next >= w->receipt_next);
	w->receipt_before = w->receipt_next;
	w->receipt_next = receipt->next;
	if (receipt->count > 0)
		w->receipt_bytes = receipt->slots[0].bytes;
	w->receipts++;
	return true;
}

static void
on_violation(void *ctx, uint64_t channel, const char *reason)
{
	struct world *w = ctx;

	(void)channel;
	(void)snprintf(w->violation, sizeof(w->violation), "%s", reason);
}

static void
on_ledger_state(void *ctx, enum proto_ledger ledger, enum notary_ledger_state state,
		const char *text)
{
	struct world *w = ctx;

	(void)text;
	assert_true(w->states[ledger] != state);
	w->states[ledger] = state;
}

static void
on_publish(void *ctx, enum proto_ledger ledger, const struct page_state *state)
{
	struct world *w = ctx;

	assert_true(state->committed_size >= w->pages[ledger].committed_size);
	w->pages[ledger] = *state;
}

static bool
on_sign(void *ctx, enum proto_ledger ledger, uint64_t size, const struct merkle_hash *root,
	const struct merkle_hash *proof, size_t count)
{
	struct world *w = ctx;

	(void)proof;
	assert_true(count <= MERKLE_PROOF_MAX);
	if (w->no_signer)
		return false;
	w->asked[ledger]++;
	w->asked_size[ledger] = size;
	w->asked_root[ledger] = *root;
	return true;
}

static void
on_trapped(void *ctx, const struct notary_trapped *trapped)
{
	struct world *w = ctx;

	/* Durable, then said. */
	assert_true(trapped->index < world_size(w, PROTO_OPERATIONS));
	w->trapped = *trapped;
	w->trapped_count++;
}

static void
on_stopped(void *ctx)
{
	struct world *w = ctx;

	w->has_stopped = true;
}

void
world_create(struct world *w)
{
	uint64_t commit_us = w->commit_us;
	bool begins_later = w->begins_later;

	memset(w, 0, sizeof(*w));
	w->commit_us = commit_us;
	w->begins_later = begins_later;
	w->disks[PROTO_EVIDENCE] = sim_create();
	w->disks[PROTO_OPERATIONS] = sim_create();
	assert_non_null(w->disks[PROTO_EVIDENCE]);
	assert_non_null(w->disks[PROTO_OPERATIONS]);
	w->now.real.seconds = 1762348800;
	w->now.monotonic_ns = 1000 * UINT64_C(1000000000);
	w->clean = true;
	w->incarnation = 100;
	w->channel = 1;
	w->next_cell = 1;
	world_start(w);
}

void
world_start(struct world *w)
{
	static const struct notary_ops ops = {
		.answer = on_answer,
		.receipt = on_receipt,
		.violation = on_violation,
		.ledger_state = on_ledger_state,
		.publish = on_publish,
		.sign = on_sign,
		.trapped = on_trapped,
		.stopped = on_stopped,
	};
	const struct notary_options options = {
		.clean = w->clean,
		.restarts = w->restarts,
		.commit_us = w->commit_us != 0 ? w->commit_us : WORLD_COMMIT_US,
		.batch_bytes = WORLD_BATCH_BYTES,
		.tick_ms = WORLD_TICK_MS,
		.checkpoint_ms = WORLD_CHECKPOINT_MS,
	};
	static const char *const origins[] = { "h/evidence", "h/operations" };
	struct ledger *ledgers[PROTO_LEDGERS] = { NULL, NULL };
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		const struct ledger_options ledger_options = {
			.origin = origins[i],
			.segment_bytes = 512 + 2 * WORLD_BATCH_BYTES,
			.batch_bytes = WORLD_BATCH_BYTES,
			.salt = { 1, 2 },
			.is_synchronous = true,
		};
		struct ledger_failure why = { 0 };

		if (ledger_open(sim_as_disk(w->disks[i]), &ledger_options, &ledgers[i], &why) !=
		    ERR_OK)
			fail_msg("%s: %s", origins[i], why.text);
	}
	w->receipt_next = 0;
	w->states[0] = w->states[1] = NOTARY_LEDGER_OK;
	assert_int_equal(notary_create(ledgers, &options, &ops, w, &w->now, &w->core), ERR_OK);
	if (!w->begins_later)
		notary_begin(w->core, &w->now);
	assert_true(notary_check(w->core));
}

void
world_kill(struct world *w)
{
	notary_destroy(w->core);
	w->core = NULL;
}

void
world_destroy(struct world *w)
{
	world_kill(w);
	assert_int_equal(sim_open_files(w->disks[0]), 0);
	sim_destroy(w->disks[PROTO_EVIDENCE]);
	sim_destroy(w->disks[PROTO_OPERATIONS]);
}

void
world_tick(struct world *w)
{
	notary_tick(w->core, &w->now);
	assert_int_equal(notary_failure(w->core), ERR_OK);
	assert_true(notary_check(w->core));
}

static void
move_clock(struct world *w, uint64_t ns)
{
	w->now.monotonic_ns += ns;
	w->now.real.seconds += (int64_t)(ns / UINT64_C(1000000000));
	w->now.real.nanoseconds += (uint32_t)(ns % UINT64_C(1000000000));
	if (w->now.real.nanoseconds >= 1000000000u) {
		w->now.real.nanoseconds -= 1000000000u;
		w->now.real.seconds++;
	}
}

void
world_wait(struct world *w, uint64_t ns)
{
	uint64_t until = w->now.monotonic_ns + ns;
	unsigned int idle = 0;

	world_tick(w);
	while (w->now.monotonic_ns < until) {
		uint64_t deadline = notary_deadline(w->core);

		/* It may want to be called at once, but not for ever. */
		if (deadline <= w->now.monotonic_ns) {
			assert_true(++idle < 100);
		} else {
			idle = 0;
			if (deadline > until)
				deadline = until;
			move_clock(w, deadline - w->now.monotonic_ns);
		}
		world_tick(w);
		if (notary_is_stalled(w->core))
			(void)notary_resume(w->core);
	}
}

void
world_commit(struct world *w)
{
	world_wait(w, 300 * NS_PER_MS);
}

void
world_cell(struct world *w, const char *cell, const char *run, uint64_t number)
{
	const struct notary_cell words = {
		.number = number,
		.cell_id = hark_text_of(cell),
		.run_id = hark_text_of(run),
		.keepalive_ms = 10000,
		.rearm = true,
	};

	assert_int_equal(notary_cell_add(w->core, &words, 0, &w->now), ERR_OK);
}

void
world_channel(struct world *w, uint64_t channel, uint64_t incarnation)
{
	w->channel = channel;
	if (incarnation != w->incarnation)
		w->next_record = 0;
	w->incarnation = incarnation;
	assert_int_equal(notary_channel_add(w->core, channel, incarnation), ERR_OK);
}

void
world_slot(struct world *w, uint16_t slot, uint64_t cell_number)
{
	assert_int_equal(notary_channel_slot(w->core, w->channel, slot, cell_number), ERR_OK);
}

void
world_add(struct world *w, const struct record *r)
{
	size_t size = 0;

	if (w->batch_count == 0)
		w->batch_size = RECORD_BATCH_HEAD_BYTES;
	assert_int_equal(
		record_write(r, w->batch + w->batch_size, sizeof(w->batch) - w->batch_size, &size),
		ERR_OK);
	w->batch_size += size;
	w->batch_count++;
}

void
world_send_raw(struct world *w, const void *data, size_t size)
{
	void *buffer = notary_buffer(w->core);
	enum notary_take take;
	unsigned int turns = 0;

	assert_non_null(buffer);
	memcpy(buffer, data, size);
	take = notary_message(w->core, w->channel, size, &w->now);
	while (take != NOTARY_TAKEN) {
		assert_true(++turns < 100);
		if (take == NOTARY_STALLED)
			world_tick(w);
		take = notary_resume(w->core);
	}
	assert_true(notary_check(w->core));
}

void
world_send(struct world *w)
{
	const struct record_batch head = { .first = w->next_record, .count = w->batch_count };

	record_batch_write(&head, w->batch);
	w->next_record += w->batch_count;
	w->batch_count = 0;
	world_send_raw(w, w->batch, w->batch_size);
}

uint64_t
world_size(const struct world *w, enum proto_ledger ledger)
{
	return w->pages[ledger].committed_size;
}

void
world_leaves(struct world *w, enum proto_ledger ledger, uint64_t from, world_leaf_fn *fn, void *ctx)
{
	struct ledger_failure why = { 0 };
	struct ledger_reader *r = NULL;
	struct ledger_leaf leaf;
	uint64_t limit = world_size(w, ledger);

	assert_int_equal(ledger_reader_open(sim_as_disk(w->disks[ledger]), &r, &why), ERR_OK);
	assert_int_equal(ledger_reader_seek(r, from, &why), ERR_OK);
	while (ledger_reader_next(r, limit, &leaf, &why) == ERR_OK)
		fn(ctx, leaf.index, (const char *)leaf.data.data, leaf.data.size);
	ledger_reader_close(r);
}

/* Copies a member's value without quotes; false where it is not there. */
static bool
member(const char *json, size_t size, const char *name, char *out, size_t capacity)
{
	char pattern[64];
	const char *at;
	size_t used = 0;

	(void)snprintf(pattern, sizeof(pattern), "\"%s\":", name);
	at = memmem(json, size, pattern, strlen(pattern));
	if (at == NULL)
		return false;
	at += strlen(pattern);
	if (*at == '"')
		at++;
	while (used + 1 < capacity && *at != '"' && *at != ',' && *at != '}')
		out[used++] = *at++;
	out[used] = '\0';
	return true;
}

void
world_brief(const char *json, size_t size, char *lines, size_t capacity)
{
	static const char *const names[] = { "cellId",      "epoch",     "otherEpoch", "cause",
					     "probeSource", "seq",       "first",      "last",
					     "atLeast",     "reason",    "goodbye",    "frames",
					     "elapsedMs",   "silenceMs", "clean",      "restarts",
					     "direction",   "pausedMs",  "count",      "stream",
					     "error" };
	char type[128] = "?";
	char value[128];
	const char *word;
	size_t at = strlen(lines);
	size_t i;

	/* The type is the last member: no guest's text comes after it. */
	(void)member(json, size, "specversion", value, sizeof(value));
	for (i = size; i > 8; i--) {
		if (memcmp(json + i - 8, "\"type\":\"", 8) == 0)
			break;
	}
	(void)snprintf(type, sizeof(type), "%.*s", (int)(size - i - 2), json + i);
	word = strrchr(type, '.');
	at += (size_t)snprintf(lines + at, capacity - at, "%s", word != NULL ? word + 1 : type);
	for (i = 0; i < COUNT_OF(names); i++) {
		bool is_count = strcmp(names[i], "count") == 0;

		if (!member(json, size, names[i], value, sizeof(value)))
			continue;
		/* A gap's range says its count, and a stream's name is in every hello. */
		if (strcmp(names[i], "stream") == 0 && strstr(type, "silenced") == NULL &&
		    strstr(type, "resumed") == NULL)
			continue;
		if (is_count && strstr(type, "rejected") == NULL)
			continue;
		if (strcmp(names[i], "cellId") == 0)
			at += (size_t)snprintf(lines + at, capacity - at, " %s", value);
		else
			at += (size_t)snprintf(lines + at, capacity - at, " %s=%s", names[i],
					       value);
	}
	assert_true(at + 2 < capacity);
	lines[at] = '\n';
	lines[at + 1] = '\0';
}

struct lines {
	char text[WORLD_LINES_BYTES];
};

static void
collect(void *ctx, uint64_t index, const char *json, size_t size)
{
	struct lines *l = ctx;

	(void)index;
	world_brief(json, size, l->text, sizeof(l->text));
}

void
world_assert_leaves(struct world *w, enum proto_ledger ledger, uint64_t from, const char *want)
{
	static struct lines l;

	l.text[0] = '\0';
	world_leaves(w, ledger, from, collect, &l);
	assert_string_equal(l.text, want);
}
