/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The line is made from any event's members, so that a type of a later version shows too.  Members
 * that say the same in every event (runId, authority, hashes) are left to --json.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "hark/event_line.h"

/* The deepest that members are looked into: a declaration's detail is two below data. */
#define DEPTH_MAX    6u
#define DIGEST_BYTES 32u
/* One value as it is shown, in bytes. */
#define VALUE_BYTES 160u
/* "HH:MM:SS.mmm" of "YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ". */
#define CLOCK_AT   11u
#define CLOCK_SIZE 12u
/* What a cell's name takes, where it is not longer. */
#define NAME_WIDTH 12u

#define COLOUR_PLAIN "\x1b[0m"
#define COLOUR_DIM   "\x1b[2m"

struct line {
	char text[EVENT_LINE_BYTES];
	size_t size;
	bool is_full;
};

static void
add(struct line *l, const char *text)
{
	/* Room for "...", a colour's end and the newline. */
	size_t capacity = EVENT_LINE_BYTES - 16;
	size_t size = strlen(text);

	if (l->is_full)
		return;
	if (size > capacity - l->size) {
		l->is_full = true;
		text = "...";
		size = 3;
	}
	memcpy(l->text + l->size, text, size);
	l->size += size;
}

/* With blanks behind it, up to `width`. */
static void
add_padded(struct line *l, const char *text, size_t width)
{
	size_t size = strlen(text);

	add(l, text);
	for (; size < width; size++)
		add(l, " ");
}

/* What kind of thing an event's type is, by parts of it; the first row that fits. */
static const struct {
	const char *part;
	const char *colour;
} colours[] = {
	{ "violation", "\x1b[1;31m" },   { "ledger_full", "\x1b[1;31m" },
	{ ".rejected", "\x1b[31m" },     { ".conflict", "\x1b[31m" },
	{ ".finding.", "\x1b[31m" },     { ".gap", "\x1b[33m" },
	{ "dropped", "\x1b[33m" },       { "silenced", "\x1b[33m" },
	{ "clock_stepped", "\x1b[33m" }, { "probe_error", "\x1b[33m" },
	{ "resumed", "\x1b[32m" },       { "registered", "\x1b[36m" },
	{ "removed", "\x1b[36m" },       { ".closed", "\x1b[36m" },
	{ ".host.v1.", "\x1b[36m" },
};

static const char *
colour_of(const char *type)
{
	size_t i;

	for (i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (strstr(type, colours[i].part) != NULL)
			return colours[i].colour;
	}
	return "";
}

/* The type without what all types begin with. */
static const char *
short_type(const char *type)
{
	static const char *const beginnings[] = {
		"dev.cellos.events.cell.observability.",
		"dev.cellos.events.cell.",
		"dev.hark.events.cell.v1.",
		"dev.hark.events.",
		"cellos.events.",
	};
	size_t i;

	for (i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		size_t size = strlen(beginnings[i]);

		if (strncmp(type, beginnings[i], size) == 0)
			return type + size;
	}
	return type;
}

/* Members that are not shown: of data, and of what is declared in it. */
static const char *const left_out[] = { "authority", "cellId", "epistemicStatus",
					"epoch",     "runId",  "specSignatureHash" };
static const char *const left_out_below[] = { "guestComm", "guestMonotonicNs", "guestPid" };

static bool
is_one_of(const struct json_node *node, const char *const *names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (node->name_size == strlen(names[i]) &&
		    memcmp(node->name, names[i], node->name_size) == 0)
			return true;
	}
	return false;
}

static bool
is_left_out(const struct json_node *node, size_t depth)
{
	if (depth == 0)
		return is_one_of(node, left_out, sizeof(left_out) / sizeof(left_out[0]));
	return depth == 1 &&
	       is_one_of(node, left_out_below, sizeof(left_out_below) / sizeof(left_out_below[0]));
}

static void
add_value(struct line *l, const struct json_node *node)
{
	char shown[VALUE_BYTES];
	bool quoted;

	switch (node->type) {
	case JSON_NULL:
		add(l, "null");
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		add(l, node->type == JSON_TRUE ? "true" : "false");
		return;
	default:
		(void)text_escape(node->text_size > 0 ? node->text : "", node->text_size, shown,
				  sizeof(shown));
		/* A blank in a value would look like the next member. */
		quoted = node->text_size == 0 || memchr(node->text, ' ', node->text_size) != NULL;
		add(l, quoted ? "\"" : "");
		add(l, shown);
		add(l, quoted ? "\"" : "");
	}
}

/* Thirty-two numbers of a byte each, as Arkhe writes a digest. */
static bool
is_digest(const struct json_node *array)
{
	const struct json_node *node;
	uint64_t value;

	if (array->child_count != DIGEST_BYTES)
		return false;
	for (node = array->child; node != NULL; node = node->next) {
		if (node->type != JSON_NUMBER ||
		    num_read_u64(node->text, node->text_size, UINT8_MAX, &value) != ERR_OK)
			return false;
	}
	return true;
}

