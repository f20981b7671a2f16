/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "project/series.h"
#include "json/tree.h"
#include "json/writer.h"

#define SERIES_AT_FIRST 64u
#define BUCKETS_DEPTH   3u

/* ---- finding ------------------------------------------------------------------------------- */

static int
compare(const struct series *s, const char *name, const char *labels)
{
	int order = strcmp(s->name, name);

	return order != 0 ? order : strcmp(s->labels, labels);
}

/* The place of the first that is not before; *found_out: it is the one. */
static size_t
find(const struct series_set *s, const char *name, const char *labels, bool *found_out)
{
	size_t low = 0;
	size_t high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(s->items[middle], name, labels) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found_out = low < s->count && compare(s->items[low], name, labels) == 0;
	return low;
}

static void
destroy(struct series *s)
{
	if (s == NULL)
		return;
	free(s->name);
	free(s->labels);
	free(s->shown);
	free(s->bounds);
	free(s->counts);
	free(s);
}

/* An empty one of this name, labels, type and bounds; NULL: no memory. */
static struct series *
make(const struct sample *sample)
{
	struct series *made = calloc(1, sizeof(*made));
	size_t bounds = sample->bound_count > 0 ? sample->bound_count : 1;

	if (made == NULL)
		return NULL;
	made->type = sample->type;
	made->bound_count = sample->bound_count;
	made->name = strdup(sample->name);
	made->labels = strdup(sample->labels);
	made->shown = strdup(sample->shown);
	made->bounds = calloc(bounds, sizeof(made->bounds[0]));
	made->counts = calloc(bounds, sizeof(made->counts[0]));
	if (made->name == NULL || made->labels == NULL || made->shown == NULL ||
	    made->bounds == NULL || made->counts == NULL) {
		destroy(made);
		return NULL;
	}
	memcpy(made->bounds, sample->bounds, sample->bound_count * sizeof(made->bounds[0]));
	return made;
}

/* Puts a new one at its place. */
static enum err
insert(struct series_set *s, size_t at, const struct sample *sample, struct series **out)
{
	struct series *made;

	if (s->count == s->capacity) {
		size_t more = s->capacity == 0 ? SERIES_AT_FIRST : 2 * s->capacity;
		struct series **items = reallocarray(s->items, more, sizeof(struct series *));

		if (items == NULL)
			return ERR_MEMORY;
		s->items = items;
		s->capacity = more;
	}
	made = make(sample);
	if (made == NULL)
		return ERR_MEMORY;
	memmove(s->items + at + 1, s->items + at, (s->count - at) * sizeof(struct series *));
	s->items[at] = made;
	s->count++;
	*out = made;
	return ERR_OK;
}

void
series_finish(struct series_set *s)
{
	if (s == NULL)
		return;
	while (s->count > 0)
		destroy(s->items[--s->count]);
	free(s->items);
	*s = (struct series_set){ 0 };
}

/* ---- samples ------------------------------------------------------------------------------- */

static bool
has_bounds(const struct series *s, const struct sample *sample)
{
	size_t i;

	if (s->bound_count != sample->bound_count)
		return false;
	for (i = 0; i < s->bound_count; i++) {
		if (decimal_compare(s->bounds[i], sample->bounds[i]) != 0)
			return false;
	}
	return true;
}

/* One metric has one type and, of a histogram, one set of buckets, whatever the labels. */
static enum err
check_family(const struct series_set *s, const struct sample *sample, char *error)
{
	const struct series *other;
	bool found = false;
	/* "" is before all labels. */
	size_t at = find(s, sample->name, "", &found);

	if (at == s->count || strcmp(s->items[at]->name, sample->name) != 0)
		return ERR_OK;
	other = s->items[at];
	if (other->type != sample->type) {
		(void)snprintf(error, SAMPLE_ERROR_BYTES, "this metric is a %s",
			       sample_type_name(other->type));
		return ERR_FORMAT;
	}
	if (!has_bounds(other, sample)) {
		(void)snprintf(error, SAMPLE_ERROR_BYTES, "this metric has other buckets");
		return ERR_FORMAT;
	}
	return ERR_OK;
}

