/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark verify --envelope: judges envelopes, a line each.  What cannot be judged is no success. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hark/sign.h>

#include "base/bytes.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/lines.h"
#include "os/clock.h"
#include "os/file.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

/* Each of the four texts of a result at its longest, and the names around them. */
#define ANSWER_BYTES_MAX 2048u

static const struct option options[] = {
	{ "envelope", no_argument, NULL, 'e' },
	{ "keys", required_argument, NULL, 'k' },
	{ "hmac-keys", required_argument, NULL, 'm' },
	{ "json", no_argument, NULL, 'j' },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark verify",
	.usage = "usage: hark verify --envelope --keys FILE [--hmac-keys FILE] [--json] [FILE]...\n"
		 "\n"
		 "Verifies signed envelopes and transport events, one a line, from FILEs or "
		 "standard\n"
		 "input. A key file is a JSON object: key id -> key in base64url.\n"
		 "\n"
		 "  -e, --envelope        verify envelopes and no ledger\n"
		 "  -k, --keys FILE       Ed25519 public keys\n"
		 "  -m, --hmac-keys FILE  HMAC-SHA256 keys\n"
		 "  -j, --json            answer in JSON, a line for each line\n"
		 "      --help            print this\n"
		 "      --version         print the version\n"
		 "\n"
		 "exit: 0 all are good, 1 one was tampered with, 2 usage, 4 one cannot be judged "
		 "or\n"
		 "      there was none, 66 a file cannot be opened, 74 reading or writing failed,\n"
		 "      78 a key file is malformed\n",
	.options = options,
};

struct verify_run {
	struct hark_verify_keys *keys;
	bool as_json;
	bool name_files; /* more than one FILE: answers in JSON say which */
	uint64_t ok;
	uint64_t tampered;
	uint64_t unverifiable;
};

/* ---- keys ---------------------------------------------------------------------------------- */

/* Reads into storage that does not move, so that no copy of a key is left behind. */
static enum err
read_key_file(int fd, struct buf *out)
{
	enum err e = buf_reserve(out, HARK_SIGN_JSON_BYTES_MAX + 1, HARK_SIGN_JSON_BYTES_MAX + 1);

	while (e == ERR_OK) {
		size_t size = 0;

		if (out->size == out->capacity)
			return ERR_LIMIT;
		e = file_read_wait(fd, out->data + out->size, out->capacity - out->size, &size);
		out->size += size;
	}
	return e == ERR_END ? ERR_OK : e;
}

static void
wipe_buf(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->capacity);
	buf_finish(b);
}

static int
add_keys(struct hark_verify_keys *keys, enum hark_sign_algorithm algorithm, const char *path)
{
	cleanup(wipe_buf) struct buf content = { 0 };
	cleanup(file_close) int fd = -1;
	struct hark_failure why = { 0 };
	struct hark_text text;
	enum hark_sign_error e;
	char shown[256];
	enum err read = ERR_OK;

	(void)text_escape(path, strlen(path), shown, sizeof(shown));
	if (file_open_read(path, &fd) == ERR_OK)
		read = read_key_file(fd, &content);
	if (fd < 0 || (read != ERR_OK && read != ERR_LIMIT && read != ERR_MEMORY)) {
		log_error("%s: %s", shown, strerror(errno));
		return EXIT_NO_INPUT;
	}
	if (read == ERR_LIMIT) {
		log_error("%s: a key file has at most %u bytes", shown, HARK_SIGN_JSON_BYTES_MAX);
		return EXIT_CONFIG;
	}
	text = (struct hark_text){ .data = (const char *)content.data, .size = content.size };
	e = read == ERR_MEMORY ? HARK_SIGN_MEMORY
			       : hark_verify_keys_add(keys, algorithm, text, &why);
	if (e == HARK_SIGN_OK)
		return EXIT_OK;
	log_error("%s: %s", shown, e == HARK_SIGN_MEMORY ? "out of memory" : why.text);
	return e == HARK_SIGN_CONFIG || e == HARK_SIGN_LIMIT ? EXIT_CONFIG : EXIT_SOFTWARE;
}

