/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a rule has loaded into nf_tables' registers, and the text of a comparison with it.  Knows
 * nothing of netlink: nft_rule.c takes the messages apart.
 */
#ifndef TELEMETRY_PROBES_NFT_MATCH_H
#define TELEMETRY_PROBES_NFT_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sixteen registers of four bytes; the older four of sixteen bytes are the same storage. */
#define NFT_SLOTS 16u
/* The longest value of a comparison in bytes. */
#define NFT_VALUE_BYTES_MAX 64u

/* Text that grows; what does not fit is cut and ends in "...".  Always terminated. */
struct nft_text {
	char *data;
	size_t capacity;
	size_t size;
	bool is_cut;
};

enum nft_load {
	NFT_LOAD_NONE,
	NFT_LOAD_META,
	NFT_LOAD_CT,
	NFT_LOAD_PAYLOAD,
	NFT_LOAD_VALUE, /* an immediate value */
	NFT_LOAD_OTHER, /* known by its expression's name alone */
};

struct nft_slot {
	enum nft_load load;
	bool is_pending;             /* nothing has used it yet */
	uint32_t key;                /* of meta and ct */
	uint32_t base, offset, size; /* of payload */
	bool is_masked;
	uint8_t mask[NFT_VALUE_BYTES_MAX];
	uint8_t value[NFT_VALUE_BYTES_MAX]; /* of an immediate */
	size_t value_size;
};

struct nft_value {
	const uint8_t *data;
	size_t size;
};

struct nft_match {
	struct nft_text *text;
	struct nft_slot slots[NFT_SLOTS];
	uint8_t l3; /* NFPROTO_IPV4, NFPROTO_IPV6, or 0 where it is not known yet */
	uint8_t l4; /* IPPROTO_*, or 0 */
	/* A comparison that only says what the next one implies, such as "meta l4proto tcp" before
	   "tcp dport 22": it stands at the end of the text from there on, and is taken back. */
	enum { NFT_IMPLIES_NONE, NFT_IMPLIES_L3, NFT_IMPLIES_L4 } implied;
	size_t implied_from, implied_to;
};

/* Appends with one blank before it where there is text already; `text` is printable ASCII. */
__attribute__((format(printf, 2, 3))) void nft_text_word(struct nft_text *t, const char *format,
							 ...);
/* Appends without the blank. */
__attribute__((format(printf, 2, 3))) void nft_text_more(struct nft_text *t, const char *format,
							 ...);

/* The slot of a register's number; NULL for the verdict's and for numbers that are none. */
struct nft_slot *nft_match_slot(struct nft_match *m, uint32_t reg);
/* Comparison (enum nft_cmp_ops) with one value, with the bounds of a range, with a set. */
void nft_match_cmp(struct nft_match *m, struct nft_slot *slot, uint32_t op, struct nft_value value);
void nft_match_range(struct nft_match *m, struct nft_slot *slot, bool is_negated,
		     struct nft_value from, struct nft_value to);
void nft_match_set(struct nft_match *m, struct nft_slot *slot, bool is_negated, const char *set);
/* "meta mark set VALUE" */
void nft_match_assign(struct nft_match *m, enum nft_load load, uint32_t key, struct nft_slot *slot);
/* Names in brackets what was loaded and used by nothing that we know. */
void nft_match_flush(struct nft_match *m);

#endif
