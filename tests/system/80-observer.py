#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The real hark-observer under a harkd, a projector and a notary of our own.

Prints TAP.  Nothing here waits for anything but a message or an end.
"""
import functools
import hashlib
import json
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import observer as o                                # noqa: E402  (it finds tests/ref)
import blake3                                       # noqa: E402
import modules as w                                 # noqa: E402
from guest import wait_for                          # noqa: E402
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
    p = o.Observer(ledger, standard("pg-events"), TOKENS=o.TOKENS["PgWrite"])
    tap.same("the digest comes first", p.hear(),
             ("OBSERVER_DIGEST", 0, {"DIGEST": blake3.of(standard("pg-events"))}))
    p.ping()
    tap.same("it goes when it may", p.go()[0], "READY")
    p.projector.send(o.proto.write_message("CURSOR", INDEX=0))
    effects = p.until(3)
    tap.same("a row an event", [json.loads(data)["event_index"] for _, data in effects], [0, 1, 2])
    ledger.write(*[o.guest_event] * 2)
    effects = p.until(5)
    tap.same("and of what comes", [json.loads(data)["event_index"] for _, data in effects], [3, 4])
    p.ping()
    tap.same("it ends when it is told", p.stop(), (0, ""))
    p = o.Observer(ledger, standard("pg-events")).start(cursor=4)
    tap.same("from a cursor on", [json.loads(data)["event_index"] for _, data in p.until(5)], [4])
    p.channel.shutdown(socket.SHUT_RDWR)
    tap.same("and with harkd", p.end(), (0, ""))


@test
def the_standard_observers(tap, top):
    ledger = o.Ledger(top)
    said = [("process.spawned", {"ppid": 1}), ("process.exec", {"exe": "/bin/sh\n{\",}", "uid": 0}),
            ("net.listen", {"port": 80}), ("process.exited", {"exit_code": 3})]
    ledger.write(*[lambda i, s=source, d=detail: o.guest_event(i, s, comm="s\"h\\", detail=d)
                   for source, detail in said])
    got = {}
    for name in ("pg-events", "metrics", "sessions"):
        p = o.Observer(ledger, standard(name)).start()
        got[name] = p.until(4)
        assert p.stop() == (0, "")
    rows = [json.loads(data) for _, data in got["pg-events"]]
    tap.same("pg-events: a row an event", [(r["source"], r["detail"], r["guest_comm"]) for r in rows],
             [(source, detail, "s\"h\\") for source, detail in said])
    tap.same("metrics: a sample an event", [(token, json.loads(data)["source"]) for token, data in
                                            got["metrics"]], [(1, source) for source, _ in said])
    rows = [json.loads(data) for _, data in got["sessions"]]
    tap.same("sessions: what a process did", [sorted(r)[-1] for r in rows],
             ["started_ns", "uid", "start_ns"])


@test
def limits_lower_than_an_event(tap, top):
    """Three traps would be a quarantine: no guest may make one by saying much."""
    ledger = o.Ledger(top)
    much = [lambda i: o.guest_event(i, detail={"exe": 4000 * "\1", "uid": 0}), lambda i: o.guest_event(i, comm=4000 * "\""),
            lambda i: o.guest_event(i, source=4000 * "\\"), lambda i: o.guest_event(i, detail={"uid": 1})]
    ledger.write(*much)
    mark = {"hark:left_out": True}
    for limit in "LIMIT_PAYLOAD_BYTES", "LIMIT_EFFECT_BYTES":
        p = o.Observer(ledger, standard("pg-events"), TOKENS=o.TOKENS["PgWrite"], **{limit: 1500}).start()
        rows = [json.loads(data) for _, data in p.until(4)]
        tap.same("%s: what does not fit is left out, and said" % limit,
                 [(row["event_index"], row.get("detail"), row.get("guest_comm"), "source" in row) for row in rows],
                 [(0, mark, "sh", True), (1, mark, None, True), (2, mark, "", False), (3, {"uid": 1}, "sh", True)])
        tap.same("and it goes on", p.stop()[0], 0)


# ---- what it is given, and does not take

def refused(tap, what, reason, ledger, module, words=(), **options):
    p = o.Observer(ledger, module, **options)
    got = p.hear()
    asked = got[0] == "OBSERVER_DIGEST"
    if asked:
        got = p.go()
    code, said = p.end()
    tap.row("refused: " + what, got[0] == "OBSERVER_REFUSED" and got[2]["REASON"] == reason and
            code == o.EXIT_CONFIG and said == "" and all(word in got[2]["TEXT"] for word in words) and
            "\\x0a" not in got[2]["TEXT"] and  # the engine's lines are one
            asked == (reason not in ("digest", "module_bytes")), (got, code, said))


def failed(tap, what, code, words, ledger, module=w.echo(), cursor=None, **options):
    p = o.Observer(ledger, module, **options)
    got = p.hear()
    if got[0] == "OBSERVER_DIGEST":
        got = p.go()
    if got[0] == "READY":
        p.projector.send(o.proto.write_message("CURSOR", INDEX=cursor))
        got = p.hear()
    ended, said = p.end()
    tap.row("it ends: " + what, got[0] == "FAILED" and got[2]["CODE"] == code == ended and
            all(word in got[2]["TEXT"] for word in words) and "\n" not in got[2]["TEXT"], (got, ended, said))


@test
def modules_that_are_refused(tap, top):
    ledger = o.Ledger(top)
    good = w.echo()
    refused(tap, "another module", "digest", ledger, good, ["sha256:" + hashlib.sha256(good).hexdigest()],
            DIGEST="sha256:" + hashlib.sha256(b"x").hexdigest())
    refused(tap, "one of another BLAKE3", "digest", ledger, good, DIGEST="blake3:" + 64 * "0")
    refused(tap, "a large file", "module_bytes", ledger, good, ["module_bytes"], LIMIT_MODULE_BYTES=20)
    refused(tap, "no module", "parse", ledger, b"\0asm\1\0\0", ["not a core WebAssembly module"])
    refused(tap, "no such proposal", "parse", ledger, b"\0asm\1\0\1\0", ["binary version"])
    refused(tap, "nothing", "parse", ledger, b"", ["does not begin with"])
    refused(tap, "the text format", "parse", ledger, b"(module)", ["wat2wasm"])
    refused(tap, "what is not granted", "import_ungranted", ledger, good, ["pg::write", "PgWrite", "grant it"],
            TOKENS=o.TOKENS["Log"])
    refused(tap, "no export", "export_missing", ledger, w.module([], b"", exports=[]), ["observer"])
    refused(tap, "more memory than it may have", "module_limit", ledger, w.module([], b"", pages=17),
            ["memory_bytes"], LIMIT_MEMORY_BYTES=1 << 20)
    refused(tap, "one that compiles for long", "compile_time", ledger,
            w.module([], 4000 * (w.load(0) + w.DROP)), ["compile_ms"], LIMIT_COMPILE_MS=1)


@test
def a_compile_bomb(tap, top):
    """Nothing of ours bounds a compiler: harkd ends it."""
    ledger = o.Ledger(top)
    bomb = w.module([], 3000000 * (w.load(0) + w.DROP))
    p = o.Observer(ledger, bomb, LIMIT_MODULE_BYTES=64 << 20)
    tap.same("its digest is said before it is looked into", p.hear()[0], "OBSERVER_DIGEST")
    p.say_go()
    status = "/proc/%d/status" % p.child.pid

    def compiles():
        with open(status, encoding="ascii") as f:
            return "Threads:\t3\n" in f.read()

    wait_for(compiles, "its clock runs, which is made before it compiles")
    p.child.kill()
    tap.same("it is ended, and has said nothing", (p.hear(), p.end()[0]), (None, -9))


@test
def setups_that_fail(tap, top):
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 3)
    failed(tap, "no digest", o.EXIT_CONFIG, ["not one"], ledger, DIGEST=[])
    failed(tap, "a digest that is none", o.EXIT_CONFIG, ["64 lower-case hex digits"], ledger, DIGEST="x")
    failed(tap, "no events in a batch", o.EXIT_CONFIG, ["a batch of 1"], ledger, BATCH=0)
    failed(tap, "no clock", o.EXIT_CONFIG, ["wall_ms"], ledger, LIMIT_WALL_MS=0)
    failed(tap, "a limit over the most", o.EXIT_CONFIG, ["table_elements", "1000000 at most"], ledger,
           LIMIT_TABLE_ELEMENTS=1000001)
    failed(tap, "another ledger", o.EXIT_DATA, ["not of origin other/evidence"], ledger,
           origin="other/evidence")
    failed(tap, "a cursor past the end", o.EXIT_DATA, ["leaf 9", "has 3", "another ledger"], ledger, cursor=9)
    p = o.Observer(ledger, w.echo())
    p.hear()
    p.say("COMMITTED", INDEX=0)
    got = p.hear()
    tap.same("it ends: harkd says what is not due", (got[0], got[2]["CODE"], p.end()[0]),
             ("FAILED", o.EXIT_PROTOCOL, o.EXIT_PROTOCOL))
    p = o.Observer(ledger, w.echo())
    p.hear()
    tap.same("it may be told to end before it went", p.stop(), (0, ""))
    os.unlink(os.path.join(ledger.folder, "ledger"))
    failed(tap, "no ledger", o.EXIT_DATA, ["ledger: it is not there"], ledger)


@test
def ledgers_that_end_it(tap, top):
    ledger = o.Ledger(top)
    for _ in range(3):
        ledger.write(*[o.guest_event] * 5)
    path = os.path.join(ledger.folder, ledger.name())
    with open(path, "r+b") as f:
        whole = f.read()
        f.seek(whole.index(b"HKCF", whole.index(b"evidence/4")) + 8)
        f.write(b"\xff")
    p = o.Observer(ledger, w.echo()).start()
    tap.same("what is before the damage is delivered", indexes(p.until(5)), [0, 1, 2, 3, 4])
    got = p.hear()
    tap.row("a damaged ledger ends it, by name", got[0] == "FAILED" and got[2]["CODE"] == o.EXIT_DATA and
            "segments/" in got[2]["TEXT"], got)
    tap.same("with that code", p.end()[0], o.EXIT_DATA)
    shutil.rmtree(ledger.folder)
    ledger = o.Ledger(top)
    for _ in range(2):
        ledger.write(*[o.guest_event] * 5)
    path = os.path.join(ledger.folder, ledger.name())
    with open(path, "r+b") as f:
        whole = f.read()
        f.seek(whole.rindex(b"HKCF"))
        f.write(bytes(4))
    p = o.Observer(ledger, w.echo()).start()
    tap.same("of a damaged end what is before it", indexes(p.until(5)), [0, 1, 2, 3, 4])
    got = p.hear()
    tap.row("is not waited for", got[0] == "FAILED" and got[2]["CODE"] == o.EXIT_DATA and
            "a frame was expected" in got[2]["TEXT"], got)
    p.end()


@test
def pruned_ledgers(tap, top):
    ledger = o.Ledger(top)
    for _ in range(2):
        ledger.write(*[o.guest_event] * 5)
        ledger.rotate()
    ledger.write(*[o.guest_event] * 5)
    os.unlink(os.path.join(ledger.folder, "segments", "%016x.seg" % 0))
    failed(tap, "its cursor's leaf was pruned", o.EXIT_DATA, ["leaves 2 to 4 were pruned", "replay", "leaf 5"],
           ledger, cursor=2)
    p = o.Observer(ledger, w.echo()).start()
    got = p.batch()
    tap.same("one that begins gets what is there", (got[0], indexes(got[2])[0]), (0, 5))
    while got[1] < 15:
        got = p.batch()
    p.states_until(lambda: p.states)
    tap.row("and says what is missing", "leaves 0 to 4 were pruned" in p.states[-1]["TEXT"], p.states)
    code, said = p.stop()
    tap.row("to harkd alone: it has no log", code == 0 and said == "", said)
    p = o.Observer(ledger, w.echo(), FROM=3).start(cursor=3)
    tap.same("FROM is where it would have begun", p.batch()[0], 3)
    p.stop()
    p = o.Observer(ledger, w.echo(), FROM=17).start(cursor=17)
    p.ping()
    ledger.write(*[o.guest_event] * 3)
    tap.same("what is to come is waited for", (p.batch()[:2], p.stop()[0]), ((17, 18), 0))


# ---- what passes

@test
def filters(tap, top):
    ledger = o.Ledger(top)
    rows = [("process.exec", "a"), ("net.listen", "a"), ("process.exec", "b"), ("process.exited", "c")]
    ledger.write(*[lambda i, s=source, c=cell: o.guest_event(i, s, c) for source, cell in rows])
    guest = "dev.hark.events.cell.v1.guest."
    for what, options, want in [
            ("none", {}, [0, 1, 2, 3]), ("a cell", {"FILTER_CELL": "a"}, [0, 1]),
            ("two cells", {"FILTER_CELL": ["a", "c"]}, [0, 1, 3]),
            ("a type", {"FILTER_TYPE": guest + "net_listen"}, [1]),
            ("a type's prefix", {"FILTER_TYPE": guest + "process_*"}, [0, 2, 3]),
            ("a prefix alone is no type", {"FILTER_TYPE": guest + "process_"}, []),
            ("a source", {"FILTER_SOURCE": "process.exec"}, [0, 2]),
            ("one of each kind", {"FILTER_CELL": ["a", "b"], "FILTER_TYPE": guest + "*",
                                  "FILTER_SOURCE": ["process.exec", "process.exited"]}, [0, 2]),
            ("nothing that is there", {"FILTER_CELL": "z"}, [])]:
        p = o.Observer(ledger, w.echo(), **options).start()
        tap.same("filter: " + what, indexes(p.until(4)), want)
        tap.same("ends", p.stop()[0], 0)


@test
def noop(tap, top):
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 20)
    p = o.Observer(ledger, w.echo(), NOOP=1).start()
    tap.same("it passes over every event", p.until(20), [])
    p.states_until(lambda: p.states)
    tap.same("and says so", (p.states[-1]["INDEX"], p.states[-1]["COUNT"], "noop" in p.states[-1]["TEXT"]),
             (20, 0, True))
    p.stop()
    refused(tap, "even then another module", "digest", ledger, w.echo(), NOOP=1, DIGEST="blake3:" + 64 * "0")


def texts_of(record):
    """(flags, [type, id, cell, run, source, comm]) of a record."""
    flags = struct.unpack_from("<H", record, 6)[0]
    places = struct.unpack_from("<12I", record, 56)
    return flags, [record[at:at + size].decode() for at, size in zip(places[::2], places[1::2])]


def is_beginning(part, whole, room):
    """Of whole characters, as many as there is room for."""
    return whole.startswith(part) and (part == whole or
                                       len((part + whole[len(part)]).encode()) > room >= len(part.encode()))


@test
def what_a_guest_cannot_hide(tap, top):
    """Texts that are longer than a record holds: an event is shown, whatever its guest says."""
    said = [("process.exec", "sh"), ("process.exec", 2000 * "\u00e9"), ("process.exec" + 4000 * "x", "sh"),
            ("\n" + 1000 * "\u20ac", 3000 * "\1")]
    ledger = o.Ledger(top, segment_bytes=1 << 20)
    ledger.write(*[lambda i, s=source, c=comm: o.guest_event(i, s, comm=c) for source, comm in said])
    imports = ["next", "write"]
    whole = w.module(imports, w.each_event(w.put("write", w.RECORD, w.RECORD_BYTES, imports), imports))
    p = o.Observer(ledger, whole).start()
    records = [texts_of(data) for _, data in p.until(4)]
    tap.same("each is shown, and one with long texts says so", [flags & 8 for flags, _ in records], [0, 8, 8, 8])
    tap.same("what the host says is whole", [texts[1:4] for _, texts in records],
             [["h.example/evidence/%d" % i, "c0", "run-1"] for i in range(4)])
    good = []
    for (source, comm), (_, texts) in zip(said, records):
        room = 3968 - sum(len(t.encode()) for t in texts[:4])
        good.append((is_beginning(texts[4], source, room),
                     is_beginning(texts[5], comm, room - len(texts[4].encode()))))
    tap.same("its source is shown as far as there is room, then its comm", good, [(True, True)] * 4)
    p.stop()
    p = o.Observer(ledger, w.echo(), FILTER_SOURCE="process.exec").start()
    tap.same("a source that is cut passes for no other", indexes(p.until(4)), [0, 1])
    p.stop()
    p = o.Observer(ledger, standard("pg-events")).start()
    rows = [json.loads(data) for _, data in p.until(4)]
    tap.row("pg-events: a row for each", [(r["event_index"], r["source"], r["guest_comm"]) for r in rows] ==
            [(i, texts[4], texts[5]) for i, (_, texts) in enumerate(records)], str(rows)[:2000])
    p.stop()


@test
def what_it_says_of_itself(tap, top):
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 40)
    ledger.write(b'{"no":"event"}', o.guest_event)
    p = o.Observer(ledger, w.echo()).start()
    tap.same("what is no event is passed over", indexes(p.until(42)), [*range(40), 41])
    p.states_until(lambda: p.states and p.states[-1]["INDEX"] == 42)
    state = p.states[-1]
    tap.same("numbers are said", (state["INDEX"], state["COUNT"]), (42, 41))
    tap.row("and what was not shown", "1 leaf cannot be shown" in state["TEXT"] and "leaf 40" in state["TEXT"],
            state)
    p.stop()


# ---- batches and commits

@test
def two_batches_are_under_way(tap, top):
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 10)
    p = o.Observer(ledger, w.echo(), BATCH=2).start()
    first, second = p.batch(commit=False), p.batch(commit=False)
    p.ping()
    p.projector.setblocking(False)
    try:
        more = p.projector.recv(65536)
    except BlockingIOError:
        more = None
    p.projector.settimeout(o.LIMIT_S)
    tap.same("without a commit two are sent and no more", (first[:2], second[:2], more), ((0, 2), (2, 4), None))
    p.commit(2)
    third = p.batch(commit=False)
    tap.same("a commit lets the next one go", third[:2], (4, 6))
    p.commit(6)
    tap.same("two may be committed as one", indexes(p.until(10)), [6, 7, 8, 9])
    p.commit(10)
    got = p.hear()
    tap.same("what was not sent cannot be committed", (got[0], got[2]["CODE"], p.end()[0]),
             ("FAILED", o.EXIT_PROTOCOL, o.EXIT_PROTOCOL))


@test
def a_projector_that_does_not_read(tap, top):
    ledger = o.Ledger(top, segment_bytes=1 << 20)
    ledger.write(*[o.guest_event] * 400)
    imports = ["next", "write"]
    module = w.module(imports, w.each_event(w.put("write", 0, 60000, imports), imports))
    p = o.Observer(ledger, module).start()
    # Two batches of sixteen megabytes do not fit into any socket; it waits, and still answers.
    for _ in range(50):
        p.ping()
    tap.same("then all of it comes", len(p.until(400)), 400)
    tap.same("and the end", p.stop(), (0, ""))
    p = o.Observer(ledger, module).start()
    p.batch(commit=False)
    p.projector.close()
    p.projector = None
    got = p.hear()
    tap.same("one that ends, ends it", (got[0], got[2]["CODE"], p.end()[0]),
             ("FAILED", o.EXIT_TEMPORARY, o.EXIT_TEMPORARY))


@test
def large_effects(tap, top):
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 4)
    imports = ["next", "log", "write"]
    body = w.store(0, w.i32(0x11223344)) + w.put("log", 0, 0, imports) + w.put("write", 0, 100000, imports) + \
        w.put("log", 0, 4, imports)
    p = o.Observer(ledger, w.module(imports, w.each_event(body, imports)), LIMIT_PAYLOAD_BYTES=1 << 20).start()
    effects = p.until(4)
    tap.same("an effect of no bytes, one of two messages, in order", [(t, len(d)) for t, d in effects],
             [(3, 0), (0, 100000), (3, 4)] * 4)
    tap.same("whole", {d[:4] for _, d in effects if d}, {b"\x44\x33\x22\x11"})
    p.stop()


@test
def a_cursor_without_effects(tap, top):
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 40)
    p = o.Observer(ledger, w.module(["next"], w.each_event(b"", ["next"]))).start()
    began = time.monotonic()
    tap.same("events without effects are one batch", p.batch(), (0, 40, []))
    tap.row("which waits for more", time.monotonic() - began > 0.9)
    p.ping()
    p.stop()


@test
def a_module_that_asks_for_no_event(tap, top):
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 5)
    imports = ["json", "write"]
    body = w.i32(w.JSON) + w.i32(w.JSON_BYTES) + w.call(0) + b"\x21\0" + w.i32(w.JSON) + b"\x20\0" + w.call(1)
    p = o.Observer(ledger, w.module(imports, body, locals_=1)).start()
    tap.same("it is called for each", [json.loads(data)["id"] for _, data in p.until(5)],
             ["h.example/evidence/%d" % i for i in range(5)])
    p.stop()


# ---- traps

def trapped(tap, what, module, report, effects, cursor=None, code=0, count=6, **options):
    """A ledger of some events: what is reported, what was delivered, where the cursor is at the end."""
    top = tempfile.mkdtemp(prefix="observer.")
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * count)
    p = o.Observer(ledger, module, **options).start()
    said, got, at = p.until_end()
    ended = p.end()
    shutil.rmtree(top)
    tap.same("trap: " + what, (said, indexes(got), at, ended),
             (report, effects, count if cursor is None else cursor, (code, "")))


def recursion():
    imports = ["next", "write"]
    return w.module(imports, w.each_event(w.if_(w.of_index(2), w.call(3)) +
                                          w.put("write", w.RECORD + 8, 8, imports), imports),
                    functions=[w.call(3)])


BATCH = (0, 6)


@test
def an_event_that_traps(tap, top):
    at_two = [("unreachable", w.UNREACHABLE, "Panic", {}),
              ("out of its memory", w.store(-8, w.i32(1)), "Panic", {}),
              ("a pointer out of its memory", w.i32(-8) + w.i32(64) + w.call(1), "Panic", {}),
              ("division by zero", w.i32(1) + w.i32(0) + b"\x6d" + w.DROP, "Panic", {}),
              ("fuel", w.SPIN, "BudgetExceeded", {"LIMIT_FUEL": 100000}),
              ("the clock", w.SPIN, "BudgetExceeded", {"LIMIT_FUEL": 2 ** 64 - 1, "LIMIT_WALL_MS": 50}),
              ("a payload", w.i32(0) + w.i32(1000) + w.call(1), "BudgetExceeded", {"LIMIT_PAYLOAD_BYTES": 500}),
              ("a flood", b"\x03\x40" + w.i32(0) + w.i32(8) + w.call(1) + b"\x0c\0\x0b", "BudgetExceeded",
               {"LIMIT_EFFECTS": 100})]
    for what, body, trap_class, options in at_two:
        trapped(tap, what, w.echo(w.if_(w.of_index(2), body)), (trap_class, *BATCH, 2), [0, 1], 3, **options)
    trapped(tap, "deep recursion", recursion(), ("Panic", *BATCH, 2), [0, 1], 3)
    trapped(tap, "an event that stops", w.echo(w.if_(w.of_index(2), w.UNREACHABLE)), ("Panic", *BATCH, 2), [0, 1],
            2, STOP_ON_TRAP=1)
    trapped(tap, "the first", w.echo(w.if_(w.of_index(0), w.UNREACHABLE)), ("Panic", *BATCH, 0), [], 1)
    trapped(tap, "the first, that stops", w.echo(w.if_(w.of_index(0), w.UNREACHABLE)), ("Panic", *BATCH, 0), [], 0,
            STOP_ON_TRAP=1)
    trapped(tap, "the last", w.echo(w.if_(w.of_index(5), w.UNREACHABLE)), ("Panic", *BATCH, 5), [0, 1, 2, 3, 4])
    trapped(tap, "a batch of one", w.echo(w.if_(w.of_index(2), w.UNREACHABLE)), ("Panic", 2, 3, 2), [0, 1], 3,
            BATCH=1)
    trapped(tap, "what was asked for before a trap is dropped",
            w.module(["next", "write"], w.each_event(w.put("write", w.RECORD + 8, 8, ["next", "write"]) + w.if_(
                w.of_index(3), w.UNREACHABLE), ["next", "write"])), ("Panic", *BATCH, 3), [0, 1, 2], 4)
    start = w.module(["next", "write"], b"", start=w.UNREACHABLE)
    trapped(tap, "in a start function", start, ("Panic", *BATCH, 0), [], 1)
    trapped(tap, "in a start function, by fuel", w.module([], b"", start=w.SPIN), ("BudgetExceeded", *BATCH, 0), [],
            1, LIMIT_FUEL=1000)
    trapped(tap, "by another name", w.module([], w.call(1), functions=[w.UNREACHABLE],
                                             names=["all fuel consumed", "epoch deadline reached"]),
            ("Panic", *BATCH, 0), [], 1)


@test
def a_sign_of_life(tap, top):
    """Between two calls, each of which the clock has to end."""
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 3)
    spins = w.echo(w.if_(w.of_index(2), w.SPIN))
    p = o.Observer(ledger, spins, LIMIT_FUEL=2 ** 64 - 1, LIMIT_WALL_MS=200).start()
    p.ping()                            # it answers before, between or after: but it answers
    effects = p.until(2)
    p.say("PING", message_id=77)        # the third call spins
    tap.same("it answers when the clock has ended a call", p.hear(), ("DONE", 77, {"CODE": 0}))
    tap.same("and says what that was", (indexes(effects), p.report()),
             ([0, 1], ("BudgetExceeded", 0, 3, 2)))
    p.say("OBSERVER_RECORDED", SIZE=3)
    p.until(3)
    tap.same("before it ends", (p.hear(), p.end()), (None, (0, "")))


@test
def a_trap_is_passed_over_when_it_is_on_record(tap, top):
    """Before harkd's word that the receipt is durable the cursor stays, whatever else is said."""
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 3)
    module = w.echo(w.if_(w.of_index(1), w.UNREACHABLE))
    p = o.Observer(ledger, module).start()
    tap.same("what came before is delivered", p.batch()[:2], (0, 1))
    tap.same("the trap is reported", p.report(), ("Panic", 0, 3, 1))
    p.say("OBSERVER_RECORDED", SIZE=2)          # of a process before this one
    p.ping()                                    # it lives, and took that word
    tap.row("and not passed over", not p.has_batch())
    p.say("OBSERVER_RECORDED", SIZE=3)
    tap.same("until it is on record", p.batch(), (1, 2, []))
    tap.same("then it ends", p.end(), (0, ""))


