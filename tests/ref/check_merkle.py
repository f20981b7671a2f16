#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checks the recorded trees and proofs, and that no bent proof is believed."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import merkle                                       # noqa: E402
from tapout import VECTORS, Tap                     # noqa: E402

# Published with Certificate Transparency's first implementations, for eight leaves.
PUBLISHED_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                    "606162636465666768696a6b6c6d6e6f"]
PUBLISHED_ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def bent(proof):
    """A proof with each hash changed, one dropped at either end, one too many."""
    for i, one in enumerate(proof):
        yield proof[:i] + [one[:-1] + bytes([one[-1] ^ 1])] + proof[i + 1:]
    yield proof + [b"\x00" * 32]
    if proof:
        yield proof[1:]
        yield proof[:-1]


def main():
    tap = Tap()
    hashes = [merkle.leaf_hash(merkle.leaf_of(i)) for i in range(max(merkle.SIZES))]
    roots = {}
    published = [merkle.leaf_hash(bytes.fromhex(x)) for x in PUBLISHED_LEAVES]
    tap.same("the published tree", merkle.root(published).hex(), PUBLISHED_ROOT)
    with open(os.path.join(VECTORS, "merkle.jsonl"), encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    tap.same("the vectors are those of merkle.py", rows, list(merkle.vectors()))
    for row in rows:
        n = row["size"]
        if row["kind"] == "root":
            roots[n] = bytes.fromhex(row["root"])
            tap.same("root of %d" % n, merkle.root(hashes[:n]), roots[n])
            continue
        proof = [bytes.fromhex(h) for h in row["proof"]]
        if row["kind"] == "inclusion":
            m = row["index"]

            def holds(p, m=m, n=n):
                return merkle.included(hashes[m], m, n, p, roots[n])
        else:
            m = row["old"]

            def holds(p, m=m, n=n):
                return merkle.grown(m, merkle.root(hashes[:m]), n, roots[n], p)
        tap.row("%s %d of %d" % (row["kind"], m, n),
                holds(proof) and not any(holds(p) for p in bent(proof)))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
