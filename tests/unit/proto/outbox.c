/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages that wait for a busy peer: their order, their descriptors, the limit. */
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "os/packet.h"
#include "proto/outbox.h"

static uint8_t buffer[IPC_BYTES_MAX];
static char letters[60000];

static void
make(struct message *m, uint64_t id, bool with_fd)
{
	message_init(m, with_fd ? MESSAGE_RECEIVER_CHANNEL : MESSAGE_OPERATION, id);
	if (with_fd) {
		m->fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(m->fds[0] >= 0);
		m->fd_count = 1;
		return;
	}
	message_set_text(m, FIELD_KIND, "x");
	message_set_bytes(m, FIELD_JSON, letters, sizeof(letters));
}

static int
count_descriptors(void)
{
	int count = 0;
	int fd;

	for (fd = 0; fd < 4096; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void
order_is_kept_while_the_peer_is_busy(void **state)
{
	struct outbox o = { 0 };
	struct message m;
	uint64_t sent = 0;
	uint64_t got = 0;
	int pair[2];
	int before;

	(void)state;
	before = count_descriptors();
	assert_int_equal(packet_pair(pair), ERR_OK);
	while (!outbox_is_waiting(&o) || sent < 50) {
		sent++;
		make(&m, sent, sent % 3 == 0);
		assert_int_equal(outbox_send(&o, pair[0], &m), ERR_OK);
		assert_int_equal(m.fd_count, 0);
		assert_true(sent < 1000);
	}
	while (got < sent) {
		enum err e = message_receive(pair[1], buffer, sizeof(buffer), &m);

		if (e == ERR_AGAIN) {
			e = outbox_flush(&o, pair[0]);
			assert_true(e == ERR_OK || e == ERR_AGAIN);
			continue;
		}
		assert_int_equal(e, ERR_OK);
		assert_true(m.id == ++got);
		assert_int_equal(m.fd_count, got % 3 == 0);
		message_close(&m);
	}
	assert_int_equal(outbox_flush(&o, pair[0]), ERR_OK);
	assert_false(outbox_is_waiting(&o));
	assert_int_equal(o.bytes, 0);
	(void)close(pair[0]);
	(void)close(pair[1]);
	assert_int_equal(count_descriptors(), before);
}

static void
a_limit_holds_and_what_waits_is_closed_at_the_end(void **state)
{
	struct outbox o = { 0 };
	struct message m;
	uint64_t sent = 0;
	enum err e = ERR_OK;
	int pair[2];
	int before;

	(void)state;
	before = count_descriptors();
	assert_int_equal(packet_pair(pair), ERR_OK);
	while (e == ERR_OK) {
		sent++;
		make(&m, sent, sent > 50 && sent < 60);
		e = outbox_send(&o, pair[0], &m);
		assert_true(sent < 10000);
	}
	assert_int_equal(e, ERR_LIMIT);
	assert_true(o.bytes <= OUTBOX_BYTES_MAX);
	assert_true(o.bytes > OUTBOX_BYTES_MAX - 2 * IPC_BYTES_MAX);
	/* Those of a refused message are closed too. */
	make(&m, ++sent, false);
	assert_int_equal(outbox_send(&o, pair[0], &m), ERR_LIMIT);
	outbox_finish(&o);
	assert_false(outbox_is_waiting(&o));
	(void)close(pair[0]);
	(void)close(pair[1]);
	assert_int_equal(count_descriptors(), before);
}

static void
a_peer_that_has_gone_is_said(void **state)
{
	struct outbox o = { 0 };
	struct message m;
	int pair[2];
	int before;

	(void)state;
	assert_int_equal(packet_pair(pair), ERR_OK);
	(void)close(pair[1]);
	before = count_descriptors();
	make(&m, 1, true);
	assert_int_equal(outbox_send(&o, pair[0], &m), ERR_END);
	assert_int_equal(count_descriptors(), before);
	assert_false(outbox_is_waiting(&o));
	(void)close(pair[0]);
}

static void
what_cannot_be_written_is_refused(void **state)
{
	struct outbox o = { 0 };
	struct message m;
	int pair[2];

	(void)state;
	assert_int_equal(packet_pair(pair), ERR_OK);
	message_init(&m, MESSAGE_STOP, 0);
	message_set_text(&m, FIELD_TEXT, "\xff");
	assert_int_equal(outbox_send(&o, pair[0], &m), ERR_FORMAT);
	message_set_bytes(&m, FIELD_TEXT, letters, 1025);
	assert_int_equal(outbox_send(&o, pair[0], &m), ERR_LIMIT);
	assert_false(outbox_is_waiting(&o));
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_kept_while_the_peer_is_busy),
		cmocka_unit_test(a_limit_holds_and_what_waits_is_closed_at_the_end),
		cmocka_unit_test(a_peer_that_has_gone_is_said),
		cmocka_unit_test(what_cannot_be_written_is_refused),
	};

	memset(letters, 'a', sizeof(letters));
	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
