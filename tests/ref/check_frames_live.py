#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Asks the C reader and the Python reader about the same made-up frames: same verdict, same values,
same reason.  The frames are good ones, bent in every way that we know of, from a fixed seed.
HARK_LONG=1 makes twenty times as many, from a seed of the day, which is printed.
"""
import json
import os
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import frames                                       # noqa: E402
from tapout import ROOT, Tap                        # noqa: E402

LONG = bool(os.environ.get("HARK_LONG"))
COUNT = 600000 if LONG else 30000
SEED = int(time.time()) // 86400 if LONG else 20251105
JUDGE = os.path.join(os.environ.get("HARK_BUILD", os.path.join(ROOT, "build", "meson")),
                     "tests", "tools", "frame-judge")
BATCH = 2000

TEXTS = ["", "sh", "workload", "\u00e9", "\U0001f980", "a" * 23, "b" * 24, "c" * 255, "\0", "\n\"",
         "agent.hello", "agent.heartbeat", "agent.goodbye", "process.spawned"]
NUMBERS = [0, 1, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53 - 1, 2**53, 2**63,
           2**64 - 1]
ODD = [None, True, -1, -2**53, -2**53 + 1, -2**64, b"", b"xy", [], [1, "a"], {}, {"a": 1},
       {"a": {"b": 1}}, [[]], 2**53]
KEYS = ["seq", "dropped", "detail", "signature", "signerKid", "cell_id", "x", "", "stream",
        "content_version", "guest_pid", "later"]
# Heads and bytes that the writer never makes.
SPICE = [b"\x9f", b"\xbf", b"\x7f", b"\x5f", b"\xff", b"\xc0\x01", b"\xd8\x18\x01", b"\xf9\x3c\x00",
         b"\xfb" + bytes(8), b"\xf8\x20", b"\xf8\x14", b"\xf7", b"\x1c", b"\x3f", b"\xdf", b"\xfc",
         b"\x18\x01", b"\x19\x00\x01", b"\x1b" + bytes(7) + b"\x01", b"\x62\xc0\xaf",
         b"\x63\xed\xa0\x80", b"\x7b" + b"\xff" * 8, b"\x9b" + b"\xff" * 8, b"\xbb" + b"\xff" * 8,
         b"\x78\x01a", b"\xf8\xff"]


class Raw:
    """Bytes that stand in the place of a value."""

    def __init__(self, data):
        self.data = data


def encode(value):
    return value.data if isinstance(value, Raw) else frames.encode(value)


def encode_pairs(pairs, count=None):
    return frames.head(frames.MAP, len(pairs) if count is None else count) + b"".join(
        encode(key) + encode(value) for key, value in pairs)


def detail(dice):
    keys = ["ppid", "a", "b.c", "d_1", "exit", "z" * 64, "boot_id"]
    if dice.random() < 0.15:
        keys += ["", "A", "z" * 65, "a-b", "\u00e9"]
    pairs = [(dice.choice(keys), dice.choice(TEXTS + NUMBERS[:11] + [True, False, -5]))
             for _ in range(dice.choice([0, 1, 2, 3, 3, 8]))]
    if dice.random() < 0.8:
        pairs = list(dict(pairs).items())
    if dice.random() < 0.05:
        pairs = [("k%d" % n, n) for n in range(dice.choice([31, 32, 33]))]
    if dice.random() < 0.1 and pairs:
        pairs[0] = (pairs[0][0], dice.choice(ODD + [Raw(dice.choice(SPICE))]))
    return pairs


def pairs_of(dice, version, source=None):
    pairs = [("probe_source", source if source is not None else dice.choice(TEXTS)),
             ("guest_pid", dice.choice(NUMBERS[:9])), ("guest_comm", dice.choice(TEXTS)),
             ("guest_monotonic_ns", dice.choice(NUMBERS))]
    if version >= 2 and dice.random() < 0.8:
        extra = [("seq", dice.choice(NUMBERS)), ("dropped", dice.choice(NUMBERS)),
                 ("detail", Raw(encode_pairs(detail(dice))))]
        pairs += dice.sample(extra, dice.randint(0, 3))
    if dice.random() < 0.3:
        dice.shuffle(pairs)
    return pairs


def hello(dice):
    entries = detail(dice) if dice.random() < 0.3 else [("boot_id", "b")]
    stream = dice.choice(["%016x" % dice.getrandbits(64)] * 40 + ["", "0" * 15, "0" * 17,
                         "A" * 16, "g" * 16, 5, True, None])
    if stream is not None:
        entries.insert(dice.randint(0, len(entries)), ("stream", stream))
    pairs = pairs_of(dice, 1, "agent.hello") + [("seq", 3), ("detail", Raw(encode_pairs(entries)))]
    return encode_pairs([("content_version", 2)] + pairs)


def bend(dice, body):
    """One change of the bytes."""
    at = dice.randrange(len(body))
    kind = dice.randrange(6)
    if kind == 0:
        return body[:at] + bytes([body[at] ^ 1 << dice.randrange(8)]) + body[at + 1:]
    if kind == 1:
        return body[:at]
    if kind == 2:
        return body + dice.choice(SPICE + [b"\0"])
    if kind == 3:
        return body[:at] + dice.choice(SPICE) + body[at:]
    if kind == 4:
        return body[:at] + dice.choice(SPICE) + body[at + 1:]
    return body[:at] + body[at + dice.randint(1, 9):]


def body(dice, mode):
    version = dice.choice([1, 1, 1, 2, 2, 3, 255, 0, 256, 65536]) if mode != "hark" else \
        dice.choice([2] * 12 + [1, 3, 0, 512])
    if mode == "hark" and dice.random() < 0.03:
        return hello(dice)
    pairs = pairs_of(dice, version)
    if dice.random() < 0.25:
        key = dice.choice(KEYS + [Raw(dice.choice(SPICE))])
        pairs.insert(dice.randint(0, len(pairs)),
                     (key, dice.choice(ODD + TEXTS + NUMBERS + [Raw(s) for s in SPICE])))
    if dice.random() < 0.1:
        pairs.pop(dice.randrange(len(pairs)))
    if dice.random() < 0.15 and pairs:
        at = dice.randrange(len(pairs))
        pairs[at] = (pairs[at][0], dice.choice(ODD + TEXTS + NUMBERS + [Raw(s) for s in SPICE]))
    first = [("content_version", version)]
    whole = first + pairs if dice.random() < 0.97 else pairs + first
    count = len(whole) + (dice.choice([-1, 1, 2]) if dice.random() < 0.03 else 0)
    return encode_pairs(whole, count)


def connection(dice):
    """One or more bodies."""
    mode = dice.choice(["first", "first", "cellos", "hark", "hark"])
    bodies = []
    if mode == "cellos":
        bodies.append(encode_pairs([("content_version", dice.choice([1, 2, 3]))] +
                                   pairs_of(dice, 1, "process.spawned")))
    elif mode == "hark":
        bodies.append(hello(dice))
    if mode != "hark" or dice.random() < 0.85:
        bodies.append(hello(dice) if mode == "first" and dice.random() < 0.2 else body(dice, mode))
    while dice.random() < 0.4:
        bodies[-1] = bend(dice, bodies[-1]) or b"\xa0"
    return bodies


def python_says(bodies):
    session = frames.Session()
    for part in bodies:
        verdict, found = frames.judge(part, session)
        if verdict == "reject":
            return {"verdict": "reject", "why": found}
    answer = {"verdict": "accept", "stream": str(session.stream),
              "mode": {"cellos": 1, "hark": 2}[session.mode],
              "content_version": found["content_version"], "guest_pid": found["guest_pid"],
              "guest_monotonic_ns": str(found["guest_monotonic_ns"]), "detail": []}
    for key in ("probe_source", "guest_comm"):
        answer[key] = found[key].encode().hex()
    for key in ("seq", "dropped"):
        if key in found:
            answer[key] = str(found[key])
    for key in sorted(found.get("detail", {})):
        value = found["detail"][key]
        kind = "bool" if isinstance(value, bool) else "text" if isinstance(value, str) \
            else "integer"
        answer["detail"].append([key.encode().hex(), kind,
                                 value.encode().hex() if kind == "text" else value])
    return answer


def c_says(batch):
    text = "".join(" ".join(part.hex() for part in bodies) + "\n" for bodies in batch)
    done = subprocess.run([JUDGE], input=text, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError("frame-judge ended with %d: %s" % (done.returncode, done.stderr))
    return [json.loads(line) for line in done.stdout.splitlines()]


def finds_a_changed_rule(dice):
    """Whether the comparison sees a reader that allows one entry less in a detail."""
    batch = [connection(dice) for _ in range(BATCH)]
    answers = c_says(batch)
    frames.DETAIL_MAX -= 1
    try:
        return any(python_says(bodies) != got for bodies, got in zip(batch, answers))
    finally:
        frames.DETAIL_MAX += 1


def main():
    dice = random.Random(SEED)
    tap = Tap()
    print("# seed %d, %d connections" % (SEED, COUNT))
    accepted = compared = 0
    reasons = {}
    wrong = []
    while compared < COUNT:
        batch = [connection(dice) for _ in range(BATCH)]
        answers = c_says(batch)
        if len(answers) != len(batch):
            wrong.append("%d answers for %d connections" % (len(answers), len(batch)))
            break
        for bodies, got in zip(batch, answers):
            want = python_says(bodies)
            compared += 1
            accepted += want["verdict"] == "accept"
            if want["verdict"] == "reject":
                reasons[want["why"]] = reasons.get(want["why"], 0) + 1
            if got != want:
                wrong.append("%s\n  C      %s\n  Python %s" % (
                    " ".join(part.hex() for part in bodies), got, want))
    tap.row("%d connections, the same answers" % compared, not wrong,
            "%d differ; the first:\n%s" % (len(wrong), "\n".join(wrong[:12])))
    # A comparison in which nearly all is refused, or nearly nothing, compares little.
    tap.row("a tenth or more is accepted, a tenth or more refused",
            COUNT // 10 <= accepted <= COUNT - COUNT // 10, "%d accepted" % accepted)
    tap.row("25 or more reasons occurred", len(reasons) >= 25, sorted(reasons))
    tap.row("a reader with one rule changed is found", finds_a_changed_rule(dice))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
