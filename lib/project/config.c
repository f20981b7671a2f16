/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/observer_host.h>

#include "base/must.h"
#include "project/config.h"
#include "project/database.h"
#include "proto/options.h"

/* Where the host's manifest says nothing. */
#define SERIES_USUAL    1000u
#define LOG_LINES_USUAL 10u

void
project_say(struct project_failure *why, const char *format, ...)
{
	va_list list;

	MUST(why != NULL);

	va_start(list, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, list);
	va_end(list);
}

static enum err
copy(struct bytes text, char **out)
{
	char *copied = malloc(text.size + 1);

	MUST(*out == NULL);

	if (copied == NULL)
		return ERR_MEMORY;
	if (text.size > 0)
		memcpy(copied, text.data, text.size);
	copied[text.size] = '\0';
	*out = copied;
	return ERR_OK;
}

/* The member into which a text goes; NULL for those that are not ours. */
static char **
place_of(struct project_config *c, enum observer_option option)
{
	switch (option) {
	case OPTION_PROJECTION:
		return &c->projection;
	case OPTION_TABLE:
		return &c->table;
	case OPTION_CREATE:
		return &c->create;
	case OPTION_METRIC_FILE:
		return &c->metric_file;
	case OPTION_METRIC_PREFIX:
		return &c->metric_prefix;
	case OPTION_RECEIPT_FILE:
		return &c->receipt_file;
	default:
		return NULL;
	}
}

static enum err
take_texts(struct bytes options, struct project_config *c)
{
	struct option_entry entry;
	size_t at = 0;
	enum err e = ERR_OK;

	while (e == ERR_OK && options_next(options, &at, &entry)) {
		char **place = place_of(c, entry.option);

		if (entry.option == OPTION_KEY) {
			MUST(c->key_count < PROJECT_KEYS_MAX);
			place = &c->keys[c->key_count++];
		}
		if (place != NULL)
			e = copy(entry.text, place);
	}
	return e;
}

static void
take_numbers(struct bytes options, struct project_config *c)
{
	static const struct hark_observer_limits usual = {
#define USUAL(name, words, usual, most) .name = (usual),
		HARK_OBSERVER_LIMITS(USUAL)
#undef USUAL
	};

	c->tokens = (uint32_t)options_number(options, OPTION_TOKENS, 0) & HARK_OBSERVER_TOKENS_ALL;
	c->from = options_number(options, OPTION_FROM, 0);
	c->payload_bytes = options_number(options, OPTION_LIMIT_PAYLOAD_BYTES, usual.payload_bytes);
	c->effects = options_number(options, OPTION_LIMIT_EFFECTS, usual.effects);
	c->effect_bytes = options_number(options, OPTION_LIMIT_EFFECT_BYTES, usual.effect_bytes);
	c->metric_series = options_number(options, OPTION_METRIC_SERIES, SERIES_USUAL);
	if (c->metric_series > PROJECT_SERIES_MAX)
		c->metric_series = PROJECT_SERIES_MAX;
	c->log_lines_per_s = options_number(options, OPTION_LOG_LINES_PER_S, LOG_LINES_USUAL);
}

/* What the grants need. */
static enum err
check(struct project_config *c, struct project_failure *why)
{
	bool rows = (c->tokens & HARK_OBSERVER_TOKEN_BIT(HARK_OBSERVER_TOKEN_PG_WRITE)) != 0;
	bool receipts = (c->tokens & HARK_OBSERVER_TOKEN_BIT(HARK_OBSERVER_TOKEN_KMS_RECEIPT)) != 0;

	if (c->projection == NULL) {
		project_say(why, "no projection is given: write sqlite:/path or postgresql://...");
		return ERR_FORMAT;
	}
	c->database = database_of(c->projection);
	if (c->database == NULL) {
		/* The text itself may hold a password. */
		project_say(why, "the projection is of no known kind: write sqlite:/path or "
				 "postgresql://...");
		return ERR_FORMAT;
	}
	if (rows && (c->table == NULL || c->table[0] == '\0')) {
		project_say(why, "PgWrite is granted, and no table is given for its rows");
		return ERR_FORMAT;
	}
	if (receipts && c->receipt_file == NULL) {
		project_say(why, "KmsReceipt is granted, and no file is given for receipts");
		return ERR_FORMAT;
	}
	if (c->effects > SIZE_MAX / 64 || c->effect_bytes > SIZE_MAX / 64 ||
	    c->payload_bytes > SIZE_MAX / 64 || c->from > INT64_MAX) {
		project_say(why, "a limit of the manifest is too large for this machine");
		return ERR_FORMAT;
	}
	return ERR_OK;
}

enum err
project_config_read(struct bytes observer, struct bytes origin, struct bytes options,
		    struct project_config *out, struct project_failure *why)
{
	enum err e;

	MUST(out != NULL && why != NULL);

	*out = (struct project_config){ 0 };
	take_numbers(options, out);
	e = copy(observer, &out->observer);
	if (e == ERR_OK)
		e = copy(origin, &out->origin);
	if (e == ERR_OK)
		e = take_texts(options, out);
	return e == ERR_OK ? check(out, why) : e;
}

void
project_config_finish(struct project_config *c)
{
	size_t i;

	if (c == NULL)
		return;
	if (c->projection != NULL)
		explicit_bzero(c->projection, strlen(c->projection));
	free(c->observer);
	free(c->origin);
	free(c->projection);
	free(c->hosts);
	free(c->unfound);
	free(c->addresses);
	free(c->ports);
	free(c->table);
	free(c->create);
	free(c->metric_file);
	free(c->metric_prefix);
	free(c->receipt_file);
	for (i = 0; i < c->key_count; i++)
		free(c->keys[i]);
	*c = (struct project_config){ 0 };
}
