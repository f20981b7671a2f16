/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The members that all events share.  The ids of a stamp are escaped as any text is: they were
 * checked for blanks and controls, not for quotes. */
#include "event/builder.h"
#include "base/must.h"
#include "base/text.h"
#include "event/time.h"

static bool
origin_text_is_good(struct hark_text text)
{
	return text.data != NULL && text.size > 0 && text.size <= HARK_ORIGIN_BYTES_MAX &&
	       text_is_utf8(text.data, text.size);
}

static enum err
begin(struct event *e, const struct hark_event_origin *origin, char *json, size_t capacity)
{
	if (origin == NULL || json == NULL)
		return ERR_ARGUMENT;
	if (!origin_text_is_good(origin->source) || !origin_text_is_good(origin->id_prefix))
		return ERR_ARGUMENT;
	e->origin = origin;
	json_writer_init(&e->json, json,
			 capacity < HARK_EVENT_BYTES_MAX ? capacity : HARK_EVENT_BYTES_MAX);
	json_write_literal(&e->json, "{\"data\":{");
	return ERR_OK;
}

enum err
event_begin(struct event *e, const struct hark_host_stamp *host,
	    const struct hark_event_origin *origin, char *json, size_t capacity)
{
	MUST(e != NULL);

	if (host == NULL || host->checked != event_stamp_mark(host))
		return ERR_ARGUMENT;
	e->host = host;
	return begin(e, origin, json, capacity);
}

enum err
event_begin_of_host(struct event *e, struct hark_time time, const struct hark_event_origin *origin,
		    char *json, size_t capacity)
{
	MUST(e != NULL);

	e->host = NULL;
	e->time = time;
	return begin(e, origin, json, capacity);
}

void
event_write_cell(struct event *e)
{
	MUST(e != NULL && e->host != NULL);
	json_write_literal(&e->json, "\"cellId\":\"");
	json_write_string_part(&e->json, e->host->cell_id.data, e->host->cell_id.size);
	json_write_literal(&e->json, "\"");
}

void
event_write_epoch(struct event *e)
{
	MUST(e != NULL);
	if (!e->host->has_epoch)
		return;
	json_write_literal(&e->json, ",\"epoch\":");
	json_write_u64_digits(&e->json, e->host->epoch);
}

void
event_write_run(struct event *e)
{
	MUST(e != NULL);
	json_write_literal(&e->json, ",\"runId\":\"");
	json_write_string_part(&e->json, e->host->run_id.data, e->host->run_id.size);
	json_write_literal(&e->json, "\"");
}

void
event_write_spec_hash(struct event *e)
{
	MUST(e != NULL);
	if (e->host->spec_signature_hash.size == 0)
		return;
	json_write_literal(&e->json, ",\"specSignatureHash\":\"");
	json_write_raw(&e->json, e->host->spec_signature_hash.data,
		       e->host->spec_signature_hash.size);
	json_write_literal(&e->json, "\"");
}

enum err
event_end(struct event *e, const char *type, size_t type_size, size_t *size_out)
{
	char time[EVENT_TIME_BYTES];
	enum err error;

	MUST(e != NULL && type != NULL && size_out != NULL);

	error = event_time_write(e->host != NULL ? e->host->host_received_at : e->time, time);
	if (error != ERR_OK)
		return error;
	json_write_literal(&e->json, "},\"id\":\"");
	json_write_string_part(&e->json, e->origin->id_prefix.data, e->origin->id_prefix.size);
	json_write_literal(&e->json, "/");
	json_write_u64_digits(&e->json, e->origin->number);
	json_write_literal(&e->json, "\",\"source\":\"");
	json_write_string_part(&e->json, e->origin->source.data, e->origin->source.size);
	json_write_literal(&e->json, "\",\"specversion\":\"1.0");
	if (e->host != NULL) {
		json_write_literal(&e->json, "\",\"subject\":\"urn:cellos:cell:");
		json_write_string_part(&e->json, e->host->cell_id.data, e->host->cell_id.size);
	}
	json_write_literal(&e->json, "\",\"time\":\"");
	json_write_raw(&e->json, time, sizeof(time));
	json_write_literal(&e->json, "\",\"type\":\"");
	json_write_raw(&e->json, type, type_size);
	json_write_literal(&e->json, "\"}");
	return json_writer_finish(&e->json, size_out);
}

enum hark_telemetry_error
event_error(enum err e)
{
	switch (e) {
	case ERR_OK:
		return HARK_TELEMETRY_OK;
	case ERR_LIMIT:
		return HARK_TELEMETRY_LIMIT;
	default:
		return HARK_TELEMETRY_ARGUMENT;
	}
}