@test
def a_batch_that_traps(tap, top):
    imports = ["next", "write"]
    step = w.i32(w.RECORD) + w.i32(w.RECORD_BYTES) + w.call(0)
    twice = w.module(imports, step + w.DROP + w.put("write", w.RECORD + 8, 8, imports) +
                     w.if_(step, w.UNREACHABLE))
    trapped(tap, "in no event alone", twice, ("Panic", *BATCH, None), [0, 1, 2, 3, 4, 5])
    trapped(tap, "in no event alone, that stops", twice, ("Panic", *BATCH, None), [0, 1, 2, 3, 4, 5],
            STOP_ON_TRAP=1)
    # A budget for four events, not for five: sixteen, eight, four.
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 64)
    p = o.Observer(ledger, w.echo(), LIMIT_EFFECTS=4, LIMIT_WALL_MS=100).start()
    batches = []
    while not batches or batches[-1][1] < 64:
        batches.append(p.batch())
    tap.same("a budget halves the cut", [b[1] - b[0] for b in batches], [1] * 16 + [1] * 8 + [4] * 10)
    tap.same("and all arrive", indexes(sum((b[2] for b in batches), [])), list(range(64)))
    tap.row("with nothing reported", p.stop() == (0, ""))


# ---- its memory

MIB = 1 << 20


