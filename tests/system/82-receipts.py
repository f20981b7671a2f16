#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Receipts of observers: the real hark-notary under a harkd and observers of our own, whose process
was taken over.  It can neither forge a receipt nor suppress one.

Prints TAP.  Nothing here waits for anything but an answer or an end.
"""
import os
import shutil
import signal
import socket
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "ref")]

import proto                                        # noqa: E402
from notary import Notary, kinds, leaves, pair, receipt  # noqa: E402
from tapout import Tap                              # noqa: E402

PANIC, BUDGET, DENIED, OTHER = range(4)
CLASSES = ["Panic", "BudgetExceeded", "CapabilityDenied", "Other"]
QUARANTINED = 77
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def observer(n, name, digest=b"\7" * 32, strikes=3, json="{}", want=0):
    """harkd lets an observer run: its end of the channel, as it gets it."""
    theirs, ours = pair()
    ours.shutdown(socket.SHUT_RD)
    got = n.ask("OBSERVER", [theirs.fileno()], OBSERVER=name, DIGEST=digest, JSON=json, COUNT=strikes)
    theirs.close()
    assert got["CODE"] == want, got
    n.strikes = got.get("COUNT")
    return ours


def gone(n, name, sock=None, reason=None):
    if sock is not None:
        sock.close()
    n.say("OBSERVER_GONE", OBSERVER=name, **({"REASON": reason} if reason else {}))


def receipts(top):
    """(observer, class, cause, strike, event or None) of each, in their order."""
    found = []
    for leaf in leaves(top, "operations"):
        if not leaf["type"].endswith(".observer_quarantine"):
            continue
        said = leaf["data"]["operation"]
        found.append((said["observer"], said["ObserverQuarantine"]["trap_class"], said["cause"],
                      said["strike"], said.get("batch", {}).get("event")))
    return found


def flood(sock):
    """Reports until nobody takes them any more."""
    sock.setblocking(False)
    try:
        while True:
            sock.send(proto.trap_report(PANIC, 0, 1))
    except (BlockingIOError, ConnectionError):
        pass


def postcard(said):
    """Arkhe's binary form, made from its JSON form."""
    def number(value):
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])
    return (number(said["schema_version"]) + bytes(said["observer_module_digest"]) +
            number(said["quarantine_tick"]) + bytes([CLASSES.index(said["trap_class"]), 0])).hex()


@test
def a_receipt_is_the_notarys(tap, top):
    n = Notary(top)
    n.cell(1)
    digest = bytes(range(32))
    o = observer(n, "seen", digest, json='{"grants":["PgWrite"],"limits":{"fuel":7}}')
    tap.same("its registration is recorded", kinds(top, "operations"), ["started", "observer_registered"])
    o.send(proto.trap_report(BUDGET, 0, 2, 1))
    tap.same("harkd hears of its trap", n.until("OBSERVER_TRAPPED"),
             {"OBSERVER": "seen", "CLASS": BUDGET, "COUNT": 1, "STATE": "struck", "INDEX": 2, "SIZE": 2})
    leaf = leaves(top, "operations")[2]
    said = leaf["data"]["operation"]
    tap.same("the record has Arkhe's fields, from what the notary knows", said["ObserverQuarantine"],
             {"schema_version": 1, "observer_module_digest": list(digest), "quarantine_tick": 2,
              "trap_class": "BudgetExceeded", "attestation_class": "None"})
    tap.same("and Arkhe's binary form", said["postcard"], postcard(said["ObserverQuarantine"]))
    tap.same("and what it claims", (said["batch"], said["observer"], said["cause"], said["strike"], said["strikes"]),
             ({"first": "0", "next": "2", "event": "1"}, "seen", "reported", 1, 3))
    tap.same("and the evidence of that moment", leaf["data"]["evidence"]["size"], "2")
    n.kill()


