/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A point in time as events write it: RFC 3339, UTC, always nine digits of the second. */
#ifndef EVENT_TIME_H
#define EVENT_TIME_H

#include <hark/telemetry.h>

#include "base/err.h"

/* "YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ" without a terminator. */
#define EVENT_TIME_BYTES 30u

/* ERR_RANGE outside the years 0000 to 9999, or where nanoseconds are a second or more. */
MUST_USE enum err event_time_write(struct hark_time time, char text[EVENT_TIME_BYTES]);

#endif
