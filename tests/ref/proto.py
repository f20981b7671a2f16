# SPDX-License-Identifier: MIT OR Apache-2.0
"""A second reader and writer of what Hark's processes say to each other, from docs/format/proto.md
and docs/format/record.md: messages, batches of records, receipts.  Strict: what breaks the form
raises ValueError.  Numbers of types and fields are their places in lib/proto/message.def, as the
document says; nothing else is taken from the sources.
"""
import fcntl
import os
import re
import socket
import struct

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def rows(kind):
    with open(os.path.join(ROOT, "lib", "proto", "message.def"), encoding="utf-8") as text:
        return re.findall(r"^%s\((\w+), *(\w+)" % kind, text.read(), re.M)


FIELDS = rows("FIELD")
FIELD_OF = {name: (number, form) for number, (name, form) in enumerate(FIELDS)}
TYPE_OF = {name: number for number, (name, _) in enumerate(rows("MESSAGE"), 1)}
NAME_OF = {number: name for name, number in TYPE_OF.items()}


def write_message(name, message_id=0, **fields):
    out = b""
    for number, (field, form) in enumerate(FIELDS):
        if field not in fields:
            continue
        value = fields.pop(field)
        if form == "NUMBER":
            value = struct.pack("<Q", value)
        elif isinstance(value, str):
            value = value.encode("utf-8")
        out += struct.pack("<HH", number, len(value)) + value
    if fields:
        raise ValueError("no such field: %r" % sorted(fields))
    count = 0
    at = 0
    while at < len(out):
        at += 4 + struct.unpack_from("<H", out, at + 2)[0]
        count += 1
    return struct.pack("<HBBQ", TYPE_OF[name], 1, count, message_id) + out


def read_message(data):
    """(name, id, {field: value})"""
    kind, version, count, message_id = struct.unpack_from("<HBBQ", data)
    if version != 1 or kind not in NAME_OF:
        raise ValueError("no message: %r" % data[:16])
    fields = {}
    at, before = 12, -1
    for _ in range(count):
        number, size = struct.unpack_from("<HH", data, at)
        value = data[at + 4:at + 4 + size]
        if number <= before or number >= len(FIELDS) or len(value) != size:
            raise ValueError("field %d" % number)
        name, form = FIELDS[number]
        if form == "NUMBER":
            value = struct.unpack("<Q", value)[0]
        elif form == "TEXT":
            value = value.decode("utf-8")
        fields[name] = value
        at += 4 + size
        before = number
    if at != len(data):
        raise ValueError("%d bytes left over" % (len(data) - at))
    return NAME_OF[kind], message_id, fields


# ---- orders

def ordered():
    """The questions that change things, as docs/format/control.md says."""
    path = os.path.join(ROOT, "docs", "format", "control.md")
    with open(path, encoding="utf-8") as text:
        rows = re.findall(r"^\| (`ASK_.*?) \| administer \|", text.read(), re.M)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


