#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""harkd and hark-control with a notary that stands in: starting, supervising, answering, ending.

Prints TAP.  $HARK_BIN names the folder of the programs.  Nothing here sleeps for a set time: each
wait is for a fact and has a limit.
"""
import fcntl
import os
import signal
import socket
import stat
import sys
import threading
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemon import BIN, Control, Harkd, proto, wait_for            # noqa: E402
from guest import Guest, connect, frame, hello, numbered      # noqa: E402
from rules import equal, run, test                              # noqa: E402

NOBODY = 65534


def declared(d, **wanted):
    return [h["record"] for h in d.heard() if h.get("record", {}).get("type") == proto.DECLARED and
            all(h["record"].get(k) == v for k, v in wanted.items())]


def numbers_are_whole(d):
    """Every incarnation's records begin at 0 and have no holes, resent ones aside."""
    incarnation = {(h["pid"], h["CHANNEL"]): h["INCARNATION"] for h in d.heard(said="CHANNEL")}
    seen = {}
    for h in d.heard():
        if "record" in h:
            seen.setdefault(incarnation[h["pid"], h["channel"]], set()).add(h["number"])
    for name, numbers in seen.items():
        equal(numbers, set(range(len(numbers))), "numbers of incarnation %d" % name)


# ---- start and end

@test("the first start makes keys, says the verifier keys, and is whole")
def first_start():
    with Harkd(stand_in="") as d:
        d.start()
        assert d.whole()
        for name in ("evidence", "operations"):
            key = os.path.join(d.data, "keys", name + ".key")
            equal(stat.S_IMODE(os.stat(key).st_mode), 0o600, key)
            done, _, _ = d.ask("ASK_KEY", LEDGER=("evidence", "operations").index(name))
            assert done["KEY"] in d.err(), d.err()
            assert done["ORIGIN"].endswith("/" + name), done
        equal(d.heard(said="NOTARY_SETUP")[0]["CLEAN"], 1, "clean")
        wait_for(lambda: sorted(h["signer"] for h in d.heard(said="HEAD")) == [0, 1],
                 "both signers linked")
        keys = [d.ask("ASK_KEY", LEDGER=i)[0]["KEY"] for i in (0, 1)]
        d.stop()
        assert not os.path.exists(d.socket)
        d.start()
        equal([d.ask("ASK_KEY", LEDGER=i)[0]["KEY"] for i in (0, 1)], keys, "the same keys")
        equal(d.heard(said="NOTARY_SETUP")[1]["CLEAN"], 1, "clean again")
        d.stop()


@test("SIGTERM: receivers send what they have, then the notary, then the rest")
def order_of_end():
    with Harkd(stand_in="") as d:
        d.start()
        d.add("a")
        with_data = Guest(d.path("a")).send(frame(comm="last"))
        d.stop()
        with_data.close()
        said = d.heard()
        stop = next(i for i, h in enumerate(said) if h.get("said") == "NOTARY_STOP")
        gone = next(i for i, h in enumerate(said) if h.get("said") == "CHANNEL_GONE")
        record = next(i for i, h in enumerate(said)
                      if h.get("record", {}).get("comm") == "last")
        assert record < gone < stop, (record, gone, stop)
        assert not os.path.exists(os.path.join(d.data, "running"))


@test("harkd killed: its children end, and the next start is not clean")
def killed():
    with Harkd(stand_in="") as d:
        d.start()
        d.add("a")
        pids = [f["PID"] for f in d.roles().values()]
        d.kill()
        wait_for(lambda: not any(os.path.exists("/proc/%d/exe" % p) and
                                 os.path.basename(os.path.realpath("/proc/%d/exe" % p)) for p in pids
                                 if runs(p)), "the children's end")
        d.start()
        equal(d.heard(said="NOTARY_SETUP")[-1]["CLEAN"], 0, "clean")
        d.stop()


def runs(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@test("a cell survives a restart with its run id, and listens again")
def remembered():
    with Harkd(stand_in="") as d:
        d.start()
        run = d.add("a", KEEPALIVE_MS=1234, EVENTS_PER_S=99, CONNECTIONS=3, MODE=0o640,
                    SPEC_HASH="sha256:" + "0" * 64)["RUN"]
        before = d.cells()["a"]
        d.stop()
        assert not os.path.exists(d.path("a"))
        d.start()
        after = d.cells()["a"]
        for name in before:
            if name not in ("PID", "RESTARTS"):
                equal(after[name], before[name], name)
        equal(after["RUN"], run, "run id")
        equal(stat.S_IMODE(os.stat(d.path("a")).st_mode), 0o640, "mode")
        Guest(d.path("a")).send(frame(comm="again")).close()
        wait_for(lambda: declared(d, comm="again"), "the record")
        d.stop()


@test("SIGTERM twice ends at once")
def twice():
    with Harkd(stand_in="") as d:
        d.start()
        d.order("deaf")
        notary = d.roles()["notary", None]["PID"]
        os.kill(notary, signal.SIGSTOP)
        d.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "ending" in d.err(), "the first")
        d.process.send_signal(signal.SIGTERM)
        d.ended()
        assert os.path.exists(os.path.join(d.data, "running")), "that was no orderly end"


