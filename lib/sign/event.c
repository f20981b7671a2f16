/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A CloudEvent as CellOS knows it, read from a tree and rebuilt as the bytes that are signed. */
#include <string.h>

#include "base/must.h"
#include "sign/sign_internal.h"

/* How an attribute may be. */
enum kind { KIND_TEXT_NEEDED, KIND_TEXT, KIND_ANY };

static const struct {
	const char *name;
	enum kind kind;
} attributes[SIGN_ATTRIBUTE_COUNT] = {
	[SIGN_SPECVERSION] = { "specversion", KIND_TEXT_NEEDED },
	[SIGN_ID] = { "id", KIND_TEXT_NEEDED },
	[SIGN_SOURCE] = { "source", KIND_TEXT_NEEDED },
	[SIGN_TYPE] = { "type", KIND_TEXT_NEEDED },
	[SIGN_DATACONTENTTYPE] = { "datacontenttype", KIND_TEXT },
	[SIGN_DATA] = { "data", KIND_ANY },
	[SIGN_TIME] = { "time", KIND_TEXT },
	[SIGN_TRACEPARENT] = { "traceparent", KIND_TEXT },
};

static void
speak_of(struct sign_detail *detail, const char *name)
{
	*detail = (struct sign_detail){ .name = name, .size = strlen(name) };
}

/* The attribute of that name; SIGN_ATTRIBUTE_COUNT where there is none. */
static enum sign_attribute
find_attribute(const struct json_node *member)
{
	size_t i;

	for (i = 0; i < SIGN_ATTRIBUTE_COUNT; i++) {
		if (strlen(attributes[i].name) == member->name_size &&
		    memcmp(attributes[i].name, member->name, member->name_size) == 0)
			break;
	}
	return (enum sign_attribute)i;
}

static bool
is_subject(const struct json_node *member)
{
	return member->name_size == 7 && memcmp(member->name, "subject", 7) == 0;
}

/* One member into its place.  The tree's reader has refused a second one. */
static enum hark_verify_reason
take_member(const struct json_node *member, bool allow_subject, struct sign_event *event,
	    struct sign_detail *detail)
{
	enum sign_attribute which = find_attribute(member);

	*detail = (struct sign_detail){ .name = member->name, .size = member->name_size };
	if (which == SIGN_ATTRIBUTE_COUNT && allow_subject && is_subject(member))
		return member->type == JSON_STRING ? HARK_VERIFY_NONE : HARK_VERIFY_WRONG_TYPE;
	if (which == SIGN_ATTRIBUTE_COUNT)
		return HARK_VERIFY_UNKNOWN_ATTRIBUTE;
	if (member->type == JSON_NULL && attributes[which].kind != KIND_TEXT_NEEDED)
		return HARK_VERIFY_NONE; /* absent and null are one */
	if (attributes[which].kind != KIND_ANY && member->type != JSON_STRING)
		return HARK_VERIFY_WRONG_TYPE;
	if (attributes[which].kind == KIND_TEXT_NEEDED && member->text_size == 0)
		return HARK_VERIFY_WRONG_TYPE;
	if (which == SIGN_SPECVERSION && !json_node_text_is(member, "1.0"))
		return HARK_VERIFY_WRONG_TYPE;
	event->attribute[which] = member;
	return HARK_VERIFY_NONE;
}

enum hark_verify_reason
sign_event_read(const struct json_node *node, bool allow_subject, struct sign_event *out,
		struct sign_detail *detail)
{
	struct sign_event event = { { NULL } };
	const struct json_node *member;
	size_t i;

	MUST(node != NULL && out != NULL && detail != NULL);

	if (node->type != JSON_OBJECT) {
		speak_of(detail, "event");
		return HARK_VERIFY_WRONG_TYPE;
	}
	for (member = node->child; member != NULL; member = member->next) {
		enum hark_verify_reason reason = take_member(member, allow_subject, &event, detail);

		if (reason != HARK_VERIFY_NONE)
			return reason;
	}
	for (i = 0; i < SIGN_ATTRIBUTE_COUNT; i++) {
		if (attributes[i].kind == KIND_TEXT_NEEDED && event.attribute[i] == NULL) {
			speak_of(detail, attributes[i].name);
			return HARK_VERIFY_MISSING_MEMBER;
		}
	}
	*out = event;
	*detail = (struct sign_detail){ 0 };
	return HARK_VERIFY_NONE;
}

static void
write_attribute(const struct sign_event *event, enum sign_attribute which, bool is_first,
		struct json_writer *w)
{
	const struct json_node *node = event->attribute[which];

	if (!is_first)
		json_write_literal(w, ",");
	json_write_string(w, attributes[which].name, strlen(attributes[which].name));
	json_write_literal(w, ":");
	if (node == NULL) {
		json_write_literal(w, "null");
		return;
	}
	/* Sorting by bytes needs no memory, so nothing can fail but the room, which w keeps. */
	MUST(json_node_write(node, JSON_ORDER_UTF8, JSON_NUMBERS_AS_WRITTEN, w) == ERR_OK);
}

void
sign_event_write(const struct sign_event *event, struct json_writer *w)
{
	size_t i;

	MUST(event != NULL && w != NULL);

	json_write_literal(w, "{");
	for (i = 0; i < SIGN_ATTRIBUTE_COUNT; i++)
		write_attribute(event, (enum sign_attribute)i, i == 0, w);
	json_write_literal(w, "}");
}

void
sign_event_write_sorted(const struct sign_event *event, struct json_writer *w)
{
	static const enum sign_attribute order[SIGN_ATTRIBUTE_COUNT] = {
		SIGN_DATA, SIGN_DATACONTENTTYPE, SIGN_ID,   SIGN_SOURCE, SIGN_SPECVERSION,
		SIGN_TIME, SIGN_TRACEPARENT,     SIGN_TYPE,
	};
	size_t i;

	MUST(event != NULL && w != NULL);

	json_write_literal(w, "{");
	for (i = 0; i < SIGN_ATTRIBUTE_COUNT; i++)
		write_attribute(event, order[i], i == 0, w);
	json_write_literal(w, "}");
}

bool
sign_same_text(const struct json_node *a, const struct json_node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->text_size == b->text_size && memcmp(a->text, b->text, a->text_size) == 0;
}
