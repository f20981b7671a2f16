# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes ledgers, exports and proofs, and ways to damage them, for 41-verify-damaged.py."""
import os
import shutil
import struct
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "ref"))
import ledgers                                      # noqa: E402
import tlog                                         # noqa: E402

HOST = "host7.example"
EVIDENCE = tlog.Key.of_seed(HOST + "/evidence", bytes([1]) * 32)
OPERATIONS = tlog.Key.of_seed(HOST + "/operations", bytes([2]) * 32)
STRANGER = tlog.Key.of_seed(HOST + "/evidence", bytes([3]) * 32)
NEXT = tlog.Key.of_seed(HOST + "/evidence", bytes([4]) * 32)
OTHER = tlog.Key.of_seed("elsewhere.example/evidence", bytes([5]) * 32)
SECOND = tlog.Key.of_seed(HOST + "/evidence.2", bytes([8]) * 32)
GUEST = "dev.cellos.events.cell.observability.guest."
CELL = "dev.hark.events.cell.v1."


def declare(maker, seq, **more):
    declared = {"guestComm": "sh", "guestMonotonicNs": str(seq), "guestPid": 7,
                "probeSource": "process.spawned"}
    if seq is not None:
        declared["seq"] = str(seq)
    maker.add(GUEST + "process_spawned", "alpha", cellId="alpha", runId="run-1", epoch=1,
              declared=declared, **more)


def make_evidence(folder, key=EVIDENCE, salt=b"salt", change=None, leaves=600, keys=None):
    """Three ended segments and one begun; a past checkpoint at 200 and 400, the last at the end.
    `change` is a leaf that gets another text."""
    maker = ledgers.Maker(folder, key.name, key, segment_bytes=1 << 17, salt=salt)
    for index in range(leaves):
        declare(maker, index, **({"word": "other"} if index == change else {}))
        if index % 10 == 9:
            maker.commit(state={b"next": b"%d" % index})
        if index % 160 == 159:
            maker.rotate()
        if index + 1 in (200, 400):
            maker.seal()
    maker.commit(state={b"end": b"1"})
    maker.seal(keys=keys)
    return maker


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Segment:
    """A segment's bytes as header, frames and rest, to be put together otherwise."""

    def __init__(self, folder, serial):
        self.path = os.path.join(folder, "segments", "%016x.seg" % serial)
        self.data = read(self.path)
        self.salt = self.data[32:48]
        self.frames, at = [], ledgers.HEADER_BYTES
        while self.data[at:at + 4] == b"HKCF":
            size = struct.unpack_from("<I", self.data, at + 4)[0]
            self.frames.append(self.data[at:at + size])
            at += size
        self.end = at

    def offset(self, frame):
        return ledgers.HEADER_BYTES + sum(len(f) for f in self.frames[:frame])

    def end_of_leaves(self):
        """Where the last frame ends that has a leaf."""
        count = len(self.frames)
        while struct.unpack_from("<I", self.frames[count - 1], 8)[0] == 0:
            count -= 1
        return self.offset(count)

    def put(self, frames=None, header=None):
        body = (header or self.data[:ledgers.HEADER_BYTES]) + b"".join(
            self.frames if frames is None else frames)
        write(self.path, body.ljust(len(self.data), b"\0"))


def seal_frame(frame, salt, **fields):
    """A frame with fields of its head changed, and a checksum that holds again."""
    places = {"first": (24, "<Q"), "after": (32, "<Q"), "records": (8, "<I"), "flags": (16, "<I"),
              "nanos": (80, "<I"), "zero": (84, "<I")}
    head = bytearray(frame)
    for name, value in fields.items():
        at, form = places[name]
        struct.pack_into(form, head, at, value)
    state = struct.unpack_from("<I", head, 12)[0]
    crc = ledgers.crc32c(salt + bytes(head[:124]) + bytes(head[128:128 + state]))
    struct.pack_into("<I", head, 124, crc)
    return bytes(head)


def header_with(data, at, new):
    """A segment's header with other bytes at a place, and a checksum that holds again."""
    head = bytearray(data[:508])
    head[at:at + len(new)] = new
    return bytes(head) + struct.pack("<I", ledgers.crc32c(bytes(head)))


def flip(path, at, bit=0):
    data = bytearray(read(path))
    data[at] ^= 1 << bit
    write(path, bytes(data))


def cut(path, size):
    write(path, read(path)[:size])


def replace(path, old, new):
    data = read(path)
    assert old in data, (path, old)
    write(path, data.replace(old, new, 1))


def make_operations(folder, records):
    """records: (kind, members, evidence size, evidence root)."""
    maker = ledgers.Maker(folder, OPERATIONS.name, OPERATIONS)
    for kind, members, size, head in records:
        maker.add("dev.hark.events.operations.v1." + kind, operation=members, monotonicNs="1",
                  evidence={"root": tlog.tobase64(head), "size": str(size)})
        maker.commit()
    maker.seal()
    return maker


def root_at(folder, size, key=EVIDENCE):
    leaves = ledgers.read_ledger(folder, [key])[1]
    return tlog.root([leaf.hash for leaf in leaves[:size]])


def prune(folder, segments):
    for serial in range(segments):
        os.unlink(os.path.join(folder, "segments", "%016x.seg" % serial))
        os.unlink(os.path.join(folder, "state", "%016x" % serial))


def redact(folder, serial, frame, record):
    """Blanks a record in place, keeping its hash."""
    segment = Segment(folder, serial)
    data = bytearray(segment.data)
    at = segment.offset(frame)
    at += ledgers.HEAD_BYTES + struct.unpack_from("<I", data, at + 12)[0]
    for _ in range(record):
        at += 4 + struct.unpack_from("<I", data, at)[0]
    size = struct.unpack_from("<I", data, at)[0]
    made = tlog.leaf_hash(bytes(data[at + 4:at + 4 + size]))
    struct.pack_into("<I", data, at, size | ledgers.REDACTED)
    data[at + 4:at + 4 + size] = made.ljust(size, b"\0")
    write(segment.path, bytes(data))


def copy(source, target):
    source = os.path.normpath(source)
    if os.path.isfile(target):
        os.unlink(target)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target
