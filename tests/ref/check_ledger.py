#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Ledgers, exports and proofs across the two implementations: what `hark` writes is read from the
specifications, and what is made from them is judged by `hark`.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ledgers                                      # noqa: E402
import tlog                                         # noqa: E402
from tapout import ROOT, Tap                        # noqa: E402

HARK = os.path.join(os.environ.get("HARK_BIN", os.path.join(ROOT, "build", "bin")), "hark")
KEY = tlog.Key.of_seed("r.example/evidence", bytes(range(32)))
SEED = 7
# RFC 6962 trees of the leaves of its own test data (also in Go's and Google's tests).
LEAVES = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243",
                                     "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
ROOTS = ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"]


def run(*words):
    done = subprocess.run([HARK, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def refused(act, *arguments):
    try:
        act(*arguments)
    except tlog.Bad as bad:
        return str(bad)
    return None


def check_vectors(tap):
    """The reader itself, against what others have published."""
    hashes = [tlog.leaf_hash(leaf) for leaf in LEAVES]
    frontier = tlog.Frontier()
    for size, want in enumerate(ROOTS, 1):
        list(frontier.add(hashes[size - 1]))
        tap.same("RFC 6962: root of %d leaves" % size,
                 (tlog.root(hashes[:size]).hex(), frontier.root().hex()), (want, want))
    for size in range(1, 9):
        bad = [i for i in range(size) if tlog.root_by_inclusion(
            hashes[i], i, size, tlog.inclusion(hashes[:size], i)).hex() != ROOTS[size - 1]]
        tap.row("RFC 9162: every inclusion proof in %d leaves" % size, not bad, bad)
    tap.same("CRC-32C of the nine digits", ledgers.crc32c(b"123456789"), 0xE3069283)
    tap.same("tlog-tiles: index 1234067", tlog.tile_path(0, 1234067), "tile/0/x001/x234/067")
    tap.same("tlog-tiles: the tiles of 70,000 leaves",
             [(level, width) for level, _, width in tlog.tiles_of(70000) if width < 256],
             [(0, 112), (1, 17), (2, 1)])
    note = tlog.write_checkpoint(KEY.name, 5, bytes(32), [KEY])
    tap.row("a note that is signed opens", tlog.open_note(note, [KEY]).startswith(KEY.name))
    tap.row("a note with another text does not",
            refused(tlog.open_note, note.replace(b"\n5\n", b"\n6\n"), [KEY]) is not None)
    tap.row("a note of a key that is not given does not", refused(
        tlog.open_note, note, [tlog.Key.of_seed(KEY.name, bytes(32))]) is not None)


def make(folder, leaves, rng):
    """A ledger of random frames, segments, state changes and past checkpoints."""
    maker = ledgers.Maker(folder, KEY.name, KEY, segment_bytes=1 << 18)
    while maker.frontier.size < leaves:
        for _ in range(min(rng.choice((0, 1, 2, 7, 40)), leaves - maker.frontier.size)):
            maker.add(n=rng.randrange(10**rng.randrange(1, 15)), text="x" * rng.randrange(200))
        maker.commit(state={b"k%d" % rng.randrange(5): rng.choice((b"", b"value", None))})
        if rng.random() < 0.05:
            maker.rotate()
        if rng.random() < 0.1:
            maker.seal()
    maker.seal()
    return maker


def check_one(tap, place, leaves, rng):
    at = lambda name: os.path.join(place, name)     # noqa: E731
    name = "%d leaves" % leaves
    make(at("ledger"), leaves, rng)
    origin, read, sealed = ledgers.read_ledger(at("ledger"), [KEY])
    tap.same("%s: the reader reads what the maker made" % name, (origin, len(read), sealed),
             (KEY.name, leaves, leaves))
    code, out, said = run("verify", at("ledger"), "--key", KEY.text(), "--json")
    report = json.loads(out)["ledgers"][0] if out else {}
    tap.same("%s: hark verify finds it intact, with the same root" % name,
             (code, report.get("committed"), report.get("root")),
             (0, str(leaves), tlog.tobase64(tlog.root([leaf.hash for leaf in read]))))
    code, out, said = run("ledger", "export", at("export"), "--dir", at("ledger"))
    tap.row("%s: hark ledger export" % name, code == 0, said)
    got = refused(tlog.read_tiles, at("export"), [KEY])
    tap.row("%s: the export is a whole tlog-tiles log" % name, got is None and tlog.read_tiles(
        at("export"), [KEY]) == (KEY.name, [leaf.data for leaf in read]), got)
    tlog.write_tiles(at("tiles"), KEY.name, [leaf.data for leaf in read], [KEY])
    code, out, said = run("verify", at("tiles"), "--key", KEY.text())
    tap.row("%s: a log of the maker is intact for hark verify" % name, code == 0, said)
    bad = [i for i in sorted({0, leaves // 2, leaves - 1, rng.randrange(leaves)})
           if not check_proof(place, read, i, leaves)]
    tap.row("%s: proofs both ways" % name, not bad, bad)


def check_proof(place, leaves, index, size):
    theirs, ours = os.path.join(place, "theirs"), os.path.join(place, "ours")
    code, _, _ = run("prove", str(index), "--dir", os.path.join(place, "ledger"), "-o", theirs)
    if code != 0 or tlog.read_proof(tlog.read_bytes(place, "theirs"), [KEY]) != (
            KEY.name, size, index, leaves[index].data):
        return False
    note = tlog.read_bytes(place, "ledger/checkpoint")
    with open(ours, "wb") as file:
        file.write(tlog.write_proof(index, tlog.inclusion([leaf.hash for leaf in leaves], index),
                                    note, leaves[index].data))
    same = tlog.read_bytes(place, "ours") == tlog.read_bytes(place, "theirs")
    return same and run("verify", ours, "--key", KEY.text())[0] == 0


def main():
    tap, rng = Tap(), random.Random(SEED)
    check_vectors(tap)
    if not os.path.exists(HARK):
        tap.row("hark is built", False, HARK)
        return tap.end()
    for leaves in (1, 2, 255, 256, 257, 700):
        with tempfile.TemporaryDirectory(prefix="ledger.") as place:
            check_one(tap, place, leaves, rng)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