/* ---- answers ------------------------------------------------------------------------------- */

static const char *
algorithm_name(enum hark_sign_algorithm algorithm)
{
	switch (algorithm) {
	case HARK_SIGN_ALGORITHM_ED25519:
		return "ed25519";
	case HARK_SIGN_ALGORITHM_HMAC_SHA256:
		return "hmac-sha256";
	case HARK_SIGN_ALGORITHM_OFF:
		break;
	}
	return "";
}

/* A member with the file's name: what text_escape leaves has only backslashes to escape. */
static void
json_file(const char *name, char *out, size_t capacity)
{
	size_t at = 0;

	at += (size_t)snprintf(out, capacity, ",\"file\":\"");
	for (; *name != '\0' && at + 8 < capacity; name++) {
		if (*name == '\\' || *name == '"')
			out[at++] = '\\';
		out[at++] = *name;
	}
	(void)snprintf(out + at, capacity - at, "\"");
}

/* The texts of a result are escaped as in JSON, and printable ASCII alone. */
static int
print_answer(const struct verify_run *run, const struct lines *lines,
	     const struct hark_verify_result *r)
{
	const char *verdict = r->reason == HARK_VERIFY_NONE ? "ok" : "refused";
	const char *reason = hark_verify_reason_name(r->reason);
	char answer[ANSWER_BYTES_MAX];
	char file[640] = "";
	int size;

	if (run->as_json && run->name_files)
		json_file(lines->name, file, sizeof(file));
	if (run->as_json)
		size = snprintf(answer, sizeof(answer),
				"{\"algorithm\":\"%s\",\"eventId\":\"%s\",\"eventType\":\"%s\"%s,"
				"\"kid\":\"%s\",\"line\":%" PRIu64
				",\"reason\":\"%s\",\"verdict\":\"%s\"}\n",
				algorithm_name(r->algorithm), r->event_id, r->event_type, file,
				r->kid, lines->number, reason, verdict);
	else
		size = snprintf(answer, sizeof(answer),
				"%-7s  %-18s  %s:%" PRIu64 "  %s%s%s  %s  %s  %s\n", verdict,
				reason, lines->name, lines->number, algorithm_name(r->algorithm),
				r->kid[0] != '\0' ? " kid=" : "", r->kid, r->event_id,
				r->event_type, r->detail);
	if (size < 0 || (size_t)size >= sizeof(answer) ||
	    file_write_all(STDOUT_FILENO, answer, (size_t)size) != ERR_OK) {
		log_error("standard output cannot be written: %s", strerror(errno));
		return EXIT_IO;
	}
	return EXIT_OK;
}

static void
count(struct verify_run *run, enum hark_verify_reason reason)
{
	switch (hark_verify_reason_judgement(reason)) {
	case HARK_VERIFY_JUDGED_OK:
		run->ok++;
		break;
	case HARK_VERIFY_JUDGED_TAMPERED:
		run->tampered++;
		break;
	case HARK_VERIFY_JUDGED_UNVERIFIABLE:
		run->unverifiable++;
		break;
	}
}

/* ---- lines --------------------------------------------------------------------------------- */

static int
verify_lines(struct verify_run *run, int fd, const char *name)
{
	cleanup(lines_finish) struct lines lines = { 0 };
	int code = EXIT_OK;

	if (lines_init(&lines, fd, name, HARK_SIGN_JSON_BYTES_MAX) != ERR_OK) {
		log_error("out of memory");
		return EXIT_SOFTWARE;
	}
	while (code == EXIT_OK) {
		struct hark_verify_result result = { .reason = HARK_VERIFY_TOO_LARGE,
						     .detail = "over 1048576 bytes" };
		struct hark_text json = { 0 };
		struct hark_time now;
		enum err e = lines_next(&lines, &json.data, &json.size);

		if (e == ERR_END)
			return EXIT_OK;
		if (e != ERR_OK && e != ERR_LIMIT) {
			log_error("%s: cannot be read: %s", name, strerror(errno));
			return EXIT_IO;
		}
		clock_realtime(&now.seconds, &now.nanoseconds);
		if (e == ERR_OK && hark_verify_host_stamped_envelope(run->keys, json, &now,
								     &result) != HARK_SIGN_OK) {
			log_error("%s:%" PRIu64 ": out of memory", name, lines.number);
			return EXIT_SOFTWARE;
		}
		count(run, result.reason);
		code = print_answer(run, &lines, &result);
	}
	return code;
}

