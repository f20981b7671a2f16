/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Arkhe's quarantine receipt, as postcard writes it.  Its own reader takes trailing bytes and
 * longer integers than are needed; this one does not, so that a receipt has one form. */
#include "event/quarantine.h"

#include <stdbool.h>
#include <string.h>

#include "base/must.h"

#define CLASS_MAX 3u

static size_t
write_number(uint64_t value, uint8_t *out)
{
	size_t size = 0;

	while (value > 0x7f) {
		out[size++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	out[size++] = (uint8_t)value;
	return size;
}

size_t
quarantine_write(const struct quarantine *receipt, uint8_t out[QUARANTINE_BYTES_MAX])
{
	size_t size;

	MUST(receipt->trap_class <= CLASS_MAX);
	MUST(receipt->attestation <= CLASS_MAX);
	size = write_number(receipt->schema_version, out);
	memcpy(out + size, receipt->digest, QUARANTINE_DIGEST_BYTES);
	size += QUARANTINE_DIGEST_BYTES;
	size += write_number(receipt->tick, out + size);
	out[size++] = receipt->trap_class;
	out[size++] = receipt->attestation;
	return size;
}

void
quarantine_write_json(const struct quarantine *receipt, struct json_writer *w)
{
	static const char *const traps[] = { "Panic", "BudgetExceeded", "CapabilityDenied",
					     "Other" };
	static const char *const attestations[] = { "None", "Ed25519", "MlDsa65", "Hybrid" };
	const char *attestation;
	const char *trap;
	size_t i;

	MUST(receipt->trap_class <= CLASS_MAX);
	MUST(receipt->attestation <= CLASS_MAX);
	attestation = attestations[receipt->attestation];
	trap = traps[receipt->trap_class];
	json_write_literal(w, "{\"attestation_class\":\"");
	json_write_raw(w, attestation, strlen(attestation));
	json_write_literal(w, "\",\"observer_module_digest\":[");
	for (i = 0; i < QUARANTINE_DIGEST_BYTES; i++) {
		if (i > 0)
			json_write_literal(w, ",");
		json_write_u64_digits(w, receipt->digest[i]);
	}
	json_write_literal(w, "],\"quarantine_tick\":");
	json_write_u64_digits(w, receipt->tick);
	json_write_literal(w, ",\"schema_version\":");
	json_write_u64_digits(w, receipt->schema_version);
	json_write_literal(w, ",\"trap_class\":\"");
	json_write_raw(w, trap, strlen(trap));
	json_write_literal(w, "\"}");
}

/* Moves *at on.  False: cut, above max, or not its shortest form. */
static bool
read_number(const uint8_t *bytes, size_t size, size_t *at, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	unsigned shift;

	for (shift = 0; shift < 64 && *at < size; shift += 7) {
		uint8_t byte = bytes[(*at)++];
		uint64_t part = byte & 0x7fu;

		if (part << shift >> shift != part)
			return false;
		value |= part << shift;
		if ((byte & 0x80) != 0)
			continue;
		if (value > max || (byte == 0 && shift > 0))
			return false;
		*out = value;
		return true;
	}
	return false;
}

enum err
quarantine_read(const uint8_t *bytes, size_t size, struct quarantine *out)
{
	struct quarantine receipt;
	uint64_t version = 0, tick = 0;
	size_t at = 0;

	memset(&receipt, 0, sizeof(receipt));
	if (!read_number(bytes, size, &at, UINT16_MAX, &version) ||
	    size - at < QUARANTINE_DIGEST_BYTES)
		return ERR_FORMAT;
	memcpy(receipt.digest, bytes + at, QUARANTINE_DIGEST_BYTES);
	at += QUARANTINE_DIGEST_BYTES;
	if (!read_number(bytes, size, &at, UINT64_MAX, &tick) || size - at != 2 ||
	    bytes[at] > CLASS_MAX || bytes[at + 1] > CLASS_MAX)
		return ERR_FORMAT;
	receipt.schema_version = (uint16_t)version;
	receipt.tick = tick;
	receipt.trap_class = bytes[at];
	receipt.attestation = bytes[at + 1];
	*out = receipt;
	return ERR_OK;
}