def kib_of(p, *names):
    with open("/proc/%d/status" % p.child.pid, encoding="ascii") as f:
        status = dict(line.split(":", 1) for line in f)
    return [int(status[name].split()[0]) for name in names]


def limits_of(p):
    with open("/proc/%d/limits" % p.child.pid, encoding="ascii") as f:
        return {line[:26].strip(): line[26:47].strip() for line in f}


@test
def one_byte_of_every_page(tap, top):
    """The most that it may have, and what the kernel needs to know where that is."""
    ledger = o.Ledger(top)
    ledger.write(o.guest_event)
    imports, pages = ["next", "write"], 256 * MIB // 65536
    touch = w.if_(w.i32(pages - 2) + b"\x40\0" + w.i32(-1) + w.EQ, w.UNREACHABLE) + \
        b"\x03\x40" + b"\x20\0" + w.i32(7) + b"\x36\2\0" + \
        b"\x20\0" + w.i32(4096) + w.ADD + b"\x22\0" + w.i32(pages * 65536 - 4096) + b"\x4d\x0d\0\x0b"
    module = w.module(imports, touch + w.each_event(w.put("write", w.RECORD + 8, 8, imports), imports), locals_=1)
    p = o.Observer(ledger, module, LIMIT_MEMORY_BYTES=256 * MIB).start()
    tap.same("it has all of it", indexes(p.until(1)), [0])
    most, tables = kib_of(p, "VmHWM", "VmPTE")
    limits = limits_of(p)
    writable, mapped = int(limits["Max data size"]), int(limits["Max address space"])
    tap.row("and little beside", 256 * 1024 < most < 300 * 1024 and most * 1024 < writable, most)
    tap.row("page tables are in proportion", tables * 1024 * 500 < int(limits["Max address space"]), tables)
    tap.row("also of what is mapped and not written", writable < mapped <= writable + 192 * MIB, (writable, mapped))
    p.stop()


