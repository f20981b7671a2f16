/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hark ledger retire: a ledger that cannot go on (damaged, shorter than what was signed, its key
 * lost) is moved aside whole, and one with a new name and a new key is begun, whose first leaf
 * names the old one.  Nothing is repaired and nothing is removed.  Whatever step a crash comes
 * after, asking again goes on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "hark/client.h"
#include "hark/commands.h"
#include "hark/key.h"
#include "hark/ledger_choice.h"
#include "hark/ledger_data.h"
#include "keys/keyring.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/host.h"
#include "os/store.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/origin.h"
#include "json/writer.h"

/* The most retirements that are told apart by their number. */
#define NUMBER_MAX 9999u

static const struct option options[] = {
	LEDGER_CHOICE_OPTIONS,
	CLIENT_OPTIONS,
	{ "json", no_argument, NULL, 'j' },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark ledger retire",
	.usage =
		"usage: hark ledger retire --dir DATA [--ledger NAME] [--json]\n"
		"\n"
		"Moves a ledger that cannot go on to DATA/retired, its key beside the others, and\n"
		"begins one with a new name and a new key, whose first leaf names the old one.\n"
		"Prints the new verifier key. No daemon may run.\n"
		"\n"
		"  -j, --json            one JSON object\n" LEDGER_CHOICE_USAGE CLIENT_USAGE
		"      --help            print this\n"
		"      --version         print the version\n"
		"\n"
		"exit: 0 done, 2 usage, 65 or 74 it failed, 66 there is no such ledger, 75 a "
		"daemon\n"
		"      runs, 77 not allowed\n",
	.options = options,
};

struct retire {
	struct ledger_data data;
	enum proto_ledger ledger;
	const char *name;
	int keys_fd;
	char host[HOST_NAME_BYTES];
	unsigned int number; /* of the keys that are moved aside */
	struct ledger_retired old;
	char origin[ORIGIN_TEXT_BYTES]; /* the new one */
	char verifier[KEYS_VERIFIER_TEXT_MAX + 1];
};

static int
fail(const struct retire *r, const char *what)
{
	log_error("%s: %s: %s", r->data.shown, what, strerror(errno));
	return errno == EACCES || errno == EPERM ? EXIT_NO_PERMISSION : EXIT_IO;
}

static int
read_host(struct retire *r)
{
	enum err e = host_file_read(r->data.fd, r->host);

	if (e == ERR_OK)
		return EXIT_OK;
	if (e != ERR_FORMAT)
		return fail(r, "host");
	log_error("%s/host is damaged: it should be one line with the host's name", r->data.shown);
	return EXIT_DATA;
}

/* What the ledger calls itself, whatever else is wrong with it; "" where nothing says it. */
static void
read_old_origin(struct retire *r, uint32_t *generation)
{
	cleanup(buf_finish) struct buf file = { 0 };
	cleanup(file_close) int folder = -1;
	cleanup(file_close) int fd = -1;
	char origin[ORIGIN_TEXT_BYTES];

	*generation = 1;
	if (folder_open(r->data.fd, r->name, &folder) != ERR_OK ||
	    file_open_read_at(folder, "ledger", &fd) != ERR_OK ||
	    file_read_all(fd, 2 * ORIGIN_TEXT_BYTES, &file) != ERR_OK ||
	    origin_of_file((struct bytes){ file.data, file.size }, origin) != ERR_OK ||
	    !origin_is_of(origin, r->host, r->ledger, generation))
		*generation = 1;
}

/* What a directory of keys has of a ledger; what a change of the key leaves is among it. */
static const char *const key_endings[] = { KEYRING_KEY, KEYRING_NEXT, KEYRING_ROTATION, KEYRING_PUB,
					   KEYRING_HEAD };
#define KEY_ENDINGS (sizeof(key_endings) / sizeof(key_endings[0]))

static void
aside_name(const struct retire *r, const char *ending, char name[KEYRING_FILE_BYTES])
{
	(void)snprintf(name, KEYRING_FILE_BYTES, "%s-%04u%s", r->name, r->number, ending);
}

/* True where a file of that number is there already, or cannot be looked at. */
static bool
is_number_taken(const struct retire *r)
{
	char name[KEYRING_FILE_BYTES];
	struct file_info info;
	size_t i;

	for (i = 0; i < KEY_ENDINGS; i++) {
		aside_name(r, key_endings[i], name);
		if (file_stat_at(r->keys_fd, name, &info) != ERR_MISSING)
			return true;
	}
	return false;
}

/*
 * <ledger>.x becomes <ledger>-<number>.x, of which none is there: a rename that would take a key's
 * place is never made.  The secret key goes first, so that a crash between leaves a ledger without
 * a key, which nothing goes on with; the head goes last, so that no key is made anew beside the
 * head of one that has signed.
 */
static int
move_keys(struct retire *r)
{
	char from[KEYRING_FILE_BYTES];
	char to[KEYRING_FILE_BYTES];
	size_t i;

	for (r->number = 1; r->number < NUMBER_MAX && is_number_taken(r);)
		r->number++;
	if (is_number_taken(r)) {
		errno = EEXIST;
		return fail(r, "keys");
	}
	for (i = 0; i < KEY_ENDINGS; i++) {
		enum err e;

		keyring_file(r->name, key_endings[i], from);
		aside_name(r, key_endings[i], to);
		e = store_rename(r->keys_fd, from, to);
		if (e != ERR_OK && e != ERR_MISSING)
			return fail(r, from);
	}
	return EXIT_OK;
}

