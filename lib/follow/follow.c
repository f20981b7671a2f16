/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A reader that goes no further than the page says.  It decides nothing about what it reads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "follow/follow.h"
#include "os/wait.h"

/* limit: what was committed when it was looked at last, under the page's `counter`. */
struct follow {
	struct disk disk;
	bool has_disk;
	struct ledger_reader *reader;
	struct page *page; /* NULL: cold */
	uint64_t limit;
	uint32_t counter;
};

/* Looks at the page again. */
static void
look(struct follow *f)
{
	struct page_state state;

	if (f->page == NULL)
		return;
	if (page_read(f->page, &state, &f->counter))
		f->limit = state.committed_size;
}

static enum err
open_parts(struct follow *f, int dirfd, int page_fd, struct ledger_failure *why)
{
	enum err e = disk_open_real(dirfd, &f->disk);

	if (e == ERR_OK) {
		f->has_disk = true;
		e = page_fd >= 0 ? page_map_reader(page_fd, &f->page) : ERR_OK;
	}
	if (e != ERR_OK) {
		why->system_error = e == ERR_SYSTEM ? errno : 0;
		(void)snprintf(why->text, sizeof(why->text),
			       "the ledger's descriptors cannot be used: %s",
			       e == ERR_SYSTEM ? strerror(errno) : err_text(e));
		return e;
	}
	return ledger_reader_open(f->disk, &f->reader, why);
}

enum err
follow_open(int dirfd, int page_fd, struct follow **out, struct ledger_failure *why)
{
	struct follow *f = calloc(1, sizeof(*f));
	enum err e;

	MUST(dirfd >= 0 && out != NULL && why != NULL);

	*why = (struct ledger_failure){ .system_error = 0 };
	if (f == NULL) {
		(void)snprintf(why->text, sizeof(why->text), "%s", err_text(ERR_MEMORY));
		return ERR_MEMORY;
	}
	/* A cold ledger ends where its frames end. */
	f->limit = page_fd >= 0 ? 0 : UINT64_MAX;
	e = open_parts(f, dirfd, page_fd, why);
	if (e != ERR_OK) {
		follow_close(f);
		return e;
	}
	look(f);
	*out = f;
	return ERR_OK;
}

void
follow_close(struct follow *f)
{
	int saved = errno;

	if (f == NULL)
		return;
	ledger_reader_close(f->reader);
	page_unmap(f->page);
	if (f->has_disk)
		disk_close_real(&f->disk);
	free(f);
	errno = saved;
}

void
follow_closep(struct follow **f)
{
	follow_close(*f);
	*f = NULL;
}

const char *
follow_origin(const struct follow *f)
{
	return ledger_reader_origin(f->reader);
}

uint64_t
follow_first(const struct follow *f)
{
	return ledger_reader_first(f->reader);
}

enum err
follow_size(struct follow *f, uint64_t *out, struct ledger_failure *why)
{
	MUST(f != NULL && out != NULL);

	if (f->page == NULL)
		return ledger_reader_size(f->reader, out, why);
	look(f);
	*out = f->limit;
	return ERR_OK;
}

enum err
follow_seek(struct follow *f, uint64_t index, struct ledger_failure *why)
{
	enum err e;

	MUST(f != NULL);

	look(f);
	if (index > f->limit)
		return ERR_AGAIN;
	e = ledger_reader_seek(f->reader, index, why);
	return e == ERR_RANGE ? ERR_AGAIN : e;
}

enum err
follow_next(struct follow *f, struct ledger_leaf *out, struct ledger_failure *why)
{
	enum err e;

	MUST(f != NULL && out != NULL);

	e = ledger_reader_next(f->reader, f->limit, out, why);
	if (e != ERR_AGAIN || f->page == NULL)
		return e;
	look(f);
	return ledger_reader_next(f->reader, f->limit, out, why);
}

void
follow_wait(struct follow *f, int timeout_ms)
{
	struct wait_item nothing = { .fd = -1 };
	uint64_t end_ns;

	MUST(f != NULL && (f->page != NULL || timeout_ms >= 0));

	if (f->page != NULL) {
		page_wait(f->page, f->counter, timeout_ms);
		return;
	}
	end_ns = wait_now_ns() + (uint64_t)timeout_ms * UINT64_C(1000000);
	/* Where even that fails the caller looks at once. */
	if (wait_ready(&nothing, 1, end_ns) != ERR_OK)
		return;
}
