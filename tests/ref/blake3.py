# SPDX-License-Identifier: MIT OR Apache-2.0
"""BLAKE3 a second time, from its paper: without a key, all at once, 32 bytes, and slow."""
import struct

INITIAL = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
LINES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
START, END, PARENT, ROOT = 1, 2, 4, 8
MASK = 0xFFFFFFFF


def compress(chaining, block, counter, size, flags):
    s = list(chaining) + list(INITIAL[:4]) + [counter & MASK, counter >> 32, size, flags]
    m = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(LINES):
            for word, first, second in ((m[2 * i], 16, 12), (m[2 * i + 1], 8, 7)):
                s[a] = (s[a] + s[b] + word) & MASK
                s[d] ^= s[a]
                s[d] = (s[d] >> first | s[d] << 32 - first) & MASK
                s[c] = (s[c] + s[d]) & MASK
                s[b] ^= s[c]
                s[b] = (s[b] >> second | s[b] << 32 - second) & MASK
        m = [m[i] for i in ORDER]
    return [s[i] ^ s[i + 8] for i in range(8)]


def value_of(data, chunk, root):
    """Of a subtree whose first chunk has that number."""
    if len(data) <= 1024:
        blocks = [data[at:at + 64] for at in range(0, len(data), 64)] or [b""]
        value = INITIAL
        for i, block in enumerate(blocks):
            last = i == len(blocks) - 1
            value = compress(value, block, chunk, len(block),
                             (START if i == 0 else 0) | (END | root if last else 0))
        return value
    left = 1 << ((len(data) - 1) // 1024).bit_length() - 1     # chunks: the largest power below all
    parts = value_of(data[:1024 * left], chunk, 0) + value_of(data[1024 * left:], chunk + left, 0)
    return compress(INITIAL, struct.pack("<16I", *parts), 0, 64, PARENT | root)


def of(data):
    return struct.pack("<8I", *value_of(data, 0, ROOT))
