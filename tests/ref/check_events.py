#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Goes through every row of the event vectors a second time.  A row that no check knows fails."""
import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import events                                       # noqa: E402
import frames                                       # noqa: E402
from tapout import VECTORS, Tap                     # noqa: E402

HOST = {"cellId": "cell-a", "runId": "run-1", "specSignatureHash":
        "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}
ERRORS = {"PLATFORM_UNSUPPORTED", "IO", "PARSE", "SINK", "MISSING", "DENIED", "NAME", "LIMIT"}


def declared(row):
    if "frame_hex" in row:
        return frames.judge_stream(bytes.fromhex(row["frame_hex"]))[1]
    return row["declared"]


def check_stamped(row):
    if row.get("hark_verdict") == "reject":
        try:
            events.stamped(declared(row), HOST, row["host_received_at"])
        except events.Refused:
            return None
        return "it was not refused"
    return differ(events.stamped(declared(row), HOST, row["host_received_at"]), row["hark_json"])


def check_silence(row):
    cellos = json.loads(row["data_json"])
    data = {k: v for k, v in cellos.items() if not k.startswith("_")}
    data["cause"] = json.loads(row["hark_json"])["data"]["cause"]
    if data["cause"] not in ("never_connected", "disconnected", "connected_but_mute", "vmm_gone",
                             "host_overloaded", "watcher_late"):
        return "no such cause"
    return differ(events.envelope(row["type"], data, events.time_of("1762348800.0"), "cell-a"),
                  row["hark_json"])


def check_probe(row):
    """The recorded event stands on the recorded inputs and output, and on the host's own words."""
    theirs, ours = json.loads(row["json"]), json.loads(row["hark_json"])
    for part in ("hark_inputs", "hark_output"):
        wrong = differ(events.canonical(json.loads(row[part])), row[part])
        if wrong:
            return wrong
    if "command" in json.loads(row["hark_inputs"]):
        return "inputs name a command"
    data = {"inputs": json.loads(row["hark_inputs"]), "output": json.loads(row["hark_output"]),
            "probeSource": theirs["data"]["probeSource"], **HOST}
    again = events.canonical({**ours, "type": theirs["type"], "data": data, "specversion": "1.0",
                              "subject": "urn:cellos:cell:cell-a"})
    if set(ours) != {"data", "id", "source", "specversion", "subject", "time", "type"}:
        return "other attributes: %s" % sorted(ours)
    return differ(again, row["hark_json"])


def check_authority(row):
    source = row["name"].partition("-")[2]
    return differ(events.canonical({"output": events.DECLARED, "rule": events.RULES[source]}),
                  row["hark_json"])


def check_flat(row):
    found = events.read_flat(row["text"])
    want = row["hark_result"]
    if isinstance(want, dict):
        want = {key: int(value) for key, value in want.items()}
    return differ("PARSE" if found is None else found, want)


def check_probe_error(row):
    if row["hark_error"] not in ERRORS:
        return "no such error"
    if "probe_source" in row:
        return differ(row["probe_source"] in events.PROBES, False)
    return None if row.get("hark_why") else "no reason"


def check_spec_hash(row):
    return differ("sha256:" + hashlib.sha256(row["hashed_json"].encode()).hexdigest(),
                  row["hash"])


def check_reason(row):
    """A row of what Hark does not have, or has by another way: the reason is what can be checked."""
    if row["class"] == "core" and "data_json" in row:
        return differ(events.canonical(json.loads(row["data_json"])), row["data_json"])
    return None if row.get("hark_why") or row.get("refused") is not None or row.get("subject") \
        else "neither a value nor a reason"


def differ(got, want):
    return None if got == want else "wanted %s\ngot    %s" % (want, got)


def pick(row):
    if "hark_result" in row:
        return check_flat
    if "hark_error" in row:
        return check_probe_error
    if row["class"] == "silence":
        return check_silence
    if row["class"] == "probe":
        return check_probe
    if row["class"] == "authority":
        return check_authority
    if "host_received_at" in row and ("hark_json" in row or "hark_verdict" in row):
        return check_stamped
    if row["name"] == "spec-hash":
        return check_spec_hash
    return check_reason


def main():
    tap = Tap()
    with open(os.path.join(VECTORS, "cellos-stamped.jsonl"), encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            try:
                wrong = pick(row)(row)
            except (KeyError, TypeError, events.Refused) as e:
                wrong = "%s: %s" % (type(e).__name__, e)
            tap.row(row["name"], wrong is None, wrong)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
