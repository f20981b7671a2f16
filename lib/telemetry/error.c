/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The texts of the public errors. */
#include <hark/telemetry.h>

const char *
hark_telemetry_error_text(enum hark_telemetry_error e)
{
	static const char *const texts[] = {
		[HARK_TELEMETRY_OK] = "no error",
		[HARK_TELEMETRY_AGAIN] = "nothing there now",
		[HARK_TELEMETRY_END] = "the stream ended",
		[HARK_TELEMETRY_BIND] = "the socket cannot be bound",
		[HARK_TELEMETRY_WIRE] = "a frame was refused",
		[HARK_TELEMETRY_UNSUPPORTED_VERSION] = "a frame of another version was refused",
		[HARK_TELEMETRY_REFUSED] = "a connection was refused",
		[HARK_TELEMETRY_ARGUMENT] = "wrong argument",
		[HARK_TELEMETRY_MEMORY] = "out of memory",
		[HARK_TELEMETRY_SYSTEM] = "a system call failed",
		[HARK_TELEMETRY_LIMIT] = "over a limit",
		[HARK_TELEMETRY_SINK] = "the event sink refused the event",
	};

	if ((unsigned int)e >= sizeof(texts) / sizeof(texts[0]))
		return "unknown error";
	return texts[e];
}