@test
def a_compiler_that_wants_all(tap, top):
    module = w.module([], w.NOP, functions=[w.NOP] * 40000)
    p = o.Observer(o.Ledger(top), module, LIMIT_MODULE_BYTES=len(module), LIMIT_MEMORY_BYTES=65536,
                   LIMIT_EFFECT_BYTES=65536, LIMIT_COMPILE_MS=120000)
    p.channel.settimeout(120)       # what is niced compiles slowly on a busy machine
    p.hear()
    p.say_go()
    wait_for(lambda: limits_of(p)["Max data size"].isdigit(), "its memory is limited")
    writable = int(limits_of(p)["Max data size"])
    tap.same("it says nothing any more", p.hear(), None)
    _, status, used = os.wait4(p.child.pid, 0)
    p.child.returncode = -os.WTERMSIG(status)
    tap.row("it is the limit that ends it", os.WTERMSIG(status) == signal.SIGABRT and
            writable // 2 < used.ru_maxrss * 1024 < writable + 32 * MIB, (status, used.ru_maxrss, writable))
    p.end()


# ---- after the second filter

@test
def what_it_has_given_up(tap, top):
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 3)
    imports = ["next", "write"]
    grow = w.if_(w.i32(200) + b"\x40\0" + w.i32(-1) + w.EQ, w.UNREACHABLE) + \
        w.store(200 * 65536, w.i32(7)) + w.if_(w.load(200 * 65536) + w.i32(7) + w.NE, w.UNREACHABLE)
    module = w.module(imports, grow + w.each_event(w.put("write", w.RECORD + 8, 8, imports), imports))
    p = o.Observer(ledger, module).start()
    tap.same("memory grows", indexes(p.until(3)), [0, 1, 2])
    for n in range(3, 9):
        ledger.write(o.guest_event)
        assert indexes(p.until(n + 1)) == [n]
    tap.row("instance after instance", True)
    pid = p.child.pid
    with open("/proc/%d/maps" % pid, encoding="ascii") as f:
        maps = [line.split() for line in f]
    tap.same("nothing is both written and run", [m for m in maps if "w" in m[1] and "x" in m[1]], [])
    tap.row("there is the module's code", any("x" in m[1] and len(m) == 5 for m in maps), maps)
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    tap.same("two filters", (status["Seccomp"].strip(), status["Seccomp_filters"].strip()), ("2", "2"))
    tap.same("no capability", status["CapEff"], "0" * 16)
    with open("/proc/%d/limits" % pid, encoding="ascii") as f:
        limits = {line[:26].strip(): line[26:47].strip() for line in f}
    tap.row("no process, a bound of memory", limits["Max processes"] == "0" and limits["Max data size"].isdigit(),
            limits)
    tap.same("it stands back", os.getpriority(os.PRIO_PROCESS, pid), 19)
    fds = sorted(os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid))
    tap.row("it holds its ledger, its sockets, and no more", all(
        fd.startswith((top, "socket:", "pipe:", "anon_inode:", "/dev/null")) for fd in fds) and len(fds) < 20, fds)
    p.stop()


