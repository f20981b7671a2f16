/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * MUST(): our own invariants, never what comes from outside.  It is never compiled out, so its
 * expression must have no effect.
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

__attribute__((noreturn, cold)) void must_fail(const char *expression, const char *file, int line);

#define MUST(expression)                                            \
	do {                                                        \
		if (__builtin_expect(!(expression), 0))             \
			must_fail(#expression, __FILE__, __LINE__); \
	} while (0)

/* A place that no input leads to; `words` is a literal that says which. */
#define MUST_NOT_REACH(words) must_fail("reached: " words, __FILE__, __LINE__)

#endif
