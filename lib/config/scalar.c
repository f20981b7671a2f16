/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One value by what its key's row asks for, stored where the row says. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "config/config_internal.h"
#include "config/value.h"
#include "os/account.h"
#include "os/host.h"

/* Bytes of a remedy that names two words. */
#define WORD_BYTES 64u

/* KIND_OWNER writes both. */
_Static_assert(offsetof(struct config_cell, owner_gid) ==
		       offsetof(struct config_cell, owner_uid) + sizeof(int64_t),
	       "user, then group");

static enum err
refuse_value(struct config_reader *r, const struct config_key *key, enum err e, const char *remedy)
{
	return config_refuse(r, e, config_event_mark(r), "'%s' is no value of '%s'; give %s",
			     config_show(r).text, key->name, remedy);
}

static bool
is_path(const char *text, size_t size)
{
	return size > 0 && size < CONFIG_PATH_BYTES_MAX && text[0] == '/' &&
	       text_is_utf8(text, size);
}

/* A remedy, and what is_sql takes: what every database takes without quotes. */
#define SQL_NAME "1 to 63 letters, digits and '_', no digit first"

static const char name_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
static const char name_signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

/* Up to `parts` names with a point between them. */
static bool
is_sql(const char *text, unsigned int parts)
{
	for (; parts > 0; parts--) {
		size_t size = strspn(text, name_signs);

		if (size == 0 || size > CONFIG_SQL_NAME_BYTES_MAX ||
		    strchr(name_letters, text[0]) == NULL)
			return false;
		if (text[size] == '\0')
			return true;
		if (text[size] != '.')
			return false;
		text += size + 1;
	}
	return false;
}

static bool
is_metric(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (text[i] != ':' && strchr(name_signs, text[i]) == NULL)
			return false;
	}
	return size > 0 && size <= CONFIG_METRIC_BYTES_MAX && strchr("0123456789", text[0]) == NULL;
}

/* What is wrong with a text for this kind, as its remedy; NULL where nothing is. */
static const char *
judge_text(enum config_kind kind, const char *text, size_t size)
{
	switch (kind) {
	case KIND_PATH:
		return is_path(text, size) ? NULL : "an absolute path of at most 4095 bytes";
	case KIND_HOST:
		return host_name_check(text) == ERR_OK
			       ? NULL
			       : "1 to 64 letters, digits, '-', '.' and '_'";
	case KIND_CELL:
		return config_cell_name_is_good(text)
			       ? NULL
			       : "1 to 128 letters, digits and ._:@-, neither '.' nor '-' first";
	case KIND_OBSERVER:
		return config_observer_name_is_good(text)
			       ? NULL
			       : "1 to 64 letters, digits and ._:@-, neither '.' nor '-' first, "
				 "and not .new, .off or .cursor at its end";
	case KIND_DIGEST:
		return config_observer_digest_is_good(text)
			       ? NULL
			       : "blake3: or sha256: and 64 lower-case hex digits behind it";
	case KIND_TYPE:
		return text_is_id(text, size, CONFIG_FILTER_BYTES_MAX)
			       ? NULL
			       : "1 to 256 bytes without blanks and control characters";
	case KIND_PROJECTION:
		return config_projection_is_good(text, size)
			       ? NULL
			       : "sqlite:/PATH, postgresql://... or postgres://... of at most "
				 "4095 bytes";
	case KIND_SQL_TABLE:
		return is_sql(text, 2) ? NULL : "NAME or SCHEMA.NAME, each of " SQL_NAME;
	case KIND_SQL_NAME:
		return is_sql(text, 1) ? NULL : SQL_NAME;
	case KIND_METRIC:
		return is_metric(text, size) ? NULL
					     : "1 to 64 letters, digits, '_' and ':', no digit "
					       "first";
	case KIND_SPEC_HASH:
		return config_spec_hash_is_good(text)
			       ? NULL
			       : "sha256: and 64 lower-case hex digits behind it";
	default:
		return text_is_id(text, size, CONFIG_ID_BYTES_MAX)
			       ? NULL
			       : "1 to 128 bytes without blanks and control characters";
	}
}

static enum err
read_text(struct config_reader *r, const struct config_key *key, char **into)
{
	const char *text = (const char *)r->event.data.scalar.value;
	size_t size = r->event.data.scalar.length;
	const char *remedy;
	char *copy;

	remedy = judge_text(key->kind, text, size);
	if (remedy != NULL)
		return refuse_value(r, key, ERR_RANGE, remedy);
	copy = strdup(text);
	if (copy == NULL)
		return ERR_MEMORY;
	free(*into);
	*into = copy;
	return ERR_OK;
}

static bool
is_word(const struct config_reader *r, const char *word)
{
	return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       r->event.data.scalar.length == strlen(word) &&
	       memcmp(r->event.data.scalar.value, word, strlen(word)) == 0;
}

static enum err
read_choice(struct config_reader *r, const struct config_key *key, const char *no, const char *yes,
	    bool *into)
{
	char remedy[WORD_BYTES];

	(void)snprintf(remedy, sizeof(remedy), "%s or %s, without quotes", yes, no);
	if (!is_word(r, no) && !is_word(r, yes))
		return refuse_value(r, key, ERR_FORMAT, remedy);
	*into = is_word(r, yes);
	return ERR_OK;
}

