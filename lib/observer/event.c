/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads an event of Hark's into what a module is shown, in one go over its canonical JSON: names
 * ascend, so a member is where it can be or not at all, and an event that two readers could
 * understand differently is none.  Members that are not shown are looked at all the same.
 */
#include <string.h>

#include <hark/observer_host.h>

#include "base/num.h"
#include "base/text.h"

#include "observer/event_internal.h"

/* A reading's value, taken whole from a VMM, may be 64 deep: it stands in data, which stands in the
 * event. */
#define DEPTH_MAX  66u
#define TIME_BYTES 30u

#define HEAD JSON_CANONICAL_HEAD

static bool
is_rest(const struct json_canonical_text *name, const char *whole)
{
	size_t size = strlen(whole);

	return name->size == size && memcmp(name->data + 8, whole + 8, size - 8) == 0;
}

/* Where a member of data.declared goes; NULL: it is not shown. */
static struct json_canonical_value *
place_in_declared(struct event_found *f, const struct json_canonical_order *o)
{
	if (!o->name.is_plain)
		return NULL;
	switch (o->head) {
	case HEAD('g', 'u', 'e', 's', 't', 'C', 'o', 'm'):
		return is_rest(&o->name, "guestComm") ? &f->values[EVENT_COMM] : NULL;
	case HEAD('g', 'u', 'e', 's', 't', 'M', 'o', 'n'):
		return is_rest(&o->name, "guestMonotonicNs") ? &f->values[EVENT_NS] : NULL;
	case HEAD('g', 'u', 'e', 's', 't', 'P', 'i', 'd'):
		return o->name.size == 8 ? &f->values[EVENT_PID] : NULL;
	case HEAD('p', 'r', 'o', 'b', 'e', 'S', 'o', 'u'):
		return is_rest(&o->name, "probeSource") ? &f->values[EVENT_DECLARED_SOURCE] : NULL;
	case HEAD('s', 'e', 'q', 0, 0, 0, 0, 0):
		return &f->values[EVENT_SEQ];
	default:
		return NULL;
	}
}

static struct json_canonical_value *
place_in_data(struct event_found *f, const struct json_canonical_order *o)
{
	if (!o->name.is_plain)
		return NULL;
	switch (o->head) {
	case HEAD('c', 'e', 'l', 'l', 'I', 'd', 0, 0):
		return &f->values[EVENT_CELL];
	case HEAD('e', 'p', 'o', 'c', 'h', 0, 0, 0):
		return &f->values[EVENT_EPOCH];
	case HEAD('p', 'r', 'o', 'b', 'e', 'S', 'o', 'u'):
		return is_rest(&o->name, "probeSource") ? &f->values[EVENT_SOURCE] : NULL;
	case HEAD('r', 'u', 'n', 'I', 'd', 0, 0, 0):
		return &f->values[EVENT_RUN];
	default:
		return NULL;
	}
}

static struct json_canonical_value *
place_in_event(struct event_found *f, const struct json_canonical_order *o)
{
	if (!o->name.is_plain)
		return NULL;
	switch (o->head) {
	case HEAD('i', 'd', 0, 0, 0, 0, 0, 0):
		return &f->values[EVENT_ID];
	case HEAD('t', 'i', 'm', 'e', 0, 0, 0, 0):
		return &f->values[EVENT_TIME];
	case HEAD('t', 'y', 'p', 'e', 0, 0, 0, 0):
		return &f->values[EVENT_TYPE];
	default:
		return NULL;
	}
}

/* One member's value, to its place where it has one. */
static bool
take_value(struct json_canonical *s, unsigned int depth, struct json_canonical_value *place)
{
	struct json_canonical_value value;

	if (!json_canonical_value(s, depth, &value))
		return false;
	/* Of another type than it should be, it is as if it were not there. */
	if (place != NULL && value.type != JSON_CANONICAL_OTHER)
		*place = value;
	return true;
}

/* Behind the brace of data.declared. */
static bool
scan_declared(struct json_canonical *s, struct event_found *f)
{
	struct json_canonical_order order = { .has_last = false };
	bool end = false;

	for (;;) {
		if (!json_canonical_name(s, &order, &end))
			return false;
		if (end)
			return true;
		if (!take_value(s, DEPTH_MAX - 3, place_in_declared(f, &order)))
			return false;
	}
}

