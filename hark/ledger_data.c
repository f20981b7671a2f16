/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Opens, locks and writes a data directory without its daemon. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/text.h"
#include "hark/ledger_data.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/random.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/origin.h"

#define SOURCE_BYTES 512u

static int
fail(const struct ledger_data *d, const char *name, enum err e)
{
	log_error("%s%s%s: %s", d->shown, name[0] != '\0' ? "/" : "", name,
		  e == ERR_SYSTEM || e == ERR_MISSING ? strerror(errno) : err_text(e));
	if (e == ERR_MISSING)
		return EXIT_NO_INPUT;
	if (e == ERR_SYSTEM)
		return errno == EACCES || errno == EPERM ? EXIT_NO_PERMISSION : EXIT_IO;
	return EXIT_SOFTWARE;
}

int
ledger_data_open(struct ledger_data *d, const char *path)
{
	struct file_info info;
	unsigned int i;
	enum err e;

	*d = (struct ledger_data){ .fd = -1, .lock_fd = -1 };
	for (i = 0; i < PROTO_LEDGERS; i++)
		d->ledger_fds[i] = -1;
	(void)text_escape(path, strlen(path), d->shown, sizeof(d->shown));
	e = folder_open_path(path, &d->fd);
	if (e == ERR_OK)
		e = file_stat(d->fd, &info);
	if (e == ERR_OK)
		e = file_stat_at(d->fd, "lock", &info);
	if (e == ERR_MISSING && d->fd >= 0) {
		log_error("%s is no data directory: it has no file lock", d->shown);
		return EXIT_NO_INPUT;
	}
	if (e != ERR_OK)
		return fail(d, "", e);
	if (info.uid != geteuid()) {
		log_error("%s belongs to user %u: run this as that user, so that what is made in "
			  "it is theirs",
			  d->shown, (unsigned int)info.uid);
		return EXIT_NO_PERMISSION;
	}
	e = folder_lock(d->fd, "lock", &d->lock_fd);
	if (e == ERR_AGAIN) {
		log_error("%s is in use by a daemon: end it first, or leave out --dir for what it "
			  "can "
			  "do itself",
			  d->shown);
		return EXIT_TEMPORARY;
	}
	return e == ERR_OK ? EXIT_OK : fail(d, "lock", e);
}

static int
open_disk(struct ledger_data *d, enum proto_ledger ledger)
{
	const char *name = origin_ledger_name(ledger);
	enum err e = folder_open(d->fd, name, &d->ledger_fds[ledger]);

	if (e == ERR_OK)
		e = disk_open_real(d->ledger_fds[ledger], &d->disks[ledger]);
	d->has_disk[ledger] = e == ERR_OK;
	return e == ERR_OK ? EXIT_OK : fail(d, name, e);
}

/* origin NULL: one that is there. */
static int
open_ledger(struct ledger_data *d, enum proto_ledger ledger, const char *origin)
{
	struct ledger_options options = { .origin = origin, .is_synchronous = true };
	struct ledger_failure why = { 0 };
	int code = open_disk(d, ledger);
	enum err e;

	if (code != EXIT_OK)
		return code;
	e = random_bytes(options.salt, sizeof(options.salt));
	if (e == ERR_OK)
		e = ledger_open(d->disks[ledger], &options, &d->ledgers[ledger], &why);
	if (e == ERR_OK)
		return EXIT_OK;
	log_error("%s/%s: %s", d->shown, origin_ledger_name(ledger),
		  why.text[0] != '\0' ? why.text : err_text(e));
	switch (e) {
	case ERR_FORMAT:
		return EXIT_DATA;
	case ERR_UNSUPPORTED:
		return EXIT_UNAVAILABLE;
	case ERR_MISSING:
		return EXIT_NO_INPUT;
	case ERR_SYSTEM:
		return EXIT_IO;
	default:
		return EXIT_SOFTWARE;
	}
}

int
ledger_data_load(struct ledger_data *d, enum proto_ledger ledger)
{
	return open_ledger(d, ledger, NULL);
}

int
ledger_data_begin(struct ledger_data *d, enum proto_ledger ledger, const char *origin)
{
	MUST(origin != NULL);
	return open_ledger(d, ledger, origin);
}

struct event_clock
ledger_data_clock(void)
{
	struct event_clock clock = { .is_synchronized = false };

	clock_realtime(&clock.real.seconds, &clock.real.nanoseconds);
	clock.monotonic_ns = clock_monotonic_ns();
	return clock;
}

int
ledger_data_commit(struct ledger_data *d, enum proto_ledger ledger)
{
	const struct event_clock now = ledger_data_clock();
	struct ledger *l = d->ledgers[ledger];
	enum err e = ledger_commit_begin(l, now.real, now.monotonic_ns);

	if (e == ERR_OK)
		e = ledger_commit_end(l);
	return e == ERR_OK ? EXIT_OK : fail(d, origin_ledger_name(ledger), e);
}

struct event_place
ledger_data_place(struct ledger_data *d, enum proto_ledger ledger, struct hark_event_origin *origin,
		  char *source)
{
	struct ledger *l = d->ledgers[ledger];
	int size = snprintf(source, SOURCE_BYTES, "/hark/%s", ledger_origin(l));

	MUST(size > 0 && (size_t)size < SOURCE_BYTES);
	*origin = (struct hark_event_origin){
		.source = { .data = source, .size = (size_t)size },
		.id_prefix = { .data = source + 6, .size = (size_t)size - 6 },
		.number = ledger_next_index(l),
	};
	return (struct event_place){ .origin = origin,
				     .json = ledger_reserve(l),
				     .capacity = LEDGER_LEAF_BYTES_MAX };
}

int
ledger_data_record(struct ledger_data *d, const char *kind, struct bytes members)
{
	const struct event_clock now = ledger_data_clock();
	struct ledger *evidence = d->ledgers[PROTO_EVIDENCE];
	char source[SOURCE_BYTES];
	struct hark_event_origin origin;
	struct event_place to = ledger_data_place(d, PROTO_OPERATIONS, &origin, source);
	struct merkle_hash root;
	size_t size = 0;
	enum err e;

	MUST(evidence != NULL && to.json != NULL);
	ledger_committed_root(evidence, &root);
	e = event_operation(&now, (struct bytes){ (const uint8_t *)kind, strlen(kind) },
			    ledger_committed_size(evidence), root.bytes, members, &to, &size);
	if (e != ERR_OK)
		return fail(d, "operations", e);
	ledger_append(d->ledgers[PROTO_OPERATIONS], size);
	return ledger_data_commit(d, PROTO_OPERATIONS);
}

void
ledger_data_close(struct ledger_data *d)
{
	int kept = errno;
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		ledger_close(d->ledgers[i]);
		d->ledgers[i] = NULL;
		if (d->has_disk[i])
			disk_close_real(&d->disks[i]);
		d->has_disk[i] = false;
		file_close(&d->ledger_fds[i]);
	}
	file_close(&d->lock_fd);
	file_close(&d->fd);
	errno = kept;
}
