#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""harkd and its observers, whose two programs and whose notary stand in: what they are given, when they are
started and ended, and what is told to the notary.

Prints TAP.  $HARK_BIN names the folder of the programs.  Nothing here sleeps for a set time: each wait is
for a fact and has a limit.
"""
import hashlib
import json
import os
import signal
import stat
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemon import Control, Harkd, proto, wait_for                     # noqa: E402
from rules import equal, run, test                              # noqa: E402

MODULE = b"\0asm\1\0\0\0"
DIGEST = "sha256:" + hashlib.sha256(MODULE).hexdigest()
ENTRY = """  - name: o
    module: {dir}/m.wasm
    digest: %s
    limits: {{wall_ms: 1}}
    grants: [PgWrite]
    pg: {{table: events}}
""" % DIGEST
CONFIG = "data: {data}\nrun: {run}\nobservers:\n" + ENTRY


class Daemon(Harkd):
    def __init__(self, config=CONFIG, observer="", projector="", notary=""):
        super().__init__(stand_in=notary, config=config)
        self.order(observer, "-observer")
        self.order(projector, "-projector")
        with open(os.path.join(self.dir, "m.wasm"), "wb") as f:
            f.write(MODULE)

    def observer(self, name="o"):
        done, items, _ = self.ask("ASK_OBSERVERS", OBSERVER=name)
        assert done["CODE"] == 0, done
        return items[0][1]

    def until(self, state, name="o"):
        def is_there():
            o = self.observer(name)
            return o["STATE"] == state and o
        return wait_for(is_there, "%s is %s" % (name, state))

    def operations(self, kind):
        return [json.loads(h["JSON"]) for h in self.heard(said="OPERATION") if h["KIND"] == kind]

    def gone(self):
        return [h.get("REASON") for h in self.heard(said="OBSERVER_GONE")]


def options(hexadecimal):
    """{name: [value, ...]} of FIELD_OPTIONS."""
    import re
    import struct
    path = os.path.join(proto.ROOT, "lib", "proto", "options.def")
    with open(path, encoding="utf-8") as f:
        rows = re.findall(r"^OPTION\((\w+), (\w+)", f.read(), re.M)
    data, at, out = bytes.fromhex(hexadecimal), 0, {}
    while at < len(data):
        number, size = struct.unpack_from("<HH", data, at)
        name, kind = rows[number]
        value = data[at + 4:at + 4 + size]
        out.setdefault(name, []).append(struct.unpack("<Q", value)[0] if kind == "NUMBER" else value.decode())
        at += 4 + size
    return out


# ---- a start

@test("both are started, told what is theirs, and the notary is asked before anything is compiled")
def start():
    config = CONFIG.replace("pg: {{table: events}}", "filter: {{cells: [a, b]}}\n    from: 5\n"
                            "    pg: {{table: events, key: [k], create: {dir}/c.sql}}\n"
                            "    projection: postgresql://u:secret@h/db")
    with Daemon(config) as d:
        with open(os.path.join(d.dir, "c.sql"), "w", encoding="utf-8") as f:
            f.write("CREATE TABLE events (k)")
        d.command()
        os.chmod(os.path.join(d.dir, "hark.yaml"), 0o600)
        d.start()
        o = d.until("running")
        equal((o["INDEX"], o["DEAD_LETTERS"], o["COUNT"], o["RESTARTS"]), (7, 2, 0, 0), "item")
        equal(o["DIGEST"].hex(), hashlib.sha256(MODULE).hexdigest(), "digest")
        module = options(d.heard(role="observer", said="OBSERVER_SETUP")[0]["OPTIONS"])
        projector = options(d.heard(role="projector", said="PROJECTOR_SETUP")[0]["OPTIONS"])
        for name, value in (("DIGEST", [DIGEST]), ("TOKENS", [1]), ("NOOP", [0]), ("FROM", [5]),
                            ("BATCH", [1024]), ("STOP_ON_TRAP", [0]), ("LIMIT_WALL_MS", [1]),
                            ("LIMIT_FUEL", [100000000])):
            equal(module[name], value, name)
            equal(projector[name], value, name)
        equal(module["FILTER_CELL"], ["a", "b"], "filter")
        equal((projector["TABLE"], projector["KEY"]), (["events"], ["k"]), "table")
        equal(projector["PROJECTION"], ["postgresql://u:secret@h/db"], "projection")
        equal(projector["CREATE"], ["CREATE TABLE events (k)"], "its SQL")
        assert "FILTER_CELL" not in projector, projector
        assert "secret" not in json.dumps(module), module
        asked = d.heard(said="OBSERVER")[0]
        equal(asked["DIGEST"], hashlib.sha256(MODULE).hexdigest(), "asked")
        assert "secret" not in asked["JSON"] and json.loads(asked["JSON"])["grants"] == ["PgWrite"], asked
        said = [h["said"] for h in d.heard() if h.get("said") in ("OBSERVER", "OBSERVER_GO", "CURSOR")]
        equal(said, ["OBSERVER", "OBSERVER_GO", "CURSOR"], "order")
        d.stop()


@test("its projector's folders: its own is made, 0700; others must be there, and not below the data directory")
def folders():
    with Daemon() as d:
        d.start()
        d.until("running")
        own = os.path.join(d.data + "-projections", "o")
        equal(stat.S_IMODE(os.stat(own).st_mode), 0o700, "mode")
        equal(d.heard(role="projector")[1]["folders"], [own] * 3, "folders")
        d.stop()
    config = CONFIG.replace("[PgWrite]", "[PgWrite, MetricEmit, KmsReceipt]") + (
        "    projection: sqlite:{dir}/a/x\n    metric: {{file: {dir}/b/x, prefix: p}}\n"
        "    kms: {{file: {dir}/c/x}}\n")
    with Daemon(config) as d:
        for name in "ab":
            d.folder(name)
        os.symlink(d.data, os.path.join(d.dir, "c"))
        d.start()
        o = d.until("refused")
        assert "the receipts' folder leads below the data directory" in o["TEXT"], o
        os.unlink(os.path.join(d.dir, "c"))
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "No such file" in d.observer()["TEXT"] or "not there" in d.observer()["TEXT"],
                 "it is not there")
        d.folder("c")
        d.process.send_signal(signal.SIGHUP)
        d.until("running")
        equal(d.heard(role="projector")[1]["folders"], [os.path.join(d.dir, n) for n in "abc"], "folders")
        d.stop()


@test("no observer is started before harkd is ready, and what is not there for it is a refusal of the start")
def programs():
    with Daemon() as d:
        os.unlink(os.path.join(d.libexec, "hark-projector"))
        d.spawn()
        assert "hark-projector is not there" in d.ended(69), d.err()
    with Daemon(observer="fail 78") as d:
        d.spawn()
        said = d.ended(78)
        assert "observer o: the test says so" in said and said.index("ready") < said.index("observer o:"), said


@test("a module that is refused: its state, a record, no other try until SIGHUP or enable")
def refused():
    for words, reason in (("early", "digest"), ("refuse", "import_wasi")):
        with Daemon(observer=words) as d:
            d.start()
            o = d.until("refused")
            assert o["TEXT"].startswith(reason + ": "), o
            wait_for(lambda: d.operations("observer_refused"), "record")
            record = d.operations("observer_refused")[0]
            equal((record["observer"], record["reason"], record["digest"]), ("o", reason, DIGEST), "record")
            assert "\x1b" not in record["text"], record
            assert d.whole()
            if words == "refuse":
                wait_for(d.gone, "the notary hears that it has ended")
            equal(set(d.gone()), {None} if words == "refuse" else set(), "no trap")
            d.order("", "-observer")
            done, _, _ = d.ask("ASK_OBSERVER_SWITCH", OBSERVER="o", MODE=1)
            equal(done["CODE"], 0, "enable")
            equal(d.observer()["STATE"], "running", "enabled")
            d.stop()


@test("a module's file that is gone, a FIFO in its place: refused, and harkd does not wait")
def module_gone():
    with Daemon() as d:
        path = os.path.join(d.dir, "m.wasm")
        os.unlink(path)
        d.start()
        assert "not there" in d.until("refused")["TEXT"]
        os.mkfifo(path)
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "no regular file" in d.observer()["TEXT"], "a FIFO")
        os.unlink(path)
        with open(os.path.join(d.dir, "real.wasm"), "wb") as f:
            f.write(MODULE)
        os.symlink("real.wasm", path)
        d.process.send_signal(signal.SIGHUP)
        d.until("running")
        d.stop()


# ---- an end

@test("where either ends, the other is told to end, and both are started again")
def pair():
    for role, reason in (("observer", "died"), ("projector", None)):
        with Daemon() as d:
            d.start()
            d.until("running")
            before = d.roles()
            os.kill(before[role, "o"]["PID"], signal.SIGKILL)
            wait_for(lambda: d.observer()["RESTARTS"] == 1 and d.observer()["STATE"] == "running", "again")
            after = d.roles()
            for each in ("observer", "projector"):
                assert after[each, "o"]["PID"] != before[each, "o"]["PID"], each
            equal(d.gone(), [reason], role)
            equal(len(d.heard(said="OBSERVER")), 2, "asked again")
            d.stop()


@test("a process that ends by itself has died; one that does not answer has hung")
def ends():
    with Daemon(observer="die") as d:
        d.start()
        wait_for(lambda: len(d.gone()) >= 4, "it fails again and again")
        equal(set(d.gone()), {"died"}, "reasons")
        assert d.whole() and d.observer()["RESTARTS"] >= 3
        d.stop()
    with Daemon(observer="deaf") as d:
        d.start()
        d.until("running")
        wait_for(lambda: d.gone(), "hung")
        equal(d.gone(), ["hung"], "reason")
        assert "does not answer" in d.err(), d.err()
        d.stop()


@test("a process that ends while it loads the module has not trapped: it is refused, by a fault at once")
def loads():
    for number, reason in ((signal.SIGABRT, "compile_aborted"), (signal.SIGSEGV, "compile_died")):
        with Daemon(observer="signal %d" % number) as d:
            d.start()
            o = d.until("refused")
            assert o["TEXT"].startswith(reason + ": its process "), o
            wait_for(lambda: d.operations("observer_refused"), "record")
            equal([r["reason"] for r in d.operations("observer_refused")], [reason], "record")
            equal((d.gone(), o["RESTARTS"]), ([None], 0), "no trap, no second try")
            d.order("", "-observer")
            done, _, _ = d.ask("ASK_OBSERVER_SWITCH", OBSERVER="o", MODE=1)
            equal((done["CODE"], d.observer()["STATE"]), (0, "running"), "enabled")
            # The module was loaded once: a fault now is not its doing.
            d.order("signal %d" % number, "-observer")
            os.kill(d.roles()["observer", "o"]["PID"], signal.SIGKILL)
            wait_for(lambda: len(d.gone()) >= 4, "it is tried again")
            d.order("", "-observer")
            d.until("running")
            equal(d.gone()[:3], [None, "died", None], "it had trapped when it ran")
            d.stop()


@test("any other end while it loads is tried again, with pauses, and not for ever; nor is it a trap")
def loads_again():
    for words in ("signal 9", "quit 0", "quit 3", "spoil"):
        with Daemon(observer=words) as d:
            d.start()
            o = d.until("refused")
            assert o["TEXT"].startswith("load_failed: its process ended 8 times in a row"), (words, o)
            wait_for(lambda: len(d.gone()) == 8, "the notary has heard it")
            equal((set(d.gone()), o["RESTARTS"]), ({None}, 7), words)
            d.stop()
    # Its count is of those in a row.
    with Daemon(observer="quit 3") as d:
        d.start()
        for _ in range(3):
            seen = len(d.gone())
            wait_for(lambda: len(d.gone()) >= seen + 3, "it fails")
            d.order("", "-observer")
            d.until("running")
            d.order("quit 3", "-observer")
            os.kill(d.roles()["observer", "o"]["PID"], signal.SIGKILL)
        d.order("", "-observer")
        d.until("running")
        d.stop()


@test("what a process says of its end does not keep a receipt from being written, unless it is refused for it")
def words_of_its_end():
    for code in (70, 71, 75):
        with Daemon(observer="end %d" % code) as d:
            d.start()
            wait_for(d.gone, "it ends")
            equal(d.gone()[0], "died", "code %d" % code)
            d.stop()
    with Daemon(observer="end 66") as d:
        d.start()
        assert "it says so" in d.until("refused")["TEXT"]
        wait_for(d.gone, "it ends")
        equal((d.gone(), len(d.operations("observer_refused"))), ([None], 1), "refused instead")
        d.stop()


@test("one that says more than harkd will hear is killed: of the module's process that is a death, of its projector not")
def floods():
    for role, reasons in (("observer", {"died"}), ("projector", {None})):
        with Daemon(**{role: "flood"}) as d:
            d.start()
            wait_for(lambda: len(d.gone()) >= 2, "%s is ended again and again" % role)
            equal(set(d.gone()), reasons, role)
            assert "it says too much" in d.err(), d.err()
            assert d.err().count("its database is") <= 4, d.err()
            assert d.whole()
            d.stop()


@test("disabled while its pair ends and another begins: answered once it is disabled, and not before")
def asked_meanwhile():
    with Daemon() as d:
        d.start()
        d.until("running")
        control = Control(d.socket)
        d.order("hold observer_disabled")
        control.send("ASK_OBSERVER_SWITCH", OBSERVER="o", MODE=0)
        wait_for(lambda: d.operations("observer_disabled"), "its record")
        os.kill(d.roles()["observer", "o"]["PID"], signal.SIGKILL)
        wait_for(lambda: d.observer()["RESTARTS"] == 1 and d.observer()["STATE"] == "running", "another pair")
        d.order("")
        name, _, fields = proto.read_message(control.sock.recv(65536))
        equal((name, fields["CODE"], d.observer()["STATE"]), ("DONE", 0, "disabled"), "answer")
        control.close()
        d.stop()


@test("a projector that asks on the control socket, whoever it runs as, is refused and killed")
def asks():
    with Daemon(projector="ask") as d:
        d.start()
        wait_for(lambda: d.observer()["RESTARTS"] >= 1, "it is ended")
        assert "it asks on the control socket" in d.err(), d.err()
        assert not d.operations("observer_disabled"), d.heard()
        assert d.observer()["STATE"] != "disabled" and d.whole()
        assert all(h["answer"]["CODE"] == 77 for h in d.heard(role="projector") if "answer" in h)
        d.stop()


@test("its projector fails: by settings it is refused, else both are tried again, with pauses")
def projector_fails():
    with Daemon(projector="fail 78") as d:
        d.start()
        assert "the test says so" in d.until("refused")["TEXT"]
        assert d.whole()
        d.stop()
    with Daemon(projector="fail 71") as d:
        d.start()
        wait_for(lambda: d.observer()["RESTARTS"] >= 3, "tried again")
        equal(d.observer()["STATE"] in ("waiting", "starting"), True, "state")
        assert set(d.gone()) <= {None}, d.gone()
        d.stop()
    with Daemon(projector="away") as d:
        d.start()
        equal(d.until("away")["TEXT"], "nobody listens there", "why")
        d.stop()


@test("where the notary ends, all pairs are ended and started again with the next")
def notary():
    with Daemon() as d:
        d.start()
        d.until("running")
        before = d.roles()
        d.kill_role("notary")
        wait_for(lambda: d.observer()["STATE"] == "running" and
                 d.roles()["observer", "o"].get("PID") not in (None, before["observer", "o"]["PID"]), "again")
        pids = [h["pid"] for h in d.heard(said="OBSERVER")]
        equal(len(set(pids)), 2, "both notaries were asked")
        d.stop()


@test("a notary that is deaf for it: it waits; harkd ends in order all the same")
def deaf():
    with Daemon() as d:
        d.start()
        d.until("running")
        d.stop()
        d.order("deaf")
        d.spawn()
        wait_for(lambda: "ready" in d.err(), "ready")
        wait_for(lambda: len(d.heard(said="OBSERVER")) == 2, "asked")
        equal(d.observer()["STATE"], "starting", "state")
        d.order("")
        d.stop()


@test("at the end observers end first, and one that does not hear it is killed")
def end():
    with Daemon() as d:
        d.start()
        d.until("running")
        pids = [d.roles()[r, "o"]["PID"] for r in ("observer", "projector")]
        d.stop()
        said = [h["said"] for h in d.heard() if h.get("said") in ("STOP", "NOTARY_STOP", "OBSERVER_GONE")]
        equal(said[-1], "NOTARY_STOP", "order: %r" % said)
        assert not any(os.path.exists("/proc/%d" % pid) for pid in pids)
        equal(d.gone(), [None], "told")
    with Daemon(observer="stubborn") as d:
        d.start()
        d.until("running")
        d.stop()
        assert "observer of o is killed: it did not end in time" in d.err(), d.err()


@test("DATA/observers: a torn file is removed, a damaged one is a refusal that names it")
def damaged():
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        d.start()
        entry = ENTRY.format(dir=d.dir).replace("  - name", "    name").replace("\n    ", "\n")[4:]
        done, _, _ = d.ask("ASK_OBSERVER_ADD", OBSERVER="o", MANIFEST=entry)
        equal(done["CODE"], 0, done)
        d.stop()
        kept = os.path.join(d.data, "observers")
        with open(os.path.join(kept, "x.new"), "w", encoding="utf-8") as f:
            f.write("name: x")
        d.start()
        d.until("running")
        d.stop()
        equal(sorted(os.listdir(kept)), ["o", "o.cursor"], "files")
        os.rename(os.path.join(kept, "o"), os.path.join(kept, "p"))
        d.spawn()
        assert "has the manifest of another name" in d.ended(65), d.err()
        with open(os.path.join(kept, "p"), "a", encoding="utf-8") as f:
            f.write("what: 1\n")
        d.spawn()
        said = d.ended(65)
        assert "observers/p:" in said and "unknown key 'what'" in said, said


@test("what is asked of observers that are not there, or by who may not, is refused")
def asked():
    with Daemon() as d:
        d.start()
        d.until("running")
        for name, fields, code in (
                ("ASK_OBSERVERS", {"OBSERVER": "x"}, 66),
                ("ASK_OBSERVER_REMOVE", {"OBSERVER": "x"}, 66),
                ("ASK_OBSERVER_SWITCH", {"OBSERVER": "x", "MODE": 1}, 66),
                ("ASK_OBSERVER_RELEASE", {"OBSERVER": "x"}, 66),
                ("ASK_OBSERVER_REMOVE", {"OBSERVER": "o"}, 78),
                ("ASK_OBSERVER_ADD", {"OBSERVER": "x", "MANIFEST": "name: x"}, 78),
                ("ASK_OBSERVER_ADD", {"OBSERVER": "x", "MANIFEST": "a: [\x01"}, 78),
                ("ASK_OBSERVER_ADD", {"OBSERVER": "x", "MANIFEST": ""}, 78),
                ("ASK_PRUNE", {"LEDGER": 0, "INDEX": 8}, 75)):
            done, _, _ = d.ask(name, **fields)
            equal(done["CODE"], code, "%s %r: %r" % (name, fields, done))
        d.stop()


if __name__ == "__main__":
    sys.exit(run())
