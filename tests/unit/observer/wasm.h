/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Makes small modules in memory, for tests of limits: imports of ours, one memory, one table, one
 * function that is exported as `observer`.
 */
#ifndef TESTS_WASM_H
#define TESTS_WASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a module is made of.  Function 0 is pg.write where it is imported; the observer comes after.
 */
struct wasm {
	bool imports_write;
	uint32_t pages;    /* of memory at first; exported as `memory` */
	uint32_t elements; /* of a table at first; 0: none */
	const uint8_t *body;
	size_t body_size;
	size_t nops; /* before the body */
	bool starts; /* the observer is the start function too */
};

/* Writes it; gives its size, which must be below the capacity. */
size_t wasm_make(const struct wasm *wasm, uint8_t *out, size_t capacity);

#endif
