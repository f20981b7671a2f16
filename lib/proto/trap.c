/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <endian.h>
#include <string.h>

#include "base/must.h"
#include "proto/trap.h"

/* Offsets.  All that lies between and after them is 0. */
#define AT_MAGIC   0u
#define AT_VERSION 4u
#define AT_CLASS   5u
#define AT_FLAGS   6u
#define AT_FIRST   8u
#define AT_NEXT    16u
#define AT_EVENT   24u
#define END        32u

#define VERSION     1u
#define FLAG_EVENT  1u
#define CLASS_COUNT 4u

static const uint8_t magic[4] = { 'H', 'K', 'T', 'R' };

static void
put64(uint8_t *at, uint64_t v)
{
	v = htole64(v);
	memcpy(at, &v, sizeof(v));
}

static uint64_t
get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return le64toh(v);
}

static bool
is_good(const struct trap_report *r)
{
	return r->trap_class < CLASS_COUNT && r->first < r->next &&
	       (r->has_event ? r->event >= r->first && r->event < r->next : r->event == 0);
}

void
trap_report_write(const struct trap_report *r, uint8_t out[TRAP_REPORT_BYTES])
{
	MUST(r != NULL && out != NULL && is_good(r));

	memset(out, 0, TRAP_REPORT_BYTES);
	memcpy(out + AT_MAGIC, magic, sizeof(magic));
	out[AT_VERSION] = VERSION;
	out[AT_CLASS] = r->trap_class;
	out[AT_FLAGS] = r->has_event ? FLAG_EVENT : 0;
	put64(out + AT_FIRST, r->first);
	put64(out + AT_NEXT, r->next);
	put64(out + AT_EVENT, r->event);
}

enum err
trap_report_read(const void *data, size_t size, struct trap_report *out)
{
	const uint8_t *bytes = data;
	struct trap_report r;
	size_t i;

	MUST(data != NULL && out != NULL);

	if (size != TRAP_REPORT_BYTES || memcmp(bytes, magic, sizeof(magic)) != 0 ||
	    bytes[AT_VERSION] != VERSION || bytes[AT_FLAGS] > FLAG_EVENT ||
	    bytes[AT_FLAGS + 1] != 0)
		return ERR_FORMAT;
	for (i = END; i < TRAP_REPORT_BYTES; i++) {
		if (bytes[i] != 0)
			return ERR_FORMAT;
	}
	r = (struct trap_report){ .trap_class = bytes[AT_CLASS],
				  .first = get64(bytes + AT_FIRST),
				  .next = get64(bytes + AT_NEXT),
				  .has_event = bytes[AT_FLAGS] == FLAG_EVENT,
				  .event = get64(bytes + AT_EVENT) };
	if (!is_good(&r))
		return ERR_FORMAT;
	*out = r;
	return ERR_OK;
}
