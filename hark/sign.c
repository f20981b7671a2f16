/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hark sign: a filter of events to envelopes, with a person's own key from the environment.  It
 * never lets an event through unsigned.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <hark/sign.h>

#include "base/bytes.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/lines.h"
#include "os/file.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

static const struct option options[] = {
	{ "transport", no_argument, NULL, 't' },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark sign",
	.usage = "usage: hark sign [--transport] [FILE]\n"
		 "\n"
		 "Reads CloudEvents, one JSON object a line, from FILE or standard input and "
		 "writes\n"
		 "one signed envelope a line, as CellOS verifies them. The key comes from\n"
		 "  CELLOS_HOST_TELEMETRY_SIGN_ALG         ed25519 or hmac-sha256\n"
		 "  CELLOS_HOST_TELEMETRY_SIGN_KID         the key's id\n"
		 "  CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK  seed of 32 bytes, base64url\n"
		 "  CELLOS_HOST_TELEMETRY_SIGN_HMAC_KEY    or the HMAC key, base64url\n"
		 "\n"
		 "  -t, --transport  wrap each envelope into a CellOS transport event\n"
		 "      --help       print this\n"
		 "      --version    print the version\n"
		 "\n"
		 "exit: 0 all signed, 2 usage, 65 a line is no event (lines before it are "
		 "written),\n"
		 "      66 FILE cannot be opened, 74 reading or writing failed, 78 no key or "
		 "signing "
		 "off\n",
	.options = options,
};

static void
signer_destroyp(struct hark_signer **signer)
{
	hark_signer_destroy(*signer);
}

static void
envelope_finishp(struct hark_host_stamped_envelope *envelope)
{
	hark_host_stamped_envelope_finish(envelope);
}

/* Where a line was refused. */
static int
refuse_line(const struct lines *lines, const char *why)
{
	log_error("%s:%" PRIu64 ": %s", lines->name, lines->number, why);
	return EXIT_DATA;
}

static int
refuse_error(const struct lines *lines, enum hark_sign_error e, const struct hark_failure *why)
{
	if (e != HARK_SIGN_MEMORY)
		return refuse_line(lines, why->text);
	log_error("%s:%" PRIu64 ": out of memory", lines->name, lines->number);
	return EXIT_SOFTWARE;
}

/* One event to one line on standard output, at once. */
static int
sign_line(const struct hark_signer *signer, bool transport, const struct lines *lines,
	  struct hark_text event)
{
	cleanup(envelope_finishp) struct hark_host_stamped_envelope inner = { 0 };
	cleanup(envelope_finishp) struct hark_host_stamped_envelope outer = { 0 };
	struct hark_host_stamped_envelope *done = transport ? &outer : &inner;
	struct hark_failure why = { 0 };
	struct hark_text json;
	enum hark_sign_error e;

	e = hark_sign_host_stamped_envelope(signer, event, &inner, &why);
	if (e == HARK_SIGN_OK && transport) {
		json = (struct hark_text){ .data = inner.json, .size = inner.size };
		e = hark_sign_transport_event(json, &outer, &why);
	}
	if (e != HARK_SIGN_OK)
		return refuse_error(lines, e, &why);
	done->json[done->size] = '\n'; /* in the terminator's place: line and end in one write */
	if (file_write_all(STDOUT_FILENO, done->json, done->size + 1) != ERR_OK) {
		log_error("standard output cannot be written: %s", strerror(errno));
		return EXIT_IO;
	}
	return EXIT_OK;
}

static int
sign_lines(const struct hark_signer *signer, bool transport, int fd, const char *name)
{
	cleanup(lines_finish) struct lines lines = { 0 };
	int code = EXIT_OK;

	if (lines_init(&lines, fd, name, HARK_SIGN_JSON_BYTES_MAX) != ERR_OK) {
		log_error("out of memory");
		return EXIT_SOFTWARE;
	}
	while (code == EXIT_OK) {
		struct hark_text event = { 0 };

		switch (lines_next(&lines, &event.data, &event.size)) {
		case ERR_OK:
			code = sign_line(signer, transport, &lines, event);
			break;
		case ERR_END:
			return EXIT_OK;
		case ERR_LIMIT:
			code = refuse_line(&lines, "expected an event of at most 1048576 bytes");
			break;
		default:
			log_error("%s: cannot be read: %s", name, strerror(errno));
			code = EXIT_IO;
		}
	}
	return code;
}

static int
open_signer(struct hark_signer **out)
{
	struct hark_failure why = { 0 };
	enum hark_sign_error e = hark_signer_from_environment(NULL, NULL, out, &why);

	if (e == HARK_SIGN_OK && hark_signer_algorithm(*out) == HARK_SIGN_ALGORITHM_OFF) {
		log_error("signing is off and nothing is passed on unsigned: set "
			  "CELLOS_HOST_TELEMETRY_SIGN_ALG to ed25519 or hmac-sha256");
		return EXIT_CONFIG;
	}
	if (e == HARK_SIGN_OK)
		return EXIT_OK;
	log_error("%s", why.text);
	return e == HARK_SIGN_CONFIG ? EXIT_CONFIG : EXIT_SOFTWARE;
}

int
command_sign(int argc, char **argv)
{
	cleanup(signer_destroyp) struct hark_signer *signer = NULL;
	cleanup(file_close) int fd = -1;
	char shown[256] = "stdin";
	bool transport = false;
	struct args args;
	int option;
	int code = EXIT_OK;
	int rest;

	log_init("hark sign");
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, &code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return code;
		transport = true;
	}
	rest = args_rest(&args);
	if (argc - rest > 1)
		return args_mistake(&args, "expected at most one FILE");
	code = open_signer(&signer);
	if (code != EXIT_OK)
		return code;
	if (rest == argc || strcmp(argv[rest], "-") == 0)
		return sign_lines(signer, transport, STDIN_FILENO, shown);
	(void)text_escape(argv[rest], strlen(argv[rest]), shown, sizeof(shown));
	if (file_open_read(argv[rest], &fd) != ERR_OK) {
		log_error("%s: %s", shown, strerror(errno));
		return EXIT_NO_INPUT;
	}
	return sign_lines(signer, transport, fd, shown);
}
