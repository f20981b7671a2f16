/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages of the process connector: all kinds, all cuts, all single-bit flips; and gaps. */
#include <string.h>

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include "hark-agent/proc_connector.h"
#include "unit.h"

#define MESSAGE_BYTES (sizeof(struct nlmsghdr) + sizeof(struct cn_msg) + sizeof(struct proc_event))

static size_t
make(const struct proc_event *event, uint32_t seq, uint8_t *out)
{
	struct nlmsghdr head;
	struct cn_msg connector;

	memset(&head, 0, sizeof(head));
	memset(&connector, 0, sizeof(connector));
	head.nlmsg_len = MESSAGE_BYTES;
	head.nlmsg_type = NLMSG_DONE;
	connector.id.idx = CN_IDX_PROC;
	connector.id.val = CN_VAL_PROC;
	connector.seq = seq;
	connector.len = sizeof(*event);
	memcpy(out, &head, sizeof(head));
	memcpy(out + sizeof(head), &connector, sizeof(connector));
	memcpy(out + sizeof(head) + sizeof(connector), event, sizeof(*event));
	return MESSAGE_BYTES;
}

static struct proc_event
a_fork(void)
{
	struct proc_event event;

	memset(&event, 0, sizeof(event));
	event.what = PROC_EVENT_FORK;
	event.cpu = 3;
	event.timestamp_ns = 77;
	event.event_data.fork.parent_pid = 11;
	event.event_data.fork.parent_tgid = 10;
	event.event_data.fork.child_pid = 21;
	event.event_data.fork.child_tgid = 20;
	return event;
}

static struct connector_event
read_one(const struct proc_event *event)
{
	uint8_t data[MESSAGE_BYTES];
	struct connector_event got;
	size_t size = make(event, 9, data);
	size_t at = 0;

	assert_int_equal(connector_next(data, size, &at, &got), ERR_OK);
	assert_int_equal(at, size);
	assert_int_equal(connector_next(data, size, &at, &got), ERR_END);
	return got;
}

static void
each_kind(void **state)
{
	struct proc_event event = a_fork();
	struct connector_event got = read_one(&event);

	(void)state;
	assert_int_equal(got.kind, CONNECTOR_FORK);
	assert_int_equal(got.cpu, 3);
	assert_int_equal(got.sequence, 9);
	assert_int_equal(got.time_ns, 77);
	assert_int_equal(got.parent_tgid, 10);
	assert_int_equal(got.pid, 21);
	assert_int_equal(got.tgid, 20);
	memset(&event.event_data, 0, sizeof(event.event_data));
	event.what = PROC_EVENT_EXIT;
	event.event_data.exit.process_pid = 5;
	event.event_data.exit.process_tgid = 4;
	event.event_data.exit.exit_code = 0x700;
	got = read_one(&event);
	assert_int_equal(got.kind, CONNECTOR_EXIT);
	assert_int_equal(got.pid, 5);
	assert_int_equal(got.tgid, 4);
	assert_int_equal(got.value, 0x700);
	event.what = PROC_EVENT_EXEC;
	assert_int_equal(read_one(&event).kind, CONNECTOR_EXEC);
	event.what = PROC_EVENT_COMM;
	memcpy(event.event_data.comm.comm, "0123456789abcdef", COMM_BYTES);
	got = read_one(&event);
	assert_int_equal(got.kind, CONNECTOR_COMM);
	assert_memory_equal(got.comm, "0123456789abcdef", COMM_BYTES);
	event.what = PROC_EVENT_NONE;
	event.event_data.ack.err = 1;
	got = read_one(&event);
	assert_int_equal(got.kind, CONNECTOR_ANSWER);
	assert_int_equal(got.value, 1);
	event.what = PROC_EVENT_SID;
	assert_int_equal(read_one(&event).kind, CONNECTOR_OTHER);
}

static void
all_cuts_and_flips(void **state)
{
	struct proc_event event = a_fork();
	uint8_t whole[MESSAGE_BYTES];
	struct connector_event got;
	size_t cut;
	size_t bit;

	(void)state;
	(void)make(&event, 1, whole);
	for (cut = 1; cut < sizeof(whole); cut++) {
		/* A copy of just that size lets a sanitizer see every byte read too far. */
		uint8_t *part = test_malloc(cut);
		size_t at = 0;

		memcpy(part, whole, cut);
		assert_int_equal(connector_next(part, cut, &at, &got), ERR_FORMAT);
		test_free(part);
	}
	for (bit = 0; bit < 8 * sizeof(whole); bit++) {
		uint8_t *data = test_malloc(sizeof(whole));
		size_t at = 0;
		enum err e;

		memcpy(data, whole, sizeof(whole));
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		while ((e = connector_next(data, sizeof(whole), &at, &got)) == ERR_OK ||
		       e == ERR_UNSUPPORTED)
			assert_true(at <= sizeof(whole));
		assert_true(e == ERR_END || e == ERR_FORMAT);
		test_free(data);
	}
}

static void
two_in_a_datagram(void **state)
{
	struct proc_event event = a_fork();
	uint8_t data[2 * MESSAGE_BYTES];
	struct connector_event got;
	size_t size = make(&event, 1, data);
	uint16_t stranger = NLMSG_NOOP;
	size_t at = 0;

	(void)state;
	size += make(&event, 2, data + size);
	memcpy(data + offsetof(struct nlmsghdr, nlmsg_type), &stranger, sizeof(stranger));
	assert_int_equal(connector_next(data, size, &at, &got), ERR_UNSUPPORTED);
	assert_int_equal(connector_next(data, size, &at, &got), ERR_OK);
	assert_int_equal(got.sequence, 2);
	assert_int_equal(connector_next(data, size, &at, &got), ERR_END);
}

static void
gaps_by_processor(void **state)
{
	static const struct {
		const char *rule;
		uint32_t cpu, sequence, want;
	} rows[] = {
		{ "the first is no gap", 0, 100, 0 },
		{ "the next", 0, 101, 0 },
		{ "another processor", 1, 7, 0 },
		{ "two missing", 0, 104, 2 },
		{ "going back is no loss", 0, 50, 0 },
		{ "round the end, before", 1, UINT32_MAX - 1, 0 },
		{ "round the end", 1, 1, 2 },
		{ "no such processor", CONNECTOR_CPUS_MAX, 5, 0 },
		{ "an answer has none", UINT32_MAX, 9, 0 },
	};
	static struct connector_gaps gaps;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct connector_event event = { .cpu = rows[i].cpu, .sequence = rows[i].sequence };

		if (connector_gap(&gaps, &event) != rows[i].want)
			fail_msg("%s", rows[i].rule);
	}
}

static void
the_request(void **state)
{
	uint8_t data[CONNECTOR_REQUEST_BYTES];
	struct nlmsghdr head;
	uint32_t operation;

	(void)state;
	connector_request(3, 4, data);
	memcpy(&head, data, sizeof(head));
	memcpy(&operation, data + sizeof(data) - 4, 4);
	assert_int_equal(head.nlmsg_len, sizeof(data));
	assert_int_equal(operation, PROC_CN_MCAST_LISTEN);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),         cmocka_unit_test(all_cuts_and_flips),
		cmocka_unit_test(two_in_a_datagram), cmocka_unit_test(gaps_by_processor),
		cmocka_unit_test(the_request),
	};

	return cmocka_run_group_tests_name("hark-agent/proc_connector", tests, NULL, NULL);
}
