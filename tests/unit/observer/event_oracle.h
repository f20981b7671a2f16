/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What hark_observer_event_of must say, by another way. */
#ifndef TESTS_EVENT_ORACLE_H
#define TESTS_EVENT_ORACLE_H

#include <hark/observer_host.h>

/* OK or EVENT: whether the text is canonical JSON and an event, and then which. */
enum hark_observer_error event_oracle(struct hark_text json, char *storage,
				      struct hark_observer_event *out);
/* In all that means something. */
bool event_oracle_same(const struct hark_observer_event *a, const struct hark_observer_event *b);

#endif
