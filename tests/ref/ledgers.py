# SPDX-License-Identifier: MIT OR Apache-2.0
"""Hark's ledger directory as docs/format/ledger.md has it: a strict reader, and a maker that is the
tests' independent source of ledgers.  Standard library only.
"""
import json
import os
import struct

import tlog
from tlog import Bad

SEGMENT = struct.Struct("<8sIIQQ16sqH255s195s")
HEAD = struct.Struct("<4sIIIIIQQ32sqIIQ28s")
HEADER_BYTES, HEAD_BYTES = 512, 128
LAST, REDACTED = 1, 1 << 31
LEAF_MAX = 65535

POLYNOMIAL = 0x82F63B78
TABLE = []
for _n in range(256):
    _c = _n
    for _ in range(8):
        _c = _c >> 1 ^ (POLYNOMIAL if _c & 1 else 0)
    TABLE.append(_c)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def padded(data, to):
    return data + bytes(-len(data) % to)


def changes(state):
    """State changes of a dict; None deletes."""
    made = b""
    for key, value in state.items():
        size = 0xFFFF if value is None else len(value)
        made += struct.pack("<BH", len(key), size) + key + (value or b"")
    return made


# ---- reader ------------------------------------------------------------------------------------

class Leaf:
    def __init__(self, index, data, made):
        self.index, self.data, self.hash = index, data, made


def read_header(data, name, origin):
    if len(data) < HEADER_BYTES:
        raise Bad("%s: no header" % name)
    magic, size, flags, serial, first, salt, _time, length, text, rest = SEGMENT.unpack_from(data)
    if magic != b"HARKSEG1" or size != HEADER_BYTES or flags:
        raise Bad("%s: not a segment" % name)
    if crc32c(data[:508]) != struct.unpack_from("<I", data, 508)[0]:
        raise Bad("%s: the header's checksum" % name)
    if text[:length].decode() != origin or any(text[length:]) or any(rest):
        raise Bad("%s: another origin" % name)
    if name != "segments/%016x.seg" % serial:
        raise Bad("%s: serial %d" % (name, serial))
    return first, salt


def read_records(body, index, name):
    at, found = 0, []
    while at < len(body):
        size = struct.unpack_from("<I", body, at)[0]
        length = size & ~REDACTED
        data = body[at + 4:at + 4 + length]
        if len(data) != length or length > LEAF_MAX:
            raise Bad("%s: leaf %d: size %d" % (name, index, length))
        if size & REDACTED:
            if length < 32 or any(data[32:]):
                raise Bad("%s: leaf %d: not a redacted record" % (name, index))
            found.append(Leaf(index, None, data[:32]))
        else:
            found.append(Leaf(index, data, tlog.leaf_hash(data)))
        at += 4 + length
        index += 1
    return found


def read_frame(data, at, salt, name):
    """(leaves, next offset, fields of the head) of the frame at an offset."""
    fields = HEAD.unpack_from(data, at)
    (magic, size, count, state, flags, records, first, after, head, seconds, nanos, zero, _mono,
     rest) = fields
    where = "%s: offset %d" % (name, at)
    if magic != b"HKCF" or zero or any(rest) or flags & ~LAST or nanos >= 10**9:
        raise Bad(where + ": not a frame's head")
    if size % 8 or at + size > len(data) or size < HEAD_BYTES + state + records or \
            size - (HEAD_BYTES + state + records) >= 8:
        raise Bad(where + ": sizes do not agree")
    whole = data[at:at + size]
    if crc32c(salt + whole[:124] + whole[128:128 + state]) != struct.unpack_from("<I", whole, 124)[0]:
        raise Bad(where + ": the checksum")
    body = whole[HEAD_BYTES + state:HEAD_BYTES + state + records]
    if any(whole[HEAD_BYTES + state + records:]):
        raise Bad(where + ": padding that is not zero")
    leaves = read_records(body, first, where)
    if len(leaves) != count or after != first + count:
        raise Bad(where + ": counts do not agree")
    return leaves, at + size, {"after": after, "root": head, "last": bool(flags & LAST),
                               "first": first, "seconds": seconds}


