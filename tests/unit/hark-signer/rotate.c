/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A change of the key: all or nothing, whatever fails and wherever it is killed. */
#include <string.h>

#include "checkpoint/note.h"
#include "hark-signer/rotate.h"
#include "hark-signer/start.h"
#include "tree.h"
#include "unit/keys/guarded_faults.h"
#include "unit/os/folder.h"

#define ORIGIN "h.example/operations"
#define LEAVES 7u

static enum err
open_signer(const struct folder *f, bool create, bool rotate, struct signer *s,
	    struct keys_failure *why)
{
	struct start how = {
		.dirfd = f->fd, .ledger = PROTO_OPERATIONS, .create = create, .rotate = rotate
	};

	*s = (struct signer){ .origin = ORIGIN };
	return start_open(&how, s, why);
}

/* A signer that has signed some leaves; gives its key. */
static void
make(const struct folder *f, struct keys_verifier *key)
{
	struct signer_request r = tree_request(0, 0, LEAVES);
	struct keys_failure why;
	struct signer s;

	assert_int_equal(open_signer(f, true, false, &s, &why), ERR_OK);
	assert_int_equal(signer_sign(&s, &r), ERR_OK);
	assert_int_equal(s.rotation.size, 0);
	keys_signer_verifier(s.ring.key, key);
	signer_finish(&s);
}

static bool
same_key(const struct keys_verifier *a, const struct keys_verifier *b)
{
	return a->id == b->id && memcmp(a->public_key, b->public_key, KEYS_PUBLIC_BYTES) == 0;
}

/* The new key is in force: what it led from is on record, and the note has both signatures. */
static void
expect_changed(const struct folder *f, const struct signer *s, const struct keys_verifier *old)
{
	char file[KEYRING_FILE_BYTES];
	struct keys_verifier found;
	struct keys_verifier key;
	struct checkpoint c;
	static struct note n;
	char copy[2048];

	keys_signer_verifier(s->ring.key, &key);
	assert_false(same_key(&key, old));
	(void)snprintf(file, sizeof(file), "operations.%08x.pub", (unsigned int)old->id);
	assert_int_equal(keyring_read_pub(f->fd, file, &found, NULL), ERR_OK);
	assert_true(same_key(&found, old));
	assert_int_equal(keyring_read_pub(f->fd, "operations.pub", &found, NULL), ERR_OK);
	assert_true(same_key(&found, &key));
	assert_false(folder_has(f, "operations.key.next"));
	(void)snprintf(file, sizeof(file), "operations.%08x.rotation", (unsigned int)old->id);
	assert_int_equal(folder_read(f, file, copy, sizeof(copy)), s->rotation.size);
	assert_memory_equal(copy, s->rotation.data, s->rotation.size);

	assert_int_equal(note_read(s->rotation.data, s->rotation.size, &n), ERR_OK);
	assert_int_equal(n.count, 2);
	assert_int_equal(n.signatures[0].key_id, old->id);
	assert_int_equal(n.signatures[1].key_id, key.id);
	assert_true(keys_verify(old, n.text.data, n.text.size, n.signatures[0].bytes));
	assert_true(keys_verify(&key, n.text.data, n.text.size, n.signatures[1].bytes));
	assert_int_equal(checkpoint_read(n.text, &c), ERR_OK);
	assert_string_equal(c.origin, ORIGIN);
	assert_true(c.size == LEAVES && s->rotation_head.size == LEAVES);
	assert_true(merkle_equal(&c.root, &s->rotation_head.root));
}

static void
changes(void **state)
{
	struct signer_request r = tree_request(0, LEAVES, 12);
	struct keys_verifier old;
	struct keys_verifier second;
	struct keys_verifier third;
	struct keys_failure why;
	struct signer s;
	struct folder f;

	(void)state;
	folder_make(&f);
	make(&f, &old);
	assert_int_equal(open_signer(&f, false, true, &s, &why), ERR_OK);
	expect_changed(&f, &s, &old);
	assert_int_equal(folder_mode(&f, "operations.key"), 0600);
	keys_signer_verifier(s.ring.key, &second);
	signer_finish(&s);
	/* The note is there at each start, until the key changes again. */
	assert_int_equal(open_signer(&f, false, false, &s, &why), ERR_OK);
	expect_changed(&f, &s, &old);
	assert_int_equal(signer_sign(&s, &r), ERR_OK);
	signer_finish(&s);
	assert_int_equal(open_signer(&f, false, true, &s, &why), ERR_OK);
	keys_signer_verifier(s.ring.key, &third);
	assert_false(same_key(&third, &second));
	assert_true(s.rotation_head.size == 12);
	signer_finish(&s);
	assert_int_equal(folder_count(&f), 8);
	assert_int_equal(fault_guarded, 0);
	folder_remove(&f);
}

