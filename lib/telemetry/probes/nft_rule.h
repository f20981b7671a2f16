/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A rule of nf_tables as text for people, in nft's words where we know them and else by the names
 * of its expressions in brackets, so that nothing of a rule is left out unseen.
 */
#ifndef TELEMETRY_PROBES_NFT_RULE_H
#define TELEMETRY_PROBES_NFT_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The longest text of a rule; a longer one ends in "...". */
#define NFT_RULE_TEXT_BYTES 1024u
/* The longest name of a table, chain or set (NFT_NAME_MAXLEN). */
#define NFT_NAME_BYTES_MAX 255u

struct nft_rule {
	char table[NFT_NAME_BYTES_MAX + 1];
	char chain[NFT_NAME_BYTES_MAX + 1];
	uint8_t family;
	uint64_t handle;
	bool has_counter; /* where a rule has several, the first counts */
	uint64_t packets;
	uint64_t bytes;
	char text[NFT_RULE_TEXT_BYTES]; /* terminated, printable ASCII */
};

/*
 * Reads one message of type NFT_MSG_NEWRULE: `message` is its nlmsghdr, `size` what was received
 * from there on.  ERR_FORMAT where a length or type is not what it must be.
 */
MUST_USE enum err nft_rule_read(const void *message, size_t size, struct nft_rule *out);

/* "ip", "inet", ...; NULL for what is no family of nf_tables, and back: 0 for no family's name. */
const char *nft_family_name(uint8_t family);
uint8_t nft_family_of(const char *name);

#endif
