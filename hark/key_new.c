/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hark key new: the keys of a data directory before its daemon first starts, so that their verifier
 * keys can be somewhere else before there is anything to verify.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/key.h"
#include "hark/ledger_choice.h"
#include "keys/keyring.h"
#include "merkle/merkle.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/host.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/origin.h"

enum { OPTION_HOST = 256 };

static const struct option options[] = {
	LEDGER_CHOICE_OPTIONS,
	{ "host", required_argument, NULL, OPTION_HOST },
	{ "json", no_argument, NULL, 'j' },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark key new",
	.usage =
		"usage: hark key new --dir DATA [--host NAME] [--ledger NAME] [--json]\n"
		"\n"
		"Makes the keys of a data directory before its daemon first starts, and prints "
		"their\n"
		"verifier keys. To be run as the user that the daemon will run as. (A daemon that\n"
		"finds none makes them itself.)\n"
		"\n"
		"      --dir DATA        the data directory; made where it is not there\n"
		"      --host NAME       of this host, for ever: the first part of the keys' "
		"names\n"
		"                        (default: what the directory says, or the machine's)\n"
		"      --ledger NAME     evidence or operations alone (default: both)\n"
		"  -j, --json            a JSON object a line\n"
		"      --help            print this\n"
		"      --version         print the version\n"
		"\n"
		"exit: 0 made, 2 usage, 65 the directory is damaged, 73 there is a key or a "
		"ledger\n"
		"      already, or it cannot be made, 75 a daemon uses the directory, 78 no "
		"usable\n"
		"      name of a host\n",
	.options = options,
};

struct key_new {
	struct ledger_choice choice;
	bool only_one;
	bool as_json;
	const char *host; /* as an option has it; NULL: none */
	char shown[512];  /* the directory, escaped */
	int data_fd, lock_fd, keys_fd;
	char origins[PROTO_LEDGERS][ORIGIN_TEXT_BYTES];
};

static bool
is_chosen(const struct key_new *k, unsigned int ledger)
{
	return !k->only_one || k->choice.ledger == (enum proto_ledger)ledger;
}

static int
fail_at(const struct key_new *k, const char *name)
{
	log_error("%s%s: %s%s", k->shown, name, strerror(errno),
		  errno == ENOENT ? "; make the directory above it" : "");
	return EXIT_CANT_CREATE;
}

/* Data directory, lock and directory of keys. */
static int
open_folders(struct key_new *k)
{
	bool made;
	enum err e;

	(void)text_escape(k->choice.dir, strlen(k->choice.dir), k->shown, sizeof(k->shown));
	if (folder_make(AT_FDCWD, k->choice.dir, 0700, &made) != ERR_OK ||
	    folder_open_path(k->choice.dir, &k->data_fd) != ERR_OK)
		return fail_at(k, "");
	e = folder_lock(k->data_fd, "lock", &k->lock_fd);
	if (e == ERR_AGAIN) {
		log_error("%s is in use by a daemon, which has keys already: hark key show",
			  k->shown);
		return EXIT_TEMPORARY;
	}
	if (e != ERR_OK)
		return fail_at(k, "/lock");
	if (folder_make(k->data_fd, "keys", 0700, &made) != ERR_OK ||
	    folder_open(k->data_fd, "keys", &k->keys_fd) != ERR_OK ||
	    folder_sync(k->data_fd) != ERR_OK)
		return fail_at(k, "/keys");
	return EXIT_OK;
}

/* A key that is made beside a ledger would not be that ledger's. */
static int
refuse_what_is_there(const struct key_new *k)
{
	char file[KEYRING_FILE_BYTES];
	struct file_info info;
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		cleanup(file_close) int fd = -1;
		bool empty = true;
		enum err e;

		if (!is_chosen(k, i))
			continue;
		keyring_file(origin_ledger_name((enum proto_ledger)i), KEYRING_KEY, file);
		e = file_stat_at(k->keys_fd, file, &info);
		if (e == ERR_OK) {
			log_error("%s/keys/%s is there already: hark key show prints its verifier "
				  "key, hark key rotate changes it",
				  k->shown, file);
			return EXIT_CANT_CREATE;
		}
		if (e == ERR_MISSING)
			e = folder_open(k->data_fd, origin_ledger_name((enum proto_ledger)i), &fd);
		if (e == ERR_OK)
			e = folder_is_empty(fd, &empty);
		if (e != ERR_OK && e != ERR_MISSING)
			return fail_at(k, "");
		if (!empty) {
			log_error("%s/%s is a ledger whose key is gone: restore it from a copy, or "
				  "begin anew with hark ledger retire",
				  k->shown, origin_ledger_name((enum proto_ledger)i));
			return EXIT_CANT_CREATE;
		}
	}
	return EXIT_OK;
}