# ---- cells

@test("cell add answers when the socket listens; a name and a base are taken once")
def adding():
    with Harkd(stand_in="") as d:
        d.start()
        done = d.add("a", RUN="run-7")
        equal((done["CODE"], done["RUN"]), (0, "run-7"), "answer")
        connect(d.path("a")).close()
        equal(d.add("a")["CODE"], 73, "the same name")
        again = d.add("b", base=d.base("a"))
        equal(again["CODE"], 73, "the same base")
        equal(again["TEXT"], "cell a listens on that path", "whose it is")
        equal(sorted(d.cells()), ["a"], "cells")
        d.stop()


@test("cell rm answers when the notary has it: no socket, no file, no receiver")
def removing():
    with Harkd(stand_in="") as d:
        d.start()
        d.add("a")
        guest = Guest(d.path("a")).send(frame(comm="before"))
        done, _, _ = d.ask("ASK_CELL_REMOVE", CELL="a")
        equal(done["CODE"], 0, done)
        said = d.heard()
        last = next(i for i, h in enumerate(said) if h.get("record", {}).get("type") == proto.CLOSED)
        gone = next(i for i, h in enumerate(said) if h.get("said") == "CELL_REMOVE")
        assert last < gone, "the connection's end comes before the cell's"
        assert declared(d, comm="before")
        assert not os.path.exists(d.path("a"))
        assert not os.path.exists(os.path.join(d.data, "cells", "a"))
        assert ("receiver", "a") not in d.roles()
        guest.close()
        equal(d.ask("ASK_CELL_REMOVE", CELL="a")[0]["CODE"], 66, "again")
        equal(d.add("a")["CODE"], 0, "the name is free")
        d.stop()


@test("a removal that was cut short goes on after the next start")
def removal_cut():
    with Harkd(stand_in="") as d:
        d.start()
        d.add("a")
        d.order("deaf")
        with Control(d.socket) as control:
            control.send("ASK_CELL_REMOVE", CELL="a")
            wait_for(lambda: d.heard(said="CELL_REMOVE"), "the notary was told")
        d.kill()
        d.order("")
        d.start()
        wait_for(lambda: "a" not in d.cells(), "the removal")
        assert not os.path.exists(os.path.join(d.data, "cells", "a"))
        equal([h["said"] for h in d.heard() if h.get("said", "").startswith("CELL")][-2:],
              ["CELL", "CELL_REMOVE"], "said to the new notary")
        d.stop()


BAD_CELLS = [
    ("a name with a slash", 2, {"CELL": "a/b"}),
    ("a name that begins with a dot", 2, {"CELL": ".a"}),
    ("a name of a file that is being written", 2, {"CELL": "a.new"}),
    ("a relative base", 2, {"UDS_BASE": "a"}),
    ("a base in no directory", 73, {"UDS_BASE": "/nonexistent/a"}),
    ("a base whose last part is too long", 73, {"UDS_BASE": "/tmp/" + "a" * 100}),
    ("a base that is a directory", 73, {"UDS_BASE": "{dir}/taken"}),
    ("nine connections", 2, {"CONNECTIONS": 9}),
    ("no connections", 2, {"CONNECTIONS": 0}),
    ("no keep-alive window", 2, {"KEEPALIVE_MS": 0}),
    ("a mode that is none", 2, {"MODE": 0o1777}),
    ("a run id with a blank", 2, {"RUN": "a b"}),
]


@test("a cell that cannot be is refused with words, and leaves nothing behind")
def bad_cells():
    with Harkd(stand_in="") as d:
        d.start()
        os.mkdir(os.path.join(d.dir, "taken_9001"))
        for rule, code, fields in BAD_CELLS:
            fields = {"CELL": "x", "UDS_BASE": d.base("x"), **fields}
            fields["UDS_BASE"] = fields["UDS_BASE"].replace("{dir}", d.dir)
            done, _, _ = d.ask("ASK_CELL_ADD", **fields)
            equal(done["CODE"], code, "%s: %r" % (rule, done))
            assert done["TEXT"], rule
        equal(d.cells(), {}, "cells")
        equal(os.listdir(os.path.join(d.data, "cells")), [], "files")
        d.stop()


@test("a base may be longer than a socket's address")
def long_base():
    with Harkd(stand_in="") as d:
        d.start()
        deep = os.path.join(d.dir, *["d" * 60] * 5)
        os.makedirs(deep)
        equal(d.add("a", base=os.path.join(deep, "vm"))["CODE"], 0, "answer")
        connect(os.path.join(deep, "vm_9001")).close()
        d.stop()