/* "12.5" of 12500, without zeroes at its end. */
static void
write_thousandths(uint64_t value, char *text, size_t capacity)
{
	int size = snprintf(text, capacity, "%" PRIu64 ".%03u", value / 1000,
			    (unsigned int)(value % 1000));

	MUST(size > 0 && (size_t)size < capacity);
	while (text[size - 1] == '0')
		text[--size] = '\0';
	if (text[size - 1] == '.')
		text[size - 1] = '\0';
}

/* By its name, as all numbers of bytes are named. */
static bool
is_of_bytes(const struct config_key *key)
{
	size_t size = strlen(key->name);

	return size > 6 && strcmp(key->name + size - 6, "_bytes") == 0;
}

static enum err
read_number(struct config_reader *r, const struct config_key *key, uint64_t *into)
{
	const char *text = (const char *)r->event.data.scalar.value;
	size_t size = r->event.data.scalar.length;
	bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	char low[32], high[32], remedy[160];
	bool bytes = key->kind == KIND_BYTES || (key->kind == KIND_LIMIT && is_of_bytes(key));
	uint64_t number = 0;
	enum err e;

	if (key->kind == KIND_THOUSANDTHS) {
		e = config_value_thousandths(text, size, &number);
		write_thousandths(key->min, low, sizeof(low));
		write_thousandths(key->max, high, sizeof(high));
	} else {
		e = bytes ? config_value_bytes(text, size, &number)
			  : num_read_u64(text, size, UINT64_MAX, &number);
		(void)snprintf(low, sizeof(low), "%" PRIu64, key->min);
		(void)snprintf(high, sizeof(high), "%" PRIu64, key->max);
	}
	if (e == ERR_OK && plain && number >= key->min && number <= key->max) {
		*into = number;
		return ERR_OK;
	}
	(void)snprintf(remedy, sizeof(remedy), "a number from %s to %s%s%s", low, high,
		       key->kind == KIND_THOUSANDTHS ? " with at most three decimals"
		       : bytes                       ? ", with KiB, MiB or GiB behind it or not"
						     : "",
		       plain ? "" : ", without quotes");
	return refuse_value(r, key, e == ERR_OK && plain ? ERR_RANGE : ERR_FORMAT, remedy);
}

static enum err
read_mode(struct config_reader *r, const struct config_key *key, int64_t *into)
{
	if (config_value_mode((const char *)r->event.data.scalar.value, r->event.data.scalar.length,
			      into) != ERR_OK)
		return refuse_value(r, key, ERR_FORMAT, "0 and three octal digits, such as 0660");
	return ERR_OK;
}

static enum err
read_owner(struct config_reader *r, const struct config_key *key, int64_t into[2])
{
	uid_t uid = 0;
	gid_t gid = 0;
	enum err e = account_read_owner((const char *)r->event.data.scalar.value, &uid, &gid);

	if (e == ERR_MEMORY)
		return e;
	if (e == ERR_SYSTEM)
		return config_refuse(r, e, config_event_mark(r),
				     "the system's users cannot be read: %s; give numbers",
				     strerror(errno));
	if (e != ERR_OK)
		return refuse_value(r, key, e == ERR_MISSING ? ERR_RANGE : e,
				    "USER:GROUP, names that this system has or numbers");
	into[0] = uid;
	into[1] = gid;
	return ERR_OK;
}

/* The value that a key's row describes; the event is its first. */
enum err
config_scalar_read(struct config_reader *r, const struct config_key *key, void *into)
{
	char *at = (char *)into + key->offset;
	uint64_t number = 0;
	enum err e;

	if (r->event.type != YAML_SCALAR_EVENT)
		return config_refuse(r, ERR_FORMAT, config_event_mark(r),
				     "'%s' has %s; give it a single value", key->name,
				     config_event_text(r));
	if (is_word(r, "") || is_word(r, "~") || is_word(r, "null"))
		return config_refuse(r, ERR_FORMAT, config_event_mark(r),
				     "'%s' has no value; give one or take the key out", key->name);
	/* It would cut the text short of what the person reads. */
	if (memchr(r->event.data.scalar.value, '\0', r->event.data.scalar.length) != NULL)
		return refuse_value(r, key, ERR_FORMAT, "a text without NUL");
	switch (key->kind) {
	case KIND_SWITCH:
		return read_choice(r, key, "false", "true", (bool *)(void *)at);
	case KIND_ISOLATION:
		return read_choice(r, key, "cell", "shared", (bool *)(void *)at);
	case KIND_ENGINE:
		return read_choice(r, key, "wasmtime", "noop", (bool *)(void *)at);
	case KIND_ON_TRAP:
		return read_choice(r, key, "skip", "stop", (bool *)(void *)at);
	case KIND_OWNER:
		return read_owner(r, key, (int64_t *)(void *)at);
	case KIND_MODE:
		return read_mode(r, key, (int64_t *)(void *)at);
	case KIND_COUNT:
	case KIND_THOUSANDTHS:
	case KIND_BYTES:
	case KIND_LIMIT:
		return read_number(r, key, (uint64_t *)(void *)at);
	case KIND_COUNT_32:
		e = read_number(r, key, &number);
		if (e == ERR_OK)
			*(uint32_t *)(void *)at = (uint32_t)number;
		return e;
	case KIND_USER:
		e = read_number(r, key, &number);
		if (e == ERR_OK)
			*(int64_t *)(void *)at = (int64_t)number;
		return e;
	default:
		return read_text(r, key, (char **)(void *)at);
	}
}
