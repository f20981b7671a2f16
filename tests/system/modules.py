# SPDX-License-Identifier: MIT OR Apache-2.0
"""Small WebAssembly modules by hand, for tests of observers: imports of the host, one memory, one
table, data, and functions given as the bytes of their bodies.

A module that reads events has its record at RECORD.  The bodies below are put together with +.
"""
IMPORTS = {"next": ("event", "next", True), "json": ("event", "json", True),
           "write": ("pg", "write", False), "emit": ("metric", "emit", False),
           "receipt": ("kms", "receipt", False), "log": ("log", "write", False)}
RECORD, RECORD_BYTES = 1024, 4096
JSON, JSON_BYTES = 8192, 65536


def leb(value):
    """Signed LEB128, which for what is below 64 is unsigned LEB128 too."""
    out = b""
    while True:
        byte, value = value & 127, value >> 7
        done = value == (-1 if byte & 64 else 0)
        out += bytes([byte | (0 if done else 128)])
        if done:
            return out


def uleb(value):
    out = b""
    while True:
        byte, value = value & 127, value >> 7
        out += bytes([byte | (128 if value else 0)])
        if not value:
            return out


def vector(items):
    return uleb(len(items)) + b"".join(items)


def text(words):
    return uleb(len(words)) + words.encode()


def section(number, data):
    return bytes([number]) + uleb(len(data)) + data


def module(imports, body, pages=2, data=(), elements=0, start=None, functions=(), locals_=0, maximum=None,
           exports=None, names=None):
    """Function len(imports) is `observer`; `functions` come after it, each () -> ().  start: the start
    function's body, the last of all.  data: [(address, bytes)].  names: of a name section."""
    count = len(imports)
    bodies = [body, *functions, *([start] if start is not None else [])]
    out = b"\0asm\1\0\0\0"
    out += section(1, vector([b"\x60\0\0", b"\x60\2\x7f\x7f\0", b"\x60\2\x7f\x7f\1\x7f"]))
    rows = []
    for name in imports:
        interface, field, gives = IMPORTS[name]
        rows.append(text("arkhe:observer/" + interface) + text(field) + b"\0" + (b"\2" if gives else b"\1"))
    if rows:
        out += section(2, vector(rows))
    out += section(3, vector([b"\0"] * len(bodies)))
    if elements:
        out += section(4, vector([b"\x70\0" + uleb(elements)]))
    limits = b"\0" + uleb(pages) if maximum is None else b"\1" + uleb(pages) + uleb(maximum)
    if pages is not None:
        out += section(5, vector([limits]))
    if exports is None:
        exports = [text("observer") + b"\0" + uleb(count)]
        if pages is not None:
            exports.append(text("memory") + b"\2\0")
    out += section(7, vector(exports))
    if start is not None:
        out += section(8, uleb(count + len(bodies) - 1))
    codes = []
    for code in bodies:
        whole = (b"\1" + uleb(locals_) + b"\x7f" if locals_ else b"\0") + code + b"\x0b"
        codes.append(uleb(len(whole)) + whole)
    out += section(10, vector(codes))
    if data:
        out += section(11, vector([b"\0\x41" + leb(at) + b"\x0b" + uleb(len(raw)) + raw for at, raw in data]))
    if names:
        rows = [uleb(count + i) + text(name) for i, name in enumerate(names)]
        out += section(0, text("name") + section(1, vector(rows)))
    return out


# ---- what a body is made of

def i32(value):
    return b"\x41" + leb(value)


def call(index):
    return b"\x10" + uleb(index)


def if_(condition, then):
    return condition + b"\x04\x40" + then + b"\x0b"


def load(address):
    return i32(address) + b"\x28\2\0"


def load64(address):
    return i32(address) + b"\x29\3\0"


def i64(value):
    return b"\x42" + leb(value)


def store(address, value):
    return i32(address) + value + b"\x36\2\0"


EQ64, EQ, NE, ADD, MUL = b"\x51", b"\x46", b"\x47", b"\x6a", b"\x6c"
DROP, UNREACHABLE, NOP = b"\x1a", b"\0", b"\1"
SPIN = b"\x03\x40\x0c\0\x0b"


def each_event(body, imports):
    """Over the batch: `body` with the record in its place."""
    step = i32(RECORD) + i32(RECORD_BYTES) + call(imports.index("next"))
    return b"\x02\x40\x03\x40" + step + b"\x45\x0d\1" + body + b"\x0c\0\x0b\x0b"


def of_index(index):
    """Whether the record is of that leaf."""
    return load64(RECORD + 8) + i64(index) + EQ64


def put(name, address, size, imports):
    return i32(address) + i32(size) + call(imports.index(name))


def echo(extra=b"", imports=("next", "write")):
    """Writes eight bytes an event, its index; `extra` comes before that."""
    imports = list(imports)
    return module(imports, each_event(extra + put("write", RECORD + 8, 8, imports), imports))