/* Nothing was signed yet: the note is of the empty tree. */
static void
changes_before_the_first_leaf(void **state)
{
	struct merkle_hash empty;
	struct keys_failure why;
	struct signer s;
	struct folder f;

	(void)state;
	folder_make(&f);
	assert_int_equal(open_signer(&f, true, true, &s, &why), ERR_OK);
	merkle_empty(&empty);
	assert_true(s.rotation.size > 0 && s.rotation_head.size == 0);
	assert_true(merkle_equal(&s.rotation_head.root, &empty));
	signer_finish(&s);
	folder_remove(&f);
}

/* A note that is not of this key is nobody's business, and no reason not to start. */
static void
a_strange_note_is_left_alone(void **state)
{
	static const char *const notes[] = { "", "nonsense", "a\n\n\xe2\x80\x94 n AQIDBEE=\n" };
	static char longer[NOTE_BYTES_MAX + 1];
	struct keys_verifier key;
	struct keys_failure why;
	struct folder other;
	struct signer s;
	struct folder f;
	size_t i;

	(void)state;
	folder_make(&f);
	make(&f, &key);
	for (i = 0; i <= COUNT_OF(notes); i++) {
		const char *note = i < COUNT_OF(notes) ? notes[i] : longer;

		folder_write(&f, "operations.rotation", note,
			     i < COUNT_OF(notes) ? strlen(note) : sizeof(longer), 0644);
		assert_int_equal(open_signer(&f, false, false, &s, &why), ERR_OK);
		assert_int_equal(s.rotation.size, 0);
		signer_finish(&s);
	}
	/* A whole one, of other keys of this origin. */
	folder_make(&other);
	assert_int_equal(open_signer(&other, true, true, &s, &why), ERR_OK);
	folder_write(&f, "operations.rotation", s.rotation.data, s.rotation.size, 0644);
	signer_finish(&s);
	folder_remove(&other);
	assert_int_equal(open_signer(&f, false, false, &s, &why), ERR_OK);
	assert_int_equal(s.rotation.size, 0);
	signer_finish(&s);
	folder_remove(&f);
}

/* A next key that is damaged or open to others is told, not thrown away unseen. */
static void
a_strange_next_key_is_refused(void **state)
{
	struct keys_verifier key;
	struct keys_verifier now;
	struct keys_failure why;
	struct folder other;
	struct signer s;
	struct folder f;
	char text[1024];
	size_t size;

	(void)state;
	folder_make(&f);
	make(&f, &key);
	folder_write(&f, "operations.key.next", "x", 1, 0600);
	assert_int_equal(open_signer(&f, false, false, &s, &why), ERR_FORMAT);
	assert_non_null(strstr(why.text, "operations.key.next: not a key"));
	folder_write(&f, "operations.key.next", "x", 1, 0644);
	assert_int_equal(open_signer(&f, false, false, &s, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "operations.key.next: its mode is 0644"));
	/* A key and its note from elsewhere: the old key has not signed it. */
	folder_make(&other);
	assert_int_equal(open_signer(&other, true, true, &s, &why), ERR_OK);
	signer_finish(&s);
	size = folder_read(&other, "operations.key", text, sizeof(text));
	folder_write(&f, "operations.key.next", text, size, 0600);
	size = folder_read(&other, "operations.rotation", text, sizeof(text));
	folder_write(&f, "operations.rotation", text, size, 0644);
	folder_remove(&other);
	assert_int_equal(open_signer(&f, false, false, &s, &why), ERR_OK);
	keys_signer_verifier(s.ring.key, &now);
	assert_true(same_key(&now, &key));
	assert_false(folder_has(&f, "operations.key.next"));
	signer_finish(&s);
	folder_remove(&f);
}

/* The next start, which knows nothing of the change, has the old key as if nothing had been, or the
 * new one with all that belongs to it.  True where it is the new one. */
static bool
is_changed_after_start(const struct folder *f, const struct keys_verifier *old, bool earlier)
{
	struct keys_verifier now;
	struct keys_failure why;
	struct signer s;
	bool changed;

	assert_int_equal(open_signer(f, false, false, &s, &why), ERR_OK);
	assert_true(s.ring.head.size == LEAVES);
	keys_signer_verifier(s.ring.key, &now);
	changed = !same_key(&now, old);
	if (changed)
		expect_changed(f, &s, old);
	else
		assert_int_equal(s.rotation.size != 0, earlier);
	assert_false(folder_has(f, "operations.key.next"));
	signer_finish(&s);
	return changed;
}

