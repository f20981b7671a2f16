/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Opens ledgers for proofs and exports. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "checkpoint/note.h"
#include "hark/sealed.h"
#include "os/file.h"
#include "prog/exit.h"
#include "prog/log.h"

void
sealed_init(struct sealed *s)
{
	*s = (struct sealed){ .dirfd = -1, .page_fd = -1 };
}

void
sealed_finish(struct sealed *s)
{
	ledger_reader_close(s->reader);
	if (s->has_disk)
		disk_close_real(&s->disk);
	page_unmap(s->page);
	file_close(&s->page_fd);
	file_close(&s->dirfd);
	client_close(s->client);
	buf_finish(&s->note);
	sealed_init(s);
}

int
sealed_fail(enum err e, const struct ledger_failure *why)
{
	log_error("the ledger: %s", why->text[0] != '\0' ? why->text : err_text(e));
	switch (e) {
	case ERR_FORMAT:
	case ERR_LIMIT:
		return EXIT_DATA;
	case ERR_UNSUPPORTED:
		return EXIT_UNAVAILABLE;
	case ERR_MISSING:
	case ERR_RANGE:
	case ERR_AGAIN:
		return EXIT_NO_INPUT;
	case ERR_SYSTEM:
		return errno == EACCES || errno == EPERM ? EXIT_NO_PERMISSION : EXIT_IO;
	default:
		return EXIT_SOFTWARE;
	}
}

static int
read_head(struct sealed *s)
{
	struct ledger_failure why = { 0 };
	struct note note;
	enum err e;

	buf_clear(&s->note);
	s->has_head = false;
	e = ledger_reader_checkpoint(s->reader, &s->note);
	if (e == ERR_MISSING)
		return EXIT_OK;
	if (e == ERR_OK && (note_read(s->note.data, s->note.size, &note) != ERR_OK ||
			    checkpoint_read(note.text, &s->head) != ERR_OK ||
			    strcmp(s->head.origin, ledger_reader_origin(s->reader)) != 0)) {
		log_error("the ledger: checkpoint: it is no signed checkpoint of this ledger "
			  "(hark verify says more)");
		return EXIT_DATA;
	}
	if (e != ERR_OK)
		return sealed_fail(e, &why);
	s->has_head = true;
	return EXIT_OK;
}

int
sealed_open(struct sealed *s)
{
	struct ledger_failure why = { 0 };
	enum err e;
	int code = ledger_choice_open(&s->choice, &s->client, &s->dirfd, &s->page_fd);

	if (code != EXIT_OK)
		return code;
	e = disk_open_real(s->dirfd, &s->disk);
	s->has_disk = e == ERR_OK;
	if (e == ERR_OK)
		e = ledger_reader_open(s->disk, &s->reader, &why);
	if (e == ERR_OK && s->page_fd >= 0)
		e = page_map_reader(s->page_fd, &s->page);
	return e == ERR_OK ? read_head(s) : sealed_fail(e, &why);
}

int
sealed_committed(struct sealed *s, uint64_t *out)
{
	struct ledger_failure why = { 0 };
	struct page_state state;
	uint32_t counter;
	enum err e;

	MUST(s->reader != NULL);
	if (s->page != NULL) {
		*out = page_read(s->page, &state, &counter) ? state.committed_size : 0;
		return EXIT_OK;
	}
	e = ledger_reader_size(s->reader, out, &why);
	return e == ERR_OK ? EXIT_OK : sealed_fail(e, &why);
}

int
sealed_want(struct sealed *s, uint64_t size)
{
	struct message question, last;
	uint64_t sealed;
	int code;

	if (s->has_head && s->head.size >= size)
		return EXIT_OK;
	if (s->client != NULL) {
		message_init(&question, MESSAGE_ASK_SEAL, 0);
		message_set_number(&question, FIELD_LEDGER, s->choice.ledger);
		code = client_ask(s->client, &question, NULL, NULL, &last);
		if (code != EXIT_OK)
			return code;
		message_close(&last);
		code = read_head(s);
		if (code != EXIT_OK || (s->has_head && s->head.size >= size))
			return code;
	}
	sealed = s->has_head ? s->head.size : 0;
	log_error("%" PRIu64 " %s sealed, and not %" PRIu64 "%s", sealed,
		  text_counted(sealed, "leaf is", "leaves are"), size,
		  s->client == NULL ? ": the daemon seals them when it runs" : "");
	return EXIT_NO_INPUT;
}
