/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The streams of a cell: which epoch each has and which number comes next.  A name that is known
 * keeps its epoch, however often it connects; the one that is longest unused is forgotten for a new
 * one, and is a new one itself where it comes back.
 */
#include <stdlib.h>

#include "base/must.h"
#include "hark-notary/notary_internal.h"

enum err
stream_create(struct cell *c, uint64_t name, uint32_t epoch, bool is_forked, struct stream **out)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_MEMORY;
	s->seq.stream = name;
	s->epoch = epoch;
	s->is_forked = is_forked;
	s->used = ++c->turn;
	s->cell = c;
	s->next = c->streams;
	c->streams = s;
	if (!is_forked)
		c->stream_count++;
	*out = s;
	return ERR_OK;
}

void
stream_destroy(struct notary *n, struct stream *s)
{
	struct stream **at = &s->cell->streams;

	MUST(s->users == 0);

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (!s->is_forked)
		s->cell->stream_count--;
	if (s->is_dirty) {
		at = &n->dirty_streams;
		while (*at != s)
			at = &(*at)->next_dirty;
		*at = s->next_dirty;
		n->dirty_count--;
	}
	free(s);
}

void
stream_touch(struct notary *n, struct stream *s)
{
	if (s->is_dirty)
		return;
	s->is_dirty = true;
	s->next_dirty = n->dirty_streams;
	n->dirty_streams = s;
	n->dirty_count++;
}

static void
forget(struct notary *n, struct stream *s)
{
	store_stream_gone(n, s);
	stream_destroy(n, s);
}

static void
forget_longest_unused(struct notary *n, struct cell *c)
{
	struct stream *oldest = NULL;
	struct stream *s;

	for (s = c->streams; s != NULL; s = s->next) {
		if (s->users == 0 && !s->is_forked && (oldest == NULL || s->used < oldest->used))
			oldest = s;
	}
	/* There are more places than connections. */
	MUST(oldest != NULL);
	forget(n, oldest);
}

struct stream *
stream_of_name(struct notary *n, struct cell *c, uint64_t name)
{
	struct stream *s;

	for (s = c->streams; s != NULL; s = s->next) {
		if (!s->is_forked && s->seq.stream == name) {
			s->used = ++c->turn;
			return s;
		}
	}
	if (c->stream_count == CELL_STREAMS_MAX)
		forget_longest_unused(n, c);
	if (stream_create(c, name, cell_next_epoch(n, c), false, &s) != ERR_OK)
		return NULL;
	stream_touch(n, s);
	return s;
}

struct stream *
stream_fork(struct notary *n, struct cell *c, uint64_t name, uint64_t seq)
{
	struct stream *s;

	if (stream_create(c, name, cell_next_epoch(n, c), true, &s) != ERR_OK)
		return NULL;
	s->seq.expected = seq;
	stream_touch(n, s);
	return s;
}

void
stream_release(struct notary *n, struct stream *s)
{
	MUST(s->users > 0);
	s->users--;
	if (s->is_forked && s->users == 0)
		forget(n, s);
}
