#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""RFC 6962 section 2 as it is written there: recursive, slow, from the leaves alone.

Run with a file's name it writes the vectors that both our C and this reader must agree on.
"""
import hashlib
import json
import sys


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(data):
    return sha256(b"\x00" + data)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def cut(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def root(hashes):
    """MTH of a list of leaf hashes."""
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = cut(len(hashes))
    return node_hash(root(hashes[:k]), root(hashes[k:]))


def path(m, hashes):
    if len(hashes) == 1:
        return []
    k = cut(len(hashes))
    if m < k:
        return path(m, hashes[:k]) + [root(hashes[k:])]
    return path(m - k, hashes[k:]) + [root(hashes[:k])]


def growth(m, hashes, whole=True):
    """SUBPROOF; a proof from size m to the size of the list."""
    n = len(hashes)
    if m == n:
        return [] if whole else [root(hashes)]
    k = cut(n)
    if m <= k:
        return growth(m, hashes[:k], whole) + [root(hashes[k:])]
    return growth(m - k, hashes[k:], False) + [root(hashes[:k])]


def climb(index, size, leaf, proof):
    """The root that an inclusion proof leads to, by recursion from the top; None where its length
    does not fit."""
    if size == 1:
        return leaf if not proof else None
    if not proof:
        return None
    k = cut(size)
    if index < k:
        below = climb(index, k, leaf, proof[:-1])
        return None if below is None else node_hash(below, proof[-1])
    below = climb(index - k, size - k, leaf, proof[:-1])
    return None if below is None else node_hash(proof[-1], below)


def climb_both(m, n, proof, known):
    """(old root, new root) that a consistency proof leads to, or None.  known is the old root where
    this subtree begins the old tree, else None."""
    if m == n:
        if known is not None:
            return (known, known) if not proof else None
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    k = cut(n)
    if m <= k:
        pair = climb_both(m, k, proof[:-1], known)
        return None if pair is None else (pair[0], node_hash(pair[1], proof[-1]))
    pair = climb_both(m - k, n - k, proof[:-1], None)
    if pair is None:
        return None
    return node_hash(proof[-1], pair[0]), node_hash(proof[-1], pair[1])


def included(leaf, index, size, proof, top):
    return index < size and climb(index, size, leaf, proof) == top


def grown(m, old, n, new, proof):
    if m > n:
        return False
    if m == 0:
        return not proof and old == sha256(b"") and (n != 0 or new == old)
    return climb_both(m, n, proof, old) == (old, new)


def leaf_of(i):
    """The leaves of the vectors: of many lengths, all different."""
    return (b"leaf %d." % i) * (i % 19 + 1)


SIZES = list(range(0, 18)) + [31, 32, 33, 63, 64, 65, 100, 127, 128, 129]


def vectors():
    hashes = [leaf_hash(leaf_of(i)) for i in range(max(SIZES))]
    for n in SIZES:
        yield {"kind": "root", "size": n, "root": root(hashes[:n]).hex()}
    for n in SIZES:
        for m in sorted({m for m in (0, 1, 2, 3, n // 2, n - 2, n - 1) if 0 <= m < n}):
            yield {"kind": "inclusion", "index": m, "size": n,
                   "proof": [h.hex() for h in path(m, hashes[:n])]}
    for n in SIZES:
        for m in sorted({m for m in (1, 2, 3, 6, n // 2, n - 1, n) if 0 < m <= n}):
            yield {"kind": "consistency", "old": m, "size": n,
                   "proof": [h.hex() for h in growth(m, hashes[:n])]}


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        for row in vectors():
            out.write(json.dumps(row, sort_keys=True) + "\n")
