/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Configurations: whatever is taken keeps the promises of config.h, whatever is refused says in
 * which file, and both come out the same a second time.
 */
#include <stdbool.h>
#include <string.h>

#include "config/config.h"

#include "fuzz.h"

/* What the twin believes of the largest number of connections is wrong on purpose. */
#ifdef FUZZ_TWIN
#define CONNECTIONS_MAX 7u
#else
#define CONNECTIONS_MAX CONFIG_CONNECTIONS_MAX
#endif

static bool
is_between(uint64_t value, uint64_t low, uint64_t high)
{
	return value >= low && value <= high;
}

static void
check_cell(const struct config_cell *cell)
{
	FUZZ_CLAIM(config_cell_name_is_good(cell->name));
	FUZZ_CLAIM(cell->uds_base[0] == '/' && strlen(cell->uds_base) < CONFIG_PATH_BYTES_MAX);
	FUZZ_CLAIM(strlen(cell->run_id) <= CONFIG_ID_BYTES_MAX);
	FUZZ_CLAIM(cell->spec_hash[0] == '\0' || config_spec_hash_is_good(cell->spec_hash));
	FUZZ_CLAIM(
		is_between(cell->keepalive_ms, CONFIG_KEEPALIVE_MS_MIN, CONFIG_KEEPALIVE_MS_MAX));
	FUZZ_CLAIM(is_between(cell->connections, 1, CONNECTIONS_MAX));
	FUZZ_CLAIM(cell->events_per_s <= CONFIG_EVENTS_PER_S_MAX);
	FUZZ_CLAIM(cell->bytes_per_s <= CONFIG_BYTES_PER_S_MAX);
	FUZZ_CLAIM((cell->owner_uid == -1) == (cell->owner_gid == -1));
	FUZZ_CLAIM(cell->owner_uid >= -1 && cell->owner_uid < UINT32_MAX);
	FUZZ_CLAIM(cell->mode >= -1 && cell->mode <= 0777);
	FUZZ_CLAIM(cell->peer_uid >= -1 && cell->peer_uid < UINT32_MAX);
}

static bool
is_path(const char *text)
{
	return text[0] == '/' && strlen(text) < CONFIG_PATH_BYTES_MAX;
}

/* What is taken keeps the promises of observer.h, and its text reads back as the same. */
static void
check_observer(const struct config *c, const struct config_observer *o)
{
	struct config_failure why;
	struct config_observer again;
	struct buf text = { 0 };
	char shown[CONFIG_PATH_BYTES_MAX + 16];

	FUZZ_CLAIM(config_observer_name_is_good(o->name) && is_path(o->module));
	FUZZ_CLAIM(config_observer_digest_is_good(o->digest));
#define LIMIT(name, words, usual, most) FUZZ_CLAIM(is_between(o->limits.name, 1, (most)));
	HARK_OBSERVER_LIMITS(LIMIT)
#undef LIMIT
	FUZZ_CLAIM(o->limits.payload_bytes <= o->limits.effect_bytes);
	FUZZ_CLAIM(is_between(o->batch, 1, CONFIG_OBSERVER_BATCH_MAX));
	FUZZ_CLAIM(is_between(o->strikes, 1, CONFIG_OBSERVER_STRIKE_MAX));
	FUZZ_CLAIM(o->tokens <= HARK_OBSERVER_TOKENS_ALL);
	FUZZ_CLAIM((o->table != NULL) == ((o->tokens & 1) != 0));
	FUZZ_CLAIM((o->metric_file != NULL) == ((o->tokens & 2) != 0));
	FUZZ_CLAIM((o->receipt_file != NULL) == ((o->tokens & 4) != 0));
	FUZZ_CLAIM((o->log_lines_per_s != 0) == ((o->tokens & 8) != 0));
	FUZZ_CLAIM(config_projection_is_good(o->projection, strlen(o->projection)));
	FUZZ_CLAIM(config_projection_path(o->projection) == NULL ||
		   !config_path_is_below(config_projection_path(o->projection), c->data));
	config_projection_shown(o->projection, shown, sizeof(shown));
	FUZZ_CLAIM(config_observer_write(o, true, &text) == ERR_OK);
	FUZZ_CLAIM(config_observer_read("again", text.data, text.size, c->data, &again, &why) ==
		   ERR_OK);
	FUZZ_CLAIM(config_observer_is_same(o, &again));
	config_observer_finish(&again);
	buf_finish(&text);
}

static void
check_config(const struct config *c)
{
	size_t i, j;

	FUZZ_CLAIM(c->data[0] == '/' && c->run[0] == '/');
	FUZZ_CLAIM(
		is_between(c->segment_bytes, CONFIG_SEGMENT_BYTES_MIN, CONFIG_SEGMENT_BYTES_MAX));
	FUZZ_CLAIM(is_between(c->batch_bytes, CONFIG_BATCH_BYTES_MIN, CONFIG_BATCH_BYTES_MAX));
	FUZZ_CLAIM(c->commit_us <= 1000000);
	FUZZ_CLAIM(is_between(c->checkpoint_ms, 100, 3600000));
	FUZZ_CLAIM(is_between(c->tick_ms, 1000, 3600000));
	FUZZ_CLAIM(is_between(c->shared_cells_max, 1, CONFIG_CELLS_MAX));
	FUZZ_CLAIM(c->cell_count <= CONFIG_CELLS_MAX);
	FUZZ_CLAIM(c->observer_count <= CONFIG_OBSERVERS_MAX);
	for (i = 0; i < c->observer_count; i++) {
		check_observer(c, &c->observers[i]);
		for (j = 0; j < i; j++)
			FUZZ_CLAIM(strcmp(c->observers[i].name, c->observers[j].name) != 0);
	}
	for (i = 0; i < c->cell_count; i++) {
		check_cell(&c->cells[i]);
		for (j = 0; j < i; j++)
			FUZZ_CLAIM(strcmp(c->cells[i].name, c->cells[j].name) != 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_failure first_why, second_why;
	struct config first, second;
	enum err e = config_parse("file", data, size, &first, &first_why);

	FUZZ_CLAIM(config_parse("file", data, size, &second, &second_why) == e);
	if (e != ERR_OK) {
		const char *at = first_why.text;

		FUZZ_CLAIM(strcmp(first_why.text, second_why.text) == 0);
		FUZZ_CLAIM(strncmp(at, "file:", 5) == 0);
		for (; *at != '\0'; at++)
			FUZZ_CLAIM((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f);
		return 0;
	}
	FUZZ_CLAIM(first.cell_count == second.cell_count);
	FUZZ_CLAIM(first.observer_count == second.observer_count);
	check_config(&first);
	config_finish(&first);
	config_finish(&second);
	return 0;
}
