#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""hark verify against records that were damaged in every way that we can think of: each gets its
right answer and is told by the right finding, and nothing crashes it.  Prints TAP.
"""
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import damage as d                                  # noqa: E402
import ledgers                                      # noqa: E402
import tlog                                         # noqa: E402
from tapout import Tap                              # noqa: E402

HARK = os.path.join(os.environ.get("HARK_BIN", os.path.join(d.ROOT, "build", "bin")), "hark")
SEED = 20261125
FLIPS = 4000 if os.environ.get("HARK_LONG") else 400
INTACT, TAMPERED, INCOMPLETE, UNVERIFIABLE = 0, 1, 3, 4


def verify(path, *words, keys=(d.EVIDENCE,)):
    """(exit code, findings, whole answer or what was said)."""
    argv = [HARK, "verify", path, "--json", *words]
    for key in keys:
        argv += ["--key", key.text()]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    try:
        whole = json.loads(done.stdout)
    except ValueError:
        whole = {"findings": []}
    if whole.get("code") != done.returncode or done.returncode < 0:
        return done.returncode, [], (done.stdout + done.stderr).decode("utf-8", "replace")[-2000:]
    return done.returncode, whole["findings"], whole


class Damages:
    """The rows: a name, what is done to a copy of the base, and what must come of it."""

    def __init__(self):
        self.rows = []

    def __call__(self, name, code, finding, act, base="ledger", words=(), keys=(d.EVIDENCE,),
                 index=None):
        self.rows.append((name, code, finding, act, base, words, keys, index))


def seg(serial):
    return "segments/%016x.seg" % serial


def in_header(damages):
    places = {"magic": 0, "size of the header": 8, "flags": 12, "serial": 16, "first leaf": 24,
              "salt": 32, "time": 48, "size of the origin": 56, "origin": 60, "zeroes": 400,
              "checksum": 508}
    for name, at in places.items():
        damages("header: a bit of its " + name, TAMPERED, "segment",
                lambda f, at=at: d.flip(f + "/" + seg(1), at))
    damages("header: all of it is zero", TAMPERED, "segment", lambda f: d.write(
        f + "/" + seg(1), bytes(512) + d.read(f + "/" + seg(1))[512:]))
    damages("header: another serial, checksum mended", TAMPERED, "segment",
            lambda f: mend_header(f, 1, 16, struct.pack("<Q", 9)))
    damages("header: another first leaf, checksum mended", TAMPERED, "segment",
            lambda f: mend_header(f, 1, 24, struct.pack("<Q", 161)))
    damages("header: the first segment begins later, checksum mended", TAMPERED, "segment",
            lambda f: mend_header(f, 0, 24, struct.pack("<Q", 10)))
    damages("header: another salt, checksum mended", TAMPERED, "frame",
            lambda f: mend_header(f, 1, 32, bytes(16)))
    damages("header: another origin, checksum mended", TAMPERED, "segment",
            lambda f: mend_header(f, 1, 58, b"X"))
    damages("header: a newer format, checksum mended", UNVERIFIABLE, "newer_format",
            lambda f: mend_header(f, 0, 7, b"2"))


def mend_header(folder, serial, at, new):
    segment = d.Segment(folder, serial)
    segment.put(header=d.header_with(segment.data, at, new))


def in_frame(damages):
    places = {"magic": 0, "size": 5, "records": 8, "size of the state": 12, "flags": 16,
              "size of the records": 20, "first leaf": 24, "size after": 32, "root": 45,
              "seconds": 72, "nanoseconds": 80, "zero": 84, "monotonic time": 88,
              "zeroes": 100, "checksum": 124, "state": 129}
    for name, at in places.items():
        damages("frame: a bit of its " + name, TAMPERED, "frame",
                lambda f, at=at: d.flip(f + "/" + seg(1), d.Segment(f, 1).offset(2) + at))
    damages("frame: a bit of a record's size", TAMPERED, "frame",
            lambda f: d.flip(f + "/" + seg(1), body_of(f, 1, 2), 0))
    damages("frame: a bit of a leaf", TAMPERED, "root",
            lambda f: d.flip(f + "/" + seg(1), body_of(f, 1, 2) + 44, 2), index="180")
    damages("frame: a bit of the last leaf", TAMPERED, "root",
            lambda f: d.flip(f + "/" + seg(3), d.Segment(f, 3).offset(12) - 40, 2))
    damages("frame: a bit of its padding", TAMPERED, "frame", flip_padding)
    damages("frame: bytes behind a segment's last", TAMPERED, "frame",
            lambda f: d.flip(f + "/" + seg(1), d.Segment(f, 1).end + 80))
    damages("frame: an unknown flag, checksum mended", TAMPERED, "frame",
            lambda f: mend_frame(f, 1, 2, flags=2))
    damages("frame: too many nanoseconds, checksum mended", TAMPERED, "frame",
            lambda f: mend_frame(f, 1, 2, nanos=10**9))
    damages("frame: another first leaf, checksum mended", TAMPERED, "frame",
            lambda f: mend_frame(f, 1, 2, first=181, after=191))
    damages("frame: says to be the last, checksum mended", TAMPERED, "frame",
            lambda f: mend_frame(f, 1, 2, flags=1))
    damages("frame: the last does not say so, checksum mended", TAMPERED, "segment",
            lambda f: mend_frame(f, 1, -1, flags=0))
    damages("frame: one record less than it says, checksum mended", TAMPERED, "frame",
            lambda f: mend_frame(f, 1, 2, records=9, after=189))


def body_of(folder, serial, frame):
    segment = d.Segment(folder, serial)
    state = struct.unpack_from("<I", segment.frames[frame], 12)[0]
    return segment.offset(frame) + ledgers.HEAD_BYTES + state


def flip_padding(folder):
    segment = d.Segment(folder, 1)
    for number, frame in enumerate(segment.frames):
        state, records = struct.unpack_from("<I", frame, 12)[0], struct.unpack_from("<I", frame, 20)
        if ledgers.HEAD_BYTES + state + records[0] < len(frame):
            return d.flip(segment.path, segment.offset(number) + len(frame) - 1)
    raise AssertionError("no frame has padding")


def mend_frame(folder, serial, number, **fields):
    segment = d.Segment(folder, serial)
    segment.frames[number] = d.seal_frame(segment.frames[number], segment.salt, **fields)
    segment.put()


def rearrange(folder, serial, change, other=None):
    segment = d.Segment(folder, serial)
    change(segment.frames, other)
    segment.put()


def swap(frames, _):
    frames[2], frames[3] = frames[3], frames[2]


def order(damages):
    damages("frames: two are swapped", TAMPERED, "frame", lambda f: rearrange(f, 1, swap))
    damages("frames: one is dropped", TAMPERED, "frame",
            lambda f: rearrange(f, 1, lambda frames, _: frames.pop(3)))
    damages("frames: the first is dropped", TAMPERED, "frame",
            lambda f: rearrange(f, 0, lambda frames, _: frames.pop(0)))
    damages("frames: one comes twice", TAMPERED, "frame",
            lambda f: rearrange(f, 1, lambda frames, _: frames.insert(3, frames[2])))
    damages("frames: the last of an ended segment is dropped", TAMPERED, "segment",
            lambda f: rearrange(f, 1, lambda frames, _: frames.pop()))
    damages("frames: one of another segment", TAMPERED, "frame", lambda f: rearrange(
        f, 1, lambda frames, o: frames.__setitem__(3, o[3]), d.Segment(f, 0).frames))
    damages("frames: one of another segment, checksum mended", TAMPERED, "frame", foreign_mended)
    damages("frames: one of another ledger", TAMPERED, "frame",
            lambda f: rearrange(f, 1, lambda frames, o: frames.__setitem__(3, o[3]),
                                d.Segment(f + "/../rewritten", 1).frames))
    damages("frames: a gap of zeroes between two", TAMPERED, "frame",
            lambda f: rearrange(f, 1, lambda frames, _: frames.insert(3, bytes(64))))


def foreign_mended(folder):
    segment, other = d.Segment(folder, 1), d.Segment(folder, 0)
    segment.frames[3] = d.seal_frame(other.frames[3], segment.salt)
    segment.put()


def cuts(damages):
    damages("cut: an ended segment at a frame", TAMPERED, "segment",
            lambda f: d.cut(f + "/" + seg(1), d.Segment(f, 1).offset(4)))
    damages("cut: an ended segment inside a head", TAMPERED, "frame",
            lambda f: d.cut(f + "/" + seg(1), d.Segment(f, 1).offset(4) + 50))
    damages("cut: an ended segment inside a record", TAMPERED, "frame",
            lambda f: d.cut(f + "/" + seg(1), d.Segment(f, 1).offset(4) + 300))
    damages("cut: the last segment at a frame that was sealed", TAMPERED, "shorter",
            lambda f: d.cut(f + "/" + seg(3), d.Segment(f, 3).offset(4)))
    damages("cut: the last segment inside a frame that was sealed", TAMPERED, "frame",
            lambda f: d.cut(f + "/" + seg(3), d.Segment(f, 3).offset(4) + 300))
    damages("cut: a segment inside its header", TAMPERED, "segment",
            lambda f: d.cut(f + "/" + seg(1), 100))
    damages("cut: a segment to nothing", TAMPERED, "segment",
            lambda f: d.cut(f + "/" + seg(1), 0))
    damages("cut: behind the last frame", INTACT, "trust",
            lambda f: d.cut(f + "/" + seg(3), d.Segment(f, 3).end))
    damages("cut: tree/0", TAMPERED, "tree", lambda f: d.cut(f + "/tree/0", 32 * 100))
    damages("cut: tree/0 within a hash of the last segment", INTACT, "trust",
            lambda f: d.cut(f + "/tree/0", 32 * 599 + 7))
    damages("cut: checkpoint", TAMPERED, "checkpoint", lambda f: d.cut(f + "/checkpoint", 60))
    damages("cut: checkpoint to nothing", TAMPERED, "checkpoint",
            lambda f: d.cut(f + "/checkpoint", 0))
    damages("cut: checkpoints inside its last note", INTACT, "tail",
            lambda f: d.cut(f + "/checkpoints", len(d.read(f + "/checkpoints")) - 9))


def segments(damages):
    damages("segments: the first is gone", INCOMPLETE, "absent",
            lambda f: d.prune(f, 1))
    damages("segments: one in the middle is gone", TAMPERED, "segment",
            lambda f: os.unlink(f + "/" + seg(1)))
    damages("segments: the last is gone", TAMPERED, "shorter",
            lambda f: os.unlink(f + "/" + seg(3)))
    damages("segments: all are gone", TAMPERED, "shorter", remove_all)
    damages("segments: two have changed places", TAMPERED, "segment", exchange)
    damages("segments: one comes again as the last", TAMPERED, "segment",
            lambda f: shutil.copy(f + "/" + seg(1), f + "/" + seg(4)))
    damages("segments: one of another ledger", TAMPERED, "segment",
            lambda f: shutil.copy(f + "/../elsewhere-ledger/" + seg(1), f + "/" + seg(1)))
    damages("segments: one of a rewritten ledger", TAMPERED, "root",
            lambda f: shutil.copy(f + "/../rewritten/" + seg(1), f + "/" + seg(1)))
    damages("segments: the first is gone, and tree/0 with it", TAMPERED, "tree",
            lambda f: (d.prune(f, 1), os.unlink(f + "/tree/0")))
    damages("segments: the first is gone, and a hash in its tree is another", TAMPERED, None,
            lambda f: (d.prune(f, 1), d.flip(f + "/tree/0", 32 * 20)))


def replaced(damages):
    """Something else stands in the place of a file."""
    files = {"checkpoint": "checkpoint", "ledger": "ledger_file", "tree/0": "tree",
             "tree/offsets": "offsets", seg(1): "segment", "state/%016x" % 3: "state",
             "segments": "shorter"}
    for name, finding in files.items():
        for kind, make in (("FIFO", os.mkfifo), ("symlink", link), ("directory", os.mkdir)):
            damages("replaced: a %s for %s" % (kind, name), TAMPERED, finding,
                    lambda f, name=name, make=make: (take_away(f + "/" + name),
                                                     make(f + "/" + name)))


def link(path):
    os.symlink(path.replace("/now/", "/ledger/"), path)


def take_away(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def remove_all(folder):
    for serial in range(4):
        os.unlink(folder + "/" + seg(serial))


def exchange(folder):
    one, two = d.read(folder + "/" + seg(1)), d.read(folder + "/" + seg(2))
    d.write(folder + "/" + seg(1), two)
    d.write(folder + "/" + seg(2), one)


def beside(damages):
    damages("tree/0: a bit", TAMPERED, "tree", lambda f: d.flip(f + "/tree/0", 32 * 7 + 3))
    damages("tree/0: a bit in the last segment", TAMPERED, "tree",
            lambda f: d.flip(f + "/tree/0", 32 * 590 + 3))
    damages("tree/0: two hashes are swapped", TAMPERED, "tree", swap_hashes)
    damages("tree/1: a bit", TAMPERED, "tree", lambda f: d.flip(f + "/tree/1", 9))
    damages("tree/1: gone", TAMPERED, "tree", lambda f: os.unlink(f + "/tree/1"))
    damages("tree/offsets: a bit", TAMPERED, "offsets", lambda f: d.flip(f + "/tree/offsets", 24))
    damages("tree/offsets: gone", TAMPERED, "offsets", lambda f: os.unlink(f + "/tree/offsets"))
    for name, at in {"magic": 3, "serial": 8, "size": 16, "salt": 36, "number of hashes": 48,
                     "frontier": 60, "entries": -12, "checksum": -2}.items():
        damages("state: a bit of its " + name, TAMPERED, "state",
                lambda f, at=at: d.flip(f + "/state/%016x" % 2, at))
    damages("state: gone", TAMPERED, "state", lambda f: os.unlink(f + "/state/%016x" % 3))
    damages("state: of another segment", TAMPERED, "state",
            lambda f: shutil.copy(f + "/state/%016x" % 1, f + "/state/%016x" % 2))
    damages("state: of a rewritten ledger", TAMPERED, "state", lambda f: shutil.copy(
        f + "/../rewritten/state/%016x" % 2, f + "/state/%016x" % 2))
    damages("ledger: gone", TAMPERED, "ledger_file", lambda f: os.unlink(f + "/ledger"))
    damages("ledger: a bit of its first word", TAMPERED, "ledger_file",
            lambda f: d.flip(f + "/ledger", 2))
    damages("ledger: another origin, of which no key is given", TAMPERED, "ledger_file",
            lambda f: d.write(f + "/ledger", b"hark-ledger 1\nx.example/evidence\n"))
    damages("ledger: a newer format", UNVERIFIABLE, "newer_format",
            lambda f: d.write(f + "/ledger", b"hark-ledger 2\nx.example/evidence\n"))


def swap_hashes(folder):
    data = bytearray(d.read(folder + "/tree/0"))
    data[64:96], data[96:128] = data[96:128], data[64:96]
    d.write(folder + "/tree/0", bytes(data))


def signed(damages):
    note = "/checkpoint"
    damages("checkpoint: gone", TAMPERED, "checkpoint", lambda f: os.unlink(f + note))
    damages("checkpoint: another size", TAMPERED, "signature",
            lambda f: d.replace(f + note, b"\n600\n", b"\n601\n"))
    damages("checkpoint: another origin", TAMPERED, "checkpoint",
            lambda f: d.replace(f + note, b"host7", b"host8"))
    damages("checkpoint: a bit of its root", TAMPERED, "signature",
            lambda f: d.flip(f + note, len(d.EVIDENCE.name) + 9, 1))
    damages("checkpoint: a letter of its signature", TAMPERED, "signature",
            lambda f: flip_signature(f + note))
    damages("checkpoint: another key's id", TAMPERED, "signature", other_id)
    damages("checkpoint: rolled back to a past one", TAMPERED, "checkpoint",
            lambda f: d.write(f + note, past_note(f)))
    damages("checkpoint: of another ledger", TAMPERED, "checkpoint",
            lambda f: d.write(f + note, tlog.write_checkpoint(d.OTHER.name, 600, bytes(32),
                                                              [d.OTHER])))
    damages("checkpoint: signed by a stranger's key of that name", TAMPERED, "signature",
            lambda f: d.write(f + note, tlog.write_checkpoint(
                d.EVIDENCE.name, 600, d.root_at(f, 600), [d.STRANGER])))
    damages("checkpoint: of another root, well signed", TAMPERED, "fork",
            lambda f: d.write(f + note, tlog.write_checkpoint(
                d.EVIDENCE.name, 600, bytes(32), [d.EVIDENCE])))
    damages("checkpoint: of more leaves, well signed", TAMPERED, "shorter",
            lambda f: d.write(f + note, tlog.write_checkpoint(
                d.EVIDENCE.name, 700, bytes(32), [d.EVIDENCE])))
    damages("checkpoint: gone, and the history too", UNVERIFIABLE, "not_sealed",
            lambda f: (os.unlink(f + note), os.unlink(f + "/checkpoints")))
    past = "/checkpoints"
    damages("history: a bit of a size", TAMPERED, "history",
            lambda f: d.replace(f + past, b"\n400\n", b"\n401\n"))
    damages("history: a letter of its first line", TAMPERED, "history",
            lambda f: d.flip(f + past, 0))
    damages("history: the length of a note", TAMPERED, "history",
            lambda f: d.flip(f + past, d.read(f + past).index(b"\n") - 1))
    damages("history: a signed fork", TAMPERED, "fork",
            lambda f: add_history(f, 500, bytes(32), 2))
    damages("history: a larger tree than is here", TAMPERED, "checkpoint",
            lambda f: add_history(f, 900, bytes(32)))
    damages("history: not in order", TAMPERED, "history",
            lambda f: add_history(f, 400, d.root_at(f, 400)))


def flip_signature(path):
    data = d.read(path)
    letter = data[-12:-11]
    d.write(path, data[:-12] + (b"A" if letter != b"A" else b"B") + data[-11:])


def other_id(folder):
    text, signatures = tlog.split_note(d.read(folder + "/checkpoint"))
    name, number, raw = signatures[0]
    d.write(folder + "/checkpoint", (text + "\n" + "%s %s %s\n" % (
        tlog.DASH, name, tlog.tobase64((number ^ 1).to_bytes(4, "big") + raw))).encode())


def past_note(folder):
    data = d.read(folder + "/checkpoints")
    line, rest = data.split(b"\n", 1)
    return rest[:int(line.split()[2])]


def add_history(folder, size, head, at=None):
    """At the end, or before the entry of that number."""
    notes = notes_of(folder)
    notes.insert(len(notes) if at is None else at, tlog.write_checkpoint(
        d.EVIDENCE.name, size, head, [d.EVIDENCE]))
    d.write(folder + "/checkpoints", b"".join(b"# 1 %d\n" % len(note) + note for note in notes))


def rewrites(damages):
    damages("rewrite: one leaf is another, by who has no key", TAMPERED, "fork",
            lambda f: (d.copy(f + "/../rewritten", f + ".x"),
                       d.write(f + ".x/checkpoint", d.read(f + "/checkpoint")),
                       os.unlink(f + ".x/checkpoints"), d.copy(f + ".x", f)))
    damages("rewrite: by another key", TAMPERED, "signature",
            lambda f: d.copy(f + "/../foreign", f))
    damages("rewrite: by the real key, and nobody saw it", INTACT, "trust",
            lambda f: d.copy(f + "/../rewritten", f))
    damages("rewrite: by the real key, held against what was seen", TAMPERED, "fork",
            lambda f: d.copy(f + "/../rewritten", f), words=("--since", "seen"))
    damages("rewrite: leaves behind what was seen are others", INTACT, None,
            lambda f: d.copy(f + "/../rewritten-late", f), words=("--since", "seen"))
    damages("rewrite: shorter than what was seen", TAMPERED, "shorter",
            lambda f: d.copy(f + "/../short", f), words=("--since", "seen"))
    damages("since: not signed by the key", UNVERIFIABLE, "other_checkpoint", lambda f: None,
            words=("--since", "unsigned"))
    damages("since: of another ledger", UNVERIFIABLE, "other_checkpoint", lambda f: None,
            words=("--since", "elsewhere"))
    damages("key: replaced, and only the old one is given", UNVERIFIABLE, "rotated",
            lambda f: d.copy(f + "/../rotated", f))
    damages("key: replaced, and both are given", INTACT, "trust",
            lambda f: d.copy(f + "/../rotated", f), keys=(d.EVIDENCE, d.NEXT))
    damages("key: none is given", UNVERIFIABLE, "no_key", lambda f: None, keys=())
    damages("key: of another name", UNVERIFIABLE, "no_key", lambda f: None, keys=(d.OTHER,))
    damages("nothing: an empty directory", UNVERIFIABLE, "empty",
            lambda f: (shutil.rmtree(f), os.mkdir(f)))
    damages("nothing: some other directory", UNVERIFIABLE, "not_a_record",
            lambda f: (shutil.rmtree(f), os.mkdir(f), d.write(f + "/a", b"b")))
    damages("tail: a frame of state behind what was sealed, a bit of its head", INTACT, "tail",
            lambda f: d.flip(f + "/" + seg(3), d.Segment(f, 3).end_of_leaves() + 100))
    damages("tail: half a frame behind what was sealed", INTACT, "tail",
            lambda f: add_tail(f, d.Segment(f, 2).frames[0][:200]))
    damages("tail: a frame behind one that is broken", TAMPERED, "frame", broken_then_whole)


def add_tail(folder, data):
    segment = d.Segment(folder, 3)
    segment.put(segment.frames + [data])


def broken_then_whole(folder):
    segment = d.Segment(folder, 3)
    one = d.seal_frame(segment.frames[-1], segment.salt, first=600, after=600)
    two = bytearray(one)
    two[40] ^= 1
    segment.put(segment.frames + [bytes(two), one])


def data_directory(damages):
    both = (d.EVIDENCE, d.OPERATIONS)
    more = {"base": "data", "keys": both}
    damages("data: whole", INTACT, "trust", lambda f: None, **more)
    damages("data: whole, one key", INTACT, "not_judged", lambda f: None, base="data")
    damages("data: a key of another", UNVERIFIABLE, "key_unused", lambda f: None, base="data",
            keys=(d.EVIDENCE, d.OTHER))
    damages("data: no key", UNVERIFIABLE, "no_key", lambda f: None, base="data", keys=())
    damages("data: evidence is gone", UNVERIFIABLE, "key_unused",
            lambda f: shutil.rmtree(f + "/evidence"), **more)
    damages("data: operations tampered with", TAMPERED, "root",
            lambda f: d.flip(f + "/operations/" + seg(0), 512 + 128 + 60), **more)
    damages("data: the same, but it is not judged", INTACT, "not_judged",
            lambda f: d.flip(f + "/operations/" + seg(0), 512 + 128 + 60), base="data")
    damages("data: rewritten by the real key, but operations saw it", TAMPERED, "operation",
            lambda f: d.copy(f + "/../rewritten", f + "/evidence"), **more)
    damages("data: cut back by the real key, but operations saw it", TAMPERED, "shorter",
            lambda f: d.copy(f + "/../short", f + "/evidence"), **more)
    damages("data: pruned as operations say", INTACT, "pruned",
            lambda f: d.prune(f + "/evidence", 1), **more)
    damages("data: pruned further than operations say", TAMPERED, "removed",
            lambda f: d.prune(f + "/evidence", 2), **more)
    damages("data: pruned as an operation says that is not sealed", INCOMPLETE, "absent",
            lambda f: (d.prune(f + "/evidence", 1), d.copy(f + "/../unsealed-operations",
                                                           f + "/operations")), **more)
    damages("data: pruned, and whole is asked for", INCOMPLETE, "pruned",
            lambda f: d.prune(f + "/evidence", 1), words=("--complete",), **more)
    damages("data: pruned, and operations are not judged", INCOMPLETE, "absent",
            lambda f: d.prune(f + "/evidence", 1), base="data")
    damages("data: retired, and operations say so", INTACT, "trust",
            lambda f: begin_anew(f, True), base="data", keys=(d.SECOND, d.OPERATIONS))
    damages("data: retired, and operations do not say so", TAMPERED, "shorter",
            lambda f: begin_anew(f, None), base="data", keys=(d.SECOND, d.OPERATIONS))
    damages("data: redacted as operations say", INTACT, "redacted",
            lambda f: d.redact(f + "/evidence", 1, 2, 3), **more)
    damages("data: redacted otherwise", TAMPERED, "removed",
            lambda f: d.redact(f + "/evidence", 1, 2, 4), **more)
    damages("data: redacted, and the hash is another", TAMPERED, "root",
            lambda f: (d.redact(f + "/evidence", 1, 2, 3), d.flip(f + "/evidence/" + seg(1), hash_of(
                f + "/evidence"))), **more)


def begin_anew(folder, told):
    """Another evidence ledger of the next name, with four leaves."""
    shutil.rmtree(folder + "/evidence")
    d.make_evidence(folder + "/evidence", key=d.SECOND, leaves=4)
    if told:
        shutil.rmtree(folder + "/operations")
        d.make_operations(folder + "/operations", [
            ("started", {}, 500, bytes(32)),
            ("retired", {"ledger": "evidence", "origin": d.SECOND.name}, 4, d.root_at(
                folder + "/evidence", 4, d.SECOND))])


def hash_of(folder):
    """Where the hash of the redacted record lies."""
    data = d.read(folder + "/" + seg(1))
    at = body_of(folder, 1, 2)
    while not struct.unpack_from("<I", data, at)[0] & ledgers.REDACTED:
        at += 4 + struct.unpack_from("<I", data, at)[0]
    return at + 10


def completeness(damages):
    for base in ("gap", "gap-unknown", "dropped", "rejected", "silence", "unnumbered", "outage",
                 "mute"):
        finding = {"gap-unknown": "gap", "mute": "silence"}.get(base, base)
        damages("complete: %s is named" % base, INTACT, finding, lambda f: None, base=base)
        damages("complete: %s is incomplete" % base, INCOMPLETE, finding, lambda f: None, base=base,
                words=("--complete",))
    for base in ("ended-silence", "removed-silent", "ended-mute"):
        damages("complete: %s is none" % base, INTACT, "trust", lambda f: None, base=base,
                words=("--complete",))
    damages("complete: a whole one", INTACT, "trust", lambda f: None, words=("--complete",))
    damages("leaf: the id of another place", TAMPERED, "leaf", lambda f: None, base="bad-id")
    damages("leaf: the source of another", TAMPERED, "leaf", lambda f: None, base="bad-source")
    damages("leaf: not in canonical form", TAMPERED, "leaf", lambda f: None, base="bad-order")
    damages("leaf: no event", TAMPERED, "leaf", lambda f: None, base="bad-json")
    damages("unsealed leaves are named", INTACT, "unsealed", lambda f: None, base="unsealed")


def exports(damages):
    more = {"base": "export"}
    damages("export: whole", INTACT, "trust", lambda f: None, **more)
    damages("export: a bit of a tile", TAMPERED, "export",
            lambda f: d.flip(f + "/tile/0/001", 77), **more)
    damages("export: a bit of a partial tile", TAMPERED, "export",
            lambda f: d.flip(f + "/tile/0/002.p/88", 77), **more)
    damages("export: a bit of a higher tile", TAMPERED, "export",
            lambda f: d.flip(f + "/tile/1/000.p/2", 7), **more)
    damages("export: a tile is gone", TAMPERED, "export",
            lambda f: os.unlink(f + "/tile/0/001"), **more)
    damages("export: a tile is cut", TAMPERED, "export",
            lambda f: d.cut(f + "/tile/0/001", 8000), **more)
    damages("export: a bit of an entry", TAMPERED, "export",
            lambda f: d.flip(f + "/tile/entries/001", 77), **more)
    damages("export: a bit of an entry's size", TAMPERED, "export",
            lambda f: d.flip(f + "/tile/entries/001", 1), **more)
    damages("export: a bundle is cut", TAMPERED, "export",
            lambda f: d.cut(f + "/tile/entries/001", 9000), **more)
    damages("export: bytes behind a bundle", TAMPERED, "export",
            lambda f: d.write(f + "/tile/entries/001", d.read(f + "/tile/entries/001") + b"x"),
            **more)
    damages("export: two bundles have changed places", TAMPERED, "export",
            lambda f: (os.rename(f + "/tile/entries/000", f + "/x"),
                       os.rename(f + "/tile/entries/001", f + "/tile/entries/000"),
                       os.rename(f + "/x", f + "/tile/entries/001")), **more)
    damages("export: a bundle in the middle is gone", TAMPERED, "export",
            lambda f: os.unlink(f + "/tile/entries/001"), **more)
    damages("export: the first bundle is gone", INCOMPLETE, "absent",
            lambda f: os.unlink(f + "/tile/entries/000"), **more)
    damages("export: the checkpoint is gone", TAMPERED, "checkpoint",
            lambda f: os.unlink(f + "/checkpoint"), **more)
    damages("export: the checkpoint's size", TAMPERED, "signature",
            lambda f: d.replace(f + "/checkpoint", b"\n600\n", b"\n599\n"), **more)
    damages("export: another root, well signed", TAMPERED, "fork",
            lambda f: d.write(f + "/checkpoint", tlog.write_checkpoint(
                d.EVIDENCE.name, 600, bytes(32), [d.EVIDENCE])), **more)
    damages("export: another key", TAMPERED, "signature", lambda f: d.write(
        f + "/checkpoint", tlog.write_checkpoint(d.EVIDENCE.name, 600, bytes(32), [d.STRANGER])),
        **more)
    damages("export: no key", UNVERIFIABLE, "no_key", lambda f: None, base="export", keys=())
    damages("export: held against what was seen", INTACT, None, lambda f: None, base="export",
            words=("--since", "seen"))
    damages("export: of a rewrite, held against what was seen", TAMPERED, "fork",
            lambda f: d.copy(f + "/../export-rewritten", f), base="export",
            words=("--since", "seen"))


def proofs(damages):
    more = {"base": "proof"}
    damages("proof: whole", INTACT, None, lambda f: None, **more)
    damages("proof: a letter of the leaf", TAMPERED, "proof",
            lambda f: letter(f, b"extra ", 40), **more)
    damages("proof: another index", TAMPERED, "proof",
            lambda f: d.replace(f, b"index 170", b"index 171"), **more)
    damages("proof: an index past the end", TAMPERED, "proof",
            lambda f: d.replace(f, b"index 170", b"index 600"), **more)
    damages("proof: a letter of a hash", TAMPERED, "proof", lambda f: letter(f, b"index 170\n", 3),
            **more)
    damages("proof: a hash is gone", TAMPERED, "proof", lambda f: drop_hash(f), **more)
    damages("proof: a hash comes twice", TAMPERED, "proof", lambda f: drop_hash(f, 2), **more)
    damages("proof: the checkpoint's size", TAMPERED, "signature",
            lambda f: d.replace(f, b"\n600\n", b"\n601\n"), **more)
    damages("proof: a letter of the signature", TAMPERED, "signature", flip_signature, **more)
    damages("proof: the checkpoint is cut", TAMPERED, "proof",
            lambda f: d.cut(f, len(d.read(f)) - 80), **more)
    damages("proof: without its leaf", UNVERIFIABLE, "not_a_record",
            lambda f: d.write(f, b"\n".join(l for l in d.read(f).split(b"\n")
                                            if not l.startswith(b"extra"))), **more)
    damages("proof: of a newer version", UNVERIFIABLE, "newer_format",
            lambda f: d.replace(f, b"@v1", b"@v2"), **more)
    damages("proof: another file", UNVERIFIABLE, "not_a_record",
            lambda f: d.write(f, b"hello\n"), **more)
    damages("proof: an empty file", UNVERIFIABLE, "empty", lambda f: d.write(f, b""), **more)
    damages("proof: no key", UNVERIFIABLE, "no_key", lambda f: None, base="proof", keys=())
    damages("proof: a stranger's key", TAMPERED, "signature", lambda f: None, base="proof",
            keys=(d.STRANGER,))


def letter(path, after, at):
    data = bytearray(d.read(path))
    at += data.index(after) + len(after)
    data[at] = ord("A") if data[at] != ord("A") else ord("B")
    d.write(path, bytes(data))


def drop_hash(path, times=0):
    lines = d.read(path).split(b"\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(b"index")) + 2
    d.write(path, b"\n".join(lines[:at] + [lines[at]] * times + lines[at + 1:]))


# ---- what is damaged -----------------------------------------------------------------------------

def small(folder, fill, sealed=True):
    maker = ledgers.Maker(folder, d.EVIDENCE.name, d.EVIDENCE)
    d.declare(maker, 0)
    fill(maker)
    maker.commit()
    if sealed:
        maker.seal()
    return maker


def cell(maker, kind, **data):
    kind = kind if "." in kind else d.CELL + kind
    maker.add(kind, "alpha", cellId="alpha", runId="run-1", **data)


SILENCED = "dev.cellos.events.cell.observability.v1.guest.agent_silenced"
STREAM = "00112233445566ff"


def small_bases(place):
    def sealed_then_more(maker):
        maker.commit()
        maker.seal()
        d.declare(maker, 1)

    fills = {
        "gap": lambda m: cell(m, "gap", cause="sequence_jump", count="3", first="1", last="3"),
        "gap-unknown": lambda m: cell(m, "gap", cause="receiver_died"),
        "dropped": lambda m: cell(m, "cell.observability.guest.telemetry.dropped", atLeast="9"),
        "rejected": lambda m: cell(m, "rejected", count="2", reason="wrong_type"),
        "silence": lambda m: cell(m, SILENCED, cause="disconnected"),
        "mute": lambda m: cell(m, SILENCED, cause="connected_but_mute", stream=STREAM),
        "unnumbered": lambda m: d.declare(m, None),
        "outage": lambda m: m.add("dev.hark.events.host.v1.started", clean=False),
        "ended-silence": lambda m: (cell(m, SILENCED, cause="disconnected"),
                                    cell(m, "agent_resumed", silenceMs="1")),
        "ended-mute": lambda m: (cell(m, SILENCED, cause="connected_but_mute", stream=STREAM),
                                 cell(m, "closed", stream=STREAM, frames="1", goodbye=False,
                                      wire="hark")),
        "removed-silent": lambda m: (cell(m, SILENCED, cause="disconnected"),
                                     cell(m, "removed", reason="asked")),
        "bad-id": lambda m: m.append(ledgers.event(m.origin, 7)),
        "bad-source": lambda m: m.append(ledgers.event(m.origin, 1).replace(b"/hark/", b"/Hark/")),
        "bad-order": lambda m: m.append(ledgers.event(m.origin, 1).replace(b'"data"', b'"zata"')),
        "bad-json": lambda m: m.append(b'{"id":"x'),
    }
    for name, fill in fills.items():
        small(os.path.join(place, name), fill)
    small(os.path.join(place, "unsealed"), sealed_then_more, sealed=False)


def bases(place):
    os.makedirs(place)
    at = lambda name: os.path.join(place, name)                 # noqa: E731
    d.make_evidence(at("ledger"))
    d.make_evidence(at("rewritten"), salt=b"pepper", change=100)
    d.make_evidence(at("rewritten-late"), salt=b"pepper", change=450)
    d.make_evidence(at("short"), leaves=350)
    d.make_evidence(at("foreign"), key=d.STRANGER)
    d.make_evidence(at("elsewhere-ledger"), key=d.OTHER)
    rotated = d.make_evidence(at("rotated"), keys=[d.EVIDENCE, d.NEXT])
    d.declare(rotated, 600)
    rotated.commit()
    rotated.seal(keys=[d.NEXT])
    d.write(at("seen"), notes_of(at("ledger"))[1])
    d.write(at("unsigned"), tlog.write_checkpoint(d.EVIDENCE.name, 400, bytes(32), [d.STRANGER]))
    d.write(at("elsewhere"), tlog.write_checkpoint(d.OTHER.name, 4, bytes(32), [d.OTHER]))
    for name in ("ledger", "rewritten"):
        leaves = ledgers.read_ledger(at(name), [d.EVIDENCE])[1]
        target = at("export" + ("" if name == "ledger" else "-" + name))
        d.tlog.write_tiles(target, d.EVIDENCE.name, [leaf.data for leaf in leaves], [d.EVIDENCE])
    leaves = ledgers.read_ledger(at("ledger"), [d.EVIDENCE])[1]
    d.write(at("proof"), tlog.write_proof(170, tlog.inclusion([l.hash for l in leaves], 170),
                                          d.read(at("ledger/checkpoint")), leaves[170].data))
    os.mkdir(at("data"))
    d.copy(at("ledger"), at("data/evidence"))
    d.make_operations(at("data/operations"), [
        ("config", {"digest": "x"}, 0, tlog.root([])),
        ("pruned", {"ledger": "evidence", "index": "160"}, 500, d.root_at(at("ledger"), 500)),
        ("redacted", {"ledger": "evidence", "index": "183"}, 600, d.root_at(at("ledger"), 600))])
    late = d.make_operations(at("unsealed-operations"), [("config", {}, 0, tlog.root([]))])
    late.add("dev.hark.events.operations.v1.pruned", operation={"ledger": "evidence", "index": "160"})
    late.commit()
    small_bases(place)


def notes_of(folder):
    data, found = d.read(folder + "/checkpoints"), []
    while data:
        line, rest = data.split(b"\n", 1)
        size = int(line.split()[2])
        found.append(rest[:size])
        data = rest[size:]
    return found


def run_row(tap, place, row):
    name, code, finding, act, base, words, keys, index = row
    target = os.path.join(place, "now")
    shutil.rmtree(target, ignore_errors=True)
    if os.path.isfile(target):
        os.unlink(target)
    source = os.path.join(place, base)
    if os.path.isdir(source):
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
    act(target)
    words = [os.path.join(place, w) if not w.startswith("--") else w for w in words]
    got, found, whole = verify(target, *words, keys=keys)
    named = [f["finding"] for f in found]
    right = got == code and (finding is None or finding in named)
    if right and index is not None:
        right = any(f["finding"] == finding and f.get("index") == index for f in found)
    # Every answer but "intact" has a finding that decides it, with words.
    right = right and all(f["text"] for f in found)
    tap.row(name, right, "wanted %d %s, got %d %s\n%s" % (code, finding, got, named, whole))


def random_flips(tap, place):
    """Single bits anywhere: never a crash, and "intact" only where nothing can know better: behind
    the last leaf that was sealed a frame of state alone looks like one that was being written."""
    rng = random.Random(SEED)
    source = os.path.join(place, "ledger")
    files = sorted(os.path.join(where, name)[len(source) + 1:]
                   for where, _, names in os.walk(source) for name in names)
    ends = {seg(serial): d.Segment(source, serial).end for serial in range(4)}
    sealed_end = d.Segment(source, 3).end_of_leaves()
    bad = []
    ends[seg(4)] = 512
    for _ in range(FLIPS):
        name = rng.choice(files)
        target = d.copy(source, os.path.join(place, "now"))
        size = min(os.path.getsize(os.path.join(target, name)), ends.get(name, 1 << 30) + 600)
        at, bit = rng.randrange(size), rng.randrange(8)
        d.flip(os.path.join(target, name), at, bit)
        code, _, whole = verify(target)
        may_pass = (name == seg(3) and at >= sealed_end) or name == "checkpoints"
        if code not in (TAMPERED, UNVERIFIABLE) and not (may_pass and code == INTACT):
            bad.append("%s byte %d bit %d: %s %s" % (name, at, bit, code, str(whole)[:300]))
    tap.row("%d random single bits, seed %d" % (FLIPS, SEED), not bad, "\n".join(bad[:20]))


def main():
    tap, damages = Tap(), Damages()
    for fill in (in_header, in_frame, order, cuts, segments, replaced, beside, signed, rewrites,
                 data_directory, completeness, exports, proofs):
        fill(damages)
    with tempfile.TemporaryDirectory(prefix="damaged.") as folder:
        place = os.path.join(folder, "all")
        bases(place)
        code, found, whole = verify(os.path.join(place, "ledger"))
        tap.row("the undamaged ledger is intact, and only trust is named",
                code == 0 and [f["finding"] for f in found] == ["trust"], whole)
        for row in damages.rows:
            run_row(tap, place, row)
        random_flips(tap, place)
    tap.row("at least 60 damaged records (%d)" % len(damages.rows), len(damages.rows) >= 60)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