@test("a remembered cell whose directory is gone is tried again, and harkd runs")
def base_gone():
    with Harkd(stand_in="") as d:
        d.start()
        place = os.path.join(d.dir, "vms")
        os.mkdir(place)
        d.add("a", base=os.path.join(place, "a"))
        d.stop()
        os.rmdir(place)
        d.start()
        equal(d.cells()["a"]["STATE"], "failing", "state")
        assert "a_9001" in d.cells()["a"]["TEXT"]
        os.mkdir(place)
        wait_for(lambda: d.cells()["a"]["STATE"] == "listening", "another try")
        Guest(os.path.join(place, "a_9001")).send(frame(comm="late")).close()
        wait_for(lambda: declared(d, comm="late"), "the record")
        d.stop()


# ---- supervision

@test("each program that is killed is back, and nothing else ends")
def each_is_back():
    with Harkd(stand_in="") as d:
        d.start()
        d.add("a")
        for key in list(d.roles()):
            before = {k: f["PID"] for k, f in d.roles().items()}
            d.kill_role(*key)
            after = {k: f["PID"] for k, f in d.roles().items()}
            equal([k for k in before if before[k] != after[k]], [key], "who has changed")
            wait_for(d.whole, "whole again")
        Guest(d.path("a")).send(frame(comm="after all")).close()
        wait_for(lambda: declared(d, comm="after all"), "the record")
        numbers_are_whole(d)
        d.stop()


@test("a dead receiver: the socket takes connections throughout, others notice nothing")
def receiver_dies():
    with Harkd(stand_in="") as d:
        d.start()
        d.add("a")
        d.add("b")
        other = Guest(d.path("b")).send(frame(comm="first"))
        wait_for(lambda: declared(d, comm="first"), "b's first")
        stop, wrong = threading.Event(), []

        def knock():
            while not stop.is_set():
                try:
                    connect(d.path("a")).close()
                except OSError as e:
                    wrong.append(e)

        thread = threading.Thread(target=knock)
        thread.start()
        try:
            for _ in range(5):
                d.kill_role("receiver", "a")
        finally:
            stop.set()
            thread.join()
        equal(wrong, [], "refused connections")
        other.send(frame(comm="second"))
        wait_for(lambda: declared(d, comm="second"), "b's second, on the same connection")
        incarnations = [h["INCARNATION"] for h in d.heard(said="CHANNEL")]
        equal(len(incarnations), len(set(incarnations)), "each process has its own numbers")
        assert len(d.heard(said="CHANNEL_GONE")) == 5
        d.stop()


@test("a new notary: cells and channels again, and what had no receipt under the same numbers")
def notary_dies():
    with Harkd(stand_in="") as d:
        d.start()
        d.add("a")
        guest = Guest(d.path("a")).send(hello(7), numbered(0), numbered(1))
        wait_for(lambda: len(declared(d)) == 3, "three records")
        receiver = d.roles()["receiver", "a"]["PID"]
        for n in range(2, 8):
            d.kill_role("notary")
            guest.send(numbered(n))
            wait_for(lambda: declared(d, seq=n), "the next")     # pylint: disable=cell-var-from-loop
        equal(d.roles()["receiver", "a"]["PID"], receiver, "the same receiver")
        numbers_are_whole(d)
        equal([h["CLEAN"] for h in d.heard(said="NOTARY_SETUP")], [1] + [0] * 6, "clean")
        equal(len({h["INCARNATION"] for h in d.heard(said="CHANNEL")}), 1, "one incarnation")
        guest.close()
        d.stop()


@test("a new signer is linked to the notary that runs, and says its head")
def signer_dies():
    with Harkd(stand_in="") as d:
        d.start()
        wait_for(lambda: len(d.heard(said="HEAD")) == 2, "both heads")
        d.kill_role("signer", "operations")
        wait_for(lambda: len(d.heard(said="HEAD")) == 3, "a third")
        equal(d.heard(said="HEAD")[2]["signer"], 1, "its ledger")
        d.stop()


@test("a receiver that breaks the protocol is killed and started again with backoff")
def violation():
    with Harkd(stand_in="violation") as d:
        d.start()
        d.add("a")
        wait_for(lambda: d.roles()["receiver", "a"]["RESTARTS"] >= 4, "restarts")
        assert "broke the protocol: the test says so" in d.err(), d.err()
        assert not d.whole() or d.roles()["receiver", "a"]["RESTARTS"] > 0
        d.order("")
        wait_for(lambda: d.roles()["receiver", "a"]["STATE"] == "running", "peace")
        d.stop()