def read_ledger(folder, keys):
    """(origin, leaves, sealed size) of a ledger that was closed; everything is recomputed."""
    lines = tlog.read_bytes(folder, "ledger").decode().split("\n")
    if len(lines) != 3 or lines[0] != "hark-ledger 1" or lines[2]:
        raise Bad("ledger: not of version 1")
    origin = lines[1]
    text = tlog.open_note(tlog.read_bytes(folder, "checkpoint"), keys)
    named, sealed, head = tlog.read_checkpoint(text)
    if named != origin:
        raise Bad("checkpoint: origin %s" % named)
    names = sorted(os.listdir(os.path.join(folder, "segments")))
    frontier, leaves, tree, roots = tlog.Frontier(), [], {}, {0: tlog.root([])}

    def grow(leaf):
        for level, index, made in frontier.add(leaf.hash):
            if level % 8 == 0:
                tree.setdefault(level // 8, []).append(made)
        leaves.append(leaf)

    for number, name in enumerate("segments/" + n for n in names):
        data = tlog.read_bytes(folder, name)
        if not any(data[:HEADER_BYTES]) and number == len(names) - 1:
            continue        # made ahead
        first, salt = read_header(data, name, origin)
        if number == 0 and first:
            stored = tlog.read_bytes(folder, "tree/0")
            for index in range(first):
                grow(Leaf(index, None, stored[32 * index:32 * index + 32]))
        if first != frontier.size:
            raise Bad("%s: begins with leaf %d, expected %d" % (name, first, frontier.size))
        at, last = HEADER_BYTES, False
        while not last and at + HEAD_BYTES <= len(data) and data[at:at + 4] != bytes(4):
            found, following, fields = read_frame(data, at, salt, name)
            if fields["first"] != frontier.size:
                raise Bad("%s: offset %d: first leaf %d" % (name, at, fields["first"]))
            for leaf in found:
                grow(leaf)
                roots[frontier.size] = frontier.root() if frontier.size == sealed else None
            if fields["root"] != frontier.root():
                raise Bad("%s: offset %d: another root" % (name, at))
            at, last = following, fields["last"]
        if any(data[at:]):
            raise Bad("%s: offset %d: bytes after the last frame" % (name, at))
        if not last and number + 1 < len(names) and any(
                tlog.read_bytes(folder, "segments/" + names[number + 1])[:8]):
            raise Bad("%s: no last frame" % name)
    if roots.get(sealed) != head:
        raise Bad("checkpoint: another root at size %d" % sealed)
    for level, hashes in tree.items():
        if tlog.read_bytes(folder, "tree/%d" % level) != b"".join(hashes):
            raise Bad("tree/%d: other hashes" % level)
    return origin, leaves, sealed


# ---- maker -------------------------------------------------------------------------------------

def event(origin, index, kind="dev.hark.events.host.v1.tick", subject=None, **data):
    """The canonical bytes of one event of Hark's form; names of data in ASCII."""
    whole = {"data": data, "id": "%s/%d" % (origin, index), "source": "/hark/" + origin,
             "specversion": "1.0", "time": "2026-11-21T13:20:%02d.000000000Z" % (index % 60),
             "type": kind}
    if subject:
        whole["subject"] = "urn:cellos:cell:" + subject
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Maker:
    """Writes a ledger as the format has it, without taking over any of the C code's ways."""

    def __init__(self, folder, origin, key, segment_bytes=1 << 16, salt=b"salt"):
        self.folder, self.origin, self.key = folder, origin, key
        self.segment_bytes, self.salt_seed = segment_bytes, salt
        self.frontier, self.batch, self.tree, self.offsets = tlog.Frontier(), [], {}, b""
        self.state, self.serial, self.history = {}, -1, b""
        self.clock = 1795000000
        for name in ("", "segments", "state", "tree"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        self.put("ledger", b"hark-ledger 1\n" + origin.encode() + b"\n")
        self.open_segment()

    def put(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(data)

    def name(self):
        return "segments/%016x.seg" % self.serial

    def open_segment(self):
        self.serial += 1
        self.salt = tlog.leaf_hash(self.salt_seed + bytes([self.serial]))[:16]
        raw = self.origin.encode()
        head = SEGMENT.pack(b"HARKSEG1", HEADER_BYTES, 0, self.serial, self.frontier.size,
                            self.salt, self.clock, len(raw), raw, b"")
        self.data = bytearray(head + struct.pack("<I", crc32c(head)))
        nodes = [self.frontier.nodes[level] for level in sorted(self.frontier.nodes)]
        kept = b"HARKSTA1" + struct.pack("<QQQ", self.serial, self.frontier.size,
                                         len(changes(self.state))) + self.salt
        kept += struct.pack("<Q", len(nodes)) + b"".join(nodes) + changes(self.state)
        self.put("state/%016x" % self.serial, kept + struct.pack("<I", crc32c(kept)))
        self.store()

    def store(self):
        self.put(self.name(), bytes(self.data).ljust(self.segment_bytes, b"\0"))
        for level, hashes in self.tree.items():
            self.put("tree/%d" % level, b"".join(hashes))
        self.put("tree/offsets", self.offsets)

    def next_index(self):
        return self.frontier.size + len(self.batch)

    def append(self, data):
        self.batch.append(data)

    def add(self, kind="dev.hark.events.host.v1.tick", subject=None, **data):
        self.append(event(self.origin, self.next_index(), kind, subject, **data))

    def frame(self, last=False, state=None):
        """The bytes of the open batch as a frame; the tree grows by it."""
        first, body = self.frontier.size, b""
        for data in self.batch:
            if self.frontier.size % 256 == 0:
                self.offsets += struct.pack("<QQ", self.serial, len(self.data))
            body += struct.pack("<I", len(data)) + data
            for level, _, made in self.frontier.add(tlog.leaf_hash(data)):
                if level % 8 == 0:
                    self.tree.setdefault(level // 8, []).append(made)
        self.state.update(state or {})
        for key in [k for k, v in self.state.items() if v is None]:
            del self.state[key]
        changed = changes(state or {})
        size = len(padded(bytes(HEAD_BYTES) + changed + body, 8))
        self.clock += 1
        head = HEAD.pack(b"HKCF", size, len(self.batch), len(changed), LAST if last else 0,
                         len(body), first, self.frontier.size, self.frontier.root(), self.clock,
                         5, 0, self.clock * 10**9, b"")
        head += struct.pack("<I", crc32c(self.salt + head + changed))
        self.batch = []
        return padded(head + changed + body, 8)

    def commit(self, last=False, state=None):
        self.data += self.frame(last, state)
        assert len(self.data) <= self.segment_bytes
        self.store()

    def rotate(self):
        self.commit(last=True)
        self.open_segment()

    def seal(self, keep=True, keys=None):
        note = tlog.write_checkpoint(self.origin, self.frontier.size, self.frontier.root(),
                                     keys or [self.key])
        self.put("checkpoint", note)
        if keep:
            self.history += b"# %d %d\n" % (self.clock, len(note)) + note
            self.put("checkpoints", self.history)
        return note
