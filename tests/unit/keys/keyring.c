/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A ledger's key and its files: what is refused, and each call that fails, and each crash. */
#include <string.h>

#include "guarded_faults.h"
#include "keys/keyring.h"
#include "unit/os/folder.h"

#define ORIGIN "h.example/evidence"

static const uint8_t empty[HEAD_ROOT_BYTES] = { 0xe3, 0xb0 };
static const uint8_t grown[HEAD_ROOT_BYTES] = { 7 };

static enum err
create(const struct folder *f, struct keys_failure *why)
{
	return keyring_create(f->fd, "evidence", ORIGIN, empty, why);
}

static enum err
open_ring(const struct folder *f, struct keyring *ring, struct keys_failure *why)
{
	return keyring_open(f->fd, "evidence", ORIGIN, ring, why);
}

static void
made_once_and_opened(void **state)
{
	struct keys_verifier of_key;
	struct keys_verifier of_pub;
	struct keyring ring = { 0 };
	struct keys_failure why;
	struct folder f;

	(void)state;
	folder_make(&f);
	assert_int_equal(open_ring(&f, &ring, &why), ERR_MISSING);
	assert_non_null(strstr(why.text, "evidence.key: not there; restore it"));
	assert_int_equal(create(&f, &why), ERR_OK);
	assert_int_equal(folder_count(&f), 3);
	assert_int_equal(folder_mode(&f, "evidence.key"), 0600);
	assert_int_equal(folder_mode(&f, "evidence.pub"), 0644);
	assert_int_equal(folder_mode(&f, "evidence.head"), 0600);
	assert_int_equal(create(&f, &why), ERR_EXISTS);
	assert_int_equal(open_ring(&f, &ring, &why), ERR_OK);
	assert_true(ring.head.size == 0);
	assert_memory_equal(ring.head.root, empty, sizeof(empty));
	keys_signer_verifier(ring.key, &of_key);
	assert_string_equal(of_key.name, ORIGIN);
	assert_int_equal(keyring_read_pub(f.fd, "evidence.pub", &of_pub, &why), ERR_OK);
	assert_memory_equal(&of_pub, &of_key, sizeof(of_key));
	keyring_close(&ring);
	keyring_close(&ring);
	keyring_close(NULL);
	assert_int_equal(fault_guarded, 0);
	folder_remove(&f);
}

static void
pub_follows_the_key(void **state)
{
	static const char *const wrong[] = {
		"", "nonsense\n",
		"h.example/evidence+50252aee+AU0Ow6DQP+//k6m8zioktAbUb0Su/x93h9rtsTyq+kAs\n"
	};
	struct keyring ring = { 0 };
	struct keys_failure why;
	struct folder f;
	char right[512];
	char text[512];
	size_t i;

	(void)state;
	folder_make(&f);
	assert_int_equal(create(&f, &why), ERR_OK);
	(void)folder_read(&f, "evidence.pub", right, sizeof(right));
	assert_int_equal(unlinkat(f.fd, "evidence.pub", 0), 0);
	for (i = 0; i < COUNT_OF(wrong); i++) {
		assert_int_equal(open_ring(&f, &ring, &why), ERR_OK);
		keyring_close(&ring);
		(void)folder_read(&f, "evidence.pub", text, sizeof(text));
		assert_string_equal(text, right);
		folder_write(&f, "evidence.pub", wrong[i], strlen(wrong[i]), 0644);
	}
	folder_remove(&f);
}

static void
refuses(void **state)
{
	struct keyring ring = { 0 };
	struct keys_verifier v;
	struct keys_failure why;
	struct folder f;

	(void)state;
	folder_make(&f);
	assert_int_equal(keyring_create(f.fd, "evidence", "two words", empty, &why), ERR_ARGUMENT);
	assert_int_equal(folder_count(&f), 0);
	assert_int_equal(create(&f, &why), ERR_OK);
	assert_int_equal(keyring_open(f.fd, "evidence", "h.example/operations", &ring, &why),
			 ERR_REFUSED);
	assert_string_equal(
		why.text,
		"evidence.key: it is the key of another origin than h.example/operations");
	assert_int_equal(fchmodat(f.fd, "evidence.key", 0644, 0), 0);
	assert_int_equal(open_ring(&f, &ring, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "evidence.key: its mode is 0644"));
	assert_int_equal(fchmodat(f.fd, "evidence.key", 0600, 0), 0);

	/* A key that has signed, or may have, without its head. */
	assert_int_equal(renameat(f.fd, "evidence.head", f.fd, "kept"), 0);
	assert_int_equal(open_ring(&f, &ring, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "evidence.head: not there"));
	folder_write(&f, "evidence.head", "", 0, 0600);
	assert_int_equal(open_ring(&f, &ring, &why), ERR_FORMAT);
	assert_non_null(strstr(why.text, "evidence.head: damaged"));
	assert_int_equal(renameat(f.fd, "kept", f.fd, "evidence.head"), 0);

	assert_int_equal(keyring_read_pub(f.fd, "none.pub", &v, &why), ERR_MISSING);
	assert_string_equal(why.text, "none.pub: No such file or directory");
	folder_write(&f, "none.pub", "x", 1, 0644);
	assert_int_equal(keyring_read_pub(f.fd, "none.pub", &v, &why), ERR_FORMAT);
	assert_non_null(strstr(why.text, "none.pub: not a verifier key"));
	assert_null(ring.key);
	assert_int_equal(fault_guarded, 0);
	folder_remove(&f);
}

