/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Remembered cells: there is one text for one cell, so what is read is written as it stands. */
#include <string.h>

#include "fuzz.h"

#include "config/cell_file.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cell_file file;
	struct buf text = { 0 };
	uint8_t *exact = malloc(size + 1);

	if (exact == NULL)
		return 0;
	/* At the end of its block, so that one byte read past it is seen. */
	if (size > 0)
		memcpy(exact + 1, data, size);
	if (cell_file_read(exact + 1, size, &file) == ERR_OK) {
#ifdef FUZZ_TWIN
		if (file.cell.events_per_s > 0)
			file.cell.events_per_s--;
#endif
		FUZZ_CLAIM(config_cell_name_is_good(file.cell.name));
		FUZZ_CLAIM(cell_file_write(&file, &text) == ERR_OK);
		FUZZ_CLAIM(text.size == size && memcmp(text.data, exact + 1, size) == 0);
		buf_finish(&text);
		config_cell_finish(&file.cell);
	}
	free(exact);
	return 0;
}
