/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The list of observers of a configuration as it grows, and what an entry is held against. */
#ifndef CONFIG_OBSERVERS_H
#define CONFIG_OBSERVERS_H

#include "config/config_internal.h"

/* With the key that it is about. */
#define CONFIG_BELOW_DATA                                                                     \
	"'%s' is below the data directory, or too long: observers write nothing there; give " \
	"another path"

/* An entry is read: its parts agree; what a grant may leave out is filled in.  ERR_MISSING,
 * ERR_RANGE, ERR_LIMIT with the reader's *why; ERR_MEMORY. */
MUST_USE enum err config_observer_check(struct config_reader *r, struct config_mark mark,
					struct config_observer *o);
/* The data directory is known: fills in the projection.  ERR_RANGE, with the key that leads below
 * it, for CONFIG_BELOW_DATA; ERR_MEMORY. */
MUST_USE enum err config_observer_settle(struct config_observer *o, const char *data,
					 const char **what_out);

/* Appends one with its defaults.  ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum err config_observers_add(struct config_reader *r, struct config_mark mark,
				       struct config_observer **out);
/* The last one is read.  ERR_DUPLICATE: another has its name, or one of its files; and as
 * config_observer_check. */
MUST_USE enum err config_observers_check_last(struct config_reader *r, struct config_mark mark);
/* All files are read: config_observer_settle for each. */
MUST_USE enum err config_observers_settle(struct config_reader *r);
/* The place of the first that was given in this file and holds a secret; false: none. */
bool config_observers_find_secret(const struct config_reader *r, struct config_mark *out);

#endif
