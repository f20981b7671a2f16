#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The real hark-notary under a harkd, receivers and signers of our own.

Prints TAP.  Nothing here waits for anything but an answer, a receipt or an end.
"""
import os
import shutil
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "ref")]

import proto                                        # noqa: E402
from notary import EVIDENCE, LIMIT_S, OPERATIONS, Notary, kinds, leaves, pair, receipt  # noqa: E402
from tapout import Tap                              # noqa: E402

EXIT_OK, EXIT_TAMPERED, EXIT_NO_INPUT, EXIT_TEMPORARY, EXIT_PROTOCOL = 0, 1, 66, 75, 76
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def said(number):
    return proto.declared(1, source="process.spawned", comm="n%d" % number)


@test
def what_it_takes_is_durable(tap, top):
    n = Notary(top)
    tap.same("it is ready", n.first[0], "READY")
    tap.same("a cell is answered when it is durable", n.cell(1), {"CODE": 0})
    r = n.receiver(5, 77, (0, 1))
    r.send(proto.write_batch(0, proto.opened(1), said(0), said(1)))
    tap.same("a receipt says what is durable", receipt(r, 3), 3)
    tap.same("after kill -9 all of it is there", (n.kill()[0], kinds(top)),
             (-9, ["started", "registered", "process_spawned", "process_spawned"]))
    n = Notary(top, clean=0, RESTARTS=1)
    n.cell(9)
    r = n.receiver(6, 77, (0, 9))
    r.send(proto.write_batch(0, proto.opened(1), said(0), said(1), said(2)))
    tap.same("what is sent again is taken once", receipt(r, 4), 4)
    tap.same("and the connection goes on", [leaf["data"]["declared"]["guestComm"] for leaf in leaves(top)
                                            if "declared" in leaf["data"]], ["n0", "n1", "n2"])
    tap.same("a restart of the notary alone says so", kinds(top)[4], "notary_restarted")
    tap.same("epochs are one", {leaf["data"]["epoch"] for leaf in leaves(top)
                                if "epoch" in leaf["data"]}, {1})
    n.kill()


@test
def who_breaks_the_protocol_ends(tap, top):
    n = Notary(top)
    n.cell(1, "good")
    n.cell(2, "bad")
    good = n.receiver(5, 77, (0, 1))
    bad = n.receiver(6, 78, (1, 2))
    bad.send(proto.write_batch(0, proto.opened(1, slot=1), proto.opened(2, slot=0)))
    tap.same("harkd is told", n.until("VIOLATION"), {"CHANNEL": 6, "REASON": "slot_not_given"})
    bad.send(proto.write_batch(1, proto.declared(1, slot=1)))
    good.send(proto.write_batch(0, proto.opened(1), said(0)))
    receipt(good, 2)
    bad.close()
    n.say("CHANNEL_GONE", CHANNEL=6)
    tap.same("the other goes on", n.ask("PING"), {"CODE": 0})
    tap.same("the notary ends in order", (n.ask("NOTARY_STOP")["CODE"], n.end()[0]), (0, 0))
    tap.same("nothing more of the one who broke it was read", kinds(top),
             ["started", "registered", "registered", "protocol_violation", "process_spawned", "gap",
              "closed", "stopped"])
    violation = [leaf["data"] for leaf in leaves(top) if leaf["type"].endswith("protocol_violation")][0]
    tap.same("and the ledger has whose receiver it was", (violation["cellId"], violation["reason"]),
             ("bad", "slot_not_given"))


@test
def the_end_comes_after_what_was_sent(tap, top):
    n = Notary(top)
    n.cell(1)
    r = n.receiver(5, 77, (0, 1))
    for i in range(40):
        first = [proto.opened(1)] if i == 0 else []
        r.send(proto.write_batch(0 if i == 0 else 50 * i + 1, *first, *[said(i) for _ in range(50)]))
    r.close()
    n.say("CHANNEL_GONE", CHANNEL=5)
    tap.same("it ends", (n.ask("NOTARY_STOP")["CODE"], n.end()[0]), (0, 0))
    tap.same("all that an ended receiver had sent is before the end",
             (kinds(top).count("process_spawned"), kinds(top)[-3:]), (2000, ["gap", "closed", "stopped"]))
    tap.same("the operations ledger has both ends", kinds(top, "operations"), ["started", "stopped"])


@test
def a_slot_may_be_told_after_its_first_record(tap, top):
    n = Notary(top)
    n.cell(1)
    ours, theirs = pair()
    ours.send(proto.write_batch(0, proto.opened(1), said(0)))
    # It finds the record and both messages at once, in whatever order it looks.
    n.child.send_signal(signal.SIGSTOP)
    n.say("CHANNEL", [theirs.fileno()], CHANNEL=5, INCARNATION=77)
    n.say("CHANNEL_SLOT", CHANNEL=5, SLOT=0, CELL_NUMBER=1)
    n.child.send_signal(signal.SIGCONT)
    theirs.close()
    tap.same("it is no violation", receipt(ours, 2), 2)
    n.kill()


@test
def it_does_what_it_is_asked(tap, top):
    n = Notary(top)
    n.cell(1)
    r = n.receiver(5, 77, (0, 1))
    r.send(proto.write_batch(0, proto.opened(1), said(0)))
    receipt(r, 2)
    tap.same("redact", n.ask("REDACT", LEDGER=EVIDENCE, INDEX=2, TEXT="a name"), {"CODE": 0, "INDEX": 2})
    tap.same("not twice", n.ask("REDACT", LEDGER=EVIDENCE, INDEX=2)["CODE"], 65)
    tap.same("prune", n.ask("PRUNE", LEDGER=EVIDENCE, INDEX=2), {"CODE": 0, "INDEX": 0})
    tap.same("not what is not there", n.ask("PRUNE", LEDGER=EVIDENCE, INDEX=1000)["CODE"], EXIT_NO_INPUT)
    tap.same("nor in a ledger that is none", n.ask("PRUNE", LEDGER=7, INDEX=0)["CODE"], 65)
    tap.same("an operation", n.ask("OPERATION", KIND="config", JSON='{"digest":"x"}'), {"CODE": 0})
    tap.same("but no nonsense", n.ask("OPERATION", KIND="config", JSON='{"digest":')["CODE"], 65)
    tap.same("a removed cell's answer comes last", n.ask("CELL_REMOVE", CELL_NUMBER=1)["CODE"], 0)
    tap.same("a cell that is not there", n.ask("CELL_REMOVE", CELL_NUMBER=1)["CODE"], EXIT_NO_INPUT)
    n.ask("NOTARY_STOP")
    n.end()
    tap.same("the operations ledger has it all", kinds(top, "operations"),
             ["started", "redacted", "redacted", "redact_failed", "pruned", "config", "stopped"])


@test
def a_signer_that_disagrees_stops_sealing(tap, top):
    n = Notary(top)
    n.cell(1)
    ours, theirs = pair()
    ours.send(proto.write_message("HEAD", SIZE=1000, ROOT=b"\7" * 32))
    n.say("SIGNER_CHANNEL", [theirs.fileno()], LEDGER=EVIDENCE)
    theirs.close()
    state = n.until("LEDGER_STATE")
    tap.same("a head past the ledger is refused", (state["LEDGER"], state["STATE"]), (EVIDENCE, "refused"))
    tap.same("a seal is then refused too", n.ask("SEAL", LEDGER=EVIDENCE)["CODE"], EXIT_TAMPERED)
    ours.close()
    ours, theirs = pair()
    ours.send(proto.write_message("HEAD", SIZE=0, ROOT=bytes.fromhex(
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")))
    n.say("SIGNER_CHANNEL", [theirs.fileno()], LEDGER=EVIDENCE)
    theirs.close()
    tap.same("another head, and it is asked", proto.read_message(ours.recv(65536))[0], "SIGN")
    tap.same("and the state is ok again", n.until("LEDGER_STATE")["STATE"], "ok")
    ours.send(proto.write_message("READY"))
    tap.same("who says what is not due loses the link", ours.recv(65536), b"")
    n.kill()


@test
def it_begins_when_it_has_heard_the_heads(tap, top):
    n = Notary(top)
    links = [pair() for _ in range(2)]
    for ledger, (_, theirs) in enumerate(links):
        n.say("SIGNER_CHANNEL", [theirs.fileno()], LEDGER=ledger)
        theirs.close()
    tap.same("a ping is answered before", n.ask("PING"), {"CODE": 0})
    n.say("CELL", (), 7, CELL_NUMBER=1, CELL="a", RUN="r", KEEPALIVE_MS=10000, REARM=1)
    for ours, _ in links:
        tap.same("nothing is written", (kinds(top), kinds(top, "operations")), ([], []))
        ours.send(proto.write_message("HEAD", SIZE=0, ROOT=bytes.fromhex(
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")))
    tap.same("then it is", n.until("DONE"), {"CODE": 0})
    tap.same("the start first", kinds(top), ["started", "registered"])
    n.kill()


@test
def what_its_signer_refuses_stays_as_it_is(tap, top):
    n = Notary(top)
    ours, theirs = pair()
    ours.send(proto.write_message("HEAD", SIZE=1000, ROOT=b"\7" * 32))
    n.say("SIGNER_CHANNEL", [theirs.fileno()], LEDGER=OPERATIONS)
    theirs.close()
    tap.same("harkd hears of it", n.until("LEDGER_STATE")["STATE"], "refused")
    tap.same("what harkd says then is refused",
             [n.ask("CELL", CELL_NUMBER=1, CELL="a", RUN="r", KEEPALIVE_MS=10000, REARM=1)["CODE"],
              n.ask("OPERATION", KIND="config", JSON="{}")["CODE"], n.ask("SEAL", LEDGER=0)["CODE"]],
             [EXIT_TAMPERED] * 3)
    tap.same("it ends, and says that nothing was begun", (n.ask("NOTARY_STOP")["CODE"], n.end()[0]),
             (EXIT_TEMPORARY, 0))
    tap.same("nothing was written", (kinds(top), kinds(top, "operations")), ([], []))


@test
def it_refuses_what_it_cannot_stand_on(tap, top):
    n = Notary(top)
    n.say("READY")
    tap.same("harkd may not say anything", (n.until("FAILED")["CODE"], n.end()[0]),
             (EXIT_PROTOCOL, EXIT_PROTOCOL))
    n = Notary(top)
    n.cell(1)           # a frame that is damaged, and one after it: no torn tail is that
    n.cell(2, "c1")
    n.channel.close()
    tap.same("without harkd it ends", n.child.wait(LIMIT_S) in (0, -9, -15), True)
    n.child.stderr.close()
    with open(os.path.join(top, "evidence", "segments", "0" * 16 + ".seg"), "r+b") as f:
        f.seek(600)
        byte = f.read(1)
        f.seek(600)
        f.write(bytes([byte[0] ^ 1]))
    n = Notary(top)
    tap.same("a damaged ledger is not repaired", (n.first[0], n.first[2]["CODE"]), ("FAILED", EXIT_TAMPERED))
    tap.same("and which one it is, is said", n.first[2]["TEXT"].startswith("evidence"), True)
    tap.same("with that exit code", n.end()[0], EXIT_TAMPERED)


def main():
    tap = Tap()
    for function in TESTS:
        top = tempfile.mkdtemp(prefix="notary.")
        try:
            function(tap, top)
        except Exception as e:  # pylint: disable=broad-except
            tap.same("%s runs to its end: %r" % (function.__name__, e), False, True)
        finally:
            shutil.rmtree(top, ignore_errors=True)
    sys.exit(tap.end())


main()
