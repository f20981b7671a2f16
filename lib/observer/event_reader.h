/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads one event after the other, each as hark_observer_event_of does, and remembers the forms of
 * a few: one that differs from a form in values alone is as canonical as that was, where those
 * values are, and need not be gone over again.
 */
#ifndef OBSERVER_EVENT_READER_H
#define OBSERVER_EVENT_READER_H

#include <hark/observer_host.h>

/* Forms that are remembered: one for each kind of event that alternates, such as start and end. */
#define EVENT_FORMS 8u
/* Of a form: its bytes, and its strings and numbers.  What has more is read in the other way. */
#define EVENT_FORM_BYTES  2048u
#define EVENT_FORM_VALUES 64u

struct event_form_value {
	uint16_t begin, end; /* of a string: between its quotes */
	uint8_t place;       /* enum event_place, or that many: it is not shown */
	bool is_string;
};

/* size 0: empty.  What is at `text` is an event, canonical and ASCII without an escape. */
struct event_form {
	uint16_t size;
	uint16_t count;
	bool has_declared;
	struct event_form_value values[EVENT_FORM_VALUES]; /* ascending */
	char text[EVENT_FORM_BYTES];
};

/* Zeroed is one without memories. */
struct event_reader {
	struct event_form forms[EVENT_FORMS];
	unsigned int last; /* the one that fitted last */
	unsigned int next; /* the one that is forgotten next */
	uint64_t repeated; /* events that a form fitted */
};

HARK_MUST_USE enum hark_observer_error event_reader_read(struct event_reader *r,
							 struct hark_text json, char *storage,
							 struct hark_observer_event *out);

#endif
