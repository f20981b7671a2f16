/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names, effects and the telling of findings. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"

#include "verify/verify_internal.h"

/* So many findings of one kind are told of one ledger; the rest are counted in its answer alone, so
 * that a whole rewritten ledger does not print itself. */
#define TOLD_MAX 1000u

static const struct {
	const char *name;
	enum hark_finding_effect effect;
} kinds[HARK_FINDING_COUNT] = {
#define KIND(name, text, effect) { text, HARK_EFFECT_##effect },
	HARK_FINDINGS(KIND)
#undef KIND
};

const char *
hark_finding_name(enum hark_finding_kind kind)
{
	return (unsigned int)kind < HARK_FINDING_COUNT ? kinds[kind].name : NULL;
}

enum hark_finding_effect
hark_finding_effect_of(enum hark_finding_kind kind)
{
	return (unsigned int)kind < HARK_FINDING_COUNT ? kinds[kind].effect : HARK_EFFECT_NOTE;
}

const char *
hark_answer_name(enum hark_answer answer)
{
	switch (answer) {
	case HARK_ANSWER_INTACT:
		return "intact";
	case HARK_ANSWER_TAMPERED:
		return "tampered";
	case HARK_ANSWER_INCOMPLETE:
		return "incomplete";
	case HARK_ANSWER_UNVERIFIABLE:
		return "unverifiable";
	}
	return NULL;
}

const char *
hark_verifier_error_text(enum hark_verifier_error e)
{
	switch (e) {
	case HARK_VERIFIER_OK:
		return "no error";
	case HARK_VERIFIER_ARGUMENT:
		return "wrong argument";
	case HARK_VERIFIER_MEMORY:
		return "out of memory";
	case HARK_VERIFIER_FORMAT:
		return "not a key or checkpoint";
	case HARK_VERIFIER_LIMIT:
		return "more keys or checkpoints than are taken";
	case HARK_VERIFIER_MISSING:
		return "not there";
	case HARK_VERIFIER_SYSTEM:
		return "a system call failed";
	}
	return "unknown error";
}

void
finding(struct judging *j, enum hark_finding_kind kind, const char *place, uint64_t index,
	const char *format, ...)
{
	struct hark_verifier *v;
	struct hark_finding f = { .kind = kind, .index = index };
	char raw[HARK_FINDING_TEXT_BYTES];
	va_list arguments;
	int size;

	MUST(j != NULL && place != NULL);
	MUST((unsigned int)kind < HARK_FINDING_COUNT);
	v = j->verifier;
	j->effects |= 1u << kinds[kind].effect;
	if (v->on_finding == NULL || j->told[kind]++ >= TOLD_MAX)
		return;
	va_start(arguments, format);
	size = vsnprintf(raw, sizeof(raw), format, arguments);
	va_end(arguments);
	MUST(size >= 0);
	(void)text_escape(raw, strlen(raw), f.text, sizeof(f.text));
	(void)text_escape(place, strlen(place), f.place, sizeof(f.place));
	if (j->report != NULL)
		(void)text_escape(j->report->origin, strlen(j->report->origin), f.origin,
				  sizeof(f.origin));
	v->on_finding(v->finding_context, &f);
}

enum hark_answer
effects_answer(unsigned int effects, bool complete)
{
	if (effects & 1u << HARK_EFFECT_TAMPERED)
		return HARK_ANSWER_TAMPERED;
	if (effects & 1u << HARK_EFFECT_UNVERIFIABLE)
		return HARK_ANSWER_UNVERIFIABLE;
	if (effects & 1u << HARK_EFFECT_INCOMPLETE || (complete && effects & 1u << HARK_EFFECT_GAP))
		return HARK_ANSWER_INCOMPLETE;
	return HARK_ANSWER_INTACT;
}

enum err
verify_fail(struct hark_verifier *v, enum err e, const char *format, ...)
{
	char raw[sizeof(v->why.text)];
	va_list arguments;
	int size;

	v->why.system_error = e == ERR_SYSTEM || e == ERR_MISSING ? errno : 0;
	va_start(arguments, format);
	size = vsnprintf(raw, sizeof(raw), format, arguments);
	va_end(arguments);
	MUST(size >= 0);
	(void)text_escape(raw, strlen(raw), v->why.text, sizeof(v->why.text));
	return e;
}