static enum err
add(struct series *s, const struct sample *sample, char *error)
{
	size_t i;

	if (sample->type == SAMPLE_GAUGE) {
		s->value = sample->value;
	} else if (decimal_add(&s->value, sample->value) != ERR_OK) {
		(void)snprintf(error, SAMPLE_ERROR_BYTES, "the sum is too large");
		return ERR_FORMAT;
	}
	s->changed = true;
	if (sample->type != SAMPLE_HISTOGRAM)
		return ERR_OK;
	s->count++;
	for (i = 0; i < s->bound_count; i++) {
		if (decimal_compare(sample->value, s->bounds[i]) <= 0) {
			s->counts[i]++;
			break;
		}
	}
	return ERR_OK;
}

enum err
series_apply(struct series_set *s, const struct sample *sample, size_t most,
	     char error[SAMPLE_ERROR_BYTES])
{
	struct series *series = NULL;
	bool found = false;
	size_t at;
	enum err e;

	MUST(s != NULL && sample != NULL && error != NULL);

	e = check_family(s, sample, error);
	if (e != ERR_OK)
		return e;
	at = find(s, sample->name, sample->labels, &found);
	if (!found && s->count >= most)
		return ERR_LIMIT;
	if (!found)
		e = insert(s, at, sample, &series);
	else
		series = s->items[at];
	return e == ERR_OK ? add(series, sample, error) : e;
}

/* ---- in the database ----------------------------------------------------------------------- */

void
series_write_buckets(const struct series *s, char text[SERIES_BUCKETS_BYTES])
{
	struct json_writer w;
	size_t size = 0;
	enum err e;
	size_t i;

	MUST(s != NULL && text != NULL);

	text[0] = '\0';
	if (s->type != SAMPLE_HISTOGRAM)
		return;
	json_writer_init(&w, text, SERIES_BUCKETS_BYTES - 1);
	json_write_literal(&w, "{\"buckets\":[");
	for (i = 0; i < s->bound_count; i++) {
		char bound[DECIMAL_TEXT_BYTES];
		size_t bound_size = decimal_write(s->bounds[i], bound);

		json_write_raw(&w, i > 0 ? ",[" : "[", i > 0 ? 2 : 1);
		json_write_string(&w, bound, bound_size);
		json_write_literal(&w, ",");
		json_write_u64_string(&w, s->counts[i]);
		json_write_literal(&w, "]");
	}
	json_write_literal(&w, "],\"count\":");
	json_write_u64_string(&w, s->count);
	json_write_literal(&w, "}");
	e = json_writer_finish(&w, &size);
	MUST(e == ERR_OK); /* there is room for the longest */
	text[size] = '\0';
}

static enum err
read_count(const struct json_node *node, uint64_t *out)
{
	if (node == NULL || node->type != JSON_STRING)
		return ERR_FORMAT;
	return num_read_u64(node->text, node->text_size, UINT64_MAX, out);
}

/* The bounds go into *sample, the counts beside. */
static enum err
read_buckets(struct bytes text, struct sample *sample, uint64_t *counts, uint64_t *count_out)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	const struct json_node *buckets;
	const struct json_node *node;
	enum err e;

	e = json_tree_read((const char *)text.data, text.size, BUCKETS_DEPTH, &tree, NULL);
	if (e != ERR_OK)
		return e == ERR_MEMORY ? e : ERR_FORMAT;
	buckets = json_node_member(json_tree_root(tree), "buckets");
	if (buckets == NULL || buckets->child_count > SAMPLE_BUCKETS_MAX)
		return ERR_FORMAT;
	for (node = buckets->child; node != NULL; node = node->next) {
		size_t at = sample->bound_count;

		if (node->child_count != 2 || node->child->type != JSON_STRING ||
		    decimal_read(node->child->text, node->child->text_size, &sample->bounds[at]) !=
			    ERR_OK ||
		    read_count(node->child->next, &counts[at]) != ERR_OK)
			return ERR_FORMAT;
		sample->bound_count++;
	}
	return read_count(json_node_member(json_tree_root(tree), "count"), count_out);
}