@test("a crash loop backs off, shows in status, and leaves the rest running")
def crash_loop():
    with Harkd(stand_in="") as d:
        d.start()
        d.add("a")
        d.order("die")
        os.kill(d.roles()["notary", None]["PID"], signal.SIGKILL)
        slow = wait_for(lambda: "next start in" in d.err() and d.roles()["notary", None], "backoff")
        assert slow["RESTARTS"] >= 5, slow
        equal(d.ask("ASK_STATUS")[0]["CODE"], 5, "status")
        connect(d.path("a")).close()
        d.order("")
        wait_for(d.whole, "whole again")
        d.stop()


@test("a notary that speaks without end is ended, and the next records it")
def notary_flood():
    with Harkd(stand_in="") as d:
        d.start()
        d.add("a")
        d.order("flood")
        os.kill(d.roles()["notary", None]["PID"], signal.SIGKILL)
        wait_for(lambda: "notary is killed: it says too much" in d.err(), "its end")
        d.order("")
        wait_for(d.whole, "whole again")
        told = wait_for(lambda: d.heard(said="OPERATION", KIND="program_violation"), "a record")
        assert {h["JSON"] for h in told} == {
            '{"program":"hark-notary","reason":"too_many_messages"}'}, told
        d.stop()


@test("a program that is not ready in time, or hangs at the end, is killed")
def hangs():
    with Harkd(stand_in="") as d:
        d.start()
        d.order("deaf")
        receiver = d.add("a")
        equal(receiver["CODE"], 0, "added")
        pid = wait_for(lambda: d.roles()["receiver", "a"].get("PID"), "a receiver")
        wait_for(lambda: d.roles()["receiver", "a"]["STATE"] == "running", "ready")
        os.kill(pid, signal.SIGSTOP)
        d.stop()
        assert "did not end in time" in d.err(), d.err()


# ---- what cannot heal

@test("a notary that cannot work ends harkd with its code and one line")
def notary_fails():
    with Harkd(stand_in="fail 65 segments/0 is damaged at byte 12") as d:
        d.spawn()
        err = d.ended(65)
        equal(err.count("is damaged at byte 12"), 1, err)
        assert not os.path.exists(os.path.join(d.data, "running"))


@test("the same later, after it ran")
def notary_fails_later():
    with Harkd(stand_in="") as d:
        d.start()
        d.order("fail 4 the format is newer")
        os.kill(d.roles()["notary", None]["PID"], signal.SIGKILL)
        err = d.ended(4)
        assert "the format is newer" in err, err


@test("what may heal is tried again once harkd has been ready")
def notary_heals():
    with Harkd(stand_in="") as d:
        d.start()
        d.order("fail 74 no space")
        os.kill(d.roles()["notary", None]["PID"], signal.SIGKILL)
        wait_for(lambda: d.roles()["notary", None].get("TEXT") == "no space", "the words")
        d.order("")
        wait_for(d.whole, "whole again")
        d.stop()


