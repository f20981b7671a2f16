/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Samples of metrics: what is taken makes a series that reads back from its columns, and a text
 * whose lines are no more than its samples.
 */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "project/series.h"

static struct bytes
text_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static size_t
lines(const struct buf *text)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < text->size; i++)
		count += text->data[i] == '\n';
	return count;
}

static void
check_series(const struct series_set *s, const struct sample *sample)
{
	const struct series *made = s->items[0];
	char value[DECIMAL_TEXT_BYTES];
	static char buckets[SERIES_BUCKETS_BYTES];
	struct series_set again = { 0 };
	struct buf text = { 0 };
	struct buf text_again = { 0 };
	size_t want = sample->type == SAMPLE_HISTOGRAM ? sample->bound_count + 3 : 1;

	(void)decimal_write(made->value, value);
	series_write_buckets(made, buckets);
	FUZZ_CLAIM(series_load(&again, text_of(made->name), text_of(made->labels),
			       text_of(sample_type_name(made->type)), text_of(value),
			       text_of(buckets)) == ERR_OK);
	FUZZ_CLAIM(series_write(s, &text) == ERR_OK && series_write(&again, &text_again) == ERR_OK);
	FUZZ_CLAIM(text.size == text_again.size);
	FUZZ_CLAIM(memcmp(text.data, text_again.data, text.size) == 0);
	FUZZ_CLAIM(text_is_utf8((const char *)text.data, text.size));
	/* One for its type, one for the end: a label cannot make another. */
	FUZZ_CLAIM(lines(&text) == want + 2);
#ifdef FUZZ_TWIN
	FUZZ_CLAIM(made->shown[0] == '\0' || made->shown[strlen(made->shown) - 2] != 'x');
#endif
	buf_finish(&text);
	buf_finish(&text_again);
	series_finish(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sample sample;
	struct series_set s = { 0 };
	char error[SAMPLE_ERROR_BYTES] = "";
	uint8_t *copy = malloc(size + 1);
	enum err e;

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy + 1, data, size);
	e = sample_read((struct bytes){ copy + 1, size }, "p_", &sample, error);
	FUZZ_CLAIM(e == ERR_OK || (e == ERR_FORMAT && error[0] != '\0'));
	if (e == ERR_OK) {
		FUZZ_CLAIM(strncmp(sample.name, "p_", 2) == 0);
		FUZZ_CLAIM(series_apply(&s, &sample, 1, error) == ERR_OK && s.count == 1);
		check_series(&s, &sample);
	}
	series_finish(&s);
	free(copy);
	return 0;
}