@test
def strikes_lead_to_quarantine_over_restarts(tap, top):
    n = Notary(top)
    n.cell(1)
    for strike, trap_class in enumerate((PANIC, DENIED), 1):
        o = observer(n, "bad")
        o.send(proto.trap_report(trap_class, 0, 2, strike - 1))
        tap.same("strike %d" % strike, n.until("OBSERVER_TRAPPED")["COUNT"], strike)
        gone(n, "bad", o, "died")
    n.ask("PING")
    n.kill()
    n = Notary(top, clean=0, RESTARTS=1)
    o = observer(n, "bad")
    tap.same("another notary knows them", n.strikes, 2)
    other = observer(n, "same-module")
    gone(n, "bad", o, "hung")
    said = n.until("OBSERVER_TRAPPED")
    tap.same("the third quarantines", (said["CLASS"], said["COUNT"], said["STATE"]), (OTHER, 3, "quarantined"))
    said = n.until("OBSERVER_TRAPPED")
    tap.same("whoever runs that module", (said["OBSERVER"], said["STATE"]), ("same-module", "quarantined"))
    tap.same("what it says then nobody reads", (other.send(proto.trap_report(PANIC, 0, 1)), n.ask("PING")["CODE"]),
             (64, 0))
    gone(n, "same-module", other, "died")
    n.kill()
    n = Notary(top, clean=0, RESTARTS=2)
    observer(n, "bad", want=QUARANTINED)
    observer(n, "another-name", want=QUARANTINED)
    tap.same("a release is a person's, with a reason",
             n.ask("OBSERVER_RELEASE", OBSERVER="bad", TEXT="mended \"it\"")["CODE"], 0)
    observer(n, "bad")
    tap.same("nobody releases what is not known", n.ask("OBSERVER_RELEASE", OBSERVER="who")["CODE"], 66)
    tap.same("each receipt is there once", receipts(top),
             [("bad", "Panic", "reported", 1, "0"), ("bad", "CapabilityDenied", "reported", 2, "1"),
              ("bad", "Other", "hung", 3, None)])
    tap.same("and all else, in order", [k for k in kinds(top, "operations") if k != "observer_quarantine"],
             ["started", "observer_registered", "observer_registered", "observer_quarantined", "observer_released"])
    said = leaves(top, "operations")[-1]["data"]["operation"]
    tap.same("with what the release forgot", said,
             {"digest": "blake3:" + "07" * 32, "observer": "bad", "quarantined": True, "reason": "mended \"it\"",
              "strikes": 3})
    n.kill()


def with_descriptor(sock):
    with open("/dev/null", "rb") as f:
        socket.send_fds(sock, [proto.trap_report(PANIC, 0, 1)], [f.fileno()])


GOOD = proto.trap_report(PANIC, 0, 1, 0)
FORGED = [
    ("nothing but a head", lambda s: s.send(GOOD[:32])),
    ("a byte too few", lambda s: s.send(GOOD[:63])),
    ("a byte too many", lambda s: s.send(GOOD + b"\0")),
    ("64 KiB", lambda s: s.send(bytes(65536))),
    ("another magic", lambda s: s.send(b"X" + GOOD[1:])),
    ("another version", lambda s: s.send(GOOD[:4] + b"\2" + GOOD[5:])),
    ("a class that is none", lambda s: s.send(GOOD[:5] + b"\4" + GOOD[6:])),
    ("class 255", lambda s: s.send(GOOD[:5] + b"\377" + GOOD[6:])),
    ("a name behind it", lambda s: s.send(GOOD[:32] + b"another".ljust(32, b"\0"))),
    ("a digest behind it", lambda s: s.send(GOOD[:32] + b"\1" * 32)),
    ("a batch that ends before it begins", lambda s: s.send(GOOD[:8] + b"\2" + GOOD[9:])),
    ("an event outside its batch", lambda s: s.send(GOOD[:24] + b"\7" + GOOD[25:])),
    ("a descriptor", with_descriptor),
    ("a message to harkd's taste", lambda s: s.send(proto.write_message("OBSERVER_RELEASE", OBSERVER="forger"))),
    ("an operations record", lambda s: s.send(proto.write_message("OPERATION", KIND="observer_released", JSON="{}"))),
    ("records of a receiver", lambda s: s.send(proto.write_batch(0, proto.opened(1), proto.declared(1)))),
]


@test
def what_is_no_report_is_a_trap(tap, top):
    n = Notary(top)
    n.cell(1)
    before = leaves(top)
    for number, (rule, forge) in enumerate(FORGED):
        name = "forger%d" % number
        o = observer(n, name, bytes([number]) * 32)
        forge(o)
        said = n.until("OBSERVER_TRAPPED")
        tap.same(rule, (said["OBSERVER"], said["CLASS"], said["COUNT"]), (name, OTHER, 1))
        gone(n, name, o, "died")
    n.ask("PING")
    tap.same("each is one receipt, of its own channel's name", receipts(top),
             [("forger%d" % i, "Other", "protocol", 1, None) for i in range(len(FORGED))])
    digests = [leaf["data"]["operation"]["ObserverQuarantine"]["observer_module_digest"][0]
               for leaf in leaves(top, "operations") if leaf["type"].endswith(".observer_quarantine")]
    tap.same("and of its own module", digests, list(range(len(FORGED))))
    tap.same("the evidence has not a byte of it", leaves(top), before)
    n.kill()


@test
def a_claim_beyond_the_ledger_is_left_out(tap, top):
    n = Notary(top)
    n.cell(1)
    rows = [("the last leaf", (0, 2, 1), {"first": "0", "next": "2", "event": "1"}),
            ("one past", (0, 3, 1), None), ("far past", (2 ** 63, 2 ** 64 - 1, None), None),
            ("without an event", (1, 2, None), {"first": "1", "next": "2"})]
    for number, (rule, place, want) in enumerate(rows):
        o = observer(n, "o%d" % number, bytes([number]) * 32)
        o.send(proto.trap_report(PANIC, *place))
        index = n.until("OBSERVER_TRAPPED")["INDEX"]
        tap.same(rule, leaves(top, "operations")[index]["data"]["operation"].get("batch"), want)
    n.kill()


