/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Arkhe's ObserverQuarantine receipt in its binary form: LEB128 integers, the raw digest, a byte a
 * class (docs/format/observer-abi.md).  One writer and one strict reader, side by side.
 */
#ifndef EVENT_QUARANTINE_H
#define EVENT_QUARANTINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "json/writer.h"

#define QUARANTINE_TYPE_CODE      0x00030F0Cu
#define QUARANTINE_SCHEMA_VERSION 1u
#define QUARANTINE_DIGEST_BYTES   32u
/* Version, digest, tick, two classes, each at its longest. */
#define QUARANTINE_BYTES_MAX (3u + QUARANTINE_DIGEST_BYTES + 10u + 2u)

/* How a module was admitted. */
enum quarantine_attestation {
	QUARANTINE_ATTESTATION_NONE = 0,
	QUARANTINE_ATTESTATION_ED25519 = 1,
	QUARANTINE_ATTESTATION_ML_DSA_65 = 2,
	QUARANTINE_ATTESTATION_HYBRID = 3,
};

struct quarantine {
	uint16_t schema_version;
	uint8_t digest[QUARANTINE_DIGEST_BYTES]; /* BLAKE3 of the module */
	uint64_t tick;
	uint8_t trap_class;  /* enum hark_observer_trap_class: 0 to 3 */
	uint8_t attestation; /* enum quarantine_attestation */
};

/* Writes it; both classes must be of their enums.  Gives the size. */
size_t quarantine_write(const struct quarantine *receipt, uint8_t out[QUARANTINE_BYTES_MAX]);

/* The same receipt as a JSON object of Arkhe's names, in the order of RFC 8785.  The tick is a
 * number as Arkhe has it, whatever its size. */
void quarantine_write_json(const struct quarantine *receipt, struct json_writer *w);

/* Reads all of `bytes`.  ERR_FORMAT: cut, trailing bytes, an integer that is longer than it need be
 * or too large, a class that does not exist. */
MUST_USE enum err quarantine_read(const uint8_t *bytes, size_t size, struct quarantine *out);

#endif
