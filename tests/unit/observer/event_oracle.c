/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A second reader of events, by the tree of all of it and its canonical writer: slow, and of
 * another make than the one that it judges.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hark/observer_host.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "unit/observer/event_oracle.h"
#include "json/tree.h"

/* A reading's value, taken whole from a VMM, may be 64 deep: it stands in data, which stands in the
 * event. */
#define DEPTH_MAX 66u

/* Where the texts of an event go. */
struct storage {
	char *at;
	size_t left;
};

/* A string member's text, copied; empty where there is none.  False where it does not fit: then
 * as many characters as do. */
static bool
take_text(const struct json_node *object, const char *name, struct storage *s,
	  struct hark_text *out)
{
	const struct json_node *node = json_node_member(object, name);
	uint32_t code_point;
	size_t size = 0;
	size_t step;

	if (node == NULL || node->type != JSON_STRING || node->text_size == 0)
		return true;
	while (size < node->text_size) {
		step = text_code_point(node->text + size, node->text_size - size, &code_point);
		if (step > s->left - size)
			break;
		size += step;
	}
	memcpy(s->at, node->text, size);
	*out = (struct hark_text){ s->at, size };
	s->at += size;
	s->left -= size;
	return size == node->text_size;
}

/* A u64 member, as a number or as a string of digits (which is how events write those that may be
 * large). */
static bool
take_u64(const struct json_node *object, const char *name, uint64_t max, uint64_t *out)
{
	const struct json_node *node = json_node_member(object, name);

	return node != NULL && (node->type == JSON_STRING || node->type == JSON_NUMBER) &&
	       num_read_u64(node->text, node->text_size, max, out) == ERR_OK;
}

/* "YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ", by the C library's calendar. */
static bool
read_time(const char *text, size_t size, uint64_t *out)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddddddddZ";
	uint64_t nanosecond = 0;
	char copy[sizeof(form)];
	struct tm tm = { 0 };
	int64_t seconds;
	size_t i;

	if (size != sizeof(form) - 1)
		return false;
	for (i = 0; i < size; i++) {
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
		copy[i] = text[i];
	}
	for (i = 20; i < 29; i++)
		nanosecond = nanosecond * 10 + (uint64_t)(text[i] - '0');
	tm.tm_year = atoi(copy) - 1900;
	tm.tm_mon = atoi(copy + 5) - 1;
	tm.tm_mday = atoi(copy + 8);
	tm.tm_hour = atoi(copy + 11);
	tm.tm_min = atoi(copy + 14);
	tm.tm_sec = atoi(copy + 17);
	/* timegm takes the 31st of June for the 1st of July, as events' reader does. */
	if (tm.tm_year == -1900 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
		return false;
	seconds = timegm(&tm);
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
take_declared(const struct json_node *data, struct storage *s, struct hark_observer_event *out)
{
	const struct json_node *declared = json_node_member(data, "declared");
	uint64_t pid = 0;

	if (declared == NULL) { /* a reading of the host's: its source stands in data itself */
		out->texts_cut = !take_text(data, "probeSource", s, &out->probe_source);
		return;
	}
	out->has_seq = take_u64(declared, "seq", UINT64_MAX, &out->seq);
	out->has_guest =
		take_u64(declared, "guestPid", UINT32_MAX, &pid) &&
		take_u64(declared, "guestMonotonicNs", UINT64_MAX, &out->guest_monotonic_ns);
	out->guest_pid = (uint32_t)pid;
	out->texts_cut = !take_text(declared, "probeSource", s, &out->probe_source);
	out->texts_cut |= !take_text(declared, "guestComm", s, &out->guest_comm);
}

static bool
take_event(const struct json_node *root, struct storage *s, struct hark_observer_event *out)
{
	const struct json_node *data = json_node_member(root, "data");
	const struct json_node *time = json_node_member(root, "time");
	uint64_t epoch = 0;

	if (root->type != JSON_OBJECT || time == NULL || time->type != JSON_STRING ||
	    !read_time(time->text, time->text_size, &out->time_ns) ||
	    !take_text(root, "type", s, &out->type) || out->type.size == 0 ||
	    !take_text(root, "id", s, &out->id) || !read_index(out->id, &out->index))
		return false;
	if (data == NULL)
		return true;
	out->has_epoch = take_u64(data, "epoch", UINT32_MAX, &epoch);
	out->epoch = (uint32_t)epoch;
	if (!take_text(data, "cellId", s, &out->cell) || !take_text(data, "runId", s, &out->run))
		return false;
	take_declared(data, s, out);
	return true;
}

/* Whether the text is what the canonical writer makes of it. */
static bool
is_canonical(const struct json_tree *tree, struct hark_text json)
{
	static char again[HARK_OBSERVER_JSON_BYTES_MAX + 64];
	struct json_writer w;
	size_t size = 0;

	json_writer_init(&w, again, sizeof(again));
	MUST(json_node_write(json_tree_root(tree), JSON_ORDER_UTF16, JSON_NUMBERS_AS_WRITTEN, &w) ==
	     ERR_OK);
	return json_writer_finish(&w, &size) == ERR_OK && size == json.size &&
	       memcmp(again, json.data, size) == 0;
}

enum hark_observer_error
/* NOLINTNEXTLINE(readability-non-const-parameter): it is written by way of `s` */
event_oracle(struct hark_text json, char *storage, struct hark_observer_event *out)
{
	struct storage s = { storage, HARK_OBSERVER_EVENT_STORAGE };
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	struct hark_observer_event event = { 0 };

	if (json.size > HARK_OBSERVER_JSON_BYTES_MAX ||
	    json_tree_read(json.data, json.size, DEPTH_MAX, &tree, NULL) != ERR_OK ||
	    !is_canonical(tree, json) || !take_event(json_tree_root(tree), &s, &event))
		return HARK_OBSERVER_EVENT;
	event.json = json;
	*out = event;
	return HARK_OBSERVER_OK;
}

static bool
same_text(struct hark_text a, struct hark_text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool
event_oracle_same(const struct hark_observer_event *a, const struct hark_observer_event *b)
{
	return a->index == b->index && a->time_ns == b->time_ns && a->has_epoch == b->has_epoch &&
	       a->has_seq == b->has_seq && a->has_guest == b->has_guest &&
	       a->texts_cut == b->texts_cut && (!a->has_epoch || a->epoch == b->epoch) &&
	       (!a->has_seq || a->seq == b->seq) &&
	       (!a->has_guest ||
		(a->guest_pid == b->guest_pid && a->guest_monotonic_ns == b->guest_monotonic_ns)) &&
	       same_text(a->type, b->type) && same_text(a->id, b->id) &&
	       same_text(a->cell, b->cell) && same_text(a->run, b->run) &&
	       same_text(a->probe_source, b->probe_source) &&
	       same_text(a->guest_comm, b->guest_comm) && same_text(a->json, b->json);
}