enum err
series_load(struct series_set *s, struct bytes name, struct bytes labels, struct bytes type,
	    struct bytes value, struct bytes buckets)
{
	uint64_t counts[SAMPLE_BUCKETS_MAX] = { 0 };
	char error[SAMPLE_ERROR_BYTES];
	struct sample *sample = calloc(1, sizeof(*sample));
	struct series *series = NULL;
	uint64_t count = 0;
	bool found = false;
	enum err e;
	size_t at = 0;

	MUST(s != NULL);

	if (sample == NULL)
		return ERR_MEMORY;
	/* It goes into the file as it is. */
	e = sample_is_name(name) ? sample_type_of(type, &sample->type) : ERR_FORMAT;
	if (e == ERR_OK)
		memcpy(sample->name, name.data, name.size);
	if (e == ERR_OK)
		e = sample_read_labels(labels, sample, error);
	if (e == ERR_OK && sample->type == SAMPLE_HISTOGRAM)
		e = read_buckets(buckets, sample, counts, &count);
	if (e == ERR_OK)
		at = find(s, sample->name, sample->labels, &found);
	if (e == ERR_OK)
		e = found ? ERR_FORMAT : insert(s, at, sample, &series);
	if (e == ERR_OK) {
		/* Sums may have grown beyond what one sample may be. */
		e = decimal_load((const char *)value.data, value.size, &series->value);
		series->count = count;
		memcpy(series->counts, counts, series->bound_count * sizeof(counts[0]));
	}
	free(sample);
	return e == ERR_OK || e == ERR_MEMORY ? e : ERR_FORMAT;
}

/* ---- as text ------------------------------------------------------------------------------- */

struct writer {
	struct buf *out;
	enum err e;
};

static void
put(struct writer *w, const char *text)
{
	if (w->e == ERR_OK)
		w->e = buf_append(w->out, text, strlen(text), SIZE_MAX / 2);
}

static void
put_number(struct writer *w, uint64_t v)
{
	char text[NUM_U64_DIGITS_MAX + 1];

	text[num_write_u64(v, text)] = '\0';
	put(w, text);
}

static void
put_decimal(struct writer *w, struct decimal v)
{
	char text[DECIMAL_TEXT_BYTES];

	(void)decimal_write(v, text);
	put(w, text);
}

/* "name_suffix{labels,le="..."} "; le may be NULL. */
static void
put_head(struct writer *w, const struct series *s, const char *suffix, const char *le)
{
	bool braces = s->shown[0] != '\0' || le != NULL;

	put(w, s->name);
	put(w, suffix);
	put(w, braces ? "{" : "");
	put(w, s->shown);
	put(w, s->shown[0] != '\0' && le != NULL ? "," : "");
	if (le != NULL) {
		put(w, "le=\"");
		put(w, le);
		put(w, "\"");
	}
	put(w, braces ? "} " : " ");
}

static void
put_histogram(struct writer *w, const struct series *s)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < s->bound_count; i++) {
		char bound[DECIMAL_TEXT_BYTES];

		sum += s->counts[i];
		(void)decimal_write(s->bounds[i], bound);
		put_head(w, s, "_bucket", bound);
		put_number(w, sum);
		put(w, "\n");
	}
	put_head(w, s, "_bucket", "+Inf");
	put_number(w, s->count);
	put(w, "\n");
	put_head(w, s, "_sum", NULL);
	put_decimal(w, s->value);
	put(w, "\n");
	put_head(w, s, "_count", NULL);
	put_number(w, s->count);
	put(w, "\n");
}

enum err
series_write(const struct series_set *s, struct buf *out)
{
	struct writer w = { .out = out };
	size_t i;

	MUST(s != NULL && out != NULL);

	for (i = 0; i < s->count; i++) {
		const struct series *series = s->items[i];

		if (i == 0 || strcmp(s->items[i - 1]->name, series->name) != 0) {
			put(&w, "# TYPE ");
			put(&w, series->name);
			put(&w, " ");
			put(&w, sample_type_name(series->type));
			put(&w, "\n");
		}
		if (series->type == SAMPLE_HISTOGRAM) {
			put_histogram(&w, series);
			continue;
		}
		put_head(&w, series, series->type == SAMPLE_COUNTER ? "_total" : "", NULL);
		put_decimal(&w, series->value);
		put(&w, "\n");
	}
	put(&w, "# EOF\n");
	return w.e;
}