static int
verify_file(struct verify_run *run, const char *path)
{
	cleanup(file_close) int fd = -1;
	char shown[256];

	if (strcmp(path, "-") == 0)
		return verify_lines(run, STDIN_FILENO, "stdin");
	(void)text_escape(path, strlen(path), shown, sizeof(shown));
	if (file_open_read(path, &fd) != ERR_OK) {
		log_error("%s: %s", shown, strerror(errno));
		return EXIT_NO_INPUT;
	}
	return verify_lines(run, fd, shown);
}

static int
conclude(const struct verify_run *run)
{
	uint64_t all = run->ok + run->tampered + run->unverifiable;

	if (all == 0) {
		log_error("there was no envelope: nothing was verified");
		return EXIT_UNVERIFIABLE;
	}
	log_info("%" PRIu64 " %s: %" PRIu64 " ok, %" PRIu64 " tampered, %" PRIu64 " unverifiable",
		 all, text_counted(all, "line", "lines"), run->ok, run->tampered,
		 run->unverifiable);
	if (run->tampered > 0)
		return EXIT_TAMPERED;
	return run->unverifiable > 0 ? EXIT_UNVERIFIABLE : EXIT_OK;
}

static void
keys_destroyp(struct hark_verify_keys **keys)
{
	hark_verify_keys_destroy(*keys);
}

/* Options into *run; EXIT_OK to go on, with *stop false. */
static int
read_options(struct args *args, struct verify_run *run, bool *stop)
{
	bool envelope = false;
	bool keyed = false;
	int code = EXIT_OK;
	int option;

	*stop = true;
	while ((option = args_next(args, &code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return code;
		if (option == 'e')
			envelope = true;
		if (option == 'j')
			run->as_json = true;
		if (option != 'k' && option != 'm')
			continue;
		keyed = true;
		code = add_keys(run->keys,
				option == 'k' ? HARK_SIGN_ALGORITHM_ED25519
					      : HARK_SIGN_ALGORITHM_HMAC_SHA256,
				optarg);
		if (code != EXIT_OK)
			return code;
	}
	if (!envelope)
		return args_mistake(args, "expected --envelope");
	if (!keyed)
		return args_mistake(args, "expected --keys FILE or --hmac-keys FILE");
	*stop = false;
	return EXIT_OK;
}

int
command_verify_envelope(int argc, char **argv)
{
	cleanup(keys_destroyp) struct hark_verify_keys *keys = NULL;
	struct verify_run run = { 0 };
	struct args args;
	bool stop;
	int code;
	int i;

	log_init("hark verify");
	if (hark_verify_keys_create(&keys) != HARK_SIGN_OK) {
		log_error("out of memory");
		return EXIT_SOFTWARE;
	}
	run.keys = keys;
	args_init(&args, &command, argc, argv);
	code = read_options(&args, &run, &stop);
	if (stop)
		return code;
	i = args_rest(&args);
	run.name_files = argc - i > 1;
	if (i == argc)
		code = verify_lines(&run, STDIN_FILENO, "stdin");
	for (; i < argc && code == EXIT_OK; i++)
		code = verify_file(&run, argv[i]);
	if (code == EXIT_OK)
		return conclude(&run);
	/* What failed later does not hide what was found. */
	return run.tampered > 0 ? EXIT_TAMPERED : code;
}
