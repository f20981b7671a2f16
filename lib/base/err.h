/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The one way to fail inside Hark: a closed list, and the compiler insists that it is looked at. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
#define ERR(name, text) ERR_##name,
#include "base/err.def"
#undef ERR
	ERR_COUNT
};

#define MUST_USE __attribute__((warn_unused_result))

/* A static text for a person, never NULL.  ERR_SYSTEM means: see errno. */
const char *err_text(enum err e);

#endif
