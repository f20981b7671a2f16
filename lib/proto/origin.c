/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes and reads the names of ledgers. */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"

#include "proto/origin.h"

const char *
origin_ledger_name(enum proto_ledger ledger)
{
	static const char *const names[PROTO_LEDGERS] = {
		[PROTO_EVIDENCE] = "evidence",
		[PROTO_OPERATIONS] = "operations",
	};

	MUST((unsigned int)ledger < PROTO_LEDGERS);
	return names[ledger];
}

enum err
origin_write(const char *host, enum proto_ledger ledger, uint32_t generation,
	     char out[ORIGIN_TEXT_BYTES])
{
	char text[ORIGIN_TEXT_BYTES];
	int size;

	MUST(host != NULL && out != NULL);
	MUST(generation >= 1 && generation <= ORIGIN_GENERATION_MAX);
	if (generation == 1)
		size = snprintf(text, sizeof(text), "%s/%s", host, origin_ledger_name(ledger));
	else
		size = snprintf(text, sizeof(text), "%s/%s.%u", host, origin_ledger_name(ledger),
				generation);
	if (size < 0 || (size_t)size >= sizeof(text))
		return ERR_LIMIT;
	memcpy(out, text, (size_t)size + 1);
	return ERR_OK;
}

enum err
origin_of_file(struct bytes file, char out[ORIGIN_TEXT_BYTES])
{
	const char *text = (const char *)file.data;
	const char *line = file.size > 0 ? memchr(text, '\n', file.size) : NULL;
	const char *end;

	MUST(out != NULL);
	if (line == NULL)
		return ERR_FORMAT;
	line++;
	end = memchr(line, '\n', file.size - (size_t)(line - text));
	if (end == NULL || end == line || (size_t)(end - line) >= ORIGIN_TEXT_BYTES ||
	    memchr(line, '\0', (size_t)(end - line)) != NULL)
		return ERR_FORMAT;
	memcpy(out, line, (size_t)(end - line));
	out[end - line] = '\0';
	return ERR_OK;
}

bool
origin_is_of(const char *origin, const char *host, enum proto_ledger ledger,
	     uint32_t *generation_out)
{
	const char *name = origin_ledger_name(ledger);
	size_t host_size = strlen(host);
	size_t name_size = strlen(name);
	uint64_t generation = 1;
	const char *rest;

	MUST(origin != NULL && generation_out != NULL);
	if (strncmp(origin, host, host_size) != 0 || origin[host_size] != '/' ||
	    strncmp(origin + host_size + 1, name, name_size) != 0)
		return false;
	rest = origin + host_size + 1 + name_size;
	if (rest[0] != '\0' && (rest[0] != '.' ||
				num_read_u64(rest + 1, strlen(rest + 1), ORIGIN_GENERATION_MAX,
					     &generation) != ERR_OK ||
				generation < 2))
		return false;
	*generation_out = (uint32_t)generation;
	return true;
}
