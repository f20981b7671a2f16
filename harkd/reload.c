/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cells of the configuration: compared with those that are there, at start and at each SIGHUP. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "harkd/harkd.h"
#include "prog/exit.h"
#include "prog/log.h"

static const struct config_cell *
find_in_config(const struct harkd *h, const char *name)
{
	size_t i;

	for (i = 0; i < h->config.cell_count; i++) {
		if (strcmp(h->config.cells[i].name, name) == 0)
			return &h->config.cells[i];
	}
	return NULL;
}

/* True where the cell is as the configuration has it; a run id that was made counts as none. */
static bool
is_as_configured(const struct cell *cell, const struct config_cell *wanted)
{
	struct config_cell mine = cell->file.cell;

	if (wanted->run_id == NULL || wanted->run_id[0] == '\0')
		mine.run_id = wanted->run_id;
	return config_cell_is_same(&mine, wanted);
}

static void
remove_one(struct cell *cell, bool again)
{
	struct cell_refusal why = { 0 };

	cell->again = again;
	if (cell->state == CELL_LEAVING)
		return;
	log_info("cell %s %s", cell->file.cell.name,
		 again ? "has changed in the configuration: it is removed and added again"
		       : "is no longer in the configuration: it is removed");
	if (!cell_remove(cell, &why))
		log_error("cell %s cannot be removed: %s", cell->file.cell.name, why.text);
}

static void
add_one(struct harkd *h, const struct config_cell *wanted)
{
	struct cell_file file = { .cell = *wanted, .from_config = true };
	struct cell_refusal why = { 0 };

	if (cell_add(h, &file, false, true, &why) == NULL)
		log_error("cell %s of the configuration: %s", wanted->name, why.text);
}

void
reload_cells(struct harkd *h)
{
	const struct config_cell *wanted;
	struct cell *cell;
	struct cell *next;
	size_t i;

	for (cell = h->cells; cell != NULL; cell = next) {
		next = cell->next; /* removal may free it at once */
		wanted = find_in_config(h, cell->file.cell.name);
		if (!cell->file.from_config && wanted != NULL)
			log_error("cell %s is in the configuration, and was added by command: the "
				  "command's stays until `hark cell rm`",
				  wanted->name);
		else if (cell->file.from_config && wanted == NULL)
			remove_one(cell, false);
		else if (cell->file.from_config &&
			 (cell->state == CELL_LEAVING || !is_as_configured(cell, wanted)))
			remove_one(cell, true);
	}
	for (i = 0; i < h->config.cell_count; i++) {
		if (cell_find(h, h->config.cells[i].name) == NULL)
			add_one(h, &h->config.cells[i]);
	}
}

/* What only a new start can change is said, so that nobody waits for it. */
static void
tell_what_stays(const struct config *now, const struct config *next)
{
	static const char *const none = "";
	const char *host = now->host != NULL ? now->host : none;
	const char *next_host = next->host != NULL ? next->host : none;

	if (strcmp(now->data, next->data) != 0 || strcmp(now->run, next->run) != 0)
		log_warning("data and run change only with a new start of harkd");
	if (strcmp(host, next_host) != 0)
		log_warning("host does not change: the ledgers have it in their origin");
	if (now->receivers_shared != next->receivers_shared ||
	    now->shared_cells_max != next->shared_cells_max)
		log_warning("receiver.* changes only with a new start of harkd");
	if (now->segment_bytes != next->segment_bytes || now->batch_bytes != next->batch_bytes ||
	    now->commit_us != next->commit_us || now->checkpoint_ms != next->checkpoint_ms ||
	    now->tick_ms != next->tick_ms)
		log_warning("ledger.* changes only with a new start of harkd");
	if (now->require_confinement != next->require_confinement)
		log_warning("require_confinement changes only with a new start of harkd");
}

void
reload_config(struct harkd *h)
{
	cleanup(buf_finish) struct buf texts = { 0 };
	struct config next;
	int code = EXIT_OK;

	notify_say(&h->notify, "RELOADING=1");
	if (h->options.config == NULL) {
		log_info("there is no configuration to read again");
	} else if (!options_load(&h->options, &next, &texts, &code)) {
		log_error("the configuration stays as it was");
	} else if (configured_keep(h, &texts, true) != ERR_OK) {
		log_error("the configuration stays as it was");
		config_finish(&next);
	} else {
		struct config_cell *cells = h->config.cells;
		size_t count = h->config.cell_count;
		struct config_observer *observers = h->config.observers;
		size_t observer_count = h->config.observer_count;

		tell_what_stays(&h->config, &next);
		h->config.cells = next.cells;
		h->config.cell_count = next.cell_count;
		h->config.keepalive_ms = next.keepalive_ms;
		next.cells = cells;
		next.cell_count = count;
		h->config.observers = next.observers;
		h->config.observer_count = next.observer_count;
		next.observers = observers;
		next.observer_count = observer_count;
		config_finish(&next);
		reload_cells(h);
		configured_tell(h);
		observer_reload(h);
		log_info("the configuration was read again");
	}
	notify_say(&h->notify, "READY=1");
}
