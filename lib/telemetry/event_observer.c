/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What records say of observers: each is an object, whose members are in the order of their names.
 */
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "telemetry/event_observer.h"
#include "json/tree.h"

/* Objects and arrays inside one another in a manifest: one less than in all members of a record. */
#define MANIFEST_DEPTH_MAX 7u

const char *
event_trap_cause_name(enum event_trap_cause cause)
{
	static const char *const names[EVENT_TRAP_CAUSES] = { "reported", "protocol", "died",
							      "hung", "mute" };

	MUST((unsigned int)cause < EVENT_TRAP_CAUSES);
	return names[cause];
}

static void
write_hex(struct json_writer *w, const uint8_t *data, size_t size)
{
	char digits[2];
	size_t i;

	for (i = 0; i < size; i++) {
		(void)text_write_hex(&data[i], 1, digits);
		json_write_raw(w, digits, sizeof(digits));
	}
}

/* `"digest":"blake3:..."` */
static void
write_digest(struct json_writer *w, const uint8_t digest[QUARANTINE_DIGEST_BYTES])
{
	json_write_literal(w, "\"digest\":\"blake3:");
	write_hex(w, digest, QUARANTINE_DIGEST_BYTES);
	json_write_literal(w, "\"");
}

static void
write_text(struct json_writer *w, struct bytes text)
{
	json_write_string(w, (const char *)text.data, text.size);
}

/* True where it is one JSON object and nothing else: then it may stand in another as it is. */
static enum err
check_manifest(struct bytes manifest)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	enum err e = json_tree_read((const char *)manifest.data, manifest.size, MANIFEST_DEPTH_MAX,
				    &tree, NULL);

	if (e == ERR_MEMORY)
		return e;
	return e == ERR_OK && json_tree_root(tree)->type == JSON_OBJECT ? ERR_OK : ERR_FORMAT;
}

enum err
event_observer_registered(struct bytes observer, const uint8_t digest[QUARANTINE_DIGEST_BYTES],
			  struct bytes manifest, struct event_members to, size_t *size_out)
{
	struct json_writer w;
	enum err e;

	MUST(digest != NULL && to.text != NULL);

	e = check_manifest(manifest);
	if (e != ERR_OK)
		return e;
	json_writer_init(&w, to.text, to.capacity);
	json_write_literal(&w, "{");
	write_digest(&w, digest);
	json_write_literal(&w, ",\"manifest\":");
	json_write_raw(&w, (const char *)manifest.data, manifest.size);
	json_write_literal(&w, ",\"observer\":");
	write_text(&w, observer);
	json_write_literal(&w, "}");
	return json_writer_finish(&w, size_out);
}

static void
write_batch(struct json_writer *w, const struct event_trap *t)
{
	json_write_literal(w, ",\"batch\":{");
	if (t->has_event) {
		json_write_literal(w, "\"event\":");
		json_write_u64_string(w, t->event);
		json_write_literal(w, ",");
	}
	json_write_literal(w, "\"first\":");
	json_write_u64_string(w, t->first);
	json_write_literal(w, ",\"next\":");
	json_write_u64_string(w, t->next);
	json_write_literal(w, "}");
}

enum err
event_observer_trap(const struct event_trap *t, struct event_members to, size_t *size_out)
{
	const char *cause = event_trap_cause_name(t->cause);
	uint8_t bytes[QUARANTINE_BYTES_MAX];
	struct json_writer w;
	size_t size;

	MUST(to.text != NULL);
	MUST(t->has_batch || !t->has_event);

	size = quarantine_write(&t->receipt, bytes);
	json_writer_init(&w, to.text, to.capacity);
	json_write_literal(&w, "{\"ObserverQuarantine\":");
	quarantine_write_json(&t->receipt, &w);
	if (t->has_batch)
		write_batch(&w, t);
	json_write_literal(&w, ",\"cause\":\"");
	json_write_raw(&w, cause, strlen(cause));
	json_write_literal(&w, "\",\"observer\":");
	write_text(&w, t->observer);
	json_write_literal(&w, ",\"postcard\":\"");
	write_hex(&w, bytes, size);
	json_write_literal(&w, "\",\"strike\":");
	json_write_u64_digits(&w, t->strike);
	json_write_literal(&w, ",\"strikes\":");
	json_write_u64_digits(&w, t->strikes);
	json_write_literal(&w, "}");
	return json_writer_finish(&w, size_out);
}

enum err
event_observer_quarantined(struct bytes observer, const uint8_t digest[QUARANTINE_DIGEST_BYTES],
			   uint64_t receipt, uint32_t strikes, struct event_members to,
			   size_t *size_out)
{
	struct json_writer w;

	MUST(digest != NULL && to.text != NULL);

	json_writer_init(&w, to.text, to.capacity);
	json_write_literal(&w, "{");
	write_digest(&w, digest);
	json_write_literal(&w, ",\"observer\":");
	write_text(&w, observer);
	json_write_literal(&w, ",\"receipt\":");
	json_write_u64_string(&w, receipt);
	json_write_literal(&w, ",\"strikes\":");
	json_write_u64_digits(&w, strikes);
	json_write_literal(&w, "}");
	return json_writer_finish(&w, size_out);
}

enum err
event_observer_released(struct bytes observer, const uint8_t digest[QUARANTINE_DIGEST_BYTES],
			uint32_t strikes, bool was_quarantined, struct bytes reason,
			struct event_members to, size_t *size_out)
{
	struct json_writer w;

	MUST(digest != NULL && to.text != NULL);

	json_writer_init(&w, to.text, to.capacity);
	json_write_literal(&w, "{");
	write_digest(&w, digest);
	if (observer.size > 0) {
		json_write_literal(&w, ",\"observer\":");
		write_text(&w, observer);
	}
	json_write_literal(&w, ",\"quarantined\":");
	json_write_bool(&w, was_quarantined);
	if (reason.size > 0) {
		json_write_literal(&w, ",\"reason\":");
		write_text(&w, reason);
	}
	json_write_literal(&w, ",\"strikes\":");
	json_write_u64_digits(&w, strikes);
	json_write_literal(&w, "}");
	return json_writer_finish(&w, size_out);
}
