#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Goes through every row of the signing vectors a second time."""
import base64
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import signed                                       # noqa: E402
from tapout import VECTORS, Tap                     # noqa: E402

NOW = "2026-01-01T00:00:00Z"

# What the rows that name a mistake of the supervisor's signer have wrong, in our settings.
SEED = base64.urlsafe_b64encode(bytes([7]) * 32).rstrip(b"=").decode()
GOOD = {signed.PREFIX + "ALG": "ed25519", signed.PREFIX + "KID": "k",
        signed.PREFIX + "ED25519_SK": SEED}
MISTAKES = {
    "transport-config-bad-alg": {"ALG": "ed448"},
    "transport-config-no-kid": {"KID": None},
    "transport-config-no-key": {"ED25519_SK": None},
    "transport-config-bad-base64": {"ED25519_SK": "a+b/"},
    "transport-config-short-seed": {"ED25519_SK": "AAAA"},
}


def verdict(text, keys):
    try:
        signed.verify(text, keys["public"], keys["mac"], NOW)
        return "accept", None
    except signed.Refused as refused:
        return "reject", refused.args[0]


def wanted(row):
    """Hark's verdict where it is recorded, CellOS's elsewhere."""
    if "hark_verdict" in row:
        return row["hark_verdict"]
    return "accept" if row["cellos_verdict"].startswith("accept") else "reject"


def check_key(tap, row, keys):
    if row["algorithm"] == "ed25519":
        public = signed.public_key(bytes.fromhex(row["seed_hex"]))
        tap.same(row["name"], (public.hex(), signed.tobase64(public)),
                 (row["public_hex"], row["public_b64url"]))
    else:
        tap.row(row["name"], row["kid"] in keys["mac"] and len(row["key_hex"]) >= 2)


def check_sign(tap, row, keys):
    event = signed.parse(row["signed_bytes"])
    rebuilt = signed.signed_bytes(event).decode()
    if rebuilt != row["signed_bytes"]:
        return tap.same(row["name"], rebuilt, row["signed_bytes"])
    for one in row["signatures"]:
        key = keys["seed"].get(one["kid"]) or keys["mac"][one["kid"]]
        if signed.sign(one["algorithm"], key, event) != one["signature"]:
            return tap.row(row["name"], False, "other signature for " + one["kid"])
        text = signed.write({"event": event, "signerKid": one["kid"],
                             "algorithm": one["algorithm"], "signature": one["signature"]})
        if verdict(text, keys) != ("accept", None):
            return tap.row(row["name"], False, "not verified: " + one["kid"])
    return tap.row(row["name"], True)


def check_verify(tap, row, keys):
    got = verdict(row["envelope"], keys)
    good = got[0] == wanted(row)
    # CellOS's reason, where it is one that we have too and Hark's answer is not another.
    if good and got[0] == "reject" and "hark_why" in row:
        good = got[1] == row["hark_why"]
    elif good and got[0] == "reject" and not row.get("differs") and \
            row["cellos_verdict"] in ("bad_signature", "bad_length", "bad_base64", "unknown_kid",
                                      "unknown_algorithm"):
        good = got[1] == row["cellos_verdict"]
    tap.row(row["name"], good, "%s, but judged %s %s" % (wanted(row), *got))


def check_keyfile(tap, row, _):
    try:
        got = "accept %d" % len(signed.read_keyfile(row["text"]))
    except signed.Refused:
        got = "reject"
    tap.same(row["name"], got, row.get("hark_verdict", row["cellos_verdict"]))


def check_config(tap, row, _):
    want = row.get("hark_result", row["result"])
    tap.same(row["name"], signed.configure(row["env"]), want)


def check_transport(tap, row, keys):
    if "json" not in row:
        changed = {signed.PREFIX + k: v for k, v in MISTAKES[row["name"]].items()}
        env = {k: v for k, v in {**GOOD, **changed}.items() if v is not None}
        return tap.same(row["name"], (signed.configure(GOOD) != "InvalidConfig",
                                      signed.configure(env)), (True, "InvalidConfig"))
    want = row.get("hark_verdict", "accept")
    if want == "accept" and not rewraps(row, keys):
        return tap.row(row["name"], False, "the transport event comes out otherwise")
    return tap.same(row["name"], verdict(row["json"], keys)[0], want)


def rewraps(row, keys):
    """Signing the inner event and wrapping it again gives the recorded bytes."""
    outer, event = signed.parse(row["json"]), signed.parse(row["event_in"])
    envelope = outer["data"]
    kid, algorithm = envelope["signerKid"], envelope["algorithm"]
    key = keys["seed"].get(kid) or keys["mac"][kid]
    made = {"event": {name: event.get(name) for name in signed.ATTRIBUTES}, "signerKid": kid,
            "algorithm": algorithm, "signature": signed.sign(algorithm, key, event)}
    again = {"specversion": "1.0", "id": event["id"], "source":
             "/cellos-supervisor/event-signing", "type": "dev.cellos.events.signed_envelope.v1",
             "datacontenttype": "application/json", "data": made, "time": event["time"],
             "traceparent": event["traceparent"]}
    return signed.signed_bytes(again).decode() == row["json"]


CHECKS = {"key": check_key, "sign": check_sign, "verify": check_verify, "keyfile": check_keyfile,
          "config": check_config, "transport": check_transport}


def main():
    tap = Tap()
    with open(os.path.join(VECTORS, "cellos-signed.jsonl"), encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    keys = {"public": {}, "mac": {}, "seed": {}}
    for row in rows:
        if row["class"] == "key" and row["algorithm"] == "ed25519":
            keys["public"][row["kid"]] = bytes.fromhex(row["public_hex"])
            keys["seed"][row["kid"]] = bytes.fromhex(row["seed_hex"])
        elif row["class"] == "key":
            keys["mac"][row["kid"]] = bytes.fromhex(row["key_hex"])
    for row in rows:
        CHECKS[row["class"]](tap, row, keys)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