/* A new key for what a lost one signed would make two logs of one origin. */
static void
a_lost_key_is_not_replaced(void **state)
{
	struct keyring ring = { 0 };
	struct keys_failure why;
	struct folder f;

	(void)state;
	folder_make(&f);
	assert_int_equal(create(&f, &why), ERR_OK);
	assert_int_equal(unlinkat(f.fd, "evidence.key", 0), 0);
	/* Nothing was signed: as if it had never been. */
	assert_int_equal(create(&f, &why), ERR_OK);
	assert_int_equal(open_ring(&f, &ring, &why), ERR_OK);
	assert_int_equal(head_advance(&ring.head, 7, grown), ERR_OK);
	keyring_close(&ring);
	assert_int_equal(unlinkat(f.fd, "evidence.key", 0), 0);
	assert_int_equal(create(&f, &why), ERR_REFUSED);
	assert_non_null(
		strstr(why.text, "evidence.head: 7 leaves were signed by a key that is gone"));
	assert_false(folder_has(&f, "evidence.key"));
	assert_int_equal(unlinkat(f.fd, "evidence.head", 0), 0);
	assert_int_equal(keyring_create(f.fd, "evidence", "other/origin", empty, &why), ERR_OK);
	assert_int_equal(unlinkat(f.fd, "evidence.key", 0), 0);
	assert_int_equal(create(&f, &why), ERR_REFUSED);
	folder_remove(&f);
}

/* After a fault at any call, or a crash before it, the next start has a whole key or makes one. */
static void
making_fails_cleanly_at_each_call(void **state)
{
	unsigned int killed;
	unsigned int n;

	(void)state;
	for (killed = 0; killed < 2; killed++) {
		for (n = 1;; n++) {
			struct keyring ring = { 0 };
			struct keys_failure why = { { 0 } };
			struct folder f;
			int before;
			enum err e;

			folder_make(&f);
			before = fault_next_descriptor();
			fault_start(n, killed != 0);
			e = create(&f, &why);
			if (!fault_stop()) {
				assert_int_equal(e, ERR_OK);
				folder_remove(&f);
				break;
			}
			if (e != ERR_OK)
				assert_true(why.text[0] != '\0');
			assert_int_equal(fault_next_descriptor(), before);
			assert_int_equal(fault_guarded, 0);
			e = create(&f, &why);
			assert_true(e == ERR_OK || e == ERR_EXISTS);
			assert_int_equal(open_ring(&f, &ring, &why), ERR_OK);
			keyring_close(&ring);
			/* What a crash left of a file that was being written is not one more. */
			assert_true(folder_has(&f, "evidence.key") &&
				    folder_has(&f, "evidence.pub") &&
				    folder_has(&f, "evidence.head"));
			folder_remove(&f);
		}
		assert_true(n > 15);
	}
}

static void
opening_fails_cleanly_at_each_call(void **state)
{
	struct keys_failure why = { { 0 } };
	struct keyring ring = { 0 };
	struct folder f;
	unsigned int n;

	(void)state;
	folder_make(&f);
	assert_int_equal(create(&f, &why), ERR_OK);
	for (n = 1;; n++) {
		int before = fault_next_descriptor();
		enum err e;

		/* So that it has to be written, which is a step too. */
		assert_int_equal(unlinkat(f.fd, "evidence.pub", 0), 0);
		why.text[0] = '\0';
		fault_start(n, false);
		e = open_ring(&f, &ring, &why);
		if (!fault_stop()) {
			assert_int_equal(e, ERR_OK);
			break;
		}
		if (e == ERR_OK) {
			keyring_close(&ring);
		} else {
			assert_true(why.text[0] != '\0');
			assert_null(ring.key);
		}
		assert_int_equal(fault_next_descriptor(), before);
		assert_int_equal(fault_guarded, 0);
		assert_int_equal(open_ring(&f, &ring, &why), ERR_OK);
		keyring_close(&ring);
		ring = (struct keyring){ 0 };
	}
	assert_true(n > 8);
	keyring_close(&ring);
	folder_remove(&f);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_once_and_opened),
		cmocka_unit_test(pub_follows_the_key),
		cmocka_unit_test(refuses),
		cmocka_unit_test(a_lost_key_is_not_replaced),
		cmocka_unit_test(making_fails_cleanly_at_each_call),
		cmocka_unit_test(opening_fails_cleanly_at_each_call),
	};

	if (keys_start() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("keys/keyring", tests, NULL, NULL);
}
