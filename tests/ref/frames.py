# SPDX-License-Identifier: MIT OR Apache-2.0
"""The wire from guest to host, read a second time: written from the format's rules, in another
language, so that a mistake in the C reader and its tests does not go unseen.

judge(body, session) gives ("accept", values) or ("reject", reason).  It reads the whole body into
a tree of (kind, value) first where it can and looks at meaning while it goes, in the bytes' order.
"""
import struct

BODY_MAX = 4096
DETAIL_MAX = 32
SAFE = 2 ** 53 - 1
# How many keys that mean nothing a later minor's frame may have.
UNKNOWN_MAX = 32

FIVE = ("content_version", "probe_source", "guest_pid", "guest_comm", "guest_monotonic_ns")
UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)


class Refused(Exception):
    """args[0] is the reason, "reason" or "reason:field"."""


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise Refused("short")
        part = self.data[self.at:self.at + count]
        self.at += count
        return part

    def head(self):
        """Major type and argument; for simple values the argument is their number."""
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if major == TAG and info < 28:
            raise Refused("tag")
        if info < 24:
            return major, info
        if info == 31:
            raise Refused("indefinite_length")
        if info >= 28:
            raise Refused("reserved_head")
        if major == SIMPLE and info != 24:
            raise Refused("float")
        value = int.from_bytes(self.take(1 << (info - 24)), "big")
        if major == SIMPLE and value < 32:
            raise Refused("reserved_head")      # RFC 8949, 3.3: not well-formed
        return major, value

    def text(self, field, content=None):
        """A text; complaints about its type name the field, about its bytes the content."""
        major, size = self.head()
        if major == SIMPLE:
            raise Refused("simple_value")
        if major != TEXT:
            raise Refused("wrong_type:" + field)
        return self.rest_of_text(size, content or field)

    def rest_of_text(self, size, field):
        raw = self.take(size)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("invalid_utf8:" + field) from None

    def unsigned(self, field, most):
        major, value = self.head()
        if major == SIMPLE:
            raise Refused("simple_value")
        if major != UNSIGNED:
            raise Refused("wrong_type:" + field)
        if value > most:
            raise Refused("out_of_range:" + field)
        return value

    def skip(self, field, depth=0):
        """A value that means nothing: a scalar, a text, bytes, or one flat map or array."""
        major, value = self.head()
        if major == BYTES:
            self.take(value)
        elif major == TEXT:
            self.rest_of_text(value, field)
        elif major in (ARRAY, MAP):
            if depth:
                raise Refused("too_deep")
            for _ in range(value * (2 if major == MAP else 1)):
                self.skip(field, depth + 1)
        elif major == SIMPLE and value not in (20, 21, 22):
            raise Refused("simple_value")


def is_key(text):
    return 0 < len(text) <= 64 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789_." for c in text)


def read_detail(r):
    major, count = r.head()
    if major != MAP:
        raise Refused("simple_value" if major == SIMPLE else "wrong_type:detail")
    if count > DETAIL_MAX:
        raise Refused("too_many:detail")
    detail = {}
    for _ in range(count):
        key = r.text("key", "detail")
        if not is_key(key):
            raise Refused("bad_detail_key")
        if key in detail:
            raise Refused("duplicate_key:detail")
        detail[key] = read_detail_value(r)
    return detail


def read_detail_value(r):
    major, value = r.head()
    if major == TEXT:
        return r.rest_of_text(value, "detail")
    if major == UNSIGNED and value <= SAFE:
        return value
    if major == NEGATIVE and -1 - value >= -SAFE:
        return -1 - value
    if major in (UNSIGNED, NEGATIVE):
        raise Refused("out_of_range:detail")
    if major == SIMPLE and value in (20, 21):
        return value == 21
    if major in (ARRAY, MAP):
        raise Refused("too_deep")
    raise Refused("simple_value" if major == SIMPLE else "wrong_type:detail")


def read_version(r):
    """The first key and its value, judged before anything else is looked at."""
    major, size = r.head()
    if major == SIMPLE:
        raise Refused("simple_value")
    if major != TEXT:
        raise Refused("wrong_type:key")
    if r.take(size) != b"content_version":
        raise Refused("version_not_first")
    version = r.unsigned("content_version", 0xffff)
    if version == 0:
        raise Refused("version_zero")
    if version >> 8 != 0:
        raise Refused("version_major")
    return version


def wire_name(key):
    """What complaints call a key that means nothing under the rules in force."""
    return key if key in ("seq", "dropped", "detail") else "unknown"


