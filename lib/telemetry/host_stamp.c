/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The stamp: what the host alone says, checked once, and joined to each declaration by two borrowed
 * pointers.  Nothing of a declaration is looked at here, so nothing in it can change a stamp.
 */
#include <string.h>

#include <hark/telemetry.h>

#include "base/text.h"
#include "event/builder.h"
#include "event/types.h"
#include "os/clock.h"

#define SPEC_HASH_PREFIX "sha256:"
/* SHA-256 in hex. */
#define SPEC_HASH_DIGITS 64u

static bool
id_is_good(struct hark_text id)
{
	return id.data != NULL && text_is_id(id.data, id.size, HARK_ID_BYTES_MAX);
}

/* Empty, or exactly what CellOS writes. */
static bool
spec_hash_is_good(struct hark_text hash)
{
	const size_t prefix = sizeof(SPEC_HASH_PREFIX) - 1;

	if (hash.size == 0)
		return true;
	return hash.data != NULL && hash.size == prefix + SPEC_HASH_DIGITS &&
	       memcmp(hash.data, SPEC_HASH_PREFIX, prefix) == 0 &&
	       text_is_hex(hash.data + prefix, hash.size - prefix, SPEC_HASH_DIGITS);
}

enum hark_telemetry_error
hark_host_stamp_init(struct hark_text cell_id, struct hark_text run_id,
		     struct hark_text spec_signature_hash, struct hark_host_stamp *out)
{
	if (out == NULL || !id_is_good(cell_id) || !id_is_good(run_id) ||
	    !spec_hash_is_good(spec_signature_hash))
		return HARK_TELEMETRY_ARGUMENT;

	*out = (struct hark_host_stamp){
		.cell_id = cell_id,
		.run_id = run_id,
		.spec_signature_hash = spec_signature_hash,
	};
	out->checked = event_stamp_mark(out);
	return HARK_TELEMETRY_OK;
}

enum hark_telemetry_error
hark_stamp(const struct hark_guest_declaration *guest, const struct hark_host_stamp *host,
	   struct hark_stamped_declaration *out)
{
	if (guest == NULL || host == NULL || out == NULL || host->checked != event_stamp_mark(host))
		return HARK_TELEMETRY_ARGUMENT;

	*out = (struct hark_stamped_declaration){
		.guest = guest,
		.host = host,
		.authority = {
			.tier = EVENT_TIER_DECLARED,
			.confidence = EVENT_CONFIDENCE_DECLARED,
			.epistemic_status = EVENT_EPISTEMIC_DECLARED,
			.binding_status = EVENT_BINDING_NOT_APPLICABLE,
		},
	};
	return HARK_TELEMETRY_OK;
}

enum hark_telemetry_error
hark_stamp_now(const struct hark_guest_declaration *guest, struct hark_host_stamp *host,
	       struct hark_stamped_declaration *out)
{
	enum hark_telemetry_error e = hark_stamp(guest, host, out);

	if (e != HARK_TELEMETRY_OK)
		return e;
	clock_realtime(&host->host_received_at.seconds, &host->host_received_at.nanoseconds);
	return HARK_TELEMETRY_OK;
}
