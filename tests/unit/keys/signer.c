/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Signer keys and their files: read, refused by name, mode and remedy, written once. */
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "keys/keys.h"
#include "unit/os/folder.h"

#define TAIL     "+50252aee+AQAHDhUcIyoxOD9GTVRbYmlwd36FjJOaoaivtr3Ey9LZ"
#define KEY      "PRIVATE+KEY+h.example/evidence" TAIL
#define VERIFIER "h.example/evidence+50252aee+AU0Ow6DQP+//k6m8zioktAbUb0Su/x93h9rtsTyq+kAs"

/* Guarded memory is counted: none may be left behind. */
static int guarded;

void *__real_sodium_malloc(size_t size);
void __real_sodium_free(void *memory);
void *__wrap_sodium_malloc(size_t size);
void __wrap_sodium_free(void *memory);
int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);

static bool no_memory;
static uid_t owner; /* what fstat says; 0 is root's */

void *
__wrap_sodium_malloc(size_t size)
{
	void *memory = no_memory ? NULL : __real_sodium_malloc(size);

	guarded += memory != NULL;
	return memory;
}

void
__wrap_sodium_free(void *memory)
{
	guarded -= memory != NULL;
	__real_sodium_free(memory);
}

int
__wrap_fstat64(int fd, struct stat *st)
{
	int result = __real_fstat64(fd, st);

	if (owner != 0)
		st->st_uid = owner;
	return result;
}

static void
reads(void **state)
{
	static const char *const texts[] = { KEY, KEY "\n" };
	static const unsigned int modes[] = { 0600, 0400, 0700 };
	char text[KEYS_VERIFIER_TEXT_MAX + 1];
	struct keys_verifier verifier;
	struct folder f;
	size_t i;
	size_t k;

	(void)state;
	folder_make(&f);
	for (i = 0; i < COUNT_OF(texts); i++)
		for (k = 0; k < COUNT_OF(modes); k++) {
			struct keys_signer *key = NULL;

			folder_write(&f, "k", texts[i], strlen(texts[i]), modes[k]);
			assert_int_equal(keys_signer_read(f.fd, "k", &key, NULL), ERR_OK);
			keys_signer_verifier(key, &verifier);
			keys_verifier_write(&verifier, text);
			assert_string_equal(text, VERIFIER);
			keys_signer_destroy(key);
		}
	assert_int_equal(guarded, 0);
	folder_remove(&f);
}

static void
refuses_texts(void **state)
{
	static const struct {
		const char *rule, *text;
	} rows[] = {
		{ "nothing", "" },
		{ "newline alone", "\n" },
		{ "a verifier key", VERIFIER },
		{ "two newlines", KEY "\n\n" },
		{ "carriage return", KEY "\r\n" },
		{ "blank before", " " KEY },
		{ "two keys", KEY "\n" KEY "\n" },
		{ "lower case", "private+key+h.example/evidence" TAIL },
		{ "no name", "PRIVATE+KEY+" TAIL },
		{ "another name", "PRIVATE+KEY+i.example/evidence" TAIL },
		{ "another seed",
		  "PRIVATE+KEY+h.example/"
		  "evidence+50252aee+AQAHDhUcIyoxOD9GTVRbYmlwd36FjJOaoaivtr3Ey9La" },
		{ "another algorithm",
		  "PRIVATE+KEY+h.example/"
		  "evidence+50252aee+AgAHDhUcIyoxOD9GTVRbYmlwd36FjJOaoaivtr3Ey9LZ" },
		{ "an id without its first digit",
		  "PRIVATE+KEY+h.example/"
		  "evidence+0252aee+AQAHDhUcIyoxOD9GTVRbYmlwd36FjJOaoaivtr3Ey9LZ" },
	};
	struct keys_failure why;
	struct folder f;
	size_t i;

	(void)state;
	folder_make(&f);
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct keys_signer *key = NULL;

		why.text[0] = '\0';
		folder_write(&f, "k", rows[i].text, strlen(rows[i].text), 0600);
		if (keys_signer_read(f.fd, "k", &key, &why) != ERR_FORMAT || key != NULL ||
		    strncmp(why.text, "k: not a key; ", 14) != 0)
			fail_msg("%s: %s", rows[i].rule, why.text);
	}
	assert_int_equal(guarded, 0);
	folder_remove(&f);
}

static void
every_cut_and_flipped_bit(void **state)
{
	struct keys_signer *key = NULL;
	char copy[sizeof(KEY)];
	struct folder f;
	size_t i;

	(void)state;
	folder_make(&f);
	for (i = 0; i < strlen(KEY); i++) {
		folder_write(&f, "k", KEY, i, 0600);
		assert_int_equal(keys_signer_read(f.fd, "k", &key, NULL), ERR_FORMAT);
	}
	for (i = 0; i < strlen(KEY) * 8; i++) {
		memcpy(copy, KEY, sizeof(copy));
		copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
		folder_write(&f, "k", copy, strlen(KEY), 0600);
		assert_int_equal(keys_signer_read(f.fd, "k", &key, NULL), ERR_FORMAT);
	}
	assert_null(key);
	assert_int_equal(guarded, 0);
	folder_remove(&f);
}

