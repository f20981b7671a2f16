#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Judges every row of the frame vectors a second time: verdict, reason and values."""
import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import frames                                       # noqa: E402
from tapout import VECTORS, Tap                     # noqa: E402


def streams(row):
    """The bytes of a row: one, or one for each length in cut_to."""
    if "parts" in row:
        return [b"".join(bytes.fromhex(part) * times for part, times in row["parts"])]
    data = bytes.fromhex(row["hex"])
    if "cut_to" in row:
        return [frames.frame(data[:n]) for n in row["cut_to"]]
    return [data]


def values_differ(row, values):
    """What was recorded of an accepted frame against what is read now."""
    for key, want in row.get("decoded", {}).items():
        got = None
        if key.endswith("_sha256"):
            got = hashlib.sha256(values[key[:-7]].encode()).hexdigest()
        elif key.endswith("_size"):
            got = len(values[key[:-5]].encode())
        elif key == "guest_monotonic_ns":
            got = str(values[key])
        else:
            got = values.get(key)
        if got != want:
            return "%s: wanted %r, got %r" % (key, want, got)
    return None


def check(tap, row):
    # A row's own reason comes first; hark_why stands where Hark's answer was refined later.
    want = row["hark_verdict"], row.get("hark_why", row.get("why"))
    for data in streams(row):
        verdict, found = frames.judge_stream(data)
        if verdict != want[0]:
            return tap.row(row["name"], False, "%s, but judged %s %s" % (want, verdict, found))
        if verdict == "reject" and found != want[1]:
            return tap.row(row["name"], False, "reason %s, but judged %s" % (want[1], found))
        if verdict == "accept":
            wrong = values_differ(row, found)
            if wrong:
                return tap.row(row["name"], False, wrong)
    return tap.row(row["name"], True)


def main():
    tap = Tap()
    with open(os.path.join(VECTORS, "cellos-frames.jsonl"), encoding="utf-8") as lines:
        for line in lines:
            check(tap, json.loads(line))
    # It must be able to say no: a frame that is good but for its last byte.
    good = frames.encode({"content_version": 1, "probe_source": "x", "guest_pid": 1,
                          "guest_comm": "", "guest_monotonic_ns": 5})
    tap.same("own frame", frames.judge(good)[0], "accept")
    tap.same("own frame, cut", frames.judge(good[:-1]), ("reject", "short"))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
