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
	check_config(&first);
	config_finish(&first);
	config_finish(&second);
	return 0;
}