static int
make_key(struct retire *r)
{
	struct keys_failure why = { { 0 } };
	struct keys_verifier verifier;
	struct merkle_hash empty;
	char file[KEYRING_FILE_BYTES];
	enum err e;

	merkle_empty(&empty);
	e = keyring_create(r->keys_fd, r->name, r->origin, empty.bytes, &why);
	keyring_file(r->name, KEYRING_PUB, file);
	if (e == ERR_OK)
		e = keyring_read_pub(r->keys_fd, file, &verifier, &why);
	if (e != ERR_OK) {
		log_error("%s/keys: %s", r->data.shown, why.text);
		return EXIT_CANT_CREATE;
	}
	keys_verifier_write(&verifier, r->verifier);
	return EXIT_OK;
}

static int
move_ledger(struct retire *r)
{
	struct ledger_failure why = { 0 };
	struct disk disk;
	enum err e = disk_open_real(r->data.fd, &disk);

	if (e != ERR_OK)
		return fail(r, r->name);
	e = ledger_retire(disk, r->name, &r->old, &why);
	disk_close_real(&disk);
	if (e == ERR_OK)
		return EXIT_OK;
	log_error("%s: %s", r->data.shown, why.text);
	return e == ERR_MISSING ? EXIT_NO_INPUT : EXIT_IO;
}

/* The new ledger with its first leaf, which the next start of the daemon seals. */
static int
begin_ledger(struct retire *r)
{
	const struct event_clock now = ledger_data_clock();
	struct hark_event_origin origin;
	struct event_place to;
	char source[512];
	size_t size = 0;
	int code = ledger_data_begin(&r->data, r->ledger, r->origin);
	enum err e;

	if (code != EXIT_OK)
		return code;
	to = ledger_data_place(&r->data, r->ledger, &origin, source);
	e = event_ledger_begun(
		&now, text_is_utf8(r->old.origin, strlen(r->old.origin)) ? r->old.origin : "",
		r->old.has_head ? r->old.root.bytes : NULL, r->old.size, &to, &size);
	if (e != ERR_OK) {
		log_error("%s: the first leaf cannot be written: %s", r->data.shown, err_text(e));
		return EXIT_SOFTWARE;
	}
	ledger_append(r->data.ledgers[r->ledger], size);
	return ledger_data_commit(&r->data, r->ledger);
}

/* Where operations can be opened, they say it too; where not, the first leaf alone does. */
static void
record(struct retire *r)
{
	char members[4096];
	struct json_writer w;
	size_t size = 0;

	if (r->ledger == PROTO_OPERATIONS && ledger_data_load(&r->data, PROTO_EVIDENCE) != EXIT_OK)
		return;
	if (r->ledger == PROTO_EVIDENCE && ledger_data_load(&r->data, PROTO_OPERATIONS) != EXIT_OK)
		return;
	json_writer_init(&w, members, sizeof(members));
	json_write_literal(&w, "{\"ledger\":");
	json_write_string(&w, r->name, strlen(r->name));
	json_write_literal(&w, ",\"movedTo\":");
	json_write_string(&w, r->old.moved_to, strlen(r->old.moved_to));
	json_write_literal(&w, ",\"origin\":");
	json_write_string(&w, r->origin, strlen(r->origin));
	json_write_literal(&w, "}");
	if (json_writer_finish(&w, &size) != ERR_OK)
		MUST_NOT_REACH("three names are bounded");
	if (ledger_data_record(&r->data, "retired",
			       (struct bytes){ (const uint8_t *)members, size }) != EXIT_OK)
		log_warning("the operations ledger does not say it");
}

static int
retire(struct retire *r, const char *path, bool as_json)
{
	uint32_t generation;
	int code = ledger_data_open(&r->data, path);

	r->name = origin_ledger_name(r->ledger);
	if (code == EXIT_OK)
		code = read_host(r);
	if (code == EXIT_OK && folder_open(r->data.fd, "keys", &r->keys_fd) != ERR_OK)
		code = fail(r, "keys");
	if (code == EXIT_OK && keys_start() != ERR_OK)
		code = EXIT_SOFTWARE;
	if (code == EXIT_OK)
		code = move_keys(r);
	if (code != EXIT_OK)
		return code;
	read_old_origin(r, &generation);
	if (generation < r->number)
		generation = r->number;
	if (origin_write(r->host, r->ledger, generation + 1, r->origin) != ERR_OK) {
		log_error("the host's name is too long for another ledger");
		return EXIT_DATA;
	}
	code = make_key(r);
	if (code == EXIT_OK)
		code = move_ledger(r);
	if (code == EXIT_OK)
		code = begin_ledger(r);
	if (code != EXIT_OK)
		return code;
	record(r);
	log_info("%s was moved to %s; %s begins, and its verifier key is on standard output",
		 r->name, r->old.moved_to, r->origin);
	key_print(r->ledger, r->verifier, as_json);
	return EXIT_OK;
}

int
command_ledger_retire(int argc, char **argv)
{
	struct retire r = { .keys_fd = -1 };
	struct ledger_choice choice = { .dir = NULL };
	struct args args;
	bool as_json = false;
	int code = EXIT_OK;
	int option;

	log_init(command.name);
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, &code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return code;
		if (option == CLIENT_OPTION_CONTROL)
			client_set_control(optarg);
		else if (option == 'j')
			as_json = true;
		else if (!ledger_choice_option(&choice, option, optarg))
			return EXIT_USAGE;
	}
	if (args_operand(&args) != NULL)
		return args_mistake(&args, "it takes no argument");
	if (choice.dir == NULL)
		return args_mistake(&args, "a daemon's ledger cannot be retired while it runs: end "
					   "it, and give --dir DATA");
	r.ledger = choice.ledger;
	code = retire(&r, choice.dir, as_json);
	ledger_data_close(&r.data);
	file_close(&r.keys_fd);
	return code;
}