/* Behind the brace of data. */
static bool
scan_data(struct json_canonical *s, struct event_found *f)
{
	struct json_canonical_order order = { .has_last = false };
	bool end = false;

	for (;;) {
		if (!json_canonical_name(s, &order, &end))
			return false;
		if (end)
			return true;
		if (order.head == HEAD('d', 'e', 'c', 'l', 'a', 'r', 'e', 'd') &&
		    order.name.size == 8) {
			f->has_declared = true;
			if (s->at < s->end && *s->at == '{') {
				s->at++;
				if (!scan_declared(s, f))
					return false;
				continue;
			}
		}
		if (!take_value(s, DEPTH_MAX - 2, place_in_data(f, &order)))
			return false;
	}
}

bool
event_scan(struct json_canonical *s, struct event_found *f)
{
	struct json_canonical_order order = { .has_last = false };
	bool end = false;

	if (s->at == s->end || *s->at++ != '{')
		return false;
	for (;;) {
		if (!json_canonical_name(s, &order, &end))
			return false;
		if (end)
			return s->at == s->end;
		if (order.head == HEAD('d', 'a', 't', 'a', 0, 0, 0, 0) && order.name.is_plain) {
			if (s->at < s->end && *s->at == '{') {
				s->at++;
				if (!scan_data(s, f))
					return false;
				continue;
			}
		}
		if (!take_value(s, DEPTH_MAX - 1, place_in_event(f, &order)))
			return false;
	}
}

/* ---- what was found ------------------------------------------------------------------------ */

/* Where texts with escapes go, and how much all texts may have. */
struct storage {
	char *at;
	size_t left;
};

/* A string's text; empty where there is none.  False where there is no room for all of it: then as
 * many characters as there is room for. */
static bool
take_text(const struct json_canonical_value *v, struct storage *s, struct hark_text *out)
{
	size_t size = v->text.size;
	bool whole;

	if (v->text.data == NULL || v->type != JSON_CANONICAL_STRING || size == 0)
		return true;
	if (memchr(v->text.data, '\\', v->text.is_plain ? 0 : size) == NULL) {
		whole = size <= s->left;
		size = text_cut(v->text.data, size, s->left);
		*out = (struct hark_text){ v->text.data, size };
	} else {
		whole = json_canonical_decode(&v->text, s->at, s->left, &size);
		*out = (struct hark_text){ s->at, size };
		s->at += size;
	}
	s->left -= size;
	return whole;
}

/*
 * A text that somebody claims, which may be as long as he likes and hides no event by that.  The
 * source comes first: cut for a long comm, it could look like another source.
 */
static void
take_claimed(const struct json_canonical_value *v, struct storage *s, struct hark_observer_event *e,
	     struct hark_text *out)
{
	if (!take_text(v, s, out))
		e->texts_cut = true;
}

/* A number, or a string of digits (which is how events write those that may be large). */
static bool
take_u64(const struct json_canonical_value *v, uint64_t max, uint64_t *out)
{
	/* A string that is not plain has a byte that is no digit. */
	return v->text.data != NULL && v->text.is_plain &&
	       num_read_u64(v->text.data, v->text.size, max, out) == ERR_OK;
}

/* So many digits at text[*at], then the byte that must follow. */
static bool
take_digits(const char *text, size_t *at, size_t digits, char then, uint32_t *out)
{
	uint32_t value = 0;
	size_t i;

	for (i = 0; i < digits; i++) {
		char c = text[*at + i];

		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (uint32_t)(c - '0');
	}
	if (text[*at + digits] != then)
		return false;
	*at += digits + 1;
	*out = value;
	return true;
}

/* Days from 1970-01-01 in the Gregorian calendar; years count from March, so that a leap day is
 * last. */
