/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The signer between harkd and a notary, both played by the test: what is answered, what ends. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "checkpoint/note.h"
#include "hark-signer/serve.h"
#include "hark-signer/start.h"
#include "proto/message.h"
#include "tree.h"
#include "unit/os/folder.h"

#define ORIGIN "h.example/evidence"

/* What a failing disk does is the test's word. */
static bool disk_fails;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int
__wrap_fdatasync(int fd)
{
	if (disk_fails) {
		errno = EIO;
		return -1;
	}
	return __real_fdatasync(fd);
}

struct world {
	struct folder folder;
	struct signer signer;
	struct loop *loop;
	int harkd;  /* the test's end of the supervisor's channel */
	int theirs; /* the signer's end */
	int notary; /* the test's end of the link; -1 where there is none */
	struct message m;
	uint8_t bytes[IPC_BYTES_MAX];
};

static struct serve serve;
static struct world w;

static void
pair(int *ours, int *theirs)
{
	int both[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both), 0);
	*ours = both[0];
	*theirs = both[1];
}

static void
open_world(bool rotate)
{
	struct start how = { .ledger = PROTO_EVIDENCE, .create = true, .rotate = rotate };
	struct keys_failure why;

	w.signer = (struct signer){ .origin = ORIGIN };
	how.dirfd = w.folder.fd;
	if (start_open(&how, &w.signer, &why) != ERR_OK)
		fail_msg("%s", why.text);
	pair(&w.harkd, &w.theirs);
	w.notary = -1;
	assert_int_equal(loop_create(NULL, &w.loop), ERR_OK);
	assert_int_equal(serve_init(&serve, &w.signer, w.loop, w.theirs), ERR_OK);
}

static void
close_world(void)
{
	serve_finish(&serve);
	loop_destroy(w.loop);
	signer_finish(&w.signer);
	file_close(&w.harkd);
	file_close(&w.theirs);
	file_close(&w.notary);
}

static int
set_up(void **state)
{
	(void)state;
	folder_make(&w.folder);
	open_world(false);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	close_world();
	folder_remove(&w.folder);
	return 0;
}

static void
turn(void)
{
	assert_int_equal(loop_turn(w.loop, false), ERR_OK);
}

/* One message to harkd's or the notary's signer, and what it does then. */
static void
say(int fd)
{
	assert_int_equal(message_send(fd, &w.m), ERR_OK);
	turn();
}

static enum message_type
hear(int fd)
{
	enum err e = message_receive(fd, w.bytes, sizeof(w.bytes), &w.m);

	return e == ERR_OK ? w.m.type : MESSAGE_NONE;
}

static bool
is_closed(int fd)
{
	return message_receive(fd, w.bytes, sizeof(w.bytes), &w.m) == ERR_END;
}

/* A new link; takes its HEAD, which must be of so many leaves. */
static void
give_link(uint64_t size)
{
	int theirs;

	file_close(&w.notary);
	pair(&w.notary, &theirs);
	message_init(&w.m, MESSAGE_SIGNER_LINK, 0);
	w.m.fds[0] = theirs;
	w.m.fd_count = 1;
	say(w.harkd);
	file_close(&theirs);
	assert_int_equal(hear(w.notary), MESSAGE_HEAD);
	assert_int_equal(w.m.id, 0);
	assert_true(message_number(&w.m, FIELD_SIZE, 77) == size);
}

static void
ask(const struct signer_request *r, uint64_t id)
{
	message_init(&w.m, MESSAGE_SIGN, id);
	message_set_number(&w.m, FIELD_SIZE, r->size);
	message_set_bytes(&w.m, FIELD_ROOT, r->root.bytes, sizeof(r->root.bytes));
	message_set_bytes(&w.m, FIELD_PROOF, r->proof, r->proof_count * MERKLE_HASH_BYTES);
	say(w.notary);
}

