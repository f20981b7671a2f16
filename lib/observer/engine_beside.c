/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the engine's archive has beside Wasmtime (deps/wasmtime/src/lib.rs): BLAKE3, and a validator
 * whose list of proposals is its own.  It sees no header of the engine's.
 */
#include "base/text.h"

#include "observer/engine.h"

void hark_engine_blake3(const uint8_t *data, size_t size, uint8_t *out);
bool hark_engine_validate(const uint8_t *data, size_t size, char *why, size_t capacity,
			  size_t *why_size_out);

void
engine_say(struct hark_failure *why, const char *text, size_t size)
{
	char line[sizeof(why->text)];
	size_t used = 0;
	size_t i;

	if (why == NULL)
		return;
	for (i = 0; i < size && used < sizeof(line); i++) {
		bool is_space = text[i] == ' ' || text[i] == '\n' || text[i] == '\t';

		if (!is_space)
			line[used++] = text[i];
		else if (used > 0 && line[used - 1] != ' ')
			line[used++] = ' ';
	}
	why->system_error = 0;
	(void)text_escape(line, used, why->text, sizeof(why->text));
}

void
engine_blake3(const void *bytes, size_t size, uint8_t out[32])
{
	hark_engine_blake3(bytes, size, out);
}

enum err
engine_validate(struct engine *engine, const void *bytes, size_t size, struct hark_failure *why)
{
	char text[sizeof(why->text)];
	size_t text_size = 0;

	(void)engine;
	if (hark_engine_validate(bytes, size, text, sizeof(text), &text_size))
		return ERR_OK;
	engine_say(why, text, text_size);
	return ERR_FORMAT;
}
