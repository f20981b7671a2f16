/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Receivers as they should not be, what they send again, and what they are told. */
#include "world.h"

static struct record
opened(uint16_t slot, uint32_t connection)
{
	struct record r;

	memset(&r, 0, sizeof(r));
	r.type = RECORD_OPENED;
	r.slot = slot;
	r.connection = connection;
	return r;
}

static struct record
declared(uint16_t slot, uint32_t connection, const char *source, const char *comm)
{
	struct record r;

	memset(&r, 0, sizeof(r));
	r.type = RECORD_DECLARED;
	r.slot = slot;
	r.connection = connection;
	r.session.mode = HARK_WIRE_CELLOS;
	r.declaration.content_version = 1;
	r.declaration.probe_source = hark_text_of(source);
	r.declaration.guest_comm = hark_text_of(comm);
	return r;
}

static void
open_world(struct world *w)
{
	memset(w, 0, sizeof(*w));
	world_create(w);
	world_cell(w, "c0", "r", 1);
	world_cell(w, "c1", "r", 2);
	world_channel(w, 9, 100);
	world_slot(w, 0, 1);
	world_commit(w);
}

/* The second record of each row breaks the rule. */
static void
ends_who_breaks_the_protocol(void **state)
{
	static struct world w;
	const struct record good = opened(0, 1);
	struct record slot = opened(1, 2);
	struct record twice = opened(0, 1);
	struct record unknown = declared(0, 5, "x", "y");
	struct record changed = declared(0, 1, "x", "y");
	struct record no_hello = declared(0, 1, "x", "y");
	const struct {
		const char *reason;
		const struct record *r;
	} rows[] = {
		{ "slot_not_given", &slot },        { "connection_repeated", &twice },
		{ "connection_unknown", &unknown }, { "session_changed", &changed },
		{ "no_hello", &no_hello },
	};
	size_t i;

	(void)state;
	changed.type = RECORD_CLOSED;
	changed.session.mode = HARK_WIRE_HARK;
	changed.session.stream = 5;
	no_hello.session.mode = HARK_WIRE_HARK;
	no_hello.declaration.content_version = 2;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t first;
		char want[128];

		open_world(&w);
		first = world_size(&w, PROTO_EVIDENCE);
		world_add(&w, &good);
		world_add(&w, rows[i].r);
		world_send(&w);
		assert_string_equal(w.violation, rows[i].reason);
		assert_false(notary_channel_is_read(w.core, 9));
		world_commit(&w);
		(void)snprintf(want, sizeof(want), "protocol_violation c0 reason=%s\n",
			       rows[i].reason);
		world_assert_leaves(&w, PROTO_EVIDENCE, first, want);
		/* Then its receiver ends. */
		assert_int_equal(notary_channel_gone(w.core, 9, &w.now), ERR_OK);
		world_commit(&w);
		world_destroy(&w);
	}
}

static void
ends_who_sends_no_batch(void **state)
{
	static struct world w;
	struct record r = opened(0, 1);
	uint8_t bytes[256] = { 0 };
	struct record_batch head = { .first = 0, .count = 1 };
	size_t size = 0;

	(void)state;
	open_world(&w);
	world_send_raw(&w, bytes, 0);
	assert_string_equal(w.violation, "malformed_batch");
	world_destroy(&w);

	open_world(&w);
	record_batch_write(&head, bytes);
	assert_int_equal(record_write(&r, bytes + 24, sizeof(bytes) - 24, &size), ERR_OK);
	world_send_raw(&w, bytes, 24 + size + 1);
	assert_string_equal(w.violation, "malformed_batch");
	world_destroy(&w);

	open_world(&w);
	bytes[26] = 9; /* the record's type */
	world_send_raw(&w, bytes, 24 + size);
	assert_string_equal(w.violation, "malformed_record");
	world_destroy(&w);

	open_world(&w);
	head.first = 1;
	record_batch_write(&head, bytes);
	world_send_raw(&w, bytes, 24 + size);
	assert_string_equal(w.violation, "number_skipped");
	world_destroy(&w);
}

static void
asks_harkd_before_it_judges_a_slot(void **state)
{
	static struct world w;
	const struct record r = opened(1, 1);
	const struct record_batch head = { .first = 0, .count = 1 };
	uint8_t *buffer;
	size_t size = 0;

	(void)state;
	open_world(&w);
	buffer = notary_buffer(w.core);
	assert_non_null(buffer);
	record_batch_write(&head, buffer);
	assert_int_equal(record_write(&r, buffer + 24, 64, &size), ERR_OK);
	assert_int_equal(notary_message(w.core, 9, 24 + size, &w.now), NOTARY_WANTS_CONTROL);
	assert_null(notary_buffer(w.core));
	world_slot(&w, 1, 2);
	assert_int_equal(notary_resume(w.core), NOTARY_TAKEN);
	assert_string_equal(w.violation, "");
	assert_true(notary_channel_is_read(w.core, 9));
	world_destroy(&w);
}

static void
tells_what_is_durable_and_no_more(void **state)
{
	static struct world w;
	const struct record open = opened(0, 1);
	const struct record said = declared(0, 1, "process.spawned", "sh");

	(void)state;
	open_world(&w);
	world_add(&w, &open);
	world_add(&w, &said);
	world_send(&w);
	world_tick(&w);
	assert_int_equal(w.receipts, 0);
	world_wait(&w, 4999000);
	assert_int_equal(w.receipts, 0);
	world_wait(&w, 1000);
	assert_int_equal(w.receipts, 1);
	assert_true(w.receipt_next == 2);
	assert_true(w.receipt_bytes > 100);
	/* One that finds no room comes later, with what is then true. */
	w.no_receipts = true;
	world_add(&w, &said);
	world_send(&w);
	world_commit(&w);
	assert_int_equal(w.receipts, 1);
	world_add(&w, &said);
	world_send(&w);
	world_commit(&w);
	w.no_receipts = false;
	world_wait(&w, 10000000);
	assert_int_equal(w.receipts, 2);
	assert_true(w.receipt_next == 4);
	world_destroy(&w);
}