static void
add_digest(struct line *l, const struct json_node *array)
{
	const struct json_node *node;
	uint64_t value = 0;
	char hex[3];

	for (node = array->child; node != NULL; node = node->next) {
		MUST(num_read_u64(node->text, node->text_size, UINT8_MAX, &value) == ERR_OK);
		(void)snprintf(hex, sizeof(hex), "%02x", (unsigned int)value);
		add(l, hex);
	}
}

/* False where something in it has members or elements of its own. */
static bool
is_flat(const struct json_node *array)
{
	const struct json_node *node;

	for (node = array->child; node != NULL; node = node->next) {
		if (node->type == JSON_OBJECT || node->type == JSON_ARRAY)
			return false;
	}
	return array->child_count > 0;
}

/* Its elements, as the one value of a member. */
static void
add_elements(struct line *l, const struct json_node *array)
{
	const struct json_node *node;

	if (is_digest(array)) {
		add_digest(l, array);
		return;
	}
	for (node = array->child; node != NULL; node = node->next) {
		add(l, node != array->child ? "," : "");
		add_value(l, node);
	}
}

/* Members one after the other, each as name=value; what is inside another is not named by it. */
static void
add_members(struct line *l, const struct json_node *object, size_t depth)
{
	const struct json_node *node;
	char name[80];

	for (node = object->child; node != NULL && depth < DEPTH_MAX; node = node->next) {
		if (is_left_out(node, depth))
			continue;
		if (node->type == JSON_OBJECT || (node->type == JSON_ARRAY && !is_flat(node))) {
			add_members(l, node, depth + 1);
			continue;
		}
		add(l, " ");
		if (object->type == JSON_OBJECT) {
			(void)text_escape(node->name, node->name_size, name, sizeof(name));
			add(l, name);
			add(l, "=");
		}
		if (node->type == JSON_ARRAY)
			add_elements(l, node);
		else
			add_value(l, node);
	}
}

static void
member_text(const struct json_node *event, const char *name, char *text, size_t capacity)
{
	const struct json_node *node = json_node_member(event, name);

	text[0] = '\0';
	if (node != NULL && node->type == JSON_STRING)
		(void)text_escape(node->text_size > 0 ? node->text : "", node->text_size, text,
				  capacity);
}

const struct json_node *
event_line_cell(const struct json_node *event)
{
	const struct json_node *data = json_node_member(event, "data");
	const struct json_node *cell = data != NULL ? json_node_member(data, "cellId") : NULL;

	return cell != NULL && cell->type == JSON_STRING ? cell : NULL;
}

/* Who in the guest is said to have done it: "comm[pid]". */
static void
add_guest(struct line *l, const struct json_node *declared)
{
	const struct json_node *comm, *pid;

	if (declared == NULL)
		return;
	comm = json_node_member(declared, "guestComm");
	pid = json_node_member(declared, "guestPid");
	if (comm == NULL || pid == NULL)
		return;
	add(l, "  ");
	add_value(l, comm);
	add(l, "[");
	add_value(l, pid);
	add(l, "]");
}

static void
add_event(struct line *l, const struct json_node *event, bool in_colour)
{
	const struct json_node *data = json_node_member(event, "data");
	const struct json_node *cell = event_line_cell(event);
	char time[64], type[256], name[140] = "-";
	const char *clock = time;
	const char *colour;

	member_text(event, "time", time, sizeof(time));
	member_text(event, "type", type, sizeof(type));
	if (cell != NULL)
		(void)text_escape(cell->text, cell->text_size, name, sizeof(name));
	if (strlen(time) > CLOCK_AT + CLOCK_SIZE) {
		clock = time + CLOCK_AT;
		time[CLOCK_AT + CLOCK_SIZE] = '\0';
	}
	colour = in_colour ? colour_of(type) : "";
	add_padded(l, clock, CLOCK_SIZE);
	add(l, "  ");
	add_padded(l, name, NAME_WIDTH);
	add(l, "  ");
	add(l, colour);
	add(l, short_type(type));
	add(l, colour[0] != '\0' ? COLOUR_PLAIN : "");
	add(l, in_colour ? COLOUR_DIM : "");
	if (data == NULL)
		return;
	add_guest(l, json_node_member(data, "declared"));
	add_members(l, data, 0);
}

size_t
event_line_write(uint64_t index, struct bytes json, const struct json_node *event, bool in_colour,
		 char text[EVENT_LINE_BYTES])
{
	struct line l = { .size = 0 };
	char shown[EVENT_LINE_BYTES / 2];

	MUST(text != NULL && (json.data != NULL || json.size == 0));

	(void)snprintf(shown, sizeof(shown), "%8" PRIu64 "  ", index);
	add(&l, shown);
	if (event != NULL && event->type == JSON_OBJECT) {
		add_event(&l, event, in_colour);
	} else {
		(void)text_escape((const char *)json.data, json.size, shown, sizeof(shown));
		add(&l, "no event: ");
		add(&l, shown);
	}
	if (in_colour) {
		memcpy(l.text + l.size, COLOUR_PLAIN, sizeof(COLOUR_PLAIN) - 1);
		l.size += sizeof(COLOUR_PLAIN) - 1;
	}
	l.text[l.size++] = '\n';
	memcpy(text, l.text, l.size);
	return l.size;
}
