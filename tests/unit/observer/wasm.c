/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* WebAssembly's binary form, as much of it as the tests need. */
#include "wasm.h"

#include <string.h>

#include "base/must.h"

struct out {
	uint8_t *bytes;
	size_t size, capacity;
};

static void
put(struct out *o, const void *bytes, size_t size)
{
	MUST(size <= o->capacity - o->size);
	memcpy(o->bytes + o->size, bytes, size);
	o->size += size;
}

/* A number in five bytes, so that its place is known before its value is. */
static void
put_number(struct out *o, size_t value)
{
	uint8_t bytes[5];
	size_t i;

	for (i = 0; i < 5; i++)
		bytes[i] = (uint8_t)((value >> (7 * i) & 0x7f) | (i < 4 ? 0x80u : 0u));
	put(o, bytes, sizeof(bytes));
}

static size_t
begin(struct out *o, uint8_t section)
{
	put(o, &section, 1);
	put_number(o, 0);
	return o->size;
}

/* Fills in the size of what began at `at`. */
static void
end(struct out *o, size_t at)
{
	struct out size = { o->bytes, at - 5, o->capacity };

	put_number(&size, o->size - at);
}

size_t
/* NOLINTNEXTLINE(readability-non-const-parameter): it is written by way of `o` */
wasm_make(const struct wasm *wasm, uint8_t *bytes, size_t capacity)
{
	struct out o = { bytes, 0, capacity };
	uint8_t observer = wasm->imports_write ? 1 : 0;
	size_t at, body, i;

	put(&o, "\0asm\1\0\0\0", 8);
	at = begin(&o, 1); /* types: () -> (), (i32, i32) -> () */
	put(&o, "\2\x60\0\0\x60\2\x7f\x7f\0", 9);
	end(&o, at);
	if (wasm->imports_write) {
		at = begin(&o, 2);
		put(&o,
		    "\1\x11"
		    "arkhe:observer/pg\5write\0\1",
		    27);
		end(&o, at);
	}
	at = begin(&o, 3);
	put(&o, "\1\0", 2);
	end(&o, at);
	if (wasm->elements > 0) {
		at = begin(&o, 4);
		put(&o, "\1\x70\0", 3);
		put_number(&o, wasm->elements);
		end(&o, at);
	}
	at = begin(&o, 5);
	put(&o, "\1\0", 2);
	put_number(&o, wasm->pages);
	end(&o, at);
	at = begin(&o, 7);
	put(&o, "\2\6memory\2\0\x08observer\0", 20);
	put(&o, &observer, 1);
	end(&o, at);
	if (wasm->starts) {
		at = begin(&o, 8);
		put(&o, &observer, 1);
		end(&o, at);
	}
	at = begin(&o, 10);
	put(&o, "\1", 1);
	put_number(&o, 0);
	body = o.size;
	put(&o, "\0", 1);                /* no locals */
	for (i = 0; i < wasm->nops; i++) /* a load that must stay, for it may trap */
		put(&o, "\x41\0\x28\2\0\x1a", 6);
	put(&o, wasm->body, wasm->body_size);
	put(&o, "\x0b", 1);
	end(&o, body);
	end(&o, at);
	return o.size;
}