static void
expect_signed(const struct signer_request *r, uint64_t id)
{
	struct checkpoint c;
	static struct note n;
	struct bytes note;

	assert_int_equal(hear(w.notary), MESSAGE_SIGNED);
	assert_true(w.m.id == id);
	assert_true(message_number(&w.m, FIELD_SIZE, 77) == r->size);
	assert_memory_equal(message_bytes(&w.m, FIELD_ROOT).data, r->root.bytes, 32);
	note = message_bytes(&w.m, FIELD_NOTE);
	assert_int_equal(note_read(note.data, note.size, &n), ERR_OK);
	assert_int_equal(checkpoint_read(n.text, &c), ERR_OK);
	assert_true(c.size == r->size && merkle_equal(&c.root, &r->root));
}

static void
expect_refused(const struct signer_request *head, uint64_t id, enum exit_code code)
{
	assert_int_equal(hear(w.notary), MESSAGE_REFUSED);
	assert_true(w.m.id == id);
	assert_true(message_number(&w.m, FIELD_CODE, 77) == (uint64_t)code);
	assert_true(message_bytes(&w.m, FIELD_TEXT).size > 20);
	assert_true(message_number(&w.m, FIELD_SIZE, 77) == head->size);
	assert_memory_equal(message_bytes(&w.m, FIELD_ROOT).data, head->root.bytes, 32);
}

static void
signs_and_refuses(void **state)
{
	struct signer_request a = tree_request(0, 0, 7);
	struct signer_request b = tree_request(0, 7, 20);
	struct signer_request fork = tree_request(1, 7, 21);

	(void)state;
	give_link(0);
	ask(&a, 41);
	expect_signed(&a, 41);
	ask(&fork, 42);
	expect_refused(&a, 42, EXIT_TAMPERED);
	ask(&b, 43);
	expect_signed(&b, 43);
	ask(&a, 44);
	expect_refused(&b, 44, EXIT_TAMPERED);
	/* A refusal does not end the link; a second notary hears where the log stands. */
	give_link(20);
	fork = tree_request(1, 20, 20);
	ask(&fork, 45);
	expect_refused(&b, 45, EXIT_TAMPERED);
	b = tree_request(0, 20, 20);
	ask(&b, 46);
	expect_signed(&b, 46);
}

static void
a_disk_that_fails_is_told(void **state)
{
	struct signer_request a = tree_request(0, 0, 7);
	struct signer_request nothing = tree_request(0, 0, 0);

	(void)state;
	give_link(0);
	disk_fails = true;
	ask(&a, 1);
	disk_fails = false;
	expect_refused(&nothing, 1, EXIT_IO);
	ask(&a, 2);
	expect_signed(&a, 2);
}

/* The note of a change comes on every link, after the head and unasked. */
static void
a_changed_key_is_told(void **state)
{
	struct signer_request a = tree_request(0, 0, 7);
	struct signer_request b = tree_request(0, 7, 20);
	static struct note n;
	unsigned int i;

	(void)state;
	give_link(0);
	ask(&a, 1);
	expect_signed(&a, 1);
	close_world();
	open_world(true);
	for (i = 0; i < 3; i++) {
		struct bytes note;

		give_link(i < 2 ? 7 : 20);
		expect_signed(&a, 0);
		note = message_bytes(&w.m, FIELD_NOTE);
		assert_int_equal(note_read(note.data, note.size, &n), ERR_OK);
		assert_int_equal(n.count, 2);
		if (i == 1) {
			ask(&b, 2);
			expect_signed(&b, 2);
		}
		assert_int_equal(hear(w.notary), MESSAGE_NONE);
	}
}

