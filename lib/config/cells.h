/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The list of cells of a configuration as it grows. */
#ifndef CONFIG_CELLS_H
#define CONFIG_CELLS_H

#include "config/config_internal.h"

/* Appends a cell with the defaults of one.  ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum err config_cells_add(struct config_reader *r, struct config_mark mark,
				   struct config_cell **out);
/* The last cell is read: no other has its name or its base.  ERR_DUPLICATE. */
MUST_USE enum err config_cells_check_last(struct config_reader *r, struct config_mark mark);

#endif
