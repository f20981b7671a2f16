/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "project/sample.h"
#include "json/tree.h"
#include "json/writer.h"

/* A sample, its labels, nothing in them. */
#define DEPTH_MAX 2u

struct label {
	const struct json_node *value;
	const char *name;
	size_t name_size;
};

struct labels {
	struct label items[SAMPLE_LABELS_MAX];
	size_t count;
};

static const char *const type_names[] = {
	[SAMPLE_COUNTER] = "counter", [SAMPLE_GAUGE] = "gauge", [SAMPLE_HISTOGRAM] = "histogram"
};

/* Where a histogram says nothing: as seconds of a request usually go. */
static const char *const usual_bounds[] = { "0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
					    "0.5",   "1",    "2.5",   "5",    "10" };

const char *
sample_type_name(enum sample_type type)
{
	MUST((size_t)type < sizeof(type_names) / sizeof(type_names[0]));

	return type_names[type];
}

enum err
sample_type_of(struct bytes name, enum sample_type *out)
{
	size_t i;

	MUST(out != NULL);

	for (i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (strlen(type_names[i]) == name.size &&
		    memcmp(type_names[i], name.data, name.size) == 0) {
			*out = (enum sample_type)i;
			return ERR_OK;
		}
	}
	return ERR_MISSING;
}

static enum err
refuse(char *error, const char *words, const char *name, size_t size)
{
	char shown[SAMPLE_ERROR_BYTES / 2];

	(void)text_escape(name, size, shown, sizeof(shown));
	(void)snprintf(error, SAMPLE_ERROR_BYTES, "%s%s%s%s", words, size > 0 ? ": \"" : "",
		       size > 0 ? shown : "", size > 0 ? "\"" : "");
	return ERR_FORMAT;
}

/* ---- labels -------------------------------------------------------------------------------- */

