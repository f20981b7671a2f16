/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Events of one kind differ in a few values: an index, moments, a number.  So a text is compared
 * with a form; where they part within a value, the text's value is read by the rules, and both go
 * on behind theirs.  Where they part anywhere else it has another form.
 */
#include "observer/event_reader.h"

#include <string.h>

#include "observer/event_internal.h"

/* How many bytes are the same, of at most `size`. */
static inline size_t
same_bytes(const char *a, const char *b, size_t size)
{
	size_t at = 0;

#ifdef __SSE2__
	for (; size - at >= 16; at += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(a + at));
		__m128i y = _mm_loadu_si128((const __m128i *)(const void *)(b + at));
		unsigned int same = (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y));

		if (same != 0xffff)
			return at + (size_t)__builtin_ctz(~same);
	}
#endif
	while (at < size && a[at] == b[at])
		at++;
	return at;
}

/* A form, and a text beside it: what is at `at` in the form is at `in` in the text. */
struct beside {
	const struct event_form *form;
	size_t at;
	size_t value; /* the next one of the form */
	const char *in;
	struct json_canonical text;
	struct event_found *found;
};

static void
note(struct beside *b, const char *data, size_t size)
{
	const struct event_form_value *v = &b->form->values[b->value++];

	if (v->place == EVENT_PLACES)
		return;
	b->found->values[v->place] = (struct json_canonical_value){
		.type = v->is_string ? JSON_CANONICAL_STRING : JSON_CANONICAL_NUMBER,
		.text = { data, (uint32_t)size, true },
	};
}

/* The values that end before `at` are the form's own. */
static void
note_same(struct beside *b, size_t at)
{
	while (b->value < b->form->count && b->form->values[b->value].end < at) {
		const struct event_form_value *v = &b->form->values[b->value];

		note(b, b->in + (v->begin - b->at), (size_t)(v->end - v->begin));
	}
}

/* They part at `at`: a value that differs is read, or it is another form. */
static bool
read_other(struct beside *b, size_t at)
{
	const struct event_form_value *v = &b->form->values[b->value];
	struct json_canonical_value value;

	if (b->value == b->form->count || at < v->begin)
		return false;
	b->text.at = b->in + (v->begin - b->at);
	if (v->is_string) {
		if (!json_canonical_string(&b->text, &value.text) || !value.text.is_plain)
			return false;
		b->in = b->text.at - 1; /* the quote, as v->end */
	} else {
		if (b->text.at == b->text.end || !json_canonical_scalar(&b->text, &value) ||
		    value.type != JSON_CANONICAL_NUMBER)
			return false;
		b->in = b->text.at;
	}
	b->at = v->end;
	note(b, value.text.data, value.text.size);
	return true;
}

static bool
fits(const struct event_form *form, struct hark_text json, struct event_found *found)
{
	struct beside b = { .form = form,
			    .in = json.data,
			    .text = { json.data, json.data + json.size },
			    .found = found };

	memset(found, 0, sizeof(*found));
	found->has_declared = form->has_declared;
	for (;;) {
		size_t form_left = form->size - b.at;
		size_t text_left = (size_t)(b.text.end - b.in);
		size_t size = form_left < text_left ? form_left : text_left;
		size_t same = same_bytes(form->text + b.at, b.in, size);

		note_same(&b, b.at + same);
		if (same == form_left && same == text_left)
			return true;
		if (!read_other(&b, b.at + same))
			return false;
	}
}

/* ---- forms ---------------------------------------------------------------------------------- */

/* Where the value is shown, if it is. */
static uint8_t
place_of(const struct event_found *found, const char *data)
{
	unsigned int place;

	for (place = 0; place < EVENT_PLACES; place++) {
		if (found->values[place].text.data == data)
			break;
	}
	return (uint8_t)place;
}

/* Behind an opening quote at `at`: the closing one. */
static size_t
closing_quote(struct hark_text json, size_t at)
{
	return (size_t)((const char *)memchr(json.data + at, '"', json.size - at) - json.data);
}

static bool
is_of_number(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Finds the values of a text that has been gone over: outside of strings a digit or a sign begins a
 * number, and a string is a name where a colon follows.  False: there are too many. */
static bool
list_values(struct hark_text json, const struct event_found *found, struct event_form *form)
{
	size_t at = 0;

	while (at < json.size) {
		bool is_string = json.data[at] == '"';
		size_t begin = is_string ? at + 1 : at;
		size_t end = begin;

		if (is_string)
			end = closing_quote(json, begin);
		else if (json.data[at] == '-' || (json.data[at] >= '0' && json.data[at] <= '9'))
			while (is_of_number(json.data[end]))
				end++;
		at = end + (is_string || end == begin ? 1 : 0);
		if ((is_string && json.data[at] == ':') || (!is_string && end == begin))
			continue;
		if (form->count == EVENT_FORM_VALUES)
			return false;
		form->values[form->count++] = (struct event_form_value){
			.begin = (uint16_t)begin,
			.end = (uint16_t)end,
			.place = place_of(found, json.data + begin),
			.is_string = is_string,
		};
	}
	return true;
}

static bool
is_plain(struct hark_text json)
{
	unsigned char all = 0;
	size_t i;

	for (i = 0; i < json.size; i++)
		all |= (unsigned char)json.data[i];
	return all < 0x80 && memchr(json.data, '\\', json.size) == NULL;
}

static void
remember(struct event_reader *r, struct hark_text json, const struct event_found *found)
{
	struct event_form *form = &r->forms[r->next];

	if (json.size > EVENT_FORM_BYTES || !is_plain(json))
		return;
	form->size = 0;
	form->count = 0;
	if (!list_values(json, found, form))
		return;
	form->has_declared = found->has_declared;
	memcpy(form->text, json.data, json.size);
	form->size = (uint16_t)json.size;
	r->last = r->next;
	r->next = (r->next + 1) % EVENT_FORMS;
}

/* The form that fitted last, then the others. */
static bool
find_form(struct event_reader *r, struct hark_text json, struct event_found *found)
{
	unsigned int i;

	for (i = 0; i < EVENT_FORMS; i++) {
		unsigned int form = (r->last + i) % EVENT_FORMS;

		if (r->forms[form].size > 0 && fits(&r->forms[form], json, found)) {
			r->last = form;
			r->repeated++;
			return true;
		}
	}
	return false;
}

enum hark_observer_error
event_reader_read(struct event_reader *r, struct hark_text json, char *storage,
		  struct hark_observer_event *out)
{
	struct json_canonical s = { json.data, json.data + json.size };
	struct event_found found;

	if (r == NULL || json.data == NULL || storage == NULL || out == NULL)
		return HARK_OBSERVER_ARGUMENT;
	if (json.size > HARK_OBSERVER_JSON_BYTES_MAX)
		return HARK_OBSERVER_EVENT;
	if (find_form(r, json, &found))
		return event_take(json, &found, storage, out) ? HARK_OBSERVER_OK
							      : HARK_OBSERVER_EVENT;
	memset(&found, 0, sizeof(found));
	if (!event_scan(&s, &found) || !event_take(json, &found, storage, out))
		return HARK_OBSERVER_EVENT;
	remember(r, json, &found);
	return HARK_OBSERVER_OK;
}