static void
refuses_files(void **state)
{
	static const unsigned int modes[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0666, 0777 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct keys_signer *key = NULL;
	struct keys_failure why;
	char words[64];
	struct folder f;
	size_t i;
	int fd;

	(void)state;
	folder_make(&f);
	assert_int_equal(keys_signer_read(f.fd, "k", &key, &why), ERR_MISSING);
	assert_string_equal(why.text, "k: No such file or directory");
	for (i = 0; i < COUNT_OF(modes); i++) {
		folder_write(&f, "k", KEY, strlen(KEY), modes[i]);
		assert_int_equal(keys_signer_read(f.fd, "k", &key, &why), ERR_REFUSED);
		(void)snprintf(words, sizeof(words), "k: its mode is %04o, ", modes[i]);
		assert_non_null(strstr(why.text, words));
		assert_non_null(strstr(why.text, "chmod 0600 k"));
	}
	folder_write(&f, "k", KEY, strlen(KEY), 0600);
	owner = 12345;
	assert_int_equal(keys_signer_read(f.fd, "k", &key, &why), ERR_REFUSED);
	owner = 0;
	assert_non_null(strstr(why.text, "k: it belongs to uid 12345"));
	assert_int_equal(symlinkat("k", f.fd, "link"), 0);
	assert_int_equal(keys_signer_read(f.fd, "link", &key, &why), ERR_REFUSED);
	assert_string_equal(why.text, "link: expected a key file, found a symlink");
	assert_int_equal(mkfifoat(f.fd, "fifo", 0600), 0);
	assert_int_equal(keys_signer_read(f.fd, "fifo", &key, &why), ERR_REFUSED);
	assert_string_equal(why.text, "fifo: expected a key file, found a FIFO");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", f.path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)close(fd);
	assert_int_equal(keys_signer_read(f.fd, "s", &key, &why), ERR_REFUSED);
	assert_string_equal(why.text, "s: expected a key file, found a socket");
	assert_int_equal(keys_signer_read(f.fd, ".", &key, &why), ERR_REFUSED);
	assert_string_equal(why.text, ".: expected a key file, found a directory");
	assert_null(key);
	folder_remove(&f);
}

static void
writes_once(void **state)
{
	struct keys_signer *key = NULL;
	struct keys_signer *back = NULL;
	struct keys_verifier a;
	struct keys_verifier b;
	uint8_t signature[KEYS_SIGNATURE_BYTES];
	char first[512];
	char text[512];
	struct folder f;
	size_t size;

	(void)state;
	folder_make(&f);
	/* The mode is what is asked for, whatever the umask takes or leaves. */
	(void)umask(0);
	assert_int_equal(keys_signer_create("h.example/evidence", &key), ERR_OK);
	assert_int_equal(keys_signer_write(key, f.fd, "k"), ERR_OK);
	(void)umask(022);
	assert_int_equal(folder_mode(&f, "k"), 0600);
	size = folder_read(&f, "k", first, sizeof(first));
	assert_int_equal(first[size - 1], '\n');
	assert_int_equal(keys_signer_write(key, f.fd, "k"), ERR_EXISTS);
	assert_int_equal(folder_count(&f), 1);
	assert_int_equal(keys_signer_read(f.fd, "k", &back, NULL), ERR_OK);
	keys_signer_verifier(key, &a);
	keys_signer_verifier(back, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(keys_signer_sign(back, "text", 4, signature), ERR_OK);
	assert_true(keys_verify(&a, "text", 4, signature));
	keys_signer_destroyp(&back);
	keys_signer_destroyp(&key);
	/* Another key of the same name is another key. */
	assert_int_equal(keys_signer_create("h.example/evidence", &key), ERR_OK);
	keys_signer_verifier(key, &b);
	assert_memory_not_equal(a.public_key, b.public_key, sizeof(a.public_key));
	assert_int_equal(keys_signer_write(key, f.fd, "k"), ERR_EXISTS);
	assert_int_equal(folder_read(&f, "k", text, sizeof(text)), size);
	assert_string_equal(text, first);
	keys_signer_destroyp(&key);
	keys_signer_destroyp(&key);
	keys_signer_destroy(NULL);
	assert_int_equal(guarded, 0);
	folder_remove(&f);
}

static void
no_memory_at_all(void **state)
{
	struct keys_signer *key = NULL;
	struct keys_signer *other = NULL;
	struct folder f;

	(void)state;
	folder_make(&f);
	assert_int_equal(keys_signer_create("n", &key), ERR_OK);
	folder_write(&f, "k", KEY, strlen(KEY), 0600);
	no_memory = true;
	assert_int_equal(keys_signer_create("n", &other), ERR_MEMORY);
	assert_int_equal(keys_signer_read(f.fd, "k", &other, NULL), ERR_MEMORY);
	assert_int_equal(keys_signer_write(key, f.fd, "l"), ERR_MEMORY);
	no_memory = false;
	assert_null(other);
	assert_int_equal(folder_count(&f), 1);
	keys_signer_destroy(key);
	assert_int_equal(guarded, 0);
	folder_remove(&f);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses_texts),
		cmocka_unit_test(every_cut_and_flipped_bit),
		cmocka_unit_test(refuses_files),
		cmocka_unit_test(writes_once),
		cmocka_unit_test(no_memory_at_all),
	};

	if (keys_start() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("keys/signer", tests, NULL, NULL);
}
