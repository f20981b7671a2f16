/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Events by both ways and by the other reader (tests/unit/observer): all say the same of any bytes.
 * A line is one text; what is remembered of those before must make no difference.  A byte from 1 to
 * 8, which no event has, stands for the bytes behind it, as many, over and over: else no text of so
 * small an input would be longer than a record holds.
 */
#include <string.h>

#include <hark/observer_host.h>

#include "base/text.h"

#include "fuzz.h"
#include "observer/event_reader.h"
#include "unit/observer/event_oracle.h"

#define REPEATED 600u
#define TEXT_MAX (HARK_OBSERVER_JSON_BYTES_MAX + 1u)

static struct event_reader reader;

/* Into `out`, of TEXT_MAX bytes; gives the size, where it ends early that. */
static size_t
expand(const char *line, size_t size, char *out)
{
	size_t at = 0;
	size_t used = 0;

	while (at < size) {
		size_t unit = (size_t)(unsigned char)line[at];
		size_t times = 1;

		if (unit >= 1 && unit <= 8 && unit < size - at) {
			times = REPEATED;
			at++;
		} else {
			unit = 1;
		}
		for (; times > 0 && unit <= TEXT_MAX - used; times--, used += unit)
			memcpy(out + used, line + at, unit);
		at += unit;
	}
	return used;
}

static size_t
texts_size(const struct hark_observer_event *e)
{
	return e->type.size + e->id.size + e->cell.size + e->run.size + e->probe_source.size +
	       e->guest_comm.size;
}

static void
judge(struct hark_text json)
{
	static char ours[HARK_OBSERVER_EVENT_STORAGE], again[HARK_OBSERVER_EVENT_STORAGE],
		its[HARK_OBSERVER_EVENT_STORAGE];
	struct hark_observer_event a, b, c;
	enum hark_observer_error got;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&c, 0, sizeof(c));
	got = hark_observer_event_of(json, ours, &a);
	FUZZ_CLAIM(got == event_oracle(json, its, &b));
	FUZZ_CLAIM(event_oracle_same(&a, &b));
	FUZZ_CLAIM(got == event_reader_read(&reader, json, again, &c));
	FUZZ_CLAIM(event_oracle_same(&c, &b));
	/* Less than a character more would have fitted. */
	FUZZ_CLAIM(!a.texts_cut || (texts_size(&a) <= HARK_OBSERVER_TEXTS_MAX &&
				    texts_size(&a) > HARK_OBSERVER_TEXTS_MAX - 4));
	FUZZ_CLAIM(text_is_utf8(a.guest_comm.data, a.guest_comm.size));
#ifdef FUZZ_TWIN
	FUZZ_CLAIM(reader.repeated == 0); /* wrong: there are events of one form */
#endif
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	const char *end = at + size;

	memset(&reader, 0, sizeof(reader));
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t line = (size_t)((stop != NULL ? stop : end) - at);
		static char text[TEXT_MAX];
		size_t expanded = expand(at, line, text);
		char *exact = malloc(expanded + (expanded == 0));

		if (exact == NULL)
			abort();
		memcpy(exact, text, expanded);
		judge((struct hark_text){ exact, expanded });
		free(exact);
		at += line + 1;
	}
	return 0;
}