static int64_t
days_of(uint32_t year, uint32_t month, uint32_t day)
{
	uint32_t y = month <= 2 ? year - 1 : year;
	uint32_t m = month <= 2 ? month + 9 : month - 3;

	return (int64_t)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* "YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ", as event_time_write has it. */
static bool
read_time(const char *text, size_t size, uint64_t *out)
{
	uint32_t year, month, day, hour, minute, second, nanosecond;
	int64_t seconds;
	size_t at = 0;

	if (size != 30 || !take_digits(text, &at, 4, '-', &year) ||
	    !take_digits(text, &at, 2, '-', &month) || !take_digits(text, &at, 2, 'T', &day) ||
	    !take_digits(text, &at, 2, ':', &hour) || !take_digits(text, &at, 2, ':', &minute) ||
	    !take_digits(text, &at, 2, '.', &second) ||
	    !take_digits(text, &at, 9, 'Z', &nanosecond))
		return false;
	if (year == 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
	    minute > 59 || second > 59)
		return false;
	seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	if (seconds < 0)
		*out = 0;
	else if ((uint64_t)seconds > UINT64_MAX / 1000000000u - 1)
		*out = UINT64_MAX;
	else
		*out = (uint64_t)seconds * 1000000000u + nanosecond;
	return true;
}

/* The number after the last slash of an id. */
static bool
read_index(struct hark_text id, uint64_t *out)
{
	const char *slash = id.size > 0 ? memrchr(id.data, '/', id.size) : NULL;

	return slash != NULL && num_read_u64(slash + 1, (size_t)(id.data + id.size - slash - 1),
					     UINT64_MAX, out) == ERR_OK;
}

static void
take_declared(const struct event_found *f, struct storage *s, struct hark_observer_event *out)
{
	uint64_t pid = 0;

	if (!f->has_declared) { /* a reading of the host's: its source stands in data itself */
		take_claimed(&f->values[EVENT_SOURCE], s, out, &out->probe_source);
		return;
	}
	out->has_seq = take_u64(&f->values[EVENT_SEQ], UINT64_MAX, &out->seq);
	out->has_guest = take_u64(&f->values[EVENT_PID], UINT32_MAX, &pid) &&
			 take_u64(&f->values[EVENT_NS], UINT64_MAX, &out->guest_monotonic_ns);
	out->guest_pid = (uint32_t)pid;
	take_claimed(&f->values[EVENT_DECLARED_SOURCE], s, out, &out->probe_source);
	take_claimed(&f->values[EVENT_COMM], s, out, &out->guest_comm);
}

static bool
take_event(const struct event_found *f, struct storage *s, struct hark_observer_event *out)
{
	uint64_t epoch = 0;

	if (f->values[EVENT_TIME].text.data == NULL ||
	    f->values[EVENT_TIME].type != JSON_CANONICAL_STRING ||
	    !read_time(f->values[EVENT_TIME].text.data, f->values[EVENT_TIME].text.size,
		       &out->time_ns) ||
	    !take_text(&f->values[EVENT_TYPE], s, &out->type) || out->type.size == 0 ||
	    !take_text(&f->values[EVENT_ID], s, &out->id) || !read_index(out->id, &out->index))
		return false;
	out->has_epoch = take_u64(&f->values[EVENT_EPOCH], UINT32_MAX, &epoch);
	out->epoch = (uint32_t)epoch;
	if (!take_text(&f->values[EVENT_CELL], s, &out->cell) ||
	    !take_text(&f->values[EVENT_RUN], s, &out->run))
		return false;
	take_declared(f, s, out);
	return true;
}

bool
/* NOLINTNEXTLINE(readability-non-const-parameter): it is written by way of `s` */
event_take(struct hark_text json, const struct event_found *f, char *storage,
	   struct hark_observer_event *out)
{
	struct storage s = { storage, HARK_OBSERVER_EVENT_STORAGE };
	struct hark_observer_event event = { .json = json };

	if (!take_event(f, &s, &event))
		return false;
	*out = event;
	return true;
}

enum hark_observer_error
hark_observer_event_of(struct hark_text json, char *storage, struct hark_observer_event *out)
{
	struct json_canonical s = { json.data, json.data + json.size };
	struct event_found found = { .has_declared = false };

	if (json.data == NULL || storage == NULL || out == NULL)
		return HARK_OBSERVER_ARGUMENT;
	if (json.size > HARK_OBSERVER_JSON_BYTES_MAX || !event_scan(&s, &found) ||
	    !event_take(json, &found, storage, out))
		return HARK_OBSERVER_EVENT;
	return HARK_OBSERVER_OK;
}
