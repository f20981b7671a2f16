/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A walk over the members of an event in canonical JSON. */
#include <string.h>

#include "base/must.h"
#include "base/num.h"

#include "verify/leaf.h"

/* at <= end. */
struct walk {
	const uint8_t *at;
	const uint8_t *end;
	const char *why;
};

static enum err
refuse(struct walk *w, const char *why)
{
	w->why = why;
	return ERR_FORMAT;
}

/* At an opening quote: what stands between it and its closing one. */
static enum err
take_string(struct walk *w, struct bytes *out)
{
	const uint8_t *start = w->at + 1;
	const uint8_t *search = start;

	for (;;) {
		const uint8_t *quote =
			search < w->end ? memchr(search, '"', (size_t)(w->end - search)) : NULL;
		const uint8_t *back = quote;

		if (quote == NULL)
			return refuse(w, "a string does not end");
		while (back > start && back[-1] == '\\')
			back--;
		if ((quote - back) % 2 == 0) {
			*out = (struct bytes){ .data = start, .size = (size_t)(quote - start) };
			w->at = quote + 1;
			return ERR_OK;
		}
		search = quote + 1;
	}
}

/* An array or object to its end: brackets match, strings end. */
static enum err
skip_nested(struct walk *w)
{
	uint64_t objects = 0; /* a bit for each open bracket: 1 is a curly one */
	unsigned int depth = 0;

	do {
		struct bytes ignored;
		uint8_t c;

		if (w->at == w->end)
			return refuse(w, "a value does not end");
		c = *w->at;
		if (c == '"') {
			enum err e = take_string(w, &ignored);

			if (e != ERR_OK)
				return e;
			continue;
		}
		w->at++;
		if (c == '{' || c == '[') {
			if (++depth > LEAF_DEPTH_MAX)
				return refuse(w, "too many arrays and objects inside one another");
			objects = objects << 1 | (c == '{');
		} else if (c == '}' || c == ']') {
			if ((objects & 1) != (c == '}'))
				return refuse(w, "brackets do not match");
			objects >>= 1;
			depth--;
		}
	} while (depth > 0);
	return ERR_OK;
}

/* Letters of numbers, true, false and null. */
static bool
is_scalar(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' ||
	       c == '.' || c == 'E';
}

/* Any value; *out is a string's content, or the value as it is written. */
static enum err
take_value(struct walk *w, struct bytes *out)
{
	const uint8_t *start = w->at;
	enum err e = ERR_OK;

	if (w->at == w->end)
		return refuse(w, "a value is not there");
	if (*w->at == '"')
		return take_string(w, out);
	if (*w->at == '{' || *w->at == '[')
		e = skip_nested(w);
	else
		while (w->at < w->end && is_scalar(*w->at))
			w->at++;
	if (e == ERR_OK && w->at == start)
		e = refuse(w, "a value is not there");
	if (e == ERR_OK)
		*out = (struct bytes){ .data = start, .size = (size_t)(w->at - start) };
	return e;
}

static bool
is_below(struct bytes a, struct bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

	return order < 0 || (order == 0 && a.size < b.size);
}

/*
 * The next name of an object whose opening bracket was taken, or ERR_END behind its closing one.
 * Names must rise: with two of one name, two readers could see two events.
 */
static enum err
next_name(struct walk *w, struct bytes *name, bool *is_first)
{
	struct bytes previous = *name;
	enum err e;

	if (w->at < w->end && *w->at == '}') {
		w->at++;
		return ERR_END;
	}
	if (!*is_first) {
		if (w->at == w->end || *w->at != ',')
			return refuse(w, "a comma is not there");
		w->at++;
	}
	if (w->at == w->end || *w->at != '"')
		return refuse(w, "a name is not there");
	e = take_string(w, name);
	if (e != ERR_OK)
		return e;
	if (!*is_first && !is_below(previous, *name))
		return refuse(w, "names are not in order");
	*is_first = false;
	if (w->at == w->end || *w->at != ':')
		return refuse(w, "a colon is not there");
	w->at++;
	return ERR_OK;
}

bool
leaf_text_is(struct bytes text, const char *literal)
{
	size_t size = strlen(literal);

	return text.data != NULL && text.size == size && memcmp(text.data, literal, size) == 0;
}

static bool
take_bracket(struct walk *w)
{
	if (w->at == w->end || *w->at != '{')
		return false;
	w->at++;
	return true;
}