def read_map(body, rules):
    """The values of a body.  rules: "exact" (wire 1), "later" (a minor that we do not know) or
    "hark" (wire 2)."""
    r = Reader(body)
    major, count = r.head()
    if major == SIMPLE:
        raise Refused("simple_value")
    if major != MAP:
        raise Refused("not_a_map")
    if count == 0:
        raise Refused("version_not_first")
    values = {"content_version": read_version(r)}
    if rules is None:
        rules = "exact" if values["content_version"] == 1 else "later"
    unknown = set()
    for _ in range(count - 1):
        key = r.text("key")
        if key in values:
            raise Refused("duplicate_key:" + key)
        if key in ("probe_source", "guest_comm"):
            values[key] = r.text(key)
        elif key == "guest_pid":
            values[key] = r.unsigned(key, 2 ** 32 - 1)
        elif key == "guest_monotonic_ns":
            values[key] = r.unsigned(key, 2 ** 64 - 1)
        elif rules == "hark" and key in ("seq", "dropped"):
            values[key] = r.unsigned(key, 2 ** 64 - 1)
        elif rules == "hark" and key == "detail":
            values[key] = read_detail(r)
        elif key in ("signature", "signerKid"):
            raise Refused("guest_signed")
        elif rules != "later":
            raise Refused("unknown_key")
        elif key in unknown:
            raise Refused("duplicate_key:" + wire_name(key))
        elif len(unknown) == UNKNOWN_MAX:
            raise Refused("too_many:unknown")
        else:
            unknown.add(key)
            r.skip(wire_name(key))
    for key in FIVE:
        if key not in values:
            raise Refused("missing_field:" + key)
    if r.at != len(body):
        raise Refused("trailing_bytes")
    return values


def hello_stream(values):
    """The number of a hello's stream: 16 lower-case hex digits."""
    if "stream" not in values.get("detail", {}):
        raise Refused("missing_field:stream")
    stream = values["detail"]["stream"]
    if not isinstance(stream, str) or len(stream) != 16 or \
            any(c not in "0123456789abcdef" for c in stream):
        raise Refused("bad_hello:stream")
    return int(stream, 16)


class Session:
    """What a connection has agreed on."""

    def __init__(self):
        self.mode = "first"
        self.stream = 0

    def read(self, body):
        if not body:
            raise Refused("length_zero")
        if len(body) > BODY_MAX:
            raise Refused("length_over_4096")
        if self.mode == "hark":
            values = self.read_hark(body)
        else:
            values = read_map(body, None)
            if self.mode == "first":
                values = self.read_first(body, values)
        return values

    def read_first(self, body, values):
        if values["content_version"] == 2 and values["probe_source"] == "agent.hello":
            values = read_map(body, "hark")
            self.stream = hello_stream(values)
            self.mode = "hark"
        else:
            self.mode = "cellos"
        return values

    def read_hark(self, body):
        version = peek_version(body)
        if version != 2:
            raise Refused("version_mixed")
        values = read_map(body, "hark")
        if values["probe_source"] == "agent.hello":
            raise Refused("hello_repeated")
        return values


def peek_version(body):
    r = Reader(body)
    major, count = r.head()
    if major != MAP or count == 0:
        read_map(body, "hark")
    return read_version(r)


def judge(body, session=None):
    try:
        return "accept", (session or Session()).read(body)
    except Refused as refused:
        return "reject", refused.args[0]


def judge_stream(data):
    """The first thing that a connection's bytes, followed by its end, come to."""
    if not data:
        return "eof", None
    if len(data) < 4:
        return "reject", "short_length_prefix"
    size = struct.unpack("<I", data[:4])[0]
    if size == 0:
        return "reject", "length_zero"
    if size > BODY_MAX:
        return "reject", "length_over_4096"
    if len(data) - 4 < size:
        return "reject", "short_body"
    return judge(data[4:4 + size])


# ---- a writer, for tests that need frames ---------------------------------------------------

def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << (8 * size):
            return bytes([major << 5 | info]) + value.to_bytes(size, "big")
    raise ValueError(value)


def encode(value):
    """Text, integers, booleans, None, bytes, lists and (as a list of pairs) Pairs, shortest."""
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(UNSIGNED, value) if value >= 0 else head(NEGATIVE, -1 - value)
    if isinstance(value, str):
        raw = value.encode("utf-8")
        return head(TEXT, len(raw)) + raw
    if isinstance(value, bytes):
        return head(BYTES, len(value)) + value
    if isinstance(value, dict):
        return head(MAP, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return head(ARRAY, len(value)) + b"".join(map(encode, value))
    raise TypeError(value)


def frame(body):
    return struct.pack("<I", len(body)) + body