/* The name of this host, which the directory keeps for ever. */
static int
settle_host(struct key_new *k)
{
	char host[HOST_NAME_BYTES];
	unsigned int i;
	enum err e = host_file_read(k->data_fd, host);

	if (e == ERR_FORMAT) {
		log_error("%s/host is damaged: it should be one line with the host's name",
			  k->shown);
		return EXIT_DATA;
	}
	if (e != ERR_OK && e != ERR_MISSING)
		return fail_at(k, "/host");
	if (k->host != NULL && host_name_check(k->host) != ERR_OK) {
		log_error("--host: a name has letters, digits, '.', '-' and '_', and at most 64 of "
			  "them");
		return EXIT_USAGE;
	}
	if (e == ERR_OK && k->host != NULL && strcmp(host, k->host) != 0) {
		log_error("%s belongs to host %s: choose another directory, or leave out --host",
			  k->shown, host);
		return EXIT_CANT_CREATE;
	}
	if (e == ERR_MISSING && k->host != NULL) {
		(void)snprintf(host, sizeof(host), "%s", k->host);
	} else if (e == ERR_MISSING && host_name(host) != ERR_OK) {
		log_error("this machine has no usable name: give one by --host");
		return EXIT_CONFIG;
	}
	if (e == ERR_MISSING && host_file_create(k->data_fd, host) != ERR_OK)
		return fail_at(k, "/host");
	for (i = 0; i < PROTO_LEDGERS; i++)
		MUST(origin_write(host, (enum proto_ledger)i, 1, k->origins[i]) == ERR_OK);
	return EXIT_OK;
}

static int
make(const struct key_new *k, unsigned int ledger)
{
	char text[KEYS_VERIFIER_TEXT_MAX + 1];
	char file[KEYRING_FILE_BYTES];
	struct keys_verifier verifier;
	struct keys_failure why;
	struct merkle_hash empty;
	enum err e;

	merkle_empty(&empty);
	e = keyring_create(k->keys_fd, origin_ledger_name((enum proto_ledger)ledger),
			   k->origins[ledger], empty.bytes, &why);
	if (e == ERR_OK) {
		keyring_file(origin_ledger_name((enum proto_ledger)ledger), KEYRING_PUB, file);
		e = keyring_read_pub(k->keys_fd, file, &verifier, &why);
	}
	if (e != ERR_OK) {
		log_error("%s/keys/%s", k->shown, why.text);
		return EXIT_CANT_CREATE;
	}
	keys_verifier_write(&verifier, text);
	key_print((enum proto_ledger)ledger, text, k->as_json);
	return EXIT_OK;
}

static int
make_all(struct key_new *k)
{
	unsigned int i;
	int code;

	if (keys_start() != ERR_OK)
		return EXIT_OS;
	code = open_folders(k);
	if (code == EXIT_OK)
		code = refuse_what_is_there(k);
	if (code == EXIT_OK)
		code = settle_host(k);
	for (i = 0; i < PROTO_LEDGERS && code == EXIT_OK; i++)
		if (is_chosen(k, i))
			code = make(k, i);
	return code;
}

int
command_key_new(int argc, char **argv)
{
	struct key_new k = { .data_fd = -1, .lock_fd = -1, .keys_fd = -1 };
	struct args args;
	int code = EXIT_OK;
	int option;

	log_init(command.name);
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, &code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return code;
		if (option == 'j')
			k.as_json = true;
		else if (option == OPTION_HOST)
			k.host = optarg;
		else if (!ledger_choice_option(&k.choice, option, optarg))
			return EXIT_USAGE;
		k.only_one |= option == LEDGER_CHOICE_LEDGER;
	}
	if (args_rest(&args) != argc)
		return args_mistake(&args, "it takes no arguments");
	if (k.choice.dir == NULL)
		return args_mistake(&args, "say whose keys: --dir DATA (a daemon makes its own)");
	code = make_all(&k);
	file_close(&k.keys_fd);
	file_close(&k.lock_fd);
	file_close(&k.data_fd);
	return code;
}