@test("a ledger that an earlier harkd's notary still has is waited for")
def earlier_notary():
    import fcntl
    with Harkd(stand_in="") as d:
        d.start()
        d.stop()
        held = os.open(os.path.join(d.data, "evidence"), os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(held, fcntl.LOCK_EX)
        d.spawn()
        wait_for(lambda: "still has the ledger evidence" in d.err(), "waiting")
        equal(d.heard(said="NOTARY_SETUP")[1:], [], "no second notary meanwhile")
        os.close(held)
        wait_for(lambda: "harkd: ready" in d.err(), "ready")
        d.stop()


# ---- bad input

def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def break_key_gone(d):
    os.unlink(os.path.join(d.data, "keys", "evidence.key"))
    write(os.path.join(d.data, "evidence", "something"), "x")


def break_host(d):
    d.config = "data: {data}\nrun: {run}\nhost: another.example\n"


def break_lock(d):
    import fcntl
    d.held = open(os.path.join(d.data, "lock"), "w", encoding="utf-8")
    fcntl.flock(d.held, fcntl.LOCK_EX)


def break_socket(d):
    os.makedirs(d.run, exist_ok=True)
    d.held = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    d.held.bind(d.socket)
    d.held.listen(1)


BROKEN = [
    ("a ledger whose key is gone", 78, break_key_gone, "/data/keys/evidence.key is gone"),
    ("a data directory of another host", 78, break_host, "belongs to host"),
    ("a data directory in use", 75, break_lock, "in use by another harkd"),
    ("a control socket in use", 73, break_socket, "in use by another harkd"),
    ("a file where the control socket goes", 73,
     lambda d: write(os.path.join(d.run, "control.sock"), ""), "remove it"),
    ("a key that others may read", 78,
     lambda d: os.chmod(os.path.join(d.data, "keys", "evidence.key"), 0o644), "evidence.key"),
    ("a directory of keys that others may write", 78,
     lambda d: os.chmod(os.path.join(d.data, "keys"), 0o777), "chmod go-w"),
    ("a key that is none", 78,
     lambda d: write(os.path.join(d.data, "keys", "operations.key"), "key\n", 0o600),
     "operations.key"),
    ("a damaged host file", 65, lambda d: write(os.path.join(d.data, "host"), "a b\n"), "host"),
    ("a damaged cell", 65, lambda d: write(os.path.join(d.data, "cells", "a"), "hark-cell 1\n"),
     "cells/a"),
    ("a cell in another's file", 65,
     lambda d: os.rename(os.path.join(d.data, "cells", "z"), os.path.join(d.data, "cells", "y")),
     "cells/y"),
    ("a file for a data directory", 73,
     lambda d: setattr(d, "data", os.path.join(d.data, "host")), "data directory"),
    ("a data directory in no directory", 66,
     lambda d: setattr(d, "data", "/nonexistent/data"), "make the directory above it"),
    ("a run directory in no directory", 73,
     lambda d: setattr(d, "run", "/nonexistent/run"), "run directory"),
    ("a program that is not there", 69,
     lambda d: os.unlink(os.path.join(d.libexec, "hark-signer")), "hark-signer"),
    ("a configuration that is not there", 78,
     lambda d: setattr(d, "command", lambda: [os.path.join(BIN, "harkd"), "--libexec", d.libexec,
                                              "--config", "/nonexistent/hark.yaml"]),
     "no such file; make it, or name another, or start with --data and --run"),
    ("a group that is not there", 78,
     lambda d: setattr(d, "config", "data: {data}\nrun: {run}\ncontrol:\n  group: nonesuch\n"),
     "nonesuch"),
]


@test("each bad start: one clear line, the documented code, and nothing left running")
def bad_starts():
    for rule, code, make, words in BROKEN:
        with Harkd(stand_in="") as d:
            d.start()
            d.add("z")
            d.stop()
            make(d)
            d.spawn()
            err = d.ended(code) if rule else ""
            lines = [line for line in err.splitlines() if words in line]
            assert len(lines) == 1, "%s: %s" % (rule, err)
            assert lines[0].startswith("harkd: "), "%s: %s" % (rule, err)


@test("the same directories work again once what was broken is mended")
def mended():
    with Harkd(stand_in="") as d:
        d.start()
        d.stop()
        key = os.path.join(d.data, "keys", "evidence.key")
        os.chmod(key, 0o644)
        d.spawn()
        d.ended(78)
        os.chmod(key, 0o600)
        d.start()
        equal(d.heard(said="NOTARY_SETUP")[-1]["CLEAN"], 1, "that was no unclean end")
        d.stop()


@test("a stale control socket is replaced")
def stale():
    with Harkd(stand_in="") as d:
        os.mkdir(d.run)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.bind(d.socket)
        s.close()
        d.start()
        d.stop()


# ---- reload

RELOAD = "data: {{data}}\nrun: {{run}}\ncells:\n{cells}"


def with_cells(*cells):
    return RELOAD.format(cells="".join(
        "  - name: %s\n    uds_base: {{dir}}/%s\n%s" % (name, name, more)
        for name, more in cells)).replace("{{", "{").replace("}}", "}")


@test("SIGHUP: cells of the configuration come, change and go; those of the command stay")
def reload():
    with Harkd(stand_in="", config=with_cells(("a", ""), ("b", ""))) as d:
        d.start()
        equal(sorted(d.cells()), ["a", "b"], "at start")
        run_a = d.cells()["a"]["RUN"]
        run_b = d.cells()["b"]["RUN"]
        d.add("mine")
        equal(d.ask("ASK_CELL_REMOVE", CELL="a")[0]["CODE"], 78, "not by command")
        d.config = with_cells(("a", ""), ("b", "    keepalive_s: 3\n"), ("c", ""))
        d.command()
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: sorted(d.cells()) == ["a", "b", "c", "mine"] and
                 d.cells()["b"]["STATE"] == "listening" and
                 d.cells()["b"]["KEEPALIVE_MS"] == 3000, "b changed and c new")
        equal(d.cells()["a"]["RUN"], run_a, "a is as it was")
        assert d.cells()["b"]["RUN"] != run_b, "b is a new run"
        d.config = with_cells(("c", ""))
        d.command()
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: sorted(d.cells()) == ["c", "mine"], "a and b gone")
        d.config = "data: {data}\nrun: {run}\nnonsense: 1\n"
        d.command()
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "stays as it was" in d.err(), "a mistake")
        assert "hark.yaml:3:1" in d.err(), d.err()
        equal(sorted(d.cells()), ["c", "mine"], "still")
        d.config = with_cells(("c", ""))
        d.command()
        d.stop()
        d.start()
        equal(sorted(d.cells()), ["c", "mine"], "after a restart")
        d.stop()


