/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The tree of chunks is walked from the left: each chunk's value waits on a stack until its right
 * sibling is known, so that memory is a stack of one value a level.
 */
#include "crypto/blake3.h"

#include <assert.h>
#include <string.h>

#include "base/must.h"

#define WORDS       8u /* of a chaining value */
#define BLOCK_WORDS 16u
#define BLOCK_BYTES 64u
#define CHUNK_BYTES 1024u
#define ROUNDS      7u
#define DEPTH_MAX   54u /* 2^54 chunks are 2^64 bytes */

/* What a block is, section 2.1 of the paper. */
#define CHUNK_START 1u
#define CHUNK_END   2u
#define PARENT      4u
#define ROOT        8u

static_assert(BLAKE3_BYTES == 4 * WORDS, "a digest is a chaining value of the root");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are read as they lie in memory");

static const uint32_t initial[WORDS] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

/* The block that is compressed last of a chunk or parent: its value, or with ROOT the digest. */
struct node {
	uint32_t chaining[WORDS];
	uint32_t block[BLOCK_WORDS];
	uint64_t counter;
	uint32_t bytes; /* of the block */
	uint32_t flags;
};

static inline uint32_t
rotate(uint32_t word, unsigned int by)
{
	return word >> by | word << (32 - by);
}

static inline void
mix(uint32_t s[BLOCK_WORDS], unsigned int a, unsigned int b, unsigned int c, unsigned int d,
    uint32_t x, uint32_t y)
{
	s[a] = s[a] + s[b] + x;
	s[d] = rotate(s[d] ^ s[a], 16);
	s[c] = s[c] + s[d];
	s[b] = rotate(s[b] ^ s[c], 12);
	s[a] = s[a] + s[b] + y;
	s[d] = rotate(s[d] ^ s[a], 8);
	s[c] = s[c] + s[d];
	s[b] = rotate(s[b] ^ s[c], 7);
}

/* Columns, then diagonals. */
static inline void
mix_all(uint32_t s[BLOCK_WORDS], const uint32_t m[BLOCK_WORDS])
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		mix(s, i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1]);
	for (i = 0; i < 4; i++)
		mix(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i],
		    m[9 + 2 * i]);
}

/* The value of a node; *out may be its own chaining value. */
static void
compress(const struct node *n, uint32_t out[WORDS])
{
	static const uint8_t order[BLOCK_WORDS] = { 2, 6,  3,  10, 7, 0,  4,  13,
						    1, 11, 12, 5,  9, 14, 15, 8 };
	uint32_t s[BLOCK_WORDS] = { [12] = (uint32_t)n->counter,
				    [13] = (uint32_t)(n->counter >> 32),
				    [14] = n->bytes,
				    [15] = n->flags };
	uint32_t m[BLOCK_WORDS], next[BLOCK_WORDS];
	unsigned int round, i;

	memcpy(s, n->chaining, sizeof(n->chaining));
	memcpy(s + 8, initial, 4 * sizeof(initial[0]));
	memcpy(m, n->block, sizeof(m));
	for (round = 0; round < ROUNDS; round++) {
		mix_all(s, m);
		for (i = 0; i < BLOCK_WORDS; i++)
			next[i] = m[order[i]];
		memcpy(m, next, sizeof(m));
	}
	for (i = 0; i < WORDS; i++)
		out[i] = s[i] ^ s[i + 8];
}

/* At most CHUNK_BYTES; what is compressed last of them is left in *out. */
static void
begin_chunk(const uint8_t *data, size_t size, uint64_t counter, struct node *out)
{
	MUST(size <= CHUNK_BYTES);
	*out = (struct node){ .counter = counter, .flags = CHUNK_START };
	memcpy(out->chaining, initial, sizeof(initial));
	while (size > BLOCK_BYTES) {
		memcpy(out->block, data, BLOCK_BYTES);
		out->bytes = BLOCK_BYTES;
		compress(out, out->chaining);
		out->flags = 0;
		data += BLOCK_BYTES;
		size -= BLOCK_BYTES;
	}
	memset(out->block, 0, sizeof(out->block));
	if (size > 0)
		memcpy(out->block, data, size);
	out->bytes = (uint32_t)size;
	out->flags |= CHUNK_END;
}

/* Above *left and the node that is in *at. */
static void
begin_parent(const uint32_t left[WORDS], struct node *at)
{
	uint32_t right[WORDS];

	compress(at, right);
	*at = (struct node){ .bytes = BLOCK_BYTES, .flags = PARENT };
	memcpy(at->chaining, initial, sizeof(initial));
	memcpy(at->block, left, sizeof(right));
	memcpy(at->block + WORDS, right, sizeof(right));
}

void
blake3_of(const void *data, size_t size, uint8_t out[BLAKE3_BYTES])
{
	uint32_t waiting[DEPTH_MAX][WORDS];
	const uint8_t *at = data;
	uint32_t root[WORDS];
	unsigned int depth = 0;
	uint64_t counter = 0;
	struct node node;

	MUST(data != NULL || size == 0);
	for (; size > CHUNK_BYTES; size -= CHUNK_BYTES, at += CHUNK_BYTES) {
		uint64_t full;

		begin_chunk(at, CHUNK_BYTES, counter++, &node);
		/* It ends as many trees as there are zeroes at the end of the number of chunks. */
		for (full = counter; (full & 1) == 0; full >>= 1)
			begin_parent(waiting[--depth], &node);
		MUST(depth < DEPTH_MAX);
		compress(&node, waiting[depth++]);
	}
	begin_chunk(at, size, counter, &node);
	while (depth > 0)
		begin_parent(waiting[--depth], &node);
	node.flags |= ROOT;
	compress(&node, root);
	memcpy(out, root, BLAKE3_BYTES);
}