/* What is not due costs a notary its link, and changes nothing. */
static void
a_strange_notary_loses_its_link(void **state)
{
	struct signer_request a = tree_request(0, 0, 7);
	struct signer_request half = a;
	char garbage[] = "what is this?";
	unsigned int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		give_link(0);
		message_init(&w.m, MESSAGE_SIGN, 1);
		message_set_number(&w.m, FIELD_SIZE, 7);
		message_set_bytes(&w.m, FIELD_ROOT, a.root.bytes, i == 0 ? 31 : 32);
		message_set_bytes(&w.m, FIELD_PROOF, half.proof, i == 1 ? 33 : 0);
		if (i == 2)
			message_init(&w.m, MESSAGE_STOP, 0);
		if (i == 3) {
			message_init(&w.m, MESSAGE_SIGNER_LINK, 0);
			w.m.fds[0] = w.harkd;
			w.m.fd_count = 1;
		}
		if (i == 4) {
			assert_int_equal(send(w.notary, garbage, sizeof(garbage), 0),
					 sizeof(garbage));
			turn();
		} else if (i == 5) {
			file_close(&w.notary);
			turn();
			continue;
		} else {
			say(w.notary);
		}
		assert_true(is_closed(w.notary));
	}
	give_link(0);
	ask(&a, 9);
	expect_signed(&a, 9);
}

/* Answers that nobody reads do not pile up, and nobody waits for them. */
static void
a_notary_that_does_not_read_loses_its_link(void **state)
{
	struct signer_request a = tree_request(0, 0, 7);
	unsigned int i;

	(void)state;
	give_link(0);
	for (i = 0; i < 100000; i++) {
		message_init(&w.m, MESSAGE_SIGN, i);
		message_set_number(&w.m, FIELD_SIZE, 7);
		message_set_bytes(&w.m, FIELD_ROOT, a.root.bytes, 32);
		message_set_bytes(&w.m, FIELD_PROOF, NULL, 0);
		if (message_send(w.notary, &w.m) != ERR_OK)
			break;
		turn();
	}
	assert_true(i > 10 && i < 100000);
	assert_int_equal(serve.link_fd, -1);
	give_link(7);
}

static void
ends_at_harkds_word(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		static const enum exit_code want[] = { EXIT_OK, EXIT_OK, EXIT_PROTOCOL,
						       EXIT_PROTOCOL };

		give_link(0);
		message_init(&w.m, i == 2 ? MESSAGE_NOTARY_STOP : MESSAGE_STOP, 0);
		if (i == 1)
			file_close(&w.harkd);
		else if (i == 3)
			assert_int_equal(send(w.harkd, "garbage", 7, 0), 7);
		else
			assert_int_equal(message_send(w.harkd, &w.m), ERR_OK);
		assert_int_equal(serve_run(&serve), want[i]);
		close_world();
		open_world(false);
	}
}

static void
setup_is_read_strictly(void **state)
{
	struct signer s = { 0 };
	struct start how;

	(void)state;
	message_init(&w.m, MESSAGE_SIGNER_SETUP, 0);
	message_set_number(&w.m, FIELD_LEDGER, PROTO_LEDGERS);
	message_set_text(&w.m, FIELD_ORIGIN, ORIGIN);
	message_set_number(&w.m, FIELD_CONFINE, 1);
	w.m.fds[0] = dup(w.harkd);
	w.m.fd_count = 1;
	assert_int_equal(start_read(&w.m, &how, &s), ERR_FORMAT);
	message_set_number(&w.m, FIELD_LEDGER, PROTO_OPERATIONS);
	message_set_number(&w.m, FIELD_CREATE, 1);
	assert_int_equal(start_read(&w.m, &how, &s), ERR_OK);
	assert_string_equal(s.origin, ORIGIN);
	assert_true(how.create && !how.rotate && how.require_confinement);
	assert_string_equal(start_ledger_name(how.ledger), "operations");
	assert_int_equal(w.m.fds[0], -1);
	file_close(&how.dirfd);
	message_close(&w.m);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(signs_and_refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_disk_that_fails_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_changed_key_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_strange_notary_loses_its_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_notary_that_does_not_read_loses_its_link, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(ends_at_harkds_word, set_up, tear_down),
		cmocka_unit_test_setup_teardown(setup_is_read_strictly, set_up, tear_down),
	};

	if (keys_start() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("hark-signer/serve", tests, NULL, NULL);
}
