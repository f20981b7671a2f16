/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The options that describe a cell, judged here as the configuration's values are. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "config/config.h"
#include "config/value.h"
#include "hark/cell.h"
#include "os/account.h"
#include "os/beneath.h"
#include "prog/log.h"

static bool
mistake(const char *option, const char *value, const char *remedy)
{
	char shown[256];

	(void)text_escape(value, strlen(value), shown, sizeof(shown));
	log_error("'%s' is no value of %s: give %s", shown, option, remedy);
	return false;
}

bool
cell_name_check(const char *name)
{
	return config_cell_name_is_good(name) ||
	       mistake("NAME", name,
		       "1 to 128 letters, digits and ._:@-, neither '.' nor '-' first");
}

void
cell_add_init(struct cell_add *add)
{
	MUST(add != NULL);

	*add = (struct cell_add){ .uds_base = NULL };
	message_init(&add->question, MESSAGE_ASK_CELL_ADD, 0);
}

void
cell_add_name(struct cell_add *add, const char *name)
{
	MUST(config_cell_name_is_good(name));

	message_set_text(&add->question, FIELD_CELL, name);
}

/* The daemon has another working directory. */
static bool
set_base(struct cell_add *add, const char *value)
{
	static char here[CONFIG_PATH_BYTES_MAX];
	int dirfd = -1;
	bool known = false;
	size_t size;

	here[0] = '\0';
	if (value[0] != '/') {
		known = beneath_open_dir(BENEATH_CWD, ".", BENEATH_FOLLOW, &dirfd) == ERR_OK &&
			beneath_path(dirfd, here, sizeof(here)) == ERR_OK;
		beneath_close(&dirfd);
		if (!known)
			return mistake("--uds-base", value, "an absolute path");
	}
	size = strlen(here) + strlen(value) + 2;
	if (value[0] == '\0' || size > CONFIG_PATH_BYTES_MAX)
		return mistake("--uds-base", value, "a path of 1 to 4095 bytes");
	free(add->uds_base);
	add->uds_base = malloc(size);
	if (add->uds_base == NULL) {
		log_error("%s", err_text(ERR_MEMORY));
		return false;
	}
	(void)snprintf(add->uds_base, size, "%s%s%s", here, known ? "/" : "", value);
	message_set_text(&add->question, FIELD_UDS_BASE, add->uds_base);
	return true;
}

/* A number of one of the three forms that the configuration has. */
static bool
set_number(struct cell_add *add, const char *option, const char *value, enum message_field field,
	   enum err (*read)(const char *, size_t, uint64_t *), uint64_t min, uint64_t max,
	   const char *remedy)
{
	uint64_t number = 0;

	if (read(value, strlen(value), &number) != ERR_OK || number < min || number > max)
		return mistake(option, value, remedy);
	message_set_number(&add->question, field, number);
	return true;
}

static enum err
read_plain(const char *text, size_t size, uint64_t *out)
{
	return num_read_u64(text, size, UINT64_MAX, out);
}

static bool
set_owner(struct cell_add *add, const char *value)
{
	uid_t uid = 0;
	gid_t gid = 0;

	if (account_read_owner(value, &uid, &gid) != ERR_OK)
		return mistake("--owner", value,
			       "USER:GROUP, names that this system has or numbers");
	message_set_number(&add->question, FIELD_OWNER_UID, uid);
	message_set_number(&add->question, FIELD_OWNER_GID, gid);
	return true;
}

static bool
set_mode(struct cell_add *add, const char *value)
{
	int64_t mode = 0;

	if (config_value_mode(value, strlen(value), &mode) != ERR_OK)
		return mistake("--mode", value, "0 and three octal digits, such as 0660");
	message_set_number(&add->question, FIELD_MODE, (uint64_t)mode);
	return true;
}

bool
cell_add_option(struct cell_add *add, int option, const char *value)
{
	switch (option) {
	case CELL_OPTION_UDS_BASE:
		return set_base(add, value);
	case CELL_OPTION_RUN_ID:
		if (!text_is_id(value, strlen(value), CONFIG_ID_BYTES_MAX))
			return mistake("--run-id", value,
				       "1 to 128 bytes without blanks and control characters");
		message_set_text(&add->question, FIELD_RUN, value);
		return true;
	case CELL_OPTION_SPEC_HASH:
		if (!config_spec_hash_is_good(value))
			return mistake("--spec-hash", value,
				       "sha256: and 64 lower-case hex digits");
		message_set_text(&add->question, FIELD_SPEC_HASH, value);
		return true;
	case CELL_OPTION_KEEPALIVE:
		return set_number(add, "--keepalive", value, FIELD_KEEPALIVE_MS,
				  config_value_thousandths, CONFIG_KEEPALIVE_MS_MIN,
				  CONFIG_KEEPALIVE_MS_MAX, "seconds from 0.1 to 86400");
	case CELL_OPTION_NO_REARM:
		message_set_number(&add->question, FIELD_REARM, 0);
		return true;
	case CELL_OPTION_OWNER:
		return set_owner(add, value);
	case CELL_OPTION_MODE:
		return set_mode(add, value);
	case CELL_OPTION_PEER_UID:
		return set_number(add, "--peer-uid", value, FIELD_PEER_UID, read_plain, 0,
				  UINT32_MAX - 1, "a user's number");
	case CELL_OPTION_EVENTS:
		return set_number(add, "--events-per-s", value, FIELD_EVENTS_PER_S, read_plain, 0,
				  CONFIG_EVENTS_PER_S_MAX, "a number up to 10000000; 0: no limit");
	case CELL_OPTION_BYTES:
		return set_number(add, "--ledger-bytes-per-s", value, FIELD_BYTES_PER_S,
				  config_value_bytes, 0, CONFIG_BYTES_PER_S_MAX,
				  "a number up to 16GiB; 0: no limit");
	case CELL_OPTION_CONNECTIONS:
		return set_number(add, "--connections", value, FIELD_CONNECTIONS, read_plain, 1,
				  CONFIG_CONNECTIONS_MAX, "a number from 1 to 8");
	default:
		MUST_NOT_REACH("an option of cells that has no row");
	}
}

void
cell_add_finish(struct cell_add *add)
{
	if (add == NULL)
		return;
	free(add->uds_base);
	add->uds_base = NULL;
}
