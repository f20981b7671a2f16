/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers of streams, in a fixed table. */
#include <stddef.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "wire/sequence.h"

/* The stream's place, made where there is none. */
static struct sequence_stream *
find_stream(struct sequence_table *t, uint64_t stream)
{
	struct sequence_stream *s = NULL;
	uint32_t i;

	MUST(t != NULL);
	MUST(t->count <= SEQUENCE_STREAMS_MAX);

	for (i = 0; i < t->count && s == NULL; i++) {
		if (t->streams[i].stream == stream)
			s = &t->streams[i];
	}
	if (s == NULL) {
		if (t->count < SEQUENCE_STREAMS_MAX) {
			s = &t->streams[t->count++];
		} else {
			s = &t->streams[0];
			for (i = 1; i < t->count; i++) {
				if (t->streams[i].used < s->used)
					s = &t->streams[i];
			}
			t->replaced = num_add_saturating(t->replaced, 1);
		}
		*s = (struct sequence_stream){ .stream = stream };
	}
	s->used = ++t->turn;
	return s;
}

/* Moves the expectation up to `seq`: a gap where it was below. */
static enum sequence_verdict
expect(struct sequence_stream *s, uint64_t seq, struct sequence_gap *gap)
{
	MUST(gap != NULL);

	if (s->is_used_up || seq <= s->expected)
		return SEQUENCE_NEW;
	gap->first = s->expected;
	gap->last = seq - 1;
	s->expected = seq;
	return SEQUENCE_GAP;
}

enum sequence_verdict
sequence_hello(struct sequence_table *t, uint64_t stream, uint64_t seq, struct sequence_gap *gap)
{
	return expect(find_stream(t, stream), seq, gap);
}

enum sequence_verdict
sequence_next(struct sequence_table *t, uint64_t stream, uint64_t seq, struct sequence_gap *gap)
{
	/* Below the expected number it says nothing: nothing can be missing behind what came. */
	return expect(find_stream(t, stream), seq, gap);
}

/* An event with its own number. */
static enum sequence_verdict
take_event(struct sequence_stream *s, uint64_t seq, struct sequence_gap *gap)
{
	enum sequence_verdict verdict;

	if (s->is_used_up || seq < s->expected)
		return SEQUENCE_DUPLICATE;
	verdict = expect(s, seq, gap);
	if (s->expected == UINT64_MAX)
		s->is_used_up = true;
	else
		s->expected++;
	return verdict;
}

enum sequence_verdict
sequence_event(struct sequence_table *t, uint64_t stream, uint64_t seq, struct sequence_gap *gap)
{
	enum sequence_verdict verdict = take_event(find_stream(t, stream), seq, gap);

	if (verdict == SEQUENCE_DUPLICATE)
		t->duplicates = num_add_saturating(t->duplicates, 1);
	return verdict;
}

static uint64_t
take_dropped(struct sequence_stream *s, uint64_t dropped)
{
	uint64_t newly;

	/* It is a total: a smaller one is an older frame sent again, or nonsense. */
	if (dropped <= s->dropped)
		return 0;
	newly = dropped - s->dropped;
	s->dropped = dropped;
	return newly;
}

uint64_t
sequence_dropped(struct sequence_table *t, uint64_t stream, uint64_t dropped)
{
	return take_dropped(find_stream(t, stream), dropped);
}

static bool
is_source(const struct hark_guest_declaration *d, const char *source)
{
	return d->probe_source.size == strlen(source) &&
	       memcmp(d->probe_source.data, source, d->probe_source.size) == 0;
}

void
sequence_take_stream(struct sequence_stream *s, const struct hark_guest_declaration *d,
		     struct sequence_finding *out)
{
	struct sequence_finding f = { .verdict = SEQUENCE_NEW };

	MUST(s != NULL && d != NULL);
	MUST(out != NULL);

	if (is_source(d, "agent.hello"))
		f.verdict = expect(s, d->has_seq ? d->seq : 0, &f.gap);
	else if (d->has_seq && (is_source(d, "agent.heartbeat") || is_source(d, "agent.goodbye")))
		f.verdict = expect(s, d->seq, &f.gap);
	else if (d->has_seq)
		f.verdict = take_event(s, d->seq, &f.gap);
	if (d->has_dropped && f.verdict != SEQUENCE_DUPLICATE)
		f.newly_dropped = take_dropped(s, d->dropped);
	*out = f;
}

void
sequence_take(struct sequence_table *t, uint64_t stream, const struct hark_guest_declaration *d,
	      struct sequence_finding *out)
{
	sequence_take_stream(find_stream(t, stream), d, out);
	if (out->verdict == SEQUENCE_DUPLICATE)
		t->duplicates = num_add_saturating(t->duplicates, 1);
}

bool
sequence_check(const struct sequence_table *t)
{
	uint32_t i;
	uint32_t j;

	if (t->count > SEQUENCE_STREAMS_MAX)
		return false;
	for (i = 0; i < t->count; i++) {
		const struct sequence_stream *s = &t->streams[i];

		if (s->used == 0 || s->used > t->turn)
			return false;
		if (s->is_used_up && s->expected != UINT64_MAX)
			return false;
		for (j = 0; j < i; j++) {
			if (t->streams[j].stream == s->stream || t->streams[j].used == s->used)
				return false;
		}
	}
	return true;
}