@test("the configuration in force is told until a notary has it: at the start, and at each reload")
def told():
    def reasons():
        return [h["REASON"] for h in d.heard(said="CONFIG_LOADED")]

    def texts():
        return [h["texts"] for h in d.heard() if "texts" in h]

    with Harkd(stand_in="deaf", config="data: {data}\nrun: {run}\n") as d:
        d.start()
        wait_for(lambda: len(texts()) == 1, "told at the start")
        path = os.path.join(d.dir, "hark.yaml")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        equal(texts()[0], "\1\0\0\0%c\0\0\0%c\0\0\0%s%s" % (len(path), len(text), path, text),
              "what was read")
        with open(path, "a", encoding="utf-8") as f:
            f.write("tick")
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "stays as it was" in d.err(), "a mistake")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text + "# more\n")
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(texts()) == 2, "told at the reload")
        assert texts()[1].endswith("# more\n"), texts()
        d.order("")
        d.kill_role("notary")
        wait_for(lambda: len(texts()) == 3, "told to the next notary")
        d.ask("ASK_SEAL", LEDGER=0)     # harkd has heard what that notary answered before
        d.kill_role("notary")
        d.ask("ASK_SEAL", LEDGER=0)
        equal(reasons(), ["start", "reload", "reload"], "why")
        equal(texts()[2], texts()[1], "the one in force")
        d.stop()


@test("a new key is told until a notary has recorded it, and then no more")
def key_is_told():
    def told():
        return [h for h in d.heard(said="OPERATION") if h["KIND"] == "key_rotated"]

    with Harkd(stand_in="") as d:
        d.start()
        d.order("deaf")
        done = d.ask("ASK_ROTATE", LEDGER=0)[0]
        equal(done["CODE"], 0, done)
        wait_for(lambda: len(told()) == 1, "told")
        d.order("")
        d.kill_role("notary")
        wait_for(lambda: len(told()) == 2, "told to the next notary")
        assert done["KEY"] in told()[1]["JSON"], told()
        d.ask("ASK_SEAL", LEDGER=0)     # harkd has heard what that notary answered before
        d.kill_role("notary")
        d.ask("ASK_SEAL", LEDGER=0)
        equal(len(told()), 2, "once it is recorded")
        d.stop()