/* [a-zA-Z_][a-zA-Z0-9_]*, and a colon too in metrics. */
static bool
is_name(const char *text, size_t size, bool of_metric)
{
	size_t i;

	for (i = 0; i < size; i++) {
		char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
			      (of_metric && c == ':');

		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return size > 0 && size <= SAMPLE_NAME_BYTES_MAX;
}

bool
sample_is_name(struct bytes name)
{
	return is_name((const char *)name.data, name.size, true);
}

static enum err
add_label(struct labels *l, const struct json_node *node, char *error)
{
	if (node->type == JSON_NULL)
		return ERR_OK;
	if (!is_name(node->name, node->name_size, false) ||
	    (node->name_size >= 2 && memcmp(node->name, "__", 2) == 0))
		return refuse(error, "no name of a label", node->name, node->name_size);
	if (node->type != JSON_STRING && node->type != JSON_NUMBER)
		return refuse(error, "a label is no text", node->name, node->name_size);
	if (node->text_size > SAMPLE_LABEL_BYTES_MAX)
		return refuse(error, "a label is too long", node->name, node->name_size);
	if (l->count == SAMPLE_LABELS_MAX)
		return refuse(error, "too many labels", "", 0);
	l->items[l->count++] = (struct label){ node, node->name, node->name_size };
	return ERR_OK;
}

static int
compare(const void *a, const void *b)
{
	const struct label *x = a;
	const struct label *y = b;
	size_t size = x->name_size < y->name_size ? x->name_size : y->name_size;
	int order = memcmp(x->name, y->name, size);

	return order != 0 ? order : (x->name_size > y->name_size) - (x->name_size < y->name_size);
}

/* As OpenMetrics escapes a label's value. */
static size_t
write_shown(const struct label *label, char *out)
{
	const struct json_node *v = label->value;
	size_t size = 0;
	size_t i;

	memcpy(out, label->name, label->name_size);
	size += label->name_size;
	out[size++] = '=';
	out[size++] = '"';
	for (i = 0; i < v->text_size; i++) {
		char c = v->text[i];

		if (c == '\\' || c == '"' || c == '\n')
			out[size++] = '\\';
		out[size++] = c;
		if (c == '\n')
			out[size - 1] = 'n';
	}
	out[size++] = '"';
	return size;
}

static enum err
end_labels(struct labels *l, struct sample *out, char *error)
{
	struct json_writer w;
	size_t shown = 0;
	size_t size = 0;
	enum err e;
	size_t i;

	qsort(l->items, l->count, sizeof(l->items[0]), compare);
	json_writer_init(&w, out->labels, sizeof(out->labels) - 1);
	json_write_literal(&w, "{");
	for (i = 0; i < l->count; i++) {
		const struct label *label = &l->items[i];

		if (i > 0 && compare(label - 1, label) == 0)
			return refuse(error, "a label is given twice", label->name,
				      label->name_size);
		if (i > 0) {
			json_write_literal(&w, ",");
			out->shown[shown++] = ',';
		}
		json_write_string(&w, label->name, label->name_size);
		json_write_literal(&w, ":");
		json_write_string(&w, label->value->text, label->value->text_size);
		shown += write_shown(label, out->shown + shown);
	}
	json_write_literal(&w, "}");
	e = json_writer_finish(&w, &size);
	/* There is room for the longest. */
	MUST(e == ERR_OK && shown < sizeof(out->shown));
	out->labels[size] = '\0';
	out->shown[shown] = '\0';
	/* What these texts are must be text everywhere. */
	if (memchr(out->shown, '\0', shown) != NULL)
		return refuse(error, "a label with a NUL in it", "", 0);
	return ERR_OK;
}

/* ---- samples ------------------------------------------------------------------------------- */

static enum err
read_name(const struct json_node *root, const char *prefix, struct sample *out, char *error)
{
	static const char *const reserved[] = { "_total", "_created", "_bucket", "_count",
						"_sum",   "_info",    "_gsum",   "_gcount" };
	const struct json_node *name = json_node_member(root, "name");
	size_t size = prefix != NULL ? strlen(prefix) : 0;
	size_t i;

	if (name == NULL || name->type != JSON_STRING)
		return refuse(error, "a sample has no name", "", 0);
	if (size > SAMPLE_NAME_BYTES_MAX || name->text_size > SAMPLE_NAME_BYTES_MAX - size)
		return refuse(error, "the name is too long", name->text, name->text_size);
	if (size > 0)
		memcpy(out->name, prefix, size);
	memcpy(out->name + size, name->text, name->text_size);
	size += name->text_size;
	out->name[size] = '\0';
	if (name->text_size == 0 || !is_name(out->name, size, true))
		return refuse(error, "no name of a metric", name->text, name->text_size);
	/* What the text form adds by itself: two metrics would look like one. */
	for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		size_t end = strlen(reserved[i]);

		if (size > end && memcmp(out->name + size - end, reserved[i], end) == 0)
			return refuse(error, "a name may not end so", name->text, name->text_size);
	}
	return ERR_OK;
}

static enum err
read_type(const struct json_node *root, struct sample *out, char *error)
{
	const struct json_node *type = json_node_member(root, "type");

	if (type == NULL || type->type != JSON_STRING ||
	    sample_type_of((struct bytes){ (const uint8_t *)type->text, type->text_size },
			   &out->type) != ERR_OK)
		return refuse(error, "the type is not counter, gauge or histogram", "", 0);
	return ERR_OK;
}

static enum err
read_value(const struct json_node *root, struct sample *out, char *error)
{
	const struct json_node *value = json_node_member(root, "value");

	if (value == NULL || value->type != JSON_NUMBER)
		return refuse(error, "the value is no number", "", 0);
	if (decimal_read(value->text, value->text_size, &out->value) != ERR_OK)
		return refuse(error, "the value is too large", value->text, value->text_size);
	if (out->type == SAMPLE_COUNTER && decimal_is_negative(out->value))
		return refuse(error, "a counter never falls", value->text, value->text_size);
	return ERR_OK;
}

static enum err
add_bound(struct sample *out, const char *text, size_t size, char *error)
{
	struct decimal bound;

	if (out->bound_count == SAMPLE_BUCKETS_MAX)
		return refuse(error, "too many buckets", "", 0);
	if (decimal_read(text, size, &bound) != ERR_OK)
		return refuse(error, "no bound of a bucket", text, size);
	if (out->bound_count > 0 && decimal_compare(out->bounds[out->bound_count - 1], bound) >= 0)
		return refuse(error, "bounds of buckets do not ascend", text, size);
	out->bounds[out->bound_count++] = bound;
	return ERR_OK;
}

