/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The daemon's descriptors of a ledger, or a directory that a person names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "hark/ledger_choice.h"
#include "os/file.h"
#include "os/folder.h"
#include "prog/exit.h"
#include "prog/log.h"

static const char *const names[PROTO_LEDGERS] = {
	[PROTO_EVIDENCE] = "evidence",
	[PROTO_OPERATIONS] = "operations",
};

bool
ledger_choice_option(struct ledger_choice *c, int option, const char *value)
{
	char shown[128];
	unsigned int i;

	MUST(c != NULL && value != NULL);

	if (option == LEDGER_CHOICE_DIR) {
		c->dir = value;
		return true;
	}
	MUST(option == LEDGER_CHOICE_LEDGER);
	for (i = 0; i < PROTO_LEDGERS; i++) {
		if (strcmp(value, names[i]) == 0) {
			c->ledger = (enum proto_ledger)i;
			return true;
		}
	}
	(void)text_escape(value, strlen(value), shown, sizeof(shown));
	log_error("'%s' is no value of --ledger: give evidence or operations", shown);
	return false;
}

static int
open_live(const struct ledger_choice *c, struct client **client_out, int *dirfd_out,
	  int *page_fd_out)
{
	cleanup(client_closep) struct client *client = NULL;
	struct message question, last;
	int code = client_open(&client);

	if (code != EXIT_OK)
		return code;
	message_init(&question, MESSAGE_ASK_LEDGER, 0);
	message_set_number(&question, FIELD_LEDGER, c->ledger);
	code = client_ask(client, &question, NULL, NULL, &last);
	if (code != EXIT_OK)
		return code;
	if (last.type != MESSAGE_LEDGER_OPEN) {
		log_error("the daemon answered without the ledger");
		return EXIT_PROTOCOL;
	}
	*dirfd_out = last.fds[0];
	*page_fd_out = last.fds[1];
	*client_out = steal(&client);
	return EXIT_OK;
}

static int
refuse_folder(const char *dir, enum err e)
{
	char shown[512];

	(void)text_escape(dir, strlen(dir), shown, sizeof(shown));
	log_error("%s: %s", shown, strerror(errno));
	return e == ERR_MISSING ? EXIT_NO_INPUT : EXIT_IO;
}

/* DATA/<ledger>, or the directory itself where it is a ledger's. */
static int
open_offline(const struct ledger_choice *c, int *dirfd_out)
{
	cleanup(file_close) int fd = -1;
	int below = -1;
	enum err e = folder_open_path(c->dir, &fd);

	if (e != ERR_OK)
		return refuse_folder(c->dir, e);
	e = folder_open(fd, names[c->ledger], &below);
	if (e != ERR_OK && e != ERR_MISSING)
		return refuse_folder(c->dir, e);
	if (e == ERR_OK) {
		*dirfd_out = below;
		return EXIT_OK;
	}
	*dirfd_out = fd;
	fd = -1;
	return EXIT_OK;
}

int
ledger_choice_open(const struct ledger_choice *c, struct client **client_out, int *dirfd_out,
		   int *page_fd_out)
{
	MUST(c != NULL && client_out != NULL && dirfd_out != NULL && page_fd_out != NULL);

	*page_fd_out = -1;
	return c->dir != NULL ? open_offline(c, dirfd_out)
			      : open_live(c, client_out, dirfd_out, page_fd_out);
}
