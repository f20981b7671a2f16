/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Prunes and redacts without a daemon.  Retiring is in ledger_retire.c. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "hark/ledger_data.h"
#include "hark/ledger_offline.h"
#include "hark/observer_cursors.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/origin.h"

static int
record(struct ledger_data *d, const char *kind, enum proto_ledger ledger, uint64_t index,
       const char *reason, const char *error)
{
	struct bytes why = { (const uint8_t *)reason, reason != NULL ? strlen(reason) : 0 };
	char members[EVENT_ACT_BYTES_MAX];
	size_t size = 0;

	if (event_act_members(origin_ledger_name(ledger), index, why, error, members, &size) !=
	    ERR_OK)
		MUST_NOT_REACH("a reason is bounded");
	return ledger_data_record(d, kind, (struct bytes){ (const uint8_t *)members, size });
}

static const char pruned[] = "pruned";

/* Opens both ledgers and records the act, durably, before it is done. */
static int
begin(struct ledger_data *d, const char *data, const char *kind, enum proto_ledger ledger,
      uint64_t index, const char *reason)
{
	/* Pruning is up to that leaf, redacting is that leaf. */
	uint64_t last = kind == pruned && index > 0 ? index - 1 : index;
	int code = ledger_data_open(d, data);

	if (code == EXIT_OK)
		code = ledger_data_load(d, PROTO_EVIDENCE);
	if (code == EXIT_OK)
		code = ledger_data_load(d, PROTO_OPERATIONS);
	if (code != EXIT_OK)
		return code;
	if (last >= ledger_committed_size(d->ledgers[ledger])) {
		log_error("there is no leaf %" PRIu64 ": the ledger has %" PRIu64, last,
			  ledger_committed_size(d->ledgers[ledger]));
		return EXIT_NO_INPUT;
	}
	return record(d, kind, ledger, index, reason, NULL);
}

/* Tells what came of it; an act that failed after its record gets another. */
static int
finish(struct ledger_data *d, enum err e, const char *failed_kind, enum proto_ledger ledger,
       uint64_t index)
{
	const char *why = e == ERR_EXISTS    ? "that leaf is redacted already"
			  : e == ERR_MISSING ? "that leaf was pruned"
			  : e == ERR_SYSTEM  ? strerror(errno)
					     : err_text(e);

	if (e != ERR_OK) {
		log_error("%s: %s", d->shown, why);
		if (record(d, failed_kind, ledger, index, NULL, why) != EXIT_OK)
			log_warning("the operations ledger does not say that it failed");
	}
	ledger_data_close(d);
	switch (e) {
	case ERR_OK:
		return EXIT_OK;
	case ERR_EXISTS:
	case ERR_FORMAT:
		return EXIT_DATA;
	case ERR_MISSING:
	case ERR_RANGE:
		return EXIT_NO_INPUT;
	case ERR_SYSTEM:
		return EXIT_IO;
	default:
		return EXIT_SOFTWARE;
	}
}

int
ledger_offline_prune(const char *data, const char *config, enum proto_ledger ledger, uint64_t index,
		     uint64_t *first_out)
{
	struct ledger_data d;
	int code = ledger == PROTO_EVIDENCE ? observer_cursors_allow(data, config, index) : EXIT_OK;

	if (code != EXIT_OK)
		return code;
	code = begin(&d, data, pruned, ledger, index, NULL);
	if (code != EXIT_OK) {
		ledger_data_close(&d);
		return code;
	}
	return finish(&d, ledger_prune(d.ledgers[ledger], index, first_out), "prune_failed", ledger,
		      index);
}

int
ledger_offline_redact(const char *data, enum proto_ledger ledger, uint64_t index,
		      const char *reason)
{
	struct ledger_data d;
	int code = begin(&d, data, "redacted", ledger, index, reason);

	if (code != EXIT_OK) {
		ledger_data_close(&d);
		return code;
	}
	return finish(&d, ledger_redact(d.ledgers[ledger], index), "redact_failed", ledger, index);
}
