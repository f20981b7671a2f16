/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which of Firecracker's metrics are counters and which are states, and their sums. */
#include "telemetry/probes/fc_totals.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* Firecracker has about 400 members, and some 30 more for each device. */
#define MEMBERS_MAX 8192u

/*
 * The metrics that Firecracker does not reset.  "" stands for any name at that place; a name that
 * ends in "*" for all that begin so.
 */
static const struct store_row {
	const char *group;
	const char *name; /* NULL: the group itself is the metric */
	const char *part; /* of an aggregate; NULL where there is none */
} store_rows[] = {
	{ "utc_timestamp_ms", NULL, NULL }, /* the time of the flush */
	{ "api_server", "", NULL },         /* how long the start took */
	{ "latencies_us", "", NULL },       /* how long the last snapshot, load, pause took */
	{ "seccomp", "num_faults", NULL },  /* written by a signal handler, so stored */
	{ "signals", "sigbus", NULL },      /* deadly signals are 0 or 1 ... */
	{ "signals", "sigsegv", NULL },     /* ... and stored, because the process */
	{ "signals", "sigxfsz", NULL },     /* ends while they are written; */
	{ "signals", "sigxcpu", NULL },     /* sigpipe alone is counted */
	{ "signals", "sighup", NULL },
	{ "signals", "sigill", NULL },
	{ "vmm", "panic_count", NULL }, /* 0 or 1, as a deadly signal */
	{ "", "", "min_us" },           /* extremes since the start; their sum_us is counted */
	{ "", "", "max_us" },
	{ "vhost_user_*", "init_time_us", NULL }, /* how long setting up took */
	{ "vhost_user_*", "activate_time_us", NULL },
	{ "vhost_user_*", "config_change_time_us", NULL },
};

/* The names that lead to a member, outermost first. */
struct path {
	const char *names[FC_TOTALS_DEPTH_MAX];
	size_t depth;
};

static bool
name_matches(const char *pattern, const char *name)
{
	size_t size = strlen(pattern);

	if (size == 0)
		return true;
	if (pattern[size - 1] == '*')
		return strncmp(pattern, name, size - 1) == 0;
	return strcmp(pattern, name) == 0;
}

static bool
is_store(const struct path *path)
{
	size_t i;

	for (i = 0; i < sizeof(store_rows) / sizeof(store_rows[0]); i++) {
		const struct store_row *row = &store_rows[i];
		size_t depth = row->name == NULL ? 1 : row->part == NULL ? 2 : 3;

		if (depth == path->depth && name_matches(row->group, path->names[0]) &&
		    (depth < 2 || name_matches(row->name, path->names[1])) &&
		    (depth < 3 || name_matches(row->part, path->names[2])))
			return true;
	}
	return false;
}

/* The value that `now` gives with `before`; a new reference, or NULL where there is no memory. */
static json_t *
combine(const struct path *path, json_t *before, json_t *now)
{
	json_int_t a, b, sum;

	if (before == NULL || !json_is_integer(before) || !json_is_integer(now) || is_store(path))
		return json_incref(now);
	a = json_integer_value(before);
	b = json_integer_value(now);
	/* No counter falls; and a sum that would wrap stays at the largest. */
	if (a < 0 || b < 0)
		return json_incref(now);
	if (__builtin_add_overflow(a, b, &sum))
		sum = LLONG_MAX;
	return json_integer(sum);
}

static enum err merge(json_t *totals, json_t *flush, struct path *path, size_t *members);

static enum err
merge_member(json_t *totals, const char *name, json_t *now, struct path *path, size_t *members)
{
	json_t *before = json_object_get(totals, name);
	json_t *value;

	if (!json_is_object(now)) {
		value = combine(path, before, now);
		return value != NULL && json_object_set_new(totals, name, value) == 0 ? ERR_OK
										      : ERR_MEMORY;
	}
	if (!json_is_object(before)) {
		if (json_object_set_new(totals, name, json_object()) != 0)
			return ERR_MEMORY;
		before = json_object_get(totals, name);
	}
	return merge(before, now, path, members);
}

static enum err
merge(json_t *totals, json_t *flush, struct path *path, size_t *members)
{
	const char *name;
	json_t *now;

	if (path->depth == FC_TOTALS_DEPTH_MAX)
		return ERR_LIMIT;
	json_object_foreach(flush, name, now)
	{
		enum err e;

		if (json_is_array(now) || ++*members > MEMBERS_MAX)
			return ERR_LIMIT; /* Firecracker writes no lists */
		path->names[path->depth++] = name;
		e = merge_member(totals, name, now, path, members);
		path->depth--;
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static size_t
count_members(json_t *object)
{
	size_t count = 0;
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) count +=
		1 + (json_is_object(value) ? count_members(value) : 0);
	return count;
}

static void
decref(json_t **value)
{
	json_decref(*value);
}

enum err
fc_totals_add(struct fc_totals *t, const char *line, size_t size)
{
	cleanup(decref) json_t *flush = NULL;
	cleanup(decref) json_t *totals = NULL;
	struct path path = { .depth = 0 };
	size_t members = 0;
	json_error_t why;
	enum err e;

	flush = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
	if (flush == NULL && json_error_code(&why) == json_error_out_of_memory)
		return ERR_MEMORY;
	if (!json_is_object(flush))
		return ERR_FORMAT;
	/* Into a copy: where memory ends in the middle, no counter was added twice. */
	totals = t->metrics != NULL ? json_deep_copy(t->metrics) : json_object();
	if (totals == NULL)
		return ERR_MEMORY;
	e = merge(totals, flush, &path, &members);
	if (e != ERR_OK)
		return e;
	if (count_members(totals) > MEMBERS_MAX)
		return ERR_LIMIT;
	json_decref(t->metrics);
	t->metrics = steal(&totals);
	return ERR_OK;
}

bool
fc_totals_is_empty(const struct fc_totals *t)
{
	return t->metrics == NULL;
}

enum err
fc_totals_text(const struct fc_totals *t, char **out)
{
	char *text = json_dumps(t->metrics, JSON_COMPACT);

	if (text == NULL)
		return ERR_MEMORY;
	*out = text;
	return ERR_OK;
}

void
fc_totals_finish(struct fc_totals *t)
{
	json_decref(t->metrics);
	t->metrics = NULL;
}
