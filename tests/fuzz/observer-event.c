/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Events by both ways and by the other reader (tests/unit/observer): all say the same of any bytes.
 * A line is one text; what is remembered of those before must make no difference.
 */
#include <string.h>

#include "fuzz.h"
#include "observer/event_reader.h"
#include "unit/observer/event_oracle.h"

static struct event_reader reader;

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
		char *exact = malloc(line + (line == 0));

		if (exact == NULL)
			abort();
		memcpy(exact, at, line);
		judge((struct hark_text){ exact, line });
		free(exact);
		at += line + 1;
	}
	return 0;
}
