/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Goes over canonical JSON (RFC 8785) without building anything.  What is refused: all that the
 * reader of trees refuses, and what is not in canonical form: blanks, names that do not ascend (so
 * a name twice), escapes where none is needed or in another spelling.  Of numbers the grammar alone
 * is looked at.  Inline is what every few bytes need.
 */
#ifndef JSON_CANONICAL_H
#define JSON_CANONICAL_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/err.h"

/* at <= end. */
struct json_canonical {
	const char *at;
	const char *end;
};

/* What stands between two quotes. */
struct json_canonical_text {
	const char *data;
	uint32_t size;
	bool is_plain; /* ASCII without an escape: it means what it is */
};

enum json_canonical_type { JSON_CANONICAL_STRING, JSON_CANONICAL_NUMBER, JSON_CANONICAL_OTHER };

struct json_canonical_value {
	enum json_canonical_type type;
	struct json_canonical_text text; /* of a string or a number */
};

/* The members of an object so far: the last name, and its first eight bytes as a number. */
struct json_canonical_order {
	bool has_last;
	uint64_t head;
	struct json_canonical_text name;
};

/* The first eight bytes of a name as a number, for a case. */
#define JSON_CANONICAL_HEAD(a, b, c, d, e, f, g, h)                                              \
	((uint64_t)(a) << 56 | (uint64_t)(b) << 48 | (uint64_t)(c) << 40 | (uint64_t)(d) << 32 | \
	 (uint64_t)(e) << 24 | (uint64_t)(f) << 16 | (uint64_t)(g) << 8 | (uint64_t)(h))

/* After an opening quote, whatever is in the string and near the end: the rest of it. */
bool json_canonical_string_rest(struct json_canonical *s, bool *is_plain);
/* Whether a name may come after the last one, where one of them is not plain or their heads are the
 * same. */
bool json_canonical_ascends(const struct json_canonical_text *last,
			    const struct json_canonical_text *name);
/* An array or object of at most `depth` inside one another. */
bool json_canonical_container(struct json_canonical *s, unsigned int depth);
/* A number or a word, at its first byte. */
bool json_canonical_scalar(struct json_canonical *s, struct json_canonical_value *out);
/* Writes what a string means, in whole characters; false where it has more than capacity bytes:
 * then those that fit. */
bool json_canonical_decode(const struct json_canonical_text *text, char *out, size_t capacity,
			   size_t *size_out);

/* After an opening quote: the text, and on to behind the closing one. */
static inline bool
json_canonical_string(struct json_canonical *s, struct json_canonical_text *out)
{
	const char *begin = s->at;
	bool is_plain = true;

#ifdef __SSE2__
	while (s->end - s->at >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)s->at);
		/* Signed: a byte above 0x7f is less than a blank, as a control character is. */
		__m128i stops =
			_mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
						  _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))),
				     _mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')));
		unsigned int mask = (unsigned int)_mm_movemask_epi8(stops);

		if (mask == 0) {
			s->at += 16;
			continue;
		}
		s->at += __builtin_ctz(mask);
		if (*s->at != '"')
			break;
		*out = (struct json_canonical_text){ begin, (uint32_t)(s->at - begin), true };
		s->at++;
		return true;
	}
#endif
	if (!json_canonical_string_rest(s, &is_plain))
		return false;
	*out = (struct json_canonical_text){ begin, (uint32_t)(s->at - 1 - begin), is_plain };
	return true;
}

/* The first eight bytes of a name as a number that is larger where the name is later; fewer are
 * followed by zeroes, which no plain name has. */
static inline uint64_t
json_canonical_head(const struct json_canonical *s, const struct json_canonical_text *name)
{
	uint64_t head = 0;

	if (s->end - name->data >= 8)
		memcpy(&head, name->data, sizeof(head));
	else
		memcpy(&head, name->data, name->size < 8 ? name->size : 8);
	head = be64toh(head);
	if (name->size >= 8)
		return head;
	return name->size == 0 ? 0 : head & ~UINT64_C(0) << (64 - 8 * name->size);
}

/*
 * The next name of an object, and on to behind its colon; s->at is behind the opening brace or the
 * value before.  *end_out: there is no more, and s->at is behind the closing brace.
 */
static inline bool
json_canonical_name(struct json_canonical *s, struct json_canonical_order *o, bool *end_out)
{
	struct json_canonical_text name;
	uint64_t head;

	*end_out = false;
	if (s->at == s->end)
		return false;
	if (*s->at == '}') {
		s->at++;
		*end_out = true;
		return true;
	}
	if (o->has_last && *s->at++ != ',')
		return false;
	if (s->at == s->end || *s->at++ != '"' || !json_canonical_string(s, &name))
		return false;
	head = json_canonical_head(s, &name);
	if (o->has_last && !(name.is_plain && o->name.is_plain && head > o->head) &&
	    !json_canonical_ascends(&o->name, &name))
		return false;
	o->has_last = true;
	o->head = head;
	o->name = name;
	return s->at < s->end && *s->at++ == ':';
}

/* A value, and on to behind it. */
static inline bool
json_canonical_value(struct json_canonical *s, unsigned int depth, struct json_canonical_value *out)
{
	if (s->at == s->end)
		return false;
	switch (*s->at) {
	case '"':
		s->at++;
		out->type = JSON_CANONICAL_STRING;
		return json_canonical_string(s, &out->text);
	case '{':
	case '[':
		out->type = JSON_CANONICAL_OTHER;
		return json_canonical_container(s, depth);
	default:
		return json_canonical_scalar(s, out);
	}
}

#endif
