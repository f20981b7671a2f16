/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The names of this library's enums, and the usual limits. */
#include <assert.h>
#include <string.h>

#include <hark/observer_host.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const errors[] = {
	[HARK_OBSERVER_OK] = "no error",
	[HARK_OBSERVER_ARGUMENT] = "wrong argument",
	[HARK_OBSERVER_MEMORY] = "out of memory",
	[HARK_OBSERVER_ENGINE] = "there is no engine, or it does not start",
	[HARK_OBSERVER_LINKER] = "a host function could not be given to the module",
	[HARK_OBSERVER_DIGEST] = "the module does not have that digest",
	[HARK_OBSERVER_PARSE] = "not a module that is taken here",
	[HARK_OBSERVER_IMPORT] = "an import is refused",
	[HARK_OBSERVER_EXPORT] = "the export observer is not as it must be",
	[HARK_OBSERVER_LIMIT] = "over a limit",
	[HARK_OBSERVER_TRAPPED] = "the module trapped",
	[HARK_OBSERVER_CAPABILITY] = "a capability failed",
	[HARK_OBSERVER_EVENT] = "an event cannot be shown to a module",
	[HARK_OBSERVER_SYSTEM] = "a system call failed",
};

static const char *const classes[] = {
#define HARK_OBSERVER_CLASS_TEXT(text) text,
	HARK_OBSERVER_TRAP_CLASS_NAMES(HARK_OBSERVER_CLASS_TEXT)
#undef HARK_OBSERVER_CLASS_TEXT
};
static const char *const tokens[] = {
#define HARK_OBSERVER_TOKEN_TEXT(text) text,
	HARK_OBSERVER_TOKEN_NAMES(HARK_OBSERVER_TOKEN_TEXT)
#undef HARK_OBSERVER_TOKEN_TEXT
};
static_assert(COUNT_OF(tokens) == HARK_OBSERVER_TOKEN_COUNT, "a name for each token");

static const char *const reasons[] = {
#define HARK_OBSERVER_REASON_TEXT(name, text) text,
	HARK_OBSERVER_REASONS(HARK_OBSERVER_REASON_TEXT)
#undef HARK_OBSERVER_REASON_TEXT
};

const char *
hark_observer_error_text(enum hark_observer_error e)
{
	return (unsigned)e < COUNT_OF(errors) ? errors[e] : "unknown error";
}

const char *
hark_observer_trap_class_name(enum hark_observer_trap_class trap_class)
{
	return (unsigned)trap_class < COUNT_OF(classes) ? classes[trap_class] : NULL;
}

const char *
hark_observer_cap_token_name(enum hark_observer_cap_token token)
{
	return (unsigned)token < COUNT_OF(tokens) ? tokens[token] : NULL;
}

bool
hark_observer_cap_token_of(struct hark_text name, enum hark_observer_cap_token *out)
{
	size_t i;

	if (name.data == NULL || out == NULL)
		return false;
	for (i = 0; i < COUNT_OF(tokens); i++) {
		if (name.size == strlen(tokens[i]) &&
		    memcmp(name.data, tokens[i], name.size) == 0) {
			*out = (enum hark_observer_cap_token)i;
			return true;
		}
	}
	return false;
}

const char *
hark_observer_reason_name(enum hark_observer_reason reason)
{
	return (unsigned)reason < COUNT_OF(reasons) ? reasons[reason] : NULL;
}

void
hark_observer_limits_default(struct hark_observer_limits *out)
{
	if (out == NULL)
		return;
#define HARK_OBSERVER_LIMIT_USUAL(name, words, usual, most) out->name = usual;
	HARK_OBSERVER_LIMITS(HARK_OBSERVER_LIMIT_USUAL)
#undef HARK_OBSERVER_LIMIT_USUAL
}
