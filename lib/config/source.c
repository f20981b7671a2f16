/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * YAML's events with their places, by libyaml.  A configuration is data that people read: what
 * makes one text mean another (anchors, tags, directives) is refused.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "config/config_internal.h"

enum err
config_refuse(struct config_reader *r, enum err e, struct config_mark mark, const char *format, ...)
{
	struct config_failure *why = r->why;
	va_list list;
	int size;

	size = snprintf(why->text, sizeof(why->text), "%s:%zu:%zu: ", r->file, mark.line,
			mark.column);
	MUST(size > 0 && (size_t)size < sizeof(why->text));
	va_start(list, format);
	(void)vsnprintf(why->text + size, sizeof(why->text) - (size_t)size, format, list);
	va_end(list);
	return e;
}

enum err
config_source_open(struct config_reader *r, const char *name, const char *text, size_t size)
{
	MUST(r != NULL && name != NULL && (text != NULL || size == 0));

	if (yaml_parser_initialize(&r->parser) == 0)
		return ERR_MEMORY;
	if (text == NULL)
		text = ""; /* an empty file; libyaml ends a process that gives it NULL */
	(void)text_escape(name, strlen(name), r->file, sizeof(r->file));
	r->text = text;
	r->size = size;
	r->has_event = false;
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, size);
	return ERR_OK;
}

void
config_source_close(struct config_reader *r)
{
	if (r->has_event)
		yaml_event_delete(&r->event);
	r->has_event = false;
	yaml_parser_delete(&r->parser);
}

static struct config_mark
mark_of(yaml_mark_t mark)
{
	return (struct config_mark){ .line = mark.line + 1, .column = mark.column + 1 };
}

struct config_mark
config_event_mark(const struct config_reader *r)
{
	MUST(r->has_event);

	return mark_of(r->event.start_mark);
}

/* Below the parser's marks: a reader's error has an offset alone. */
static struct config_mark
mark_of_offset(const struct config_reader *r, size_t offset)
{
	struct config_mark mark = { .line = 1, .column = 1 };
	size_t i;

	for (i = 0; i < offset && i < r->size; i++) {
		mark.column++;
		if (r->text[i] == '\n')
			mark = (struct config_mark){ .line = mark.line + 1, .column = 1 };
	}
	return mark;
}

static enum err
refuse_syntax(struct config_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct config_mark mark = mark_of(p->problem_mark);

	if (p->error == YAML_MEMORY_ERROR) {
		(void)snprintf(r->why->text, sizeof(r->why->text), "%s: %s", r->file,
			       err_text(ERR_MEMORY));
		return ERR_MEMORY;
	}
	if (p->error == YAML_READER_ERROR)
		mark = mark_of_offset(r, p->problem_offset);
	return config_refuse(r, ERR_FORMAT, mark, "not YAML: %s; mend the text at this place",
			     p->problem != NULL ? p->problem : "broken off");
}

static enum err
refuse_feature(struct config_reader *r, const char *what)
{
	return config_refuse(r, ERR_FORMAT, config_event_mark(r),
			     "%s is not taken here; write the value itself", what);
}

enum err
config_source_next(struct config_reader *r)
{
	const yaml_event_t *event = &r->event;
	const yaml_char_t *anchor = NULL;
	const yaml_char_t *tag = NULL;

	if (r->has_event)
		yaml_event_delete(&r->event);
	r->has_event = yaml_parser_parse(&r->parser, &r->event) != 0;
	if (!r->has_event)
		return refuse_syntax(r);
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (event->data.document_start.version_directive != NULL ||
		    event->data.document_start.tag_directives.start !=
			    event->data.document_start.tag_directives.end)
			return refuse_feature(r, "a directive");
		break;
	case YAML_ALIAS_EVENT:
		return refuse_feature(r, "an alias");
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor != NULL)
		return refuse_feature(r, "an anchor");
	if (tag != NULL)
		return refuse_feature(r, "a tag");
	return ERR_OK;
}

const char *
config_event_text(const struct config_reader *r)
{
	switch (r->event.type) {
	case YAML_SCALAR_EVENT:
		return "a single value";
	case YAML_SEQUENCE_START_EVENT:
		return "a list";
	case YAML_MAPPING_START_EVENT:
		return "keys with values";
	default:
		return "the end";
	}
}

struct config_shown
config_show(const struct config_reader *r)
{
	struct config_shown shown = { { 0 } };

	MUST(r->has_event && r->event.type == YAML_SCALAR_EVENT);

	(void)text_escape((const char *)r->event.data.scalar.value, r->event.data.scalar.length,
			  shown.text, sizeof(shown.text));
	return shown;
}