def signer_that(d, words):
    """The signers are a script, which has the real one's path as its argument."""
    path = os.path.join(d.dir, "signer")
    with open(path, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n%s\n" % words.format(signer=os.path.join(BIN, "hark-signer"), dir=d.dir))
    os.chmod(path, 0o755)
    d.replace("hark-signer", path)


def roles_if_any(d):
    """Nothing while the control socket is not there, or is bound and nobody listens yet."""
    try:
        return d.roles()
    except (ConnectionRefusedError, FileNotFoundError):
        return {}


@test("the notary gets its links before it is told anything, however late the signers are")
def late_signers():
    with Harkd(stand_in="") as d, open(os.path.join(d.dir, "held"), "w", encoding="utf-8") as held:
        signer_that(d, 'flock -s "{dir}/held" true && exec "{signer}"')
        fcntl.flock(held, fcntl.LOCK_EX)
        d.spawn()
        wait_for(lambda: roles_if_any(d).get(("notary", None), {}).get("STATE") == "running",
                 "the notary")
        equal(d.add("a")["CODE"], 0, "a cell comes all the same")
        equal(d.ask("ASK_SEAL", LEDGER=0)[0]["CODE"], 75, "but nothing of it is told")
        equal([h["said"] for h in d.heard()], ["NOTARY_SETUP"], "told")
        fcntl.flock(held, fcntl.LOCK_UN)
        wait_for(d.whole, "whole")
        Guest(d.path("a")).send(frame(comm="late")).close()
        wait_for(lambda: declared(d, comm="late"), "the record")
        said = [h["said"] for h in d.heard() if "said" in h and "signer" not in h]
        equal(said[:3], ["NOTARY_SETUP", "SIGNER_CHANNEL", "SIGNER_CHANNEL"], "first")
        assert "CELL" in said[3:] and "CONFIG_LOADED" in said[3:], said
        d.stop()


@test("signers that end again and again keep nobody from being heard")
def failing_signers():
    with Harkd(stand_in="") as d:
        signer_that(d, "exit 1")
        d.spawn()
        wait_for(lambda: roles_if_any(d), "harkd answers")
        equal(d.add("a")["CODE"], 0, "a cell")
        guest = Guest(d.path("a")).send(frame(comm="heard"))
        wait_for(lambda: declared(d, comm="heard"), "the record")
        equal(d.heard(said="SIGNER_CHANNEL"), [], "no signer")
        guest.close()
        d.stop()


@test("a start that ends before anything was begun leaves the mark of the last end as it was")
def nothing_begun():
    with Harkd(stand_in="") as d:
        d.start()
        d.stop()
        d.order("untouched")
        d.start()
        d.stop()
        d.order("")
        d.start()
        equal(d.heard(said="NOTARY_SETUP")[-1]["CLEAN"], 1, "clean stays clean")
        d.kill()
        d.order("untouched")
        d.start()
        d.stop()
        d.order("")
        d.start()
        equal(d.heard(said="NOTARY_SETUP")[-1]["CLEAN"], 0, "and what was not stays so")
        d.kill()
        d.start()
        d.order("untouched")
        d.kill_role("notary")
        d.stop()
        d.order("")
        d.start()
        equal(d.heard(said="NOTARY_SETUP")[-1]["CLEAN"], 0, "the notary before had begun")
        d.stop()


# ---- the service manager

@test("sd_notify: READY once all runs, RELOADING, STOPPING, WATCHDOG only while the notary answers")
def sd_notify():
    with Harkd(stand_in="") as d:
        path = os.path.join(d.dir, "notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(path)
        manager.settimeout(30)
        d.start(env={**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})

        def until(word):
            while True:
                got = manager.recv(100).decode()
                if got == word:
                    return
                assert got == "WATCHDOG=1", got

        until("READY=1")
        until("WATCHDOG=1")
        d.process.send_signal(signal.SIGHUP)
        until("RELOADING=1")
        until("READY=1")
        os.kill(d.roles()["notary", None]["PID"], signal.SIGSTOP)
        manager.setblocking(False)

        def is_quiet():
            """No sign of life between two looks at status, which takes several periods."""
            try:
                while True:
                    manager.recv(100)
            except BlockingIOError:
                pass
            before = d.roles()["control", None]["PID"]
            os.kill(before, signal.SIGKILL)
            wait_for(lambda: "pid %d" % before in d.err(), "something else goes on")
            try:
                return manager.recv(100) != b"WATCHDOG=1"
            except BlockingIOError:
                return True

        wait_for(is_quiet, "silence")
        os.kill(d.roles()["notary", None]["PID"], signal.SIGCONT)
        manager.setblocking(True)
        manager.settimeout(30)
        until("WATCHDOG=1")
        d.process.send_signal(signal.SIGTERM)
        until("STOPPING=1")
        d.ended()


# ---- the control socket

def as_user(uid, gid, groups, function):
    """Runs function in a child with other rights; gives the exit code (99: refused to connect)."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(groups)
            os.setgid(gid)
            os.setuid(uid)
            os._exit(function())
        except (ConnectionRefusedError, PermissionError):
            os._exit(99)
        except BaseException:           # noqa: B902
            traceback.print_exc()
            os._exit(98)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@test("root administers, the group reads, by a second group too; others are refused")
def rights():
    if os.geteuid() != 0:
        return "only root can be others"
    with Harkd(stand_in="", config="data: {data}\nrun: {run}\ncontrol:\n  group: daemon\n") as d:
        import grp
        group = grp.getgrnam("daemon").gr_gid
        os.chmod(d.dir, 0o755)
        d.start()
        equal(stat.S_IMODE(os.stat(d.socket).st_mode), 0o660, "mode")
        equal(os.stat(d.socket).st_gid, group, "group")

        def add():
            return d.add("a")["CODE"]

        def status():
            return d.ask("ASK_STATUS")[0]["CODE"]

        equal(as_user(0, 0, [], status), 0, "root")
        for gid, groups in ((group, []), (NOBODY, [group])):
            equal(as_user(NOBODY, gid, groups, status), 0, "the group reads")
            equal(as_user(NOBODY, gid, groups, add), 77, "and no more")
        equal(as_user(NOBODY, NOBODY, [], status), 99, "others cannot connect")
        os.chmod(d.socket, 0o666)
        equal(as_user(NOBODY, NOBODY, [], status), 77, "nor ask where they can")
        equal(d.cells(), {}, "nothing was added")

        def reopen():
            _, _, fds = d.ask("ASK_LEDGER", LEDGER=0)
            for fd in fds:
                try:
                    os.open("/proc/self/fd/%d" % fd, os.O_RDWR)
                    return 1
                except OSError:
                    pass
            return 0

        equal(as_user(NOBODY, group, [], reopen), 0, "what is given for reading cannot be written")
        d.stop()


@test("LEDGER_OPEN: a directory and a page, both for reading")
def ledger_open():
    with Harkd(stand_in="") as d:
        d.start()
        for number, name in ((0, "evidence"), (1, "operations")):
            done, _, fds = d.ask("ASK_LEDGER", LEDGER=number)
            equal(len(fds), 2, "descriptors")
            assert done["ORIGIN"].endswith("/" + name)
            assert os.path.samestat(os.fstat(fds[0]), os.stat(os.path.join(d.data, name)))
            equal(os.fstat(fds[1]).st_size, 4096, "the page")
            try:
                os.write(fds[1], b"x")
                raise AssertionError("the page could be written")
            except OSError:
                pass
            for fd in fds:
                os.close(fd)
        equal(d.ask("ASK_LEDGER", LEDGER=2)[0]["CODE"], 2, "no such ledger")
        d.stop()


@test("a client that speaks what is no question is let go, and harkd goes on")
def bad_clients():
    with Harkd(stand_in="") as d:
        d.start()
        bad = [
            b"?", b"\0" * 65536, proto.write_message("ASK_STATUS", 1)[:-1],
            proto.write_message("ASK_STATUS", 1) + b"x",
            proto.write_message("ASK_STATUS", 0),
            proto.write_message("ASK_STATUS", 1, RIGHTS=2),
            proto.write_message("DONE", 1, CODE=0),
            proto.write_message("READY", 1),
            proto.write_message("NOTARY_STOP", 1),
            proto.write_message("PING", 1),
            proto.write_message("OPERATION", 1, KIND="x", JSON="{}"),
        ]
        for data in bad:
            with Control(d.socket) as control:
                control.sock.send(data)
                equal(control.sock.recv(10), b"", data[:16])
        with Control(d.socket) as control:
            socket.send_fds(control.sock, [proto.write_message("ASK_STATUS", 1)], [0])
            equal(control.sock.recv(10), b"", "a descriptor that is not due")
        equal(d.roles()["control", None]["RESTARTS"], 0, "hark-control was not hurt")
        assert d.whole()
        d.stop()


@test("more clients than there is room for are let go; those that were there are answered")
def many_clients():
    with Harkd(stand_in="") as d:
        d.start()
        first = Control(d.socket)
        assert first.ask("ASK_STATUS")[0]["CODE"] == 0
        rest = [Control(d.socket) for _ in range(80)]
        closed = wait_for(lambda: sum(is_closed(c) for c in rest) >= 80 + 1 - 64, "the limit")
        assert closed
        assert first.ask("ASK_STATUS")[0]["CODE"] == 0
        for control in rest:
            control.close()
        wait_for(lambda: can_ask(d), "room again")
        first.close()
        d.stop()


def can_ask(d):
    try:
        return d.whole()
    except (EOFError, ConnectionError):
        return False


def is_closed(control):
    control.sock.setblocking(False)
    try:
        return control.sock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@test("a client that does not read its answers hurts nobody")
def slow_client():
    with Harkd(stand_in="") as d:
        d.start()
        for n in range(40):
            d.add("c%d" % n)
        slow = [Control(d.socket) for _ in range(10)]
        for control in slow:
            for _ in range(50):
                try:
                    control.sock.setblocking(False)
                    control.send("ASK_CELLS")
                except BlockingIOError:
                    break
        equal(len(d.cells()), 40, "others are answered")
        for control in slow:
            control.close()
        d.stop()


# ---- shared receivers

@test("shared receivers: cells share a process, each by a slot of its own")
def shared():
    config = "data: {data}\nrun: {run}\nreceiver:\n  isolation: shared\n  cells_max: 3\n"
    with Harkd(stand_in="", config=config) as d:
        d.start()
        for name in "abcd":
            d.add(name)
        equal(len([k for k in d.roles() if k[0] == "receiver"]), 2, "receivers")
        guests = {name: Guest(d.path(name)) for name in "abcd"}
        for name, guest in guests.items():
            guest.send(frame(comm="by-" + name))
        wait_for(lambda: len(declared(d)) == 4, "records")
        slots = {(h["pid"], h["CHANNEL"], h["SLOT"]): h["CELL_NUMBER"]
                 for h in d.heard(said="CHANNEL_SLOT")}
        cells = {h["CELL_NUMBER"]: h["CELL"] for h in d.heard(said="CELL")}
        for h in d.heard():
            if h.get("record", {}).get("type") == proto.DECLARED:
                cell = cells[slots[h["pid"], h["channel"], h["record"]["slot"]]]
                equal(h["record"]["comm"], "by-" + cell, "attribution")
        equal(d.ask("ASK_CELL_REMOVE", CELL="b")[0]["CODE"], 0, "one leaves")
        guests["a"].send(frame(comm="still"))
        wait_for(lambda: declared(d, comm="still"), "its neighbour, on the same connection")
        d.add("e")
        equal(len([k for k in d.roles() if k[0] == "receiver"]), 2, "its place is taken again")
        for key in [k for k in d.roles() if k[0] == "receiver"]:
            d.kill_role(*key)
        for name in "acde":
            Guest(d.path(name)).send(frame(comm="again-" + name)).close()
        wait_for(lambda: len([r for r in declared(d) if r["comm"].startswith("again-")]) == 4,
                 "all after the receivers' death")
        d.stop()


if __name__ == "__main__":
    sys.exit(run())
