/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The standard observers, as they are shipped, over whatever a guest may say: none traps, and what
 * each writes its table takes.  The first byte chooses limits, what the connection spoke and what
 * the rest is: a frame's body, or a recipe of one (source, comm, and names with values; of each
 * text a size, how often it is repeated, and its bytes), because no small input is a large frame.
 */
#include <string.h>

#include "fuzz.h"
#include "unit/observer/standard.h"

#define FUEL_MAX 1000000u
#define SETS     3u

static struct standard sets[SETS];
static bool is_open;

struct recipe {
	const uint8_t *data;
	size_t size;
	char *out; /* texts go there, so much is left */
	size_t left;
};

static uint8_t
take(struct recipe *r)
{
	if (r->size == 0)
		return 0;
	r->size--;
	return *r->data++;
}

static struct hark_text
take_text(struct recipe *r)
{
	struct hark_text text = { r->out, 0 };
	size_t unit = take(r) % 16u;
	size_t times = take(r);
	size_t i;

	if (unit > r->size)
		unit = r->size;
	/* 255 is as often as there is room. */
	if (times == 255)
		times = HARK_MAX_FRAME_BYTES;
	for (i = 0; i < times && unit > 0 && unit <= r->left; i++) {
		memcpy(r->out, r->data, unit);
		r->out += unit;
		r->left -= unit;
	}
	r->data += unit;
	r->size -= unit;
	text.size = (size_t)(r->out - text.data);
	return text;
}

static struct hark_text
take_source(struct recipe *r)
{
	static const char *const known[] = { "process.exec", "process.spawned", "process.exited",
					     "net.listen" };
	uint8_t which = take(r) % 8u;

	return which < 4 ? hark_text_of(known[which]) : take_text(r);
}

/* A body of the recipe; 0: it is none that a guest may send. */
static size_t
cook(struct recipe *r, uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES])
{
	static struct hark_guest_declaration d;
	size_t size = 0;

	d = (struct hark_guest_declaration){ .content_version = 2,
					     .has_seq = true,
					     .seq = UINT64_MAX,
					     .guest_pid = UINT32_MAX,
					     .guest_monotonic_ns = UINT64_MAX };
	d.probe_source = take_source(r);
	d.guest_comm = take_text(r);
	while (r->size > 0 && d.detail_count < HARK_DETAIL_COUNT_MAX) {
		struct hark_detail *entry = &d.detail[d.detail_count++];
		uint8_t kind = take(r);

		entry->type = (enum hark_detail_type)(kind % 3u);
		entry->key = kind % 8u == 7 ? hark_text_of("exe") : take_text(r);
		if (entry->type == HARK_DETAIL_TEXT)
			entry->value.text = take_text(r);
		else if (entry->type == HARK_DETAIL_BOOL)
			entry->value.boolean = kind >= 128;
		else
			entry->value.integer = kind >= 128 ? INT64_C(9007199254740991) : -1;
	}
	if (hark_encode_frame(&d, frame, HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES, &size) !=
	    HARK_TELEMETRY_OK)
		return 0;
	return size - HARK_FRAME_PREFIX_BYTES;
}

static void
open_sets(void)
{
	static const uint64_t payload_bytes[SETS] = { 65536, 1200, 50 };
	struct hark_observer_limits limits;
	size_t i;

	for (i = 0; i < SETS; i++) {
		hark_observer_limits_default(&limits);
		limits.payload_bytes = payload_bytes[i];
		limits.wall_ms = 0;
		FUZZ_CLAIM(standard_open(&sets[i], &limits));
		sets[i].is_tight = payload_bytes[i] < 1200;
	}
	is_open = true;
}

static bool
is_process(struct hark_text source)
{
	static const char *const names[] = { "process.exec", "process.spawned", "process.exited" };
	size_t i;

	for (i = 0; i < 3; i++) {
		if (source.size == strlen(names[i]) &&
		    memcmp(source.data, names[i], source.size) == 0)
			return true;
	}
	return false;
}

static void
judge(struct standard *s, const struct hark_guest_declaration *said)
{
	static char json[HARK_EVENT_BYTES_MAX], storage[HARK_OBSERVER_EVENT_STORAGE];
	struct hark_observer_event event;
	unsigned int name;

	standard_event(said, 7, json, storage, &event);
	for (name = 0; name < STANDARD_COUNT; name++) {
		bool gives = name != STANDARD_SESSIONS || is_process(said->probe_source);
		struct hark_observer_outcome out;

		FUZZ_CLAIM(standard_invoke(s, (enum standard_name)name, &event, 1, &out) ==
			   HARK_OBSERVER_OK);
		FUZZ_CLAIM(s->why[0] == '\0');
		FUZZ_CLAIM(out.fuel_used < FUEL_MAX);
		FUZZ_CLAIM(s->is_tight || s->effects == gives);
#ifdef FUZZ_TWIN
		FUZZ_CLAIM(name != STANDARD_SESSIONS || !gives); /* wrong: some events have a row */
#endif
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	static char texts[2 * HARK_MAX_FRAME_BYTES];
	static struct hark_guest_declaration said;
	struct hark_wire_session session = { .mode = HARK_WIRE_FIRST };
	struct recipe recipe = { data + 1, size - 1, texts, sizeof(texts) };
	struct hark_rejection why;
	const uint8_t *body = data + 1;
	size_t body_size = size - 1;

	if (size == 0)
		return 0;
	if (!is_open)
		open_sets();
	if ((data[0] & 1) != 0) {
		body_size = cook(&recipe, frame);
		body = frame + HARK_FRAME_PREFIX_BYTES;
	}
	session.mode = (data[0] & 3) == 2 ? HARK_WIRE_CELLOS : HARK_WIRE_HARK;
	if (body_size == 0 || body_size > HARK_MAX_FRAME_BYTES ||
	    hark_decode_frame(&session, body, body_size, &said, &why) != HARK_TELEMETRY_OK)
		return 0;
	judge(&sets[(data[0] >> 2) % SETS], &said);
	return 0;
}
