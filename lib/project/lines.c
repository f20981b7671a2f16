/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Log: a diagnostic line of a module, escaped, so many a second.  Lines are said once what was
 * asked for beside them is committed, and lost where that word gets lost: nothing depends on them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "project/capability.h"

#define SECOND_NS UINT64_C(1000000000)
/* A line with its beginning, in bytes, and how many of a batch are kept. */
#define LINE_BYTES 900u
#define KEPT_MAX   1024u

struct lines {
	const struct effect *kept[KEPT_MAX];
	size_t count;
	uint64_t beyond; /* of this batch, that were not even kept */
	uint64_t second_ns;
	uint64_t said;    /* in this second */
	uint64_t dropped; /* and not told yet */
};

static enum err
lines_open(const struct capability_context *c, void **state, struct project_failure *why)
{
	struct lines *l = calloc(1, sizeof(*l));

	(void)why;
	if (l == NULL)
		return ERR_MEMORY;
	l->second_ns = c->now_ns;
	*state = l;
	return ERR_OK;
}

static enum err
lines_execute(const struct capability_context *c, void *state, const struct effect *effect,
	      struct project_failure *why)
{
	struct lines *l = state;

	(void)why;
	if (effect->payload.size == 0)
		return c->refuse(c->refuse_ctx, effect, "empty");
	if (l->count < KEPT_MAX)
		l->kept[l->count++] = effect;
	else
		l->beyond++;
	return ERR_OK;
}

static void
say(const struct capability_context *c, const char *format_text, const char *text)
{
	char line[LINE_BYTES];

	(void)snprintf(line, sizeof(line), "observer %.64s%s%s", c->config->observer, format_text,
		       text);
	c->environment->line(c->environment->line_ctx, line);
}

static void
tell_dropped(const struct capability_context *c, struct lines *l)
{
	char text[64];

	if (l->dropped == 0)
		return;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)l->dropped);
	say(c, ": lines left out, over its limit: ", text);
	l->dropped = 0;
}

/* A second that is over: a new one begins. */
static void
count_anew(const struct capability_context *c, struct lines *l)
{
	if (c->now_ns - l->second_ns < SECOND_NS)
		return;
	tell_dropped(c, l);
	l->second_ns = c->now_ns;
	l->said = 0;
}

static void
lines_after_commit(const struct capability_context *c, void *state)
{
	struct lines *l = state;
	char shown[LINE_BYTES - 128];
	size_t i;

	count_anew(c, l);
	for (i = 0; i < l->count; i++) {
		struct bytes text = l->kept[i]->payload;

		if (l->said >= c->config->log_lines_per_s) {
			l->dropped++;
			continue;
		}
		l->said++;
		(void)text_escape((const char *)text.data, text.size, shown, sizeof(shown));
		say(c, " says: ", shown);
	}
	l->dropped += l->beyond;
	l->count = 0;
	l->beyond = 0;
}

static uint64_t
lines_turn(const struct capability_context *c, void *state)
{
	struct lines *l = state;

	count_anew(c, l);
	return l->dropped > 0 ? l->second_ns + SECOND_NS : UINT64_MAX;
}

const struct capability capability_log = {
	.token = HARK_OBSERVER_TOKEN_LOG,
	.name = "Log",
	.open = lines_open,
	.execute = lines_execute,
	.after_commit = lines_after_commit,
	.turn = lines_turn,
	.close = free,
};