@test
def without_an_engine(tap, top):
    """The same program of a build that has none: its words, and what it does without one."""
    ledger = o.Ledger(top)
    ledger.write(*[o.guest_event] * 3)
    good = w.echo()
    failed(tap, "there is no engine", o.EXIT_CONFIG, ["no WebAssembly engine", "-Dwasm=auto", "engine: noop"], ledger)
    digest = blake3.of(good)
    for what, options in [("of BLAKE3", {"DIGEST": "blake3:" + digest.hex()}), ("of SHA-256", {})]:
        p = o.Observer(ledger, good, NOOP=1, **options)
        tap.same("noop, by a digest " + what, p.hear(), ("OBSERVER_DIGEST", 0, {"DIGEST": digest}))
        tap.same("it goes", p.go()[0], "READY")
        p.projector.send(o.proto.write_message("CURSOR", INDEX=0))
        tap.same("and passes over all", p.until(3), [])
        tap.same("ends", p.stop()[0], 0)
    for digest in "sha256:" + hashlib.sha256(b"x").hexdigest(), "blake3:" + blake3.of(b"x").hex():
        refused(tap, "even then another module, by " + digest[:6], "digest", ledger, good, NOOP=1, DIGEST=digest)


@functools.lru_cache(maxsize=None)
def has_engine():
    top = tempfile.mkdtemp(prefix="observer.")
    p = o.Observer(o.Ledger(top), w.echo())
    first = p.hear()
    p.stop()
    shutil.rmtree(top)
    return first[0] == "OBSERVER_DIGEST"


def main():
    tap = Tap()
    wanted = [f for f in TESTS if f is not without_an_engine]
    if os.environ.get("HARK_ENGINE") == "none":     # a build that was made so: suite "noengine"
        tap.row("this build has no engine", not has_engine())
        wanted = [without_an_engine]
    for function in wanted:
        if function is not without_an_engine and not has_engine():
            tap.skip(function.__name__, "this build has no WebAssembly engine")
            continue
        top = tempfile.mkdtemp(prefix="observer.")
        try:
            function(tap, top)
        except Exception as e:  # pylint: disable=broad-except
            tap.same("%s runs to its end: %r" % (function.__name__, e), False, True)
        finally:
            shutil.rmtree(top, ignore_errors=True)
    sys.exit(tap.end())


main()