static enum err
read_declared(struct walk *w, struct leaf_event *out)
{
	struct bytes name = { 0 };
	struct bytes value;
	bool is_first = true;
	enum err e;

	if (!take_bracket(w))
		return refuse(w, "data.declared is no object");
	out->is_declaration = true;
	while ((e = next_name(w, &name, &is_first)) == ERR_OK) {
		e = take_value(w, &value);
		if (e != ERR_OK)
			return e;
		if (leaf_text_is(name, "probeSource"))
			out->probe_source = value;
		else if (leaf_text_is(name, "seq"))
			out->is_numbered = true;
	}
	return e == ERR_END ? ERR_OK : e;
}

static const char *const member_names[LEAF_MEMBER_COUNT] = {
#define LEAF_NAME(name, text) text,
	LEAF_MEMBERS(LEAF_NAME)
#undef LEAF_NAME
};

static void
keep_member(struct leaf_event *out, struct bytes name, struct bytes value)
{
	unsigned int i;

	for (i = 0; i < LEAF_MEMBER_COUNT; i++) {
		if (leaf_text_is(name, member_names[i]))
			out->members[i] = value;
	}
}

/* An object in `data` whose members are kept as if they stood beside it. */
static enum err
read_part(struct walk *w, struct leaf_event *out)
{
	struct bytes name = { 0 };
	struct bytes value;
	bool is_first = true;
	enum err e;

	if (!take_bracket(w))
		return refuse(w, "data.evidence or data.operation is no object");
	while ((e = next_name(w, &name, &is_first)) == ERR_OK) {
		e = take_value(w, &value);
		if (e != ERR_OK)
			return e;
		keep_member(out, name, value);
	}
	return e == ERR_END ? ERR_OK : e;
}

static enum err
read_data(struct walk *w, struct leaf_event *out)
{
	struct bytes name = { 0 };
	struct bytes value;
	bool is_first = true;
	enum err e;

	if (!take_bracket(w))
		return refuse(w, "data is no object");
	while ((e = next_name(w, &name, &is_first)) == ERR_OK) {
		if (leaf_text_is(name, "declared")) {
			e = read_declared(w, out);
		} else if (leaf_text_is(name, "evidence") || leaf_text_is(name, "operation")) {
			e = read_part(w, out);
		} else {
			e = take_value(w, &value);
			if (e == ERR_OK)
				keep_member(out, name, value);
		}
		if (e != ERR_OK)
			return e;
	}
	return e == ERR_END ? ERR_OK : e;
}

static struct bytes *
attribute(struct leaf_event *out, struct bytes name)
{
	if (leaf_text_is(name, "id"))
		return &out->id;
	if (leaf_text_is(name, "source"))
		return &out->source;
	if (leaf_text_is(name, "subject"))
		return &out->subject;
	if (leaf_text_is(name, "type"))
		return &out->type;
	return NULL;
}

static enum err
read_event(struct walk *w, struct leaf_event *out)
{
	struct bytes name = { 0 };
	struct bytes value;
	bool is_first = true;
	enum err e;

	if (!take_bracket(w))
		return refuse(w, "it is no object");
	while ((e = next_name(w, &name, &is_first)) == ERR_OK) {
		struct bytes *kept = attribute(out, name);
		bool is_string = w->at < w->end && *w->at == '"';

		if (leaf_text_is(name, "data"))
			e = read_data(w, out);
		else
			e = take_value(w, &value);
		if (e != ERR_OK)
			return e;
		if (kept != NULL && !is_string)
			return refuse(w, "an attribute is no string");
		if (kept != NULL)
			*kept = value;
	}
	if (e != ERR_END)
		return e;
	if (w->at != w->end)
		return refuse(w, "something follows the object");
	if (out->id.size == 0 || out->source.size == 0 || out->type.size == 0)
		return refuse(w, "id, source or type is not there");
	return ERR_OK;
}

enum err
leaf_read(struct bytes leaf, struct leaf_event *out, const char **why)
{
	struct walk w = { .at = leaf.data, .end = leaf.data + leaf.size };
	struct leaf_event read = { 0 };
	enum err e;

	MUST(leaf.data != NULL || leaf.size == 0);
	MUST(out != NULL && why != NULL);
	e = leaf.size > 0 ? read_event(&w, &read) : refuse(&w, "it is empty");
	if (e == ERR_OK)
		*out = read;
	else
		*why = w.why;
	return e;
}

uint64_t
leaf_number(const struct leaf_event *e, enum leaf_member member, uint64_t absent)
{
	struct bytes text = e->members[member];
	uint64_t value;

	if (text.data == NULL ||
	    num_read_u64((const char *)text.data, text.size, UINT64_MAX, &value) != ERR_OK)
		return absent;
	return value;
}