static enum err
read_bounds(const struct json_node *root, struct sample *out, char *error)
{
	const struct json_node *buckets = json_node_member(root, "buckets");
	const struct json_node *node;
	enum err e = ERR_OK;
	size_t i;

	out->bound_count = 0;
	if (out->type != SAMPLE_HISTOGRAM)
		return buckets == NULL ? ERR_OK
				       : refuse(error, "only a histogram has buckets", "", 0);
	if (buckets == NULL) {
		for (i = 0; i < sizeof(usual_bounds) / sizeof(usual_bounds[0]); i++) {
			e = add_bound(out, usual_bounds[i], strlen(usual_bounds[i]), error);
			MUST(e == ERR_OK);
		}
		return ERR_OK;
	}
	if (buckets->type != JSON_ARRAY)
		return refuse(error, "buckets are no array", "", 0);
	for (node = buckets->child; e == ERR_OK && node != NULL; node = node->next) {
		if (node->type != JSON_NUMBER)
			return refuse(error, "a bound of a bucket is no number", "", 0);
		e = add_bound(out, node->text, node->text_size, error);
	}
	return e;
}

static bool
is_own_member(const struct json_node *node)
{
	static const char *const names[] = { "name", "type", "value", "labels", "buckets" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == node->name_size &&
		    memcmp(names[i], node->name, node->name_size) == 0)
			return true;
	}
	return false;
}

static enum err
read_all_labels(const struct json_node *root, struct sample *out, char *error)
{
	const struct json_node *labels = json_node_member(root, "labels");
	const struct json_node *node;
	struct labels l = { .count = 0 };
	enum err e = ERR_OK;
	size_t i;

	if (labels != NULL && labels->type != JSON_OBJECT)
		return refuse(error, "labels are no object", "", 0);
	for (node = root->child; e == ERR_OK && node != NULL; node = node->next) {
		if (!is_own_member(node))
			e = add_label(&l, node, error);
	}
	for (node = labels != NULL ? labels->child : NULL; e == ERR_OK && node != NULL;
	     node = node->next)
		e = add_label(&l, node, error);
	for (i = 0; e == ERR_OK && out->type == SAMPLE_HISTOGRAM && i < l.count; i++) {
		if (l.items[i].name_size == 2 && memcmp(l.items[i].name, "le", 2) == 0)
			e = refuse(error, "a histogram's own label", "le", 2);
	}
	return e == ERR_OK ? end_labels(&l, out, error) : e;
}

/* A whole object; ERR_FORMAT with the reason. */
static enum err
read_object(struct bytes payload, struct json_tree **out, char *error)
{
	struct json_failure failure = { .text = "" };
	enum err e;

	if (payload.size == 0)
		return refuse(error, "empty", "", 0);
	e = json_tree_read((const char *)payload.data, payload.size, DEPTH_MAX, out, &failure);
	if (e == ERR_MEMORY)
		return e;
	if (e != ERR_OK) {
		(void)snprintf(error, SAMPLE_ERROR_BYTES, "no JSON at byte %zu: %s", failure.offset,
			       failure.text);
		return ERR_FORMAT;
	}
	if (json_tree_root(*out)->type != JSON_OBJECT)
		return refuse(error, "not a JSON object", "", 0);
	return ERR_OK;
}

enum err
sample_read(struct bytes payload, const char *prefix, struct sample *out,
	    char error[SAMPLE_ERROR_BYTES])
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	const struct json_node *root;
	enum err e;

	MUST(out != NULL && error != NULL);

	e = read_object(payload, &tree, error);
	if (e != ERR_OK)
		return e;
	root = json_tree_root(tree);
	e = read_name(root, prefix, out, error);
	if (e == ERR_OK)
		e = read_type(root, out, error);
	if (e == ERR_OK)
		e = read_value(root, out, error);
	if (e == ERR_OK)
		e = read_bounds(root, out, error);
	return e == ERR_OK ? read_all_labels(root, out, error) : e;
}

enum err
sample_read_labels(struct bytes labels, struct sample *out, char error[SAMPLE_ERROR_BYTES])
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	const struct json_node *node;
	struct labels l = { .count = 0 };
	enum err e;

	MUST(out != NULL && error != NULL);

	e = read_object(labels, &tree, error);
	for (node = e == ERR_OK ? json_tree_root(tree)->child : NULL; e == ERR_OK && node != NULL;
	     node = node->next)
		e = add_label(&l, node, error);
	return e == ERR_OK ? end_labels(&l, out, error) : e;
}
