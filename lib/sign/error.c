/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Errors, reasons and judgements in words.  No key material is ever in them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/must.h"
#include "base/text.h"
#include "sign/sign_internal.h"

const char *
hark_sign_error_text(enum hark_sign_error e)
{
	switch (e) {
	case HARK_SIGN_OK:
		return "no error";
	case HARK_SIGN_ARGUMENT:
		return "wrong argument";
	case HARK_SIGN_MEMORY:
		return "out of memory";
	case HARK_SIGN_CONFIG:
		return "a mistake in keys or settings";
	case HARK_SIGN_FORMAT:
		return "not an event that can be carried";
	case HARK_SIGN_LIMIT:
		return "over a limit";
	case HARK_SIGN_OFF:
		return "signing is off";
	case HARK_SIGN_SYSTEM:
		return "a system call failed";
	}
	return "unknown error";
}

static const struct {
	const char *name;
	enum hark_verify_judgement judgement;
} reasons[] = {
#define REASON(name, text, judgement) { text, HARK_VERIFY_JUDGED_##judgement },
	HARK_VERIFY_REASONS(REASON)
#undef REASON
};

const char *
hark_verify_reason_name(enum hark_verify_reason reason)
{
	return (unsigned int)reason < HARK_VERIFY_REASON_COUNT ? reasons[reason].name : NULL;
}

enum hark_verify_judgement
hark_verify_reason_judgement(enum hark_verify_reason reason)
{
	/* What is no reason is no ok either. */
	return (unsigned int)reason < HARK_VERIFY_REASON_COUNT ? reasons[reason].judgement
							       : HARK_VERIFY_JUDGED_UNVERIFIABLE;
}

void
sign_say(enum hark_sign_error e, struct hark_failure *why, const char *format, ...)
{
	va_list list;

	if (why == NULL)
		return;
	why->system_error = e == HARK_SIGN_SYSTEM ? errno : 0;
	va_start(list, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, list);
	va_end(list);
}

enum hark_sign_error
sign_fail_internal(enum err e, struct hark_failure *why)
{
	MUST(e != ERR_OK);

	switch (e) {
	case ERR_MEMORY:
		return sign_fail(HARK_SIGN_MEMORY, why, "out of memory");
	case ERR_LIMIT:
		return sign_fail(HARK_SIGN_LIMIT, why, "over a limit");
	default:
		return sign_fail(HARK_SIGN_SYSTEM, why, "libsodium cannot start");
	}
}

const char *
sign_shown(const char *text, size_t size, char out[64])
{
	(void)text_escape(text, size, out, 64);
	return out;
}