/* A notary that died between its commit and the receipt: all that is sent again is durable already,
 * and its guest may have nothing more to say before it hears that. */
static void
tells_again_what_was_durable_before(void **state)
{
	static struct world w;
	const struct record open = opened(0, 1);
	const struct record said = declared(0, 1, "process.spawned", "sh");
	uint64_t first;

	(void)state;
	open_world(&w);
	w.no_receipts = true;
	world_add(&w, &open);
	world_add(&w, &said);
	world_send(&w);
	world_commit(&w);
	assert_int_equal(w.receipts, 0);
	world_kill(&w);
	w.no_receipts = false;
	w.restarts = 1;
	world_start(&w);
	world_cell(&w, "c0", "r", 1);
	world_channel(&w, 9, 100);
	world_slot(&w, 0, 1);
	world_commit(&w);
	w.receipts = 0;
	first = world_size(&w, PROTO_EVIDENCE);
	w.next_record = 0;
	world_add(&w, &open);
	world_add(&w, &said);
	world_send(&w);
	world_tick(&w);
	assert_int_equal(w.receipts, 1);
	assert_true(w.receipt_next == 2);
	assert_true(world_size(&w, PROTO_EVIDENCE) == first);
	world_destroy(&w);
}

/* A text of which each byte becomes six, so that one message is more than a batch. */
static void
takes_a_message_that_is_more_than_a_batch(void **state)
{
	static struct world w;
	static char comm[4000];
	struct record r = opened(0, 1);
	uint64_t first;
	uint32_t i;

	(void)state;
	open_world(&w);
	first = world_size(&w, PROTO_EVIDENCE);
	world_add(&w, &r);
	memset(comm, 1, sizeof(comm) - 1);
	for (i = 0; i < 15; i++) {
		r = declared(0, 1, "process.spawned", comm);
		world_add(&w, &r);
	}
	world_send(&w);
	world_commit(&w);
	assert_true(world_size(&w, PROTO_EVIDENCE) == first + 15);
	assert_true(w.receipt_next == 16);
	/* Others were read meanwhile no more than there was room for; nobody was forgotten. */
	r = declared(0, 1, "process.exited", "sh");
	world_add(&w, &r);
	world_send(&w);
	world_commit(&w);
	world_assert_leaves(&w, PROTO_EVIDENCE, first + 15,
			    "process_exited c0 epoch=1 probeSource=process.exited\n");
	world_destroy(&w);
}

static void
knows_its_channels(void **state)
{
	static struct world w;

	(void)state;
	open_world(&w);
	assert_int_equal(notary_channel_add(w.core, 9, 200), ERR_EXISTS);
	assert_int_equal(notary_channel_add(w.core, 10, 100), ERR_EXISTS);
	assert_int_equal(notary_channel_add(w.core, 0, 200), ERR_ARGUMENT);
	assert_int_equal(notary_channel_add(w.core, 10, 0), ERR_ARGUMENT);
	assert_int_equal(notary_channel_slot(w.core, 9, 0, 2), ERR_EXISTS);
	assert_int_equal(notary_channel_slot(w.core, 9, 1, 7), ERR_MISSING);
	assert_int_equal(notary_channel_slot(w.core, 8, 1, 2), ERR_MISSING);
	assert_int_equal(notary_channel_gone(w.core, 8, &w.now), ERR_MISSING);
	assert_int_equal(notary_channel_gone(w.core, 9, &w.now), ERR_OK);
	assert_int_equal(notary_channel_gone(w.core, 9, &w.now), ERR_MISSING);
	world_destroy(&w);
}

/* A slot is free again once its cell was removed. */
static void
gives_a_slot_again(void **state)
{
	static struct world w;
	struct record r = opened(0, 1);
	uint64_t first;

	(void)state;
	open_world(&w);
	assert_int_equal(notary_cell_remove(w.core, 1, (struct bytes){ NULL, 0 }, 0, &w.now),
			 ERR_OK);
	world_add(&w, &r);
	world_send(&w);
	world_slot(&w, 0, 2);
	world_commit(&w);
	first = world_size(&w, PROTO_EVIDENCE);
	r = opened(0, 2);
	world_add(&w, &r);
	r = declared(0, 2, "process.spawned", "sh");
	world_add(&w, &r);
	world_send(&w);
	world_commit(&w);
	world_assert_leaves(&w, PROTO_EVIDENCE, first,
			    "process_spawned c1 epoch=1 probeSource=process.spawned\n");
	world_destroy(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_who_breaks_the_protocol),
		cmocka_unit_test(ends_who_sends_no_batch),
		cmocka_unit_test(asks_harkd_before_it_judges_a_slot),
		cmocka_unit_test(tells_what_is_durable_and_no_more),
		cmocka_unit_test(tells_again_what_was_durable_before),
		cmocka_unit_test(takes_a_message_that_is_more_than_a_batch),
		cmocka_unit_test(knows_its_channels),
		cmocka_unit_test(gives_a_slot_again),
	};

	return cmocka_run_group_tests_name("hark-notary/channels", tests, NULL, NULL);
}
