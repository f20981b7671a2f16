#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The real hark-observer under a harkd, a projector and a notary of our own.

Prints TAP.  Nothing here waits for anything but a message or an end.
"""
import hashlib
import json
import os
import shutil
import struct
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import observer as o                                # noqa: E402  (it finds tests/ref)
import modules as w                                 # noqa: E402
from tapout import Tap                              # noqa: E402

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def standard(name):
    with open(os.path.join(o.ROOT, "observers", name + ".wasm"), "rb") as f:
        return f.read()


def indexes(effects):
    return [struct.unpack("<Q", data)[0] for _, data in effects]


@test
def from_the_setup_to_a_commit(tap, top):
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 3)
    module = standard("pg-events")
    p = o.Observer(ledger, module, TOKENS=o.TOKENS["PgWrite"])
    name, _, fields = p.hear()
    tap.row("the digest comes first", name == "OBSERVER_DIGEST" and len(fields["DIGEST"]) == 32)
    tap.same("it goes when it may", p.go()[0], "READY")
    p.projector.send(o.proto.write_message("CURSOR", INDEX=0))
    effects = p.until(3)
    tap.same("a row an event", [json.loads(data)["event_index"] for _, data in effects], [0, 1, 2])
    ledger.write(*[o.guest_event] * 2)
    effects = p.until(5)
    tap.same("and of what comes", [json.loads(data)["event_index"] for _, data in effects], [3, 4])
    p.ping()
    tap.same("it ends when it is told", p.stop(), (0, ""))


def main():
    tap = Tap()
    for function in TESTS:
        top = tempfile.mkdtemp(prefix="observer.")
        try:
            function(tap, top)
        except Exception as e:  # pylint: disable=broad-except
            tap.same("%s runs to its end: %r" % (function.__name__, e), False, True)
        finally:
            shutil.rmtree(top, ignore_errors=True)
    sys.exit(tap.end())


main()
