# SPDX-License-Identifier: MIT OR Apache-2.0
"""Envelopes over single events, read a second time: CellOS's signed bytes, HMAC, Ed25519 by the
words of RFC 8032 (slow, and not for secrets), key files and settings.
"""
import base64
import hashlib
import hmac
import json
import re

# ---- Ed25519 ---------------------------------------------------------------------------------

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(a, b):
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    u, v = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def recover_x(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def pack(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def unpack(raw):
    """The point of 32 bytes, or None where they are no canonical form of one."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def is_small(point):
    return equal(multiply(8, point), (0, 1, 1, 0))


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    return scalar, digest[32:]


def public_key(seed):
    return pack(multiply(expand(seed)[0], BASE))


def hashed(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def ed25519_sign(seed, message):
    scalar, prefix = expand(seed)
    public = pack(multiply(scalar, BASE))
    nonce = hashed(prefix, message)
    commitment = pack(multiply(nonce, BASE))
    return commitment + ((nonce + hashed(commitment, public, message) * scalar) % L).to_bytes(
        32, "little")


def ed25519_verify(public, message, signature):
    """Strictly: canonical points, no small order, S below L, and the equation without cofactor."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = unpack(public), unpack(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or is_small(a) or is_small(r):
        return False
    k = hashed(signature[:32], public, message)
    return equal(multiply(s, BASE), add(r, multiply(k, a)))


# ---- JSON as CellOS writes it ----------------------------------------------------------------

class Number:
    """A number with its text as it was written: the signature covers that text."""

    def __init__(self, text):
        self.text = text


class Twice(Exception):
    """A key stood twice in one object; args[0] is the key."""


def unique(pairs):
    found = {}
    for key, value in pairs:
        if key in found:
            raise Twice(key)
        found[key] = value
    return found


def parse(text):
    return json.loads(text, object_pairs_hook=unique, parse_int=Number, parse_float=Number,
                      parse_constant=lambda word: json.loads("no " + word))


SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text_of(text):
    return '"' + re.sub(r'["\\\x00-\x1f]',
                        lambda m: SHORT.get(m.group(0)) or "\\u%04x" % ord(m.group(0)), text) + '"'


def write(value):
    """Compact, keys sorted by their bytes, numbers as they were."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return value.text
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return "{" + ",".join(text_of(key) + ":" + write(value[key])
                          for key in sorted(value, key=lambda k: k.encode())) + "}"


ATTRIBUTES = ("specversion", "id", "source", "type", "datacontenttype", "data", "time",
              "traceparent")
NEEDED = ATTRIBUTES[:4]
ENVELOPE = ("event", "signerKid", "algorithm", "signature", "notBefore", "notAfter")


def signed_bytes(event):
    """CellOS's own rebuild: its eight attributes in its order, null where there is none."""
    return ("{" + ",".join('"%s":%s' % (name, write(event.get(name))) for name in ATTRIBUTES) +
            "}").encode()


# ---- keys, envelopes, settings -----------------------------------------------------------------

class Refused(Exception):
    """args[0] is the reason."""


def unbase64(text):
    """base64url; padding is tolerated, nothing else is."""
    body = text.rstrip("=")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", body) or len(body) % 4 == 1:
        raise Refused("bad_base64")
    raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != body:
        raise Refused("bad_base64")         # bits behind the last byte that are not 0
    return raw


def tobase64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_keyfile(text):
    """kid -> public key; refuses what Hark refuses."""
    try:
        table = parse(text)
    except Twice:
        raise Refused("duplicate_key") from None
    except ValueError:
        raise Refused("not_json") from None
    if not isinstance(table, dict):
        raise Refused("wrong_type")
    keys = {}
    for kid, value in table.items():
        if not isinstance(value, str):
            raise Refused("wrong_type")
        raw = unbase64(value)
        point = unpack(raw) if len(raw) == 32 else None
        if point is None or is_small(point):
            raise Refused("bad_key")
        keys[kid] = raw
    return keys


def sign(algorithm, key, event):
    message = signed_bytes(event)
    if algorithm == "ed25519":
        return tobase64(ed25519_sign(key, message))
    return tobase64(hmac.new(key, message, hashlib.sha256).digest())


def text_member(table, name, needed=True):
    value = table.get(name)
    if value is None and not needed:
        return None
    if name not in table:
        raise Refused("missing_member")
    if not isinstance(value, str):
        raise Refused("wrong_type")
    return value


def check_shape(envelope):
    if not isinstance(envelope, dict):
        raise Refused("wrong_type")
    if set(envelope) - set(ENVELOPE):
        raise Refused("unknown_member")
    event = envelope.get("event")
    if not isinstance(event, dict):
        raise Refused("missing_member" if "event" not in envelope else "wrong_type")
    if set(event) - set(ATTRIBUTES):
        raise Refused("unknown_attribute")
    for name in NEEDED:
        text_member(event, name)
    for name in ("signerKid", "algorithm", "signature"):
        text_member(envelope, name)
    return event


def verify(text, public_keys, mac_keys, now):
    """Raises Refused with the reason, or gives the event.  now is an RFC 3339 text in UTC."""
    try:
        envelope = parse(text)
    except Twice:
        raise Refused("duplicate_key") from None
    except ValueError:
        raise Refused("not_json") from None
    if isinstance(envelope, dict) and envelope.get("type") == \
            "dev.cellos.events.signed_envelope.v1":
        return verify_transport(envelope, public_keys, mac_keys, now)
    return verify_parsed(envelope, public_keys, mac_keys, now)


def verify_transport(outer, public_keys, mac_keys, now):
    event = verify_parsed(outer.get("data"), public_keys, mac_keys, now)
    if outer.get("source") != "/cellos-supervisor/event-signing" or \
            any(outer.get(name) != event.get(name) for name in ("id", "time", "traceparent")):
        raise Refused("transport_mismatch")
    return event


def verify_parsed(envelope, public_keys, mac_keys, now):
    event = check_shape(envelope)
    algorithm = envelope["algorithm"]
    if algorithm not in ("ed25519", "hmac-sha256"):
        raise Refused("unknown_algorithm")
    keys = public_keys if algorithm == "ed25519" else mac_keys
    if envelope["signerKid"] not in keys:
        raise Refused("unknown_kid")
    key = keys[envelope["signerKid"]]
    signature = unbase64(envelope["signature"])
    if len(signature) != (64 if algorithm == "ed25519" else 32):
        raise Refused("bad_length")
    message = signed_bytes(event)
    if algorithm == "ed25519":
        good = ed25519_verify(key, message, signature)
    else:
        good = hmac.compare_digest(hmac.new(key, message, hashlib.sha256).digest(), signature)
    if not good:
        raise Refused("bad_signature")
    start, end = envelope.get("notBefore"), envelope.get("notAfter")
    if start is not None and now < start or end is not None and now > end:
        raise Refused("outside_window")
    return event


PREFIX = "CELLOS_HOST_TELEMETRY_SIGN_"


def configure(environment):
    """ "off", {"mode", "kid"}, or "InvalidConfig"."""
    algorithm = environment.get(PREFIX + "ALG", "").strip().lower()
    mac, seed = environment.get(PREFIX + "HMAC_KEY"), environment.get(PREFIX + "ED25519_SK")
    kid = environment.get(PREFIX + "KID")
    if algorithm in ("", "off"):
        return "off" if mac is None and seed is None else "InvalidConfig"
    if algorithm in ("hmac", "hmac-sha256"):
        mode, text, other, sizes = "Hmac", mac, seed, None
    elif algorithm == "ed25519":
        mode, text, other, sizes = "Ed25519", seed, mac, 32
    else:
        return "InvalidConfig"
    if not kid or not kid.strip() or text is None or other is not None:
        return "InvalidConfig"
    try:
        key = unbase64(text)
    except Refused:
        return "InvalidConfig"
    if not key or sizes not in (None, len(key)):
        return "InvalidConfig"
    return {"kid": kid, "mode": mode}
