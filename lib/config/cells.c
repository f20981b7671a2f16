/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cells one after the other, and that no two are the same. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "config/cells.h"

/* Places grow by doubling from here. */
#define CELLS_AT_FIRST 16u

/* FNV-1a: a quick "surely not", before texts are compared. */
static uint64_t
hash(const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
	return h;
}

/* Room for one more in both arrays. */
static enum err
grow(struct config_reader *r)
{
	size_t capacity = r->place_capacity > 0 ? r->place_capacity * 2 : CELLS_AT_FIRST;
	struct config_cell *cells;
	struct cell_place *places;

	if (r->config->cell_count < r->place_capacity)
		return ERR_OK;
	cells = realloc(r->config->cells, capacity * sizeof(*cells));
	if (cells == NULL)
		return ERR_MEMORY;
	r->config->cells = cells;
	places = realloc(r->places, capacity * sizeof(*places));
	if (places == NULL)
		return ERR_MEMORY;
	r->places = places;
	r->place_capacity = capacity;
	return ERR_OK;
}

enum err
config_cells_add(struct config_reader *r, struct config_mark mark, struct config_cell **out)
{
	struct config_cell cell = { .rearm = true,
				    .connections = CONFIG_CONNECTIONS_MAX,
				    .owner_uid = -1,
				    .owner_gid = -1,
				    .mode = -1,
				    .peer_uid = -1 };
	enum err e;

	if (r->config->cell_count == CONFIG_CELLS_MAX)
		return config_refuse(r, ERR_LIMIT, mark, "more than %u cells; take some out",
				     CONFIG_CELLS_MAX);
	e = grow(r);
	if (e != ERR_OK)
		return e;
	cell.name = strdup("");
	cell.uds_base = strdup("");
	cell.run_id = strdup("");
	cell.spec_hash = strdup("");
	if (cell.name == NULL || cell.uds_base == NULL || cell.run_id == NULL ||
	    cell.spec_hash == NULL) {
		config_cell_finish(&cell);
		return ERR_MEMORY;
	}
	*out = &r->config->cells[r->config->cell_count];
	**out = cell;
	r->places[r->config->cell_count] =
		(struct cell_place){ .mark = mark, .file = r->file_number };
	r->config->cell_count++;
	return ERR_OK;
}

enum err
config_cells_check_last(struct config_reader *r, struct config_mark mark)
{
	const struct config_cell *cells = r->config->cells;
	size_t last = r->config->cell_count - 1;
	char shown[CONFIG_SHOWN_BYTES];
	size_t i;

	MUST(r->config->cell_count > 0 && last < r->place_capacity);

	r->places[last].name_hash = hash(cells[last].name);
	r->places[last].base_hash = hash(cells[last].uds_base);
	for (i = 0; i < last; i++) {
		const char *what = NULL;

		if (r->places[i].name_hash == r->places[last].name_hash &&
		    strcmp(cells[i].name, cells[last].name) == 0)
			what = "name";
		else if (r->places[i].base_hash == r->places[last].base_hash &&
			 strcmp(cells[i].uds_base, cells[last].uds_base) == 0)
			what = "uds_base";
		if (what == NULL)
			continue;
		(void)text_escape(cells[i].name, strlen(cells[i].name), shown, sizeof(shown));
		return config_refuse(
			r, ERR_DUPLICATE, mark,
			"the %s of this cell is that of cell '%s', line %zu of %s; change one",
			what, shown, r->places[i].mark.line,
			r->places[i].file == r->file_number ? "this file" : "an earlier file");
	}
	return ERR_OK;
}

void
config_cell_finish(struct config_cell *cell)
{
	free(cell->name);
	free(cell->uds_base);
	free(cell->run_id);
	free(cell->spec_hash);
	*cell = (struct config_cell){ .name = NULL };
}
