/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The record of a configuration: which files harkd read, and their digests.  Their texts come as
 * harkd read them and are not kept.
 */
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "crypto/sha256.h"
#include "hark-notary/notary_internal.h"
#include "proto/texts.h"
#include "json/writer.h"

/* A path as it is shown: each byte may become four. */
#define SHOWN_BYTES (4u * TEXTS_PATH_BYTES_MAX + 1u)
#define HEX_BYTES   (2u * SHA256_BYTES)
/* What stands behind the list of files. */
#define TAIL_BYTES 192u
/* What fits beside the other members of a leaf. */
#define MEMBERS_BYTES_MAX 61440u
/* The first file always fits: escaped once for a person and once for JSON. */
_Static_assert(2u * SHOWN_BYTES + 2u * HEX_BYTES + TAIL_BYTES < MEMBERS_BYTES_MAX,
	       "a longest path");

static void
write_digest(struct json_writer *w, const char hex[HEX_BYTES])
{
	json_write_literal(w, "\"digest\":\"sha256:");
	json_write_raw(w, hex, HEX_BYTES);
	json_write_literal(w, "\"");
}

/* One file into the digest of all, and into the list while that has room. */
static void
write_file(struct json_writer *w, struct sha256 *all, struct bytes path, struct bytes text,
	   bool is_first, bool *is_listed)
{
	static char shown[SHOWN_BYTES];
	const struct json_writer before = *w;
	uint8_t digest[SHA256_BYTES];
	char hex[HEX_BYTES];
	size_t size;

	sha256_of(text.data, text.size, digest);
	(void)text_write_hex(digest, SHA256_BYTES, hex);
	size = text_escape((const char *)path.data, path.size, shown, sizeof(shown));
	/* A line as sha256sum(1) writes it. */
	sha256_update(all, hex, sizeof(hex));
	sha256_update(all, "  ", 2);
	sha256_update(all, shown, size);
	sha256_update(all, "\n", 1);
	if (!*is_listed)
		return;
	if (!is_first)
		json_write_literal(w, ",");
	json_write_literal(w, "{");
	write_digest(w, hex);
	json_write_literal(w, ",\"path\":");
	json_write_string(w, shown, size);
	json_write_literal(w, "}");
	if (w->overflowed || (size_t)(w->end - w->at) < TAIL_BYTES) {
		*w = before;
		*is_listed = false;
	}
}

/* The members, in any order: the record has them sorted.  ERR_FORMAT: these are no texts. */
static enum err
write_members(struct bytes texts, const char *reason, char *members, size_t *size_out)
{
	uint8_t digest[SHA256_BYTES];
	struct bytes path;
	struct bytes text;
	struct json_writer w;
	struct sha256 all;
	struct texts t;
	char hex[HEX_BYTES];
	uint32_t count = 0;
	bool is_listed = true;
	enum err e = texts_open(texts, &t);

	if (e != ERR_OK)
		return e;
	json_writer_init(&w, members, MEMBERS_BYTES_MAX);
	sha256_init(&all);
	json_write_literal(&w, "{\"files\":[");
	for (; (e = texts_take(&t, &path, &text)) == ERR_OK; count++)
		write_file(&w, &all, path, text, count == 0, &is_listed);
	if (e != ERR_END)
		return e;
	if (count == 0) {
		json_writer_init(&w, members, MEMBERS_BYTES_MAX);
		json_write_literal(&w, "{\"source\":\"defaults\"");
	} else {
		sha256_final(&all, digest);
		(void)text_write_hex(digest, SHA256_BYTES, hex);
		json_write_literal(&w, "],\"source\":\"files\",\"fileCount\":");
		json_write_u64_digits(&w, count);
		json_write_literal(&w, ",");
		write_digest(&w, hex);
	}
	json_write_literal(&w, ",\"reason\":\"");
	json_write_raw(&w, reason, strlen(reason));
	json_write_literal(&w, "\"}");
	return json_writer_finish(&w, size_out);
}

enum err
notary_configured(struct notary *n, struct bytes texts, struct bytes reason, uint64_t id,
		  const struct event_clock *now)
{
	static const char *const reasons[] = { "start", "reload" };
	static const char kind[] = "config_loaded";
	static char members[MEMBERS_BYTES_MAX];
	size_t size = 0;
	size_t i = 0;
	enum err e;

	if (!operations_have_room(n))
		return ERR_AGAIN;
	while (i < sizeof(reasons) / sizeof(reasons[0]) &&
	       (strlen(reasons[i]) != reason.size ||
		memcmp(reasons[i], reason.data, reason.size) != 0))
		i++;
	if (i == sizeof(reasons) / sizeof(reasons[0]))
		return ERR_FORMAT;
	e = write_members(texts, reasons[i], members, &size);
	if (e != ERR_OK)
		return e;
	return notary_operation(n, (struct bytes){ (const uint8_t *)kind, sizeof(kind) - 1 },
				(struct bytes){ (const uint8_t *)members, size }, id, now);
}