ORDERED = ordered()
CONTENT_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def sealed(data, seals=CONTENT_SEALS):
    """A descriptor of memory with these bytes, for one taker."""
    fd = os.memfd_create("order", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def send_question(sock, name, number, **fields):
    """As `hark` does: what changes things goes as an order."""
    data = write_message(name, number, **fields)
    if name not in ORDERED:
        sock.send(data)
        return
    fd = sealed(data)
    try:
        socket.send_fds(sock, [write_message("ASK_ORDER", number)], [fd])
    finally:
        os.close(fd)


def read_question(data, fds):
    """(name, number, fields) of what `hark` has sent; closes the descriptors."""
    name, number, fields = read_message(data)
    if name == "ASK_ORDER":
        name, number, fields = read_message(os.pread(fds[0], 65536, 0))
    for fd in fds:
        os.close(fd)
    return name, number, fields


# ---- an observer's report of a trap

TRAP = struct.Struct("<4sBBBBQQQ32x")


def trap_report(trap_class, first, following, event=None):
    return TRAP.pack(b"HKTR", 1, trap_class, event is not None, 0, first, following, event or 0)


# ---- records

OPENED, DECLARED, REJECTED, CLOSED, LIMITED = range(1, 6)
END_CLEAN, END_REFUSED, END_BROKEN, END_UNLISTEN = range(4)
HEAD = struct.Struct("<HBBHBBII")
BATCH = struct.Struct("<4sIQQ")


def reasons():
    path = os.path.join(ROOT, "docs", "format", "wire.md")
    with open(path, encoding="utf-8") as text:
        table = text.read().split("## Reasons", 1)[1].split("##", 1)[0]
    return ["none"] + re.findall(r"^\| `(\w+)` \|", table, re.M)


REASONS = reasons()


def read_batch(data):
    """(number of the first, [record, ...])"""
    magic, count, first, zero = BATCH.unpack_from(data)
    if magic != b"HRB1" or count < 1 or zero != 0 or len(data) > 65536:
        raise ValueError("no batch")
    at, out = BATCH.size, []
    for _ in range(count):
        size = HEAD.unpack_from(data, at)[0]
        if size < HEAD.size or size > 8192 or at + size > len(data):
            raise ValueError("a record of %d bytes" % size)
        out.append(read_record(data[at:at + size]))
        at += size
    if at != len(data):
        raise ValueError("bytes behind the records")
    return first, out


def read_record(data):
    _, kind, flags, slot, mode, small, connection, word = HEAD.unpack_from(data)
    rest = data[HEAD.size:]
    r = {"type": kind, "slot": slot, "connection": connection, "size": len(data)}
    if kind == OPENED:
        r["pid"], r["uid"], r["gid"], zero = struct.unpack("<iIII", rest)
        if zero or flags or mode or small or word or not connection:
            raise ValueError("opened")
    elif kind == DECLARED:
        read_declared(r, flags, mode, small, word, rest)
    elif kind == REJECTED:
        r["count"], = struct.unpack("<Q", rest)
        r["reason"], r["field"] = REASONS[word], small
        if not word or flags or mode or not r["count"]:
            raise ValueError("rejected")
    elif kind == CLOSED:
        r["stream"], r["frames"] = struct.unpack("<QQ", rest)
        r["mode"], r["end"] = mode, small
        if flags or word or small > 3 or mode > 2 or not connection:
            raise ValueError("closed")
    elif kind == LIMITED:
        r["ms"], = struct.unpack("<Q", rest)
        if flags or mode or small or word or connection or not r["ms"]:
            raise ValueError("limited")
    else:
        raise ValueError("record of type %d" % kind)
    return r


def read_declared(r, flags, mode, entries, version, rest):
    fixed = struct.Struct("<QQQQIHH")
    stream, ns, seq, dropped, pid, source_size, comm_size = fixed.unpack_from(rest)
    at = fixed.size

    def take(size):
        nonlocal at
        if at + size > len(rest):
            raise ValueError("declared")
        at += size
        return rest[at - size:at]

    r.update(stream=stream, ns=ns, pid=pid, mode=mode, version=version,
             source=take(source_size).decode("utf-8"), comm=take(comm_size).decode("utf-8"),
             seq=seq if flags & 1 else None, dropped=dropped if flags & 2 else None)
    detail, before = {}, b""
    for _ in range(entries):
        key_size, form, size = struct.unpack("<BBH", take(4))
        key, value = take(key_size), take(size)
        if key <= before:
            raise ValueError("keys do not ascend")
        before = key
        detail[key.decode()] = (value.decode("utf-8") if form == 0 else value == b"\1" if form == 1
                                else struct.unpack("<q", value)[0])
    r["detail"] = detail
    if at != len(rest) or mode not in (1, 2) or not r["connection"]:
        raise ValueError("declared")


def write_receipt(following, slots=()):
    slots = list(slots)
    return struct.pack("<4sIQ", b"HRR1", len(slots), following) + b"".join(
        struct.pack("<QQ", slot, used) for slot, used in slots)


# ---- records as bytes: for who stands in for a receiver, true or false

def write_record(kind, slot=0, connection=1, flags=0, mode=0, small=0, word=0, rest=b"", size=None):
    """A head and what is behind it; size says something else than the truth where it is given."""
    whole = HEAD.size + len(rest) if size is None else size
    return HEAD.pack(whole, kind, flags, slot, mode, small, connection, word) + rest


def opened(connection, slot=0, pid=1, uid=0, gid=0):
    return write_record(OPENED, slot, connection, rest=struct.pack("<iIII", pid, uid, gid, 0))


def closed(connection, slot=0, mode=0, stream=0, frames=0, end=END_CLEAN):
    return write_record(CLOSED, slot, connection, mode=mode, small=end,
                        rest=struct.pack("<QQ", stream, frames))


def entry(key, value):
    key = key.encode("utf-8")
    if isinstance(value, bool):
        form, value = 1, bytes([value])
    elif isinstance(value, int):
        form, value = 2, struct.pack("<q", value)
    else:
        form, value = 0, value.encode("utf-8")
    return struct.pack("<BBH", len(key), form, len(value)) + key + value


def declared(connection, slot=0, source="process.exec", comm="evil", mode=1, stream=0, seq=None,
             dropped=None, pid=1, ns=1, detail=(), version=None):
    source = source if isinstance(source, bytes) else source.encode("utf-8")
    comm = comm if isinstance(comm, bytes) else comm.encode("utf-8")
    entries = [entry(k, v) for k, v in detail]
    return write_record(
        DECLARED, slot, connection, mode=mode, small=len(entries),
        flags=(seq is not None) | (dropped is not None) << 1, word=version or mode,
        rest=struct.pack("<QQQQIHH", stream, ns, seq or 0, dropped or 0, pid, len(source),
                         len(comm)) + source + comm + b"".join(entries))


def rejected(count=1, reason=1, field=0, slot=0, connection=0):
    return write_record(REJECTED, slot, connection, small=field, word=reason,
                        rest=struct.pack("<Q", count))


def limited(ms=1, slot=0):
    return write_record(LIMITED, slot, 0, rest=struct.pack("<Q", ms))


def write_batch(first, *records, count=None, magic=b"HRB1", zero=0):
    return BATCH.pack(magic, len(records) if count is None else count, first, zero) + \
        b"".join(records)
