/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-signer: one ledger's key, and nothing else.  Started by harkd alone. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hark-signer/serve.h"
#include "hark-signer/signer.h"
#include "hark-signer/start.h"
#include "os/file.h"
#include "prog/exit.h"
#include "role/role.h"

static struct signer signer;
static struct serve serve;

static enum exit_code
code_of(enum err e)
{
	switch (e) {
	case ERR_MEMORY:
		return EXIT_SOFTWARE;
	case ERR_SYSTEM:
		return EXIT_OS_FILE;
	default:
		return EXIT_CONFIG;
	}
}

static int
say_ready(const struct role_report *report)
{
	char key[KEYS_VERIFIER_TEXT_MAX + 1];
	struct keys_verifier verifier;
	struct message m;

	keys_signer_verifier(signer.ring.key, &verifier);
	keys_verifier_write(&verifier, key);
	message_init(&m, MESSAGE_READY, 0);
	message_set_text(&m, FIELD_KEY, key);
	message_set_text(&m, FIELD_ORIGIN, signer.origin);
	message_set_number(&m, FIELD_SIZE, signer.ring.head.size);
	return role_ready(&m, report);
}

/* Opens what it must, then gives up the right to open anything. */
static int
begin(struct message *setup)
{
	struct role_report report = { { 0 } };
	struct keys_failure why = { { 0 } };
	struct start how;
	char text[sizeof(report.missing) + 64];
	enum err e;

	if (keys_start() != ERR_OK)
		return role_fail(EXIT_OS, "libsodium cannot start");
	if (start_read(setup, &how, &signer) != ERR_OK)
		return role_fail(EXIT_PROTOCOL, "the first message is not one of harkd's");
	e = start_open(&how, &signer, &why);
	file_close(&how.dirfd);
	if (e != ERR_OK)
		return role_fail(code_of(e), why.text);
	e = role_confine(ROLE_SIGNER, NULL, 0, how.require_confinement, &report);
	if (e != ERR_OK) {
		(void)snprintf(text, sizeof(text), "hark-signer cannot be confined: %s",
			       report.missing);
		return role_fail(EXIT_UNAVAILABLE, text);
	}
	return say_ready(&report);
}

int
main(void)
{
	struct loop *loop = NULL;
	int code = EXIT_SOFTWARE;
	struct message setup;

	if (role_begin(ROLE_SIGNER, "hark-signer", &code) != ERR_OK ||
	    role_setup(MESSAGE_SIGNER_SETUP, serve.bytes, sizeof(serve.bytes), &setup, &code) !=
		    ERR_OK)
		return code;
	code = begin(&setup);
	message_close(&setup);
	if (code == EXIT_OK) {
		if (loop_create(NULL, &loop) == ERR_OK &&
		    serve_init(&serve, &signer, loop, ROLE_SUPERVISOR_FD) == ERR_OK) {
			code = (int)serve_run(&serve);
			serve_finish(&serve);
		} else {
			code = EXIT_OS;
		}
	}
	loop_destroy(loop);
	signer_finish(&signer);
	return code;
}
