/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CellOS's own event over a stamped declaration, written in its form and signed at once. */
#include <stdlib.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "sign/sign_internal.h"

/* Names, numbers and structure of the event without its texts. */
#define EVENT_MORE_BYTES 768u
/* A byte of text as \u00xx. */
#define ESCAPE_BYTES_MAX 6u

struct named_text {
	const char *name;
	const struct hark_text *text;
	bool may_be_empty;
};

static enum hark_sign_error
check_texts(const struct named_text *texts, size_t count, size_t *sum_out, struct hark_failure *why)
{
	size_t sum = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct hark_text *text = texts[i].text;

		if (text->data == NULL && text->size > 0)
			return sign_fail(HARK_SIGN_ARGUMENT, why, "%s: a pointer is missing",
					 texts[i].name);
		if (text->size > HARK_SIGN_JSON_BYTES_MAX - sum)
			return sign_fail(HARK_SIGN_LIMIT, why, "the event is over %u bytes",
					 HARK_SIGN_JSON_BYTES_MAX);
		sum += text->size;
		if (text->size == 0 && !texts[i].may_be_empty)
			return sign_fail(HARK_SIGN_FORMAT, why, "%s: CellOS requires one",
					 texts[i].name);
		if (!text_is_utf8(text->data, text->size))
			return sign_fail(HARK_SIGN_FORMAT, why, "%s: not valid UTF-8",
					 texts[i].name);
	}
	*sum_out = sum;
	return HARK_SIGN_OK;
}

static void
write_text(struct json_writer *w, const struct hark_text *text)
{
	json_write_string(w, text->data, text->size);
}

static void
write_event(const struct hark_guest_declaration *guest, const struct hark_host_stamp *host,
	    const struct hark_cellos_event *event, const char time[MOMENT_SECONDS_BYTES],
	    struct json_writer *w)
{
	json_write_literal(w, "{\"specversion\":\"1.0\",\"id\":");
	write_text(w, &event->id);
	json_write_literal(w, ",\"source\":");
	write_text(w, &event->source);
	json_write_literal(w, ",\"type\":");
	write_text(w, &event->type);
	json_write_literal(w, ",\"datacontenttype\":\"application/json\","
			      "\"data\":{\"guest\":{\"guestComm\":");
	write_text(w, &guest->guest_comm);
	json_write_literal(w, ",\"guestMonotonicNs\":");
	json_write_u64_digits(w, guest->guest_monotonic_ns);
	json_write_literal(w, ",\"guestPid\":");
	json_write_u64_digits(w, guest->guest_pid);
	json_write_literal(w, ",\"probeSource\":");
	write_text(w, &guest->probe_source);
	json_write_literal(w, "},\"host\":{\"cellId\":");
	write_text(w, &host->cell_id);
	json_write_literal(w, ",\"hostReceivedAt\":");
	json_write_string(w, time, MOMENT_SECONDS_BYTES);
	json_write_literal(w, ",\"runId\":");
	write_text(w, &host->run_id);
	json_write_literal(w, ",\"specSignatureHash\":");
	write_text(w, &host->spec_signature_hash);
	json_write_literal(w, "},\"provenance\":\"declared\"},\"time\":");
	json_write_string(w, time, MOMENT_SECONDS_BYTES);
	json_write_literal(w, ",\"traceparent\":null}");
}

static enum hark_sign_error
sign_event(const struct hark_signer *signer, const struct hark_guest_declaration *guest,
	   const struct hark_host_stamp *host, const struct hark_cellos_event *event,
	   size_t texts_size, struct hark_host_stamped_envelope *out, struct hark_failure *why)
{
	char time[MOMENT_SECONDS_BYTES];
	struct json_writer w;
	size_t event_capacity = texts_size * ESCAPE_BYTES_MAX + EVENT_MORE_BYTES;
	size_t capacity = event_capacity + sign_envelope_more(signer);
	size_t size;
	char *json;

	if (!moment_write_seconds(&host->host_received_at, time))
		return sign_fail(HARK_SIGN_FORMAT, why,
				 "host_received_at: outside the years 0000 to 9999");
	json = malloc(capacity);
	if (json == NULL)
		return sign_fail(HARK_SIGN_MEMORY, why, "out of memory");
	json_writer_init(&w, json + sizeof(SIGN_ENVELOPE_HEAD) - 1, event_capacity);
	write_event(guest, host, event, time, &w);
	MUST(json_writer_finish(&w, &size) == ERR_OK);
	return sign_envelope_finish(signer, json, size, capacity, out, why);
}

enum hark_sign_error
hark_host_stamp_and_sign(const struct hark_signer *signer,
			 const struct hark_guest_declaration *guest,
			 const struct hark_host_stamp *host, const struct hark_cellos_event *event,
			 struct hark_host_stamped_envelope *out, struct hark_failure *why)
{
	size_t texts_size = 0;
	enum hark_sign_error e;

	if (signer == NULL || guest == NULL || host == NULL || event == NULL || out == NULL)
		return sign_fail(HARK_SIGN_ARGUMENT, why, "a pointer is missing");
	if (signer->algorithm == HARK_SIGN_ALGORITHM_OFF)
		return sign_fail(HARK_SIGN_OFF, why, "signing is off");

	const struct named_text texts[] = {
		{ "id", &event->id, false },
		{ "source", &event->source, false },
		{ "type", &event->type, false },
		{ "probe_source", &guest->probe_source, true },
		{ "guest_comm", &guest->guest_comm, true },
		{ "cell_id", &host->cell_id, false },
		{ "run_id", &host->run_id, false },
		{ "spec_signature_hash", &host->spec_signature_hash, false },
	};

	e = check_texts(texts, sizeof(texts) / sizeof(texts[0]), &texts_size, why);
	if (e != HARK_SIGN_OK)
		return e;
	return sign_event(signer, guest, host, event, texts_size, out, why);
}