@test
def none_is_suppressed(tap, top):
    n = Notary(top)
    n.cell(1)

    def end(rule, act, reason, want, strikes=100):
        o = observer(n, "o", b"\1" * 32, strikes)
        count = len(receipts(top))
        act(o)
        gone(n, "o", o, reason)
        n.ask("PING")
        n.ask("OPERATION", KIND="mark", JSON="{}")
        got = receipts(top)[count:]
        tap.same(rule, [(r[1], r[2]) for r in got], want)

    def nothing(_):
        pass

    end("it dies", nothing, "died", [("Other", "died")])
    end("it hangs", nothing, "hung", [("Other", "hung")])
    end("it is mute", nothing, "mute", [("Other", "mute")])
    end("it was asked to end", nothing, None, [])
    end("it ends its channel and goes on", lambda o: o.shutdown(socket.SHUT_WR), "hung", [("Other", "hung")])
    end("it says nothing, in a message", lambda o: o.send(b""), "died", [("Other", "died")])
    end("it reports and dies at once", lambda o: o.send(GOOD), "died", [("Panic", "reported")])
    for again in range(3):
        end("the same event again %d: crashes between report and cursor" % (again + 1),
            lambda o: o.send(GOOD), "died", [])
    end("but it cannot hide behind that event", lambda o: o.send(GOOD), "died", [("Panic", "reported")])
    end("a flood is one report", flood, "died", [("Panic", "reported")])
    n.kill()


@test
def harkd_may_not_say_anything(tap, top):
    n = Notary(top)
    o = observer(n, "o")
    rows = [("the same name twice", dict(OBSERVER="o", DIGEST=b"\7" * 32, JSON="{}", COUNT=3)),
            ("a short digest", dict(OBSERVER="p", DIGEST=b"\7" * 31, JSON="{}", COUNT=3)),
            ("no strikes", dict(OBSERVER="p", DIGEST=b"\7" * 32, JSON="{}", COUNT=0)),
            ("strikes past u32", dict(OBSERVER="p", DIGEST=b"\7" * 32, JSON="{}", COUNT=2 ** 32)),
            ("a manifest that is none", dict(OBSERVER="p", DIGEST=b"\7" * 32, JSON="[]", COUNT=3)),
            ("more members than one manifest", dict(OBSERVER="p", DIGEST=b"\7" * 32, COUNT=3,
                                                    JSON='{},"observer":{}')),
            ("a blank in a name", dict(OBSERVER="p q", DIGEST=b"\7" * 32, JSON="{}", COUNT=3)),
            ("no name", dict(OBSERVER="", DIGEST=b"\7" * 32, JSON="{}", COUNT=3))]
    for rule, fields in rows:
        theirs, ours = pair()
        tap.same(rule, n.ask("OBSERVER", [theirs.fileno()], **fields)["CODE"], 65)
        theirs.close()
        tap.same(rule + ": its channel is closed", ours.recv(1), b"")
        ours.close()
    n.say("OBSERVER_GONE", OBSERVER="nobody", REASON="died")
    n.say("OBSERVER_GONE", OBSERVER="o", REASON="bored")
    tap.same("it goes on", n.ask("PING")["CODE"], 0)
    o.send(GOOD)
    tap.same("and none of it ended who ran", n.until("OBSERVER_TRAPPED")["OBSERVER"], "o")
    tap.same("and nothing of it is recorded", kinds(top, "operations"),
             ["started", "observer_registered", "observer_quarantine"])
    n.kill()


@test
def receivers_are_not_held_up(tap, top):
    n = Notary(top)
    n.cell(1)
    r = n.receiver(5, 77, (0, 1))
    floods = [observer(n, "f%d" % i, bytes([i]) * 32) for i in range(32)]
    n.child.send_signal(signal.SIGSTOP)
    for o in floods:
        flood(o)
    n.child.send_signal(signal.SIGCONT)
    r.send(proto.write_batch(0, proto.opened(1), proto.declared(1, source="process.spawned")))
    tap.same("a receipt comes through 32 full channels", receipt(r, 2), 2)
    for _ in range(32):
        n.until("OBSERVER_TRAPPED")
    tap.same("each of which led to one record", len(receipts(top)), 32)
    n.kill()


def main():
    tap = Tap()
    for function in TESTS:
        top = tempfile.mkdtemp(prefix="receipts.")
        try:
            function(tap, top)
        except Exception as e:  # pylint: disable=broad-except
            tap.same("%s runs to its end: %r" % (function.__name__, e), False, True)
        finally:
            shutil.rmtree(top, ignore_errors=True)
    sys.exit(tap.end())


main()