/* Tries to change the key, with a fault at the Nth call or killed before it; false where there are
 * not so many calls.  earlier: the key was changed before, so that there is an old note. */
static bool
change_with_fault(const struct folder *f, unsigned int n, bool killed, bool earlier,
		  struct keys_verifier *old)
{
	struct keys_failure why = { { 0 } };
	struct signer s;
	int before;
	bool hit;
	enum err e;

	make(f, old);
	if (earlier) {
		assert_int_equal(open_signer(f, false, true, &s, &why), ERR_OK);
		keys_signer_verifier(s.ring.key, old);
		signer_finish(&s);
	}
	why.text[0] = '\0';
	before = fault_next_descriptor();
	fault_start(n, killed);
	e = open_signer(f, false, true, &s, &why);
	hit = fault_stop();
	assert_true(e == ERR_OK || (hit && why.text[0] != '\0'));
	signer_finish(&s);
	assert_int_equal(fault_next_descriptor(), before);
	assert_int_equal(fault_guarded, 0);
	return hit;
}

/* For each call: it fails, or the process is killed before it.  A start that is asked again then
 * changes the key. */
static void
every_fault_and_crash(void **state)
{
	unsigned int how;
	unsigned int n;

	(void)state;
	for (how = 0; how < 4; how++) {
		unsigned int count[2] = { 0 };
		bool earlier = (how & 2) != 0;
		bool hit = true;

		for (n = 1; hit; n++) {
			struct keys_verifier old;
			struct keys_failure why;
			struct signer s;
			struct folder f;

			folder_make(&f);
			hit = change_with_fault(&f, n, (how & 1) != 0, earlier, &old);
			count[is_changed_after_start(&f, &old, earlier)]++;
			assert_int_equal(open_signer(&f, false, true, &s, &why), ERR_OK);
			signer_finish(&s);
			folder_remove(&f);
		}
		assert_true(count[false] > 10 && count[true] > 10);
	}
}

/* A crash while a cut change is being finished or undone. */
/* Asked again after it was cut, as harkd does whose word was not answered: where the note was
 * written it is that change and no other. */
static void
asked_again_is_one_change(void **state)
{
	unsigned int finished = 0;
	unsigned int n;
	bool hit = true;

	(void)state;
	for (n = 1; hit; n++) {
		struct keys_failure why;
		struct keys_verifier old;
		struct signer s;
		struct folder f;
		char note[2048] = "";
		size_t size = 0;
		bool decided;

		folder_make(&f);
		hit = change_with_fault(&f, n, true, false, &old);
		decided = folder_has(&f, "operations.key.next") &&
			  folder_has(&f, "operations.rotation");
		if (decided)
			size = folder_read(&f, "operations.rotation", note, sizeof(note));
		assert_int_equal(open_signer(&f, false, true, &s, &why), ERR_OK);
		if (decided) {
			assert_int_equal(s.rotation.size, size);
			assert_memory_equal(s.rotation.data, note, size);
			expect_changed(&f, &s, &old);
			finished++;
		}
		signer_finish(&s);
		folder_remove(&f);
	}
	assert_true(finished > 5);
}

static void
every_crash_in_recovery(void **state)
{
	unsigned int first;
	unsigned int n;
	bool hit = true;

	(void)state;
	for (first = 1; hit; first++) {
		bool again = true;

		for (n = 1; again; n++) {
			struct keys_verifier old;
			struct keys_failure why;
			struct signer s;
			struct folder f;

			folder_make(&f);
			hit = change_with_fault(&f, first, true, true, &old);
			fault_start(n, true);
			(void)open_signer(&f, false, false, &s, &why);
			again = fault_stop();
			signer_finish(&s);
			(void)is_changed_after_start(&f, &old, true);
			folder_remove(&f);
		}
	}
	assert_true(first > 20);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes),
		cmocka_unit_test(changes_before_the_first_leaf),
		cmocka_unit_test(a_strange_note_is_left_alone),
		cmocka_unit_test(a_strange_next_key_is_refused),
		cmocka_unit_test(every_fault_and_crash),
		cmocka_unit_test(asked_again_is_one_change),
		cmocka_unit_test(every_crash_in_recovery),
	};

	if (keys_start() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("hark-signer/rotate", tests, NULL, NULL);
}
