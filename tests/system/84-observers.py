#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Observers from end to end: the real programs, guests that declare, rows in SQLite, and `hark observer`.

Prints TAP.  $HARK_BIN names the folder of the programs.  Nothing here sleeps for a set time: each wait is
for a fact and has a limit.
"""
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

from daemon import BIN, Harkd, wait_for                       # noqa: E402
from guest import LIMIT_S, Guest, frame                       # noqa: E402
import modules as wasm                                        # noqa: E402
from rules import equal, run                                    # noqa: E402

TESTS = []
EVENTS = os.path.join(ROOT, "observers", "pg-events.wasm")
EVENTS_SQL = os.path.join(ROOT, "observers", "pg-events.sql")
ROW = b'{"a":1}'
NOBODY = 65534


def test(rule, engine=True):
    """engine: whether it is a test of a build with one; None: of each."""
    def add(function):
        TESTS.append((rule, function, engine))
        return function
    return add


def digest(path):
    with open(path, "rb") as f:
        return "sha256:" + hashlib.sha256(f.read()).hexdigest()


def rows_module(extra=b""):
    """A row an event, always the same; `extra` comes before it."""
    imports = ["next", "write"]
    body = wasm.each_event(extra + wasm.put("write", 16, len(ROW), imports), imports)
    return wasm.module(imports, body, data=[(16, ROW)])


def trapping(*indexes):
    return rows_module(b"".join(wasm.if_(wasm.of_index(i), wasm.UNREACHABLE) for i in indexes))


class Daemon(Harkd):
    """Harkd with the real programs, and `hark` against it."""

    def hark(self, *words, code=0, text=None):
        done = subprocess.run([os.path.join(BIN, "hark"), *words], text=True, stdin=subprocess.DEVNULL,
                              capture_output=True, cwd=self.dir, input=text,
                              env={**os.environ, "HARK_CONTROL": self.socket})
        assert done.returncode == code, "hark %s: exit %d, wanted %d: %s%s" % (
            " ".join(words), done.returncode, code, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stdout + done.stderr

    def observers(self):
        lines = self.hark("observer", "ls", "--json").splitlines()
        return {o["observer"]: o for o in map(json.loads, lines)}

    def state(self, name):
        return self.observers()[name]["state"]

    def until(self, name, state, limit_s=LIMIT_S):
        try:
            return wait_for(lambda: self.state(name) == state and self.observers()[name],
                            "%s is %s" % (name, state), limit_s)
        except AssertionError as e:
            raise AssertionError("%s; it is: %s" % (e, self.observers().get(name))) from e

    def put(self, name, data):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)
        return path

    def projection(self, name):
        return os.path.join(self.data + "-projections", name, "projection.sqlite")

    def sql(self, name, query):
        db = sqlite3.connect("file:%s?mode=ro" % self.projection(name), uri=True)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def committed(self):
        _, items, _ = self.ask("ASK_STATUS")
        return [f["SIZE"] for n, f in items if n == "ITEM_LEDGER" and f["LEDGER"] == 0][0]

    def follows(self, name):
        """Waits until its projection has every event that is committed."""
        def is_there():
            o = self.observers()[name]
            return o["state"] == "running" and int(o["cursor"]) == self.committed() and o
        return wait_for(is_there, "%s has read all" % name)

    def say(self, cell, count, comm="x"):
        guest = Guest(self.path(cell))
        for i in range(count):
            guest.send(frame(comm=comm, pid=i + 1))
        guest.close()
        wait_for(lambda: self.declared() >= count, "%d declarations" % count)

    def leaves(self, ledger="evidence"):
        out = self.hark("tail", "--ledger", ledger, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def declared(self):
        return len([e for e in self.leaves() if "declared" in e["data"]])

    def records(self, kind):
        return [e["data"]["operation"] for e in self.leaves("operations")
                if e["type"].endswith("." + kind)]


def events_are_rows(d, name="events"):
    """The row set equals the events: which, and what they say."""
    want = [(i, e["type"], e["data"].get("cellId"), e["data"].get("declared", {}).get("guestPid"))
            for i, e in enumerate(d.leaves())]
    got = d.sql(name, "SELECT event_index, type, cell, guest_pid FROM events ORDER BY event_index")
    equal([(i, t, c, p) for i, t, c, p in got], want, "rows")


CONFIG = """data: {data}
run: {run}
observers:
  - name: events
    module: %s
    digest: %s
    grants: [PgWrite]
    pg: {{table: events, key: [event_index], create: %s}}
""" % (EVENTS, digest(EVENTS), EVENTS_SQL)


# ---- rows

@test("an observer of the configuration: each event is a row, also of those that were there before")
def of_config():
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        d.start()
        d.add("c0")
        d.say("c0", 50)
        d.stop()
        d.config = CONFIG
        d.start()
        d.follows("events")
        events_are_rows(d)
        d.say("c0", 100)
        d.follows("events")
        events_are_rows(d)
        o = d.observers()["events"]
        equal((o["lag"], o["strikes"], o["deadLetters"], o["restarts"]), ("0", "0", "0", "0"), "of it")
        assert o["digest"].startswith("blake3:"), o
        registered = d.records("observer_registered")
        equal(len(registered), 1, "registrations")
        equal(registered[0]["manifest"]["grants"], ["PgWrite"], "its manifest")
        assert "events" in d.hark("status"), "status"
        assert "pg-events.wasm" in d.hark("observer", "show", "events"), "show"
        shown = json.loads(d.hark("observer", "show", "events", "--json"))
        equal(shown["manifest"]["pg"]["table"], "events", "manifest")
        d.stop()


@test("whatever a guest claims, its event is a row, and none is a dead letter")
def claims():
    with Daemon(config=CONFIG) as d:
        d.start()
        d.add("c0")
        guest = Guest(d.path("c0"))
        said = [("process.spawned", 3950 * "x"), (3950 * "y", "sh"), ("process.spawned", 1950 * "\1\0"),
                ("a\0b", "\0"), ("", "")]
        guest.send(*[frame(source, comm=comm, pid=i) for i, (source, comm) in enumerate(said)])
        guest.close()
        wait_for(lambda: d.declared() == len(said), "all are leaves")
        o = d.follows("events")
        events_are_rows(d)
        rows = d.sql("events", "SELECT source, guest_comm FROM events WHERE guest_pid IS NOT NULL ORDER BY guest_pid")
        shown = [(source.replace("\0", "\ufffd") or None, comm.replace("\0", "\ufffd")) for source, comm in said]
        for (source, comm), (was_source, was_comm) in zip(rows, shown):
            assert (source, comm) == (was_source, was_comm) or (
                len(source + comm) > 3500 and was_source.startswith(source) and was_comm.startswith(comm)), (
                    source[:40], len(source), comm[:40], len(comm))
        equal((len(rows), o["deadLetters"], o["strikes"]), (len(said), "0", "0"), "rows, dead letters, strikes")
        d.stop()


@test("SIGKILL of either, of the notary and of harkd: no row is lost, none is there twice")
def killed():
    with Daemon(config=CONFIG.replace("grants", "strikes: 1000\n    grants")) as d:
        d.start()
        d.add("c0")
        for victim in ("observer", "projector", "notary", "harkd"):
            d.until("events", "running")        # what is killed before it was told to go is no trap
            d.say("c0", 40)
            if victim == "harkd":
                d.kill()
                d.start()
            elif victim == "notary":
                d.kill_role(victim)
            else:
                d.kill_role(victim, "events")
            d.follows("events")
            events_are_rows(d)
        receipts = d.records("observer_quarantine")
        equal([r["cause"] for r in receipts], ["died"], "one receipt, of the observer's own death")
        d.stop()


# ---- by command

@test("add pins a digest, runs, survives a restart; disable, enable, rm are on record")
def by_command():
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        d.start()
        d.add("c0")
        out = d.hark("observer", "add", "events", "--module", os.path.relpath(EVENTS, d.dir),
                     "--grant", "PgWrite", "--table", "events", "--key", "event_index",
                     "--create", EVENTS_SQL)
        equal(out.strip(), d.observers()["events"]["digest"], "what was pinned")
        d.say("c0", 20)
        d.follows("events")
        events_are_rows(d)
        path = os.path.join(d.data, "observers", "events")
        equal(os.stat(path).st_mode & 0o777, 0o600, "the manifest's mode")
        d.hark("observer", "add", "events", "--module", EVENTS, code=73)
        d.stop()
        d.start()
        d.say("c0", 20)
        d.follows("events")
        d.hark("observer", "disable", "events")
        equal(d.state("events"), "disabled", "state")
        d.stop()
        d.start()
        equal(d.state("events"), "disabled", "after a restart")
        d.say("c0", 20)
        d.hark("observer", "enable", "events")
        d.follows("events")
        events_are_rows(d)
        equal(len(d.records("observer_disabled")), 1, "disabled")
        equal(len(d.records("observer_enabled")), 1, "enabled")
        d.hark("observer", "rm", "events")
        equal(d.observers(), {}, "observers")
        equal(os.listdir(os.path.join(d.data, "observers")), [], "what is kept")
        equal(d.records("observer_removed"), [{"observer": "events"}], "removed")
        events_are_rows(d)
        d.hark("observer", "rm", "events", code=66)
        d.say("c0", 20)
        manifest = d.put("m.yaml", "name: events\nmodule: %s\ndigest: %s\ngrants: [PgWrite]\n"
                                   "pg: {table: events, key: [event_index]}\n"
                         % (EVENTS, digest(EVENTS)))
        assert "is empty" in d.hark("observer", "add", "events", "--manifest", d.put("e.yaml", ""), code=78)
        added = json.loads(d.hark("observer", "add", "events", "--manifest", manifest, "--json"))
        equal((added["observer"], added["state"], added["manifest"]["digest"]),
              ("events", "running", digest(EVENTS)), "what add prints for programs")
        d.follows("events")
        events_are_rows(d)
        d.stop()


WASI = (b"\0asm\1\0\0\0" + wasm.section(1, wasm.vector([b"\x60\0\0"])) +
        wasm.section(2, wasm.vector([wasm.text("wasi_snapshot_preview1") + wasm.text("fd_write") + b"\0\0"])) +
        wasm.section(3, wasm.vector([b"\0"])) +
        wasm.section(7, wasm.vector([wasm.text("observer") + b"\0\1"])) +
        wasm.section(10, wasm.vector([b"\2\0\x0b"])))

REFUSED = [
    # rule, module, more words, exit code, words of the refusal
    ("WASI", WASI, [], 65, ["import_wasi", "wasi_snapshot_preview1"]),
    ("ungranted", rows_module(), [], 65, ["import_ungranted", "PgWrite", "grant it"]),
    ("another digest", rows_module(), ["--digest", "blake3:" + 64 * "0"], 65, ["digest"]),
    ("no module", b"not wasm", [], 65, ["parse"]),
    ("too large", rows_module() + b"\0" * (1 << 20), [], 65, ["module_bytes"]),
    ("grant without table", rows_module(), ["--grant", "PgWrite"], 78, ["PgWrite", "'pg'"]),
    ("a table that is not there", rows_module(), ["--grant", "PgWrite", "--table", "t"], 65, ["no table"]),
    ("below the data directory", rows_module(), ["--projection", "sqlite:{data}/x.sqlite"], 78,
     ["below the data directory"]),
    ("a folder that is not there", rows_module(), ["--projection", "sqlite:{data}-no/x.sqlite"], 65,
     ["the projection's folder"]),
    ("a digest that is none", rows_module(), ["--digest", "md5:00"], 78, ["digest"]),
    ("a batch that is none", rows_module(), ["--batch", "0"], 2, ["--batch"]),
    ("a grant that is none", rows_module(), ["--grant", "Root"], 2, ["--grant"]),
]


@test("a refused module names import, reason and remedy; nothing of it stays but the record")
def refused():
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        d.start()
        os.symlink(d.data, os.path.join(d.dir, "link"))
        rows = REFUSED + [("below it by a link", rows_module(),
                           ["--projection", "sqlite:{dir}/link/x.sqlite"], 65, ["below the data directory"])]
        loaded = 0
        for i, (rule, module, more, code, words) in enumerate(rows):
            path = d.put("m%d.wasm" % i, module)
            more = [w.format(data=d.data, dir=d.dir) for w in more]
            said = d.hark("observer", "add", "m", "--module", path, *more, code=code)
            for word in words:
                assert word in said, "%s: %s" % (rule, said)
            equal(d.observers(), {}, rule)
            equal(os.listdir(os.path.join(d.data, "observers")), [], rule)
            loaded += code == 65
        records = d.records("observer_refused")
        equal(len(records), loaded, "records")
        equal([r["reason"] for r in records][:4], ["import_wasi", "import_ungranted", "digest", "parse"],
              "reasons")
        d.hark("observer", "add", "m", "--module", "/no/such.wasm", code=66)
        assert d.whole()
        d.stop()


# ---- traps

@test("a module that its compiler has no memory for is refused by name, once, and is no trap")
def compile_aborted():
    module = wasm.module([], wasm.NOP, functions=[wasm.NOP] * 40000)
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        path = d.put("m.wasm", module)
        d.config += """observers:
  - name: many
    module: %s
    digest: %s
    limits: {{module_bytes: %d, compile_ms: 120000, memory_bytes: 65536, effect_bytes: 65536}}
    grants: [Log]
""" % (path, digest(path), len(module))
        d.start()
        o = d.until("many", "refused", 130)   # what is niced compiles slowly on a busy machine
        assert o["text"].startswith("compile_aborted: ") and "raise module_bytes" in o["text"], o
        equal((o["strikes"], o["restarts"], d.records("observer_quarantine")), ("0", "0", []), "no trap")
        wait_for(lambda: d.records("observer_refused"), "it is on record")
        equal([r["reason"] for r in d.records("observer_refused")], ["compile_aborted"], "record")
        assert d.process.poll() is None
        d.stop()


@test("an event that traps is passed over, on record; the third quarantines the module until it is released")
def quarantined():
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        d.start()
        d.add("c0")
        path = d.put("t.wasm", trapping(12, 25, 38, 51))
        sql = d.put("t.sql", "CREATE TABLE t (a INTEGER)")
        add = ["--module", path, "--grant", "PgWrite", "--table", "t", "--create", sql]
        d.hark("observer", "add", "traps", *add)
        d.say("c0", 20)
        d.follows("traps")
        equal(d.observers()["traps"]["strikes"], "1", "strikes")
        equal(d.sql("traps", "SELECT count(*) FROM t"), [(d.committed() - 1,)], "rows")
        d.stop()
        d.start()
        equal(d.until("traps", "running")["strikes"], "1", "strikes after a restart")
        d.say("c0", 60)
        o = d.until("traps", "quarantined")
        equal(o["strikes"], "3", "strikes")
        receipts = [json.loads(r) for r in d.hark("observer", "receipts", "traps", "--json").splitlines()]
        said = [r["data"]["operation"] for r in receipts]
        equal([r["batch"]["event"] for r in said], ["12", "25", "38"], "events")
        equal([r["ObserverQuarantine"]["trap_class"] for r in said], ["Panic"] * 3, "classes")
        equal([r["strike"] for r in said], [1, 2, 3], "strikes")
        table = d.hark("observer", "receipts")
        assert table.count("Panic") == 3 and "RECEIPT" in table, table
        equal(d.hark("observer", "receipts", "another"), "", "of another")
        # It stays so, for every name of that module, over a restart.
        said = d.hark("observer", "add", "other", *add, code=77)
        assert "quarantined" in said, said
        d.hark("observer", "enable", "traps", code=77)
        d.stop()
        equal(d.hark("observer", "receipts", "--dir", d.data), table, "offline")
        d.start()
        d.until("traps", "quarantined")
        equal(list(d.observers()), ["traps"], "observers")
        # Ingest is as it was.
        d.say("c0", 100)
        d.hark("observer", "release", "traps", "--reason", "a new table")
        o = d.follows("traps")
        # The end by quarantine may have come before the cursor had passed leaf 38, which then traps anew.
        assert o["strikes"] in ("1", "2"), o
        equal(d.sql("traps", "SELECT count(*) FROM t"), [(d.committed() - 4,)], "rows")
        equal(d.records("observer_released")[0]["reason"], "a new table", "release")
        d.stop()


@test("a quarantined module that no observer has any more is released by its digest, which its refusal says")
def released_by_digest():
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        d.start()
        d.add("c0")
        d.say("c0", 10)
        add = ["observer", "add", "traps", "--module", d.put("t.wasm", trapping(1, 2, 3)), "--grant", "PgWrite",
               "--table", "t", "--create", d.put("t.sql", "CREATE TABLE t (a INTEGER)"), "--strikes", "1"]
        pinned = d.hark(*add).strip()
        d.until("traps", "quarantined")
        d.hark("observer", "rm", "traps")
        said = d.hark(*add, code=77)
        assert "`hark observer release traps --digest %s`" % pinned in said, said
        equal(d.observers(), {}, "nothing stays")
        d.hark("observer", "release", "traps", code=66)
        d.hark("observer", "release", "traps", "--digest", pinned.replace("blake3", "sha256"), code=2)
        d.hark("observer", "release", "traps", "--digest", pinned)
        record = d.records("observer_released")[0]
        equal((record["observer"], record["digest"], record["quarantined"]), ("traps", pinned, True), "record")
        d.hark(*add)
        d.until("traps", "quarantined")
        # By another name it is the same module, and who has it runs again.
        d.hark("observer", "release", "nobody", "--digest", pinned)
        wait_for(lambda: len(d.records("observer_quarantine")) == 3, "it has run, and trapped, again")
        d.stop()


@test("on_trap stop: it stands at the event until it is enabled, and the same event is no second receipt")
def stopped():
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        d.start()
        d.add("c0")
        sql = d.put("t.sql", "CREATE TABLE t (a INTEGER)")
        d.hark("observer", "add", "stops", "--module", d.put("t.wasm", trapping(9)), "--grant", "PgWrite",
               "--table", "t", "--create", sql, "--on-trap", "stop")
        d.say("c0", 20)
        o = d.until("stops", "stopped")
        equal(o["strikes"], "1", "strikes")
        wait_for(lambda: d.observers()["stops"]["cursor"] == "9", "it stands at the event", 8)
        before = o["restarts"]
        d.hark("observer", "enable", "stops")
        wait_for(lambda: d.observers()["stops"]["restarts"] != before and d.state("stops") == "stopped",
                 "stopped again")
        equal(len(d.records("observer_quarantine")), 1, "receipts")
        equal(d.sql("stops", "SELECT count(*) FROM t"), [(9,)], "rows before it")
        d.stop()


@test("replay: the same module, events, grants and limits trap with the same class")
def replayed():
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        d.start()
        d.add("c0")
        sql = d.put("t.sql", "CREATE TABLE t (a INTEGER)")
        spin = rows_module(wasm.if_(wasm.of_index(5), wasm.SPIN))
        for name, module in (("panics", trapping(7)), ("spins", spin)):
            d.hark("observer", "add", name, "--module", d.put(name + ".wasm", module), "--grant", "PgWrite",
                   "--table", "t", "--create", sql, "--fuel", "1000000")
        d.say("c0", 20)
        for name in ("panics", "spins"):
            d.follows(name)
        wait_for(lambda: len(d.records("observer_quarantine")) == 2, "two receipts")
        indexes = {e["data"]["operation"]["observer"]: str(i)
                   for i, e in enumerate(d.leaves("operations")) if e["type"].endswith("observer_quarantine")}
        for live in (True, False):
            if not live:
                d.stop()
            more = [] if live else ["--dir", d.data]
            out = d.hark("observer", "replay", indexes["panics"], *more)
            assert "Panic" in out and "same     yes" in out, out
            out = json.loads(d.hark("observer", "replay", indexes["spins"], "--json", *more))
            equal((out["class"], out["reason"], out["first"], out["same"]),
                  ("BudgetExceeded", "fuel", "5", True), "spins")
        offline = ["--dir", d.data]
        said = d.hark("observer", "replay", indexes["panics"], "--module",
                      os.path.join(d.dir, "spins.wasm"), *offline, code=65)
        assert "not the module" in said, said
        d.hark("observer", "replay", "0", *offline, code=65)
        d.hark("observer", "replay", "99", *offline, code=66)
        d.hark("observer", "replay", "x", *offline, code=2)
        os.unlink(os.path.join(d.dir, "panics.wasm"))
        d.hark("observer", "replay", indexes["panics"], *offline, code=66)


@test("replay: a receipt of a trap that does not come again is another class: 1")
def replayed_otherwise():
    with Daemon(config="data: {data}\nrun: {run}\n", stand_in="") as d:
        # Only the observer's two programs stand in: a process that was taken over claims a trap.
        d.replace("hark-notary", os.path.join(BIN, "hark-notary"))
        path = d.put("m.wasm", rows_module())
        add = ["observer", "add", "liar", "--module", path, "--grant", "PgWrite", "--table", "t"]
        d.order("", "-observer")
        d.order("", "-projector")
        d.start()
        d.add("c0")
        d.say("c0", 10)         # the stand-in's projection has 7 leaves
        pinned = d.hark(*add).strip()
        d.hark("observer", "rm", "liar")
        d.order("digest %s trap 0 1 3 2" % pinned.split(":")[1], "-observer")
        d.hark(*add)
        wait_for(lambda: d.records("observer_quarantine"), "a receipt")
        index = [i for i, e in enumerate(d.leaves("operations"))
                 if e["type"].endswith("observer_quarantine")][0]
        out = d.hark("observer", "replay", str(index), "--json", code=1)
        said = json.loads(out)
        equal((said["receiptClass"], said["class"], said["same"], said["first"]), ("Panic", "none", False, "2"),
              "replay")
        d.stop()


@test("a receipt of a process that died names no events: replay says so")
def replay_died():
    with Daemon(config=CONFIG) as d:
        d.start()
        wait_for(lambda: d.state("events") == "running", "running")
        d.kill_role("observer", "events")
        wait_for(lambda: d.records("observer_quarantine"), "a receipt")
        index = [i for i, e in enumerate(d.leaves("operations"))
                 if e["type"].endswith("observer_quarantine")][0]
        assert "names no events" in d.hark("observer", "replay", str(index), code=4)
        d.stop()


@test("a process that hangs is killed, and that is a receipt; the next one goes on")
def hung():
    with Daemon(config=CONFIG.replace("grants", "limits: {{wall_ms: 10}}\n    grants")) as d:
        d.start()
        d.add("c0")
        wait_for(lambda: d.state("events") == "running", "running")
        os.kill(d.roles()["observer", "events"]["PID"], signal.SIGSTOP)
        wait_for(lambda: d.records("observer_quarantine"), "a receipt")
        equal(d.records("observer_quarantine")[0]["cause"], "hung", "cause")
        d.say("c0", 10)
        d.follows("events")
        events_are_rows(d)
        d.stop()


# ---- what stands around it

@test("SIGHUP: what changed is started again, what did not is not touched, what is gone goes, on record")
def reloaded():
    with Daemon(config=CONFIG) as d:
        d.config += CONFIG.split("observers:\n")[1].replace("name: events", "name: second").replace(
            "pg: {{", "projection: sqlite:{dir}/rows/second.sqlite\n    pg: {{")
        d.config += CONFIG.split("observers:\n")[1].replace("name: events", "name: third").replace(
            "pg: {{", "projection: sqlite:{dir}/rows/third.sqlite\n    pg: {{")
        d.folder("rows")
        d.start()
        for name in ("events", "second", "third"):
            d.until(name, "running")
        before = d.observers()
        third = d.config.index("  - name: third")
        d.config = d.config[:third].replace("name: second\n", "name: second\n    batch: 7\n")
        d.command()
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: set(d.observers()) == {"events", "second"}, "the third is gone")
        wait_for(lambda: d.state("second") == "running" and
                 d.observers()["second"]["pid"] != before["second"]["pid"], "the second is another")
        equal(d.observers()["events"]["pid"], before["events"]["pid"], "the first is the same process")
        equal(d.records("observer_removed"), [{"observer": "third"}], "record")
        batches = [r["manifest"]["batch"] for r in d.records("observer_registered")
                   if r["observer"] == "second"]
        equal(batches, [1024, 7], "registered again")
        d.hark("observer", "rm", "second", code=78)
        d.hark("observer", "add", "second", "--module", EVENTS, code=78)
        d.stop()


@test("its database away: it waits, ingest goes on, and it is said")
def away():
    with Daemon(config=CONFIG.replace("pg: {{", "projection: postgresql://x:secret@127.0.0.1:1/db\n    pg: {{")) as d:
        d.command()
        os.chmod(os.path.join(d.dir, "hark.yaml"), 0o600)
        d.start()
        d.add("c0")
        wait_for(lambda: d.state("events") in ("away", "refused"), "it has tried")
        o = d.observers()["events"]
        if o["state"] == "refused":
            assert "sqlite:" in o["text"], o
            return "this hark-projector knows SQLite alone"
        d.say("c0", 30)
        assert d.whole()
        shown = d.hark("observer", "show", "events") + d.hark("status") + d.hark("observer", "ls", "--json")
        shown += d.hark("observer", "show", "events", "--json") + d.err()
        shown += d.hark("tail", "--ledger", "operations", "--json")
        assert "secret" not in shown and "postgresql://x:***@127.0.0.1:1/db" in shown, shown
        assert o["text"], o
        d.stop()


@test("a password in a configuration that everybody may read is a refusal of the start", engine=None)
def password():
    with Daemon(config=CONFIG.replace("pg: {{", "projection: postgresql://x:y@h/db\n    pg: {{")) as d:
        d.command()
        os.chmod(os.path.join(d.dir, "hark.yaml"), 0o644)
        d.spawn()
        said = d.ended(78)
        assert "has a password" in said and "hark.yaml:4:5" in said, said


def autogroup(pid):
    """How the kernel weighs the process's session; None where it does not."""
    try:
        with open("/proc/%d/autogroup" % pid, encoding="ascii") as f:
            return f.read().split(" ", 1)[1].strip()
    except FileNotFoundError:
        return None


@test("they run where nobody else wants to: also as the kernel weighs sessions")
def background():
    with Daemon(config=CONFIG) as d:
        d.start()
        d.until("events", "running")
        _, items, _ = d.ask("ASK_STATUS")
        pids = {f["ROLE"]: f["PID"] for n, f in items if n == "ITEM_ROLE"}
        usual = autogroup(os.getpid()) and "nice 0"
        idle = usual and "nice 19"
        equal({role: autogroup(pids[role]) for role in ("notary", "observer", "projector")},
              {"notary": usual, "observer": idle, "projector": idle}, "weights")
        equal([os.getpriority(os.PRIO_PROCESS, pids[role]) for role in ("observer", "projector")], [19, 19])
        d.stop()


@test("a projector is never root: its folder is given away, and root's own are refused")
def never_root():
    if os.geteuid() != 0:
        return "only root can give something away"
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        d.start()
        d.add("c0")
        own = os.path.dirname(d.projection("events"))
        # As an earlier harkd left it: root's, with a database of root's, below what nobody else may enter.
        os.makedirs(own, 0o700)
        old = sqlite3.connect(d.projection("events"))
        old.execute("CREATE TABLE old (a)")
        old.commit()
        old.close()
        os.symlink("/etc/passwd", os.path.join(own, "link"))
        equal(os.stat(d.dir).st_mode & 0o777, 0o700, "the way to it")
        add = ["observer", "add", "events", "--module", EVENTS, "--grant", "PgWrite", "--table", "events",
               "--create", EVENTS_SQL]
        d.hark(*add)
        d.say("c0", 10)
        d.follows("events")
        events_are_rows(d)
        pid = [f["PID"] for n, f in d.ask("ASK_STATUS")[1] if n == "ITEM_ROLE" and f["ROLE"] == "projector"][0]
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            ids = [line.split()[1:] for line in f if line.startswith(("Uid", "Gid"))]
        owner = os.stat(own)
        assert owner.st_uid != 0 and owner.st_gid != 0, owner
        equal(ids, [[str(owner.st_uid)] * 4, [str(owner.st_gid)] * 4], "whose it is")
        for name in os.listdir(own):
            is_link = os.path.islink(os.path.join(own, name))
            equal(os.lstat(os.path.join(own, name)).st_uid, 0 if is_link else owner.st_uid, name)
        equal(os.stat("/etc/passwd").st_uid, 0, "what a link points at")
        d.hark("observer", "rm", "events")

        def refused(what, *more):
            said = d.hark(*add, *more, code=65)
            assert what + " belongs to root, and a projector is never root" in said, said

        roots = os.path.join(d.dir, "roots")
        os.mkdir(roots)
        open_to_all = os.path.join(d.dir, "open")
        os.mkdir(open_to_all)
        os.chmod(open_to_all, 0o777)
        good = d.folder("good")
        metrics = ["--grant", "MetricEmit", "--metric-prefix", "m_", "--metric-file"]
        refused("the projection's folder", "--projection", "sqlite:%s/x" % roots)
        refused("the projection's folder", "--projection", "sqlite:%s/x" % open_to_all)
        refused("the metrics' folder", *metrics, roots + "/m")
        refused("the receipts' folder", "--grant", "KmsReceipt", "--receipt-file", roots + "/r")
        # A link in the place of its own folder names another, which is not given away.
        os.rename(own, own + ".old")
        os.symlink(roots, own)
        refused("the projection's folder")
        equal(os.stat(roots).st_uid, 0, "root's folder")
        os.unlink(own)
        d.hark(*add, "--projection", "sqlite:%s/x" % good, *metrics, open_to_all + "/m")
        wait_for(lambda: int(d.observers()["events"]["cursor"]) == d.committed(), "all is read")
        equal(os.stat(good + "/x").st_uid, NOBODY, "whose the database is")
        d.hark("observer", "rm", "events")
        d.stop()


@test("engine: noop runs nothing, moves on, and status says so in words", engine=None)
def noop():
    with Daemon(config=CONFIG.replace("grants", "engine: noop\n    grants")) as d:
        d.start()
        d.add("c0")
        d.say("c0", 20)
        d.follows("events")
        equal(d.sql("events", "SELECT count(*) FROM events"), [(0,)], "rows")
        said = d.hark("status")
        assert "noop" in said and "runs nothing" in said, said
        assert d.err().count("observer events says: engine noop") == 1, d.err()
        d.stop()


@test("one that says that it has read what is not there is refused, and does not pass over it later")
def beyond():
    with Daemon(config=CONFIG) as d:
        d.libexec = os.path.join(d.dir, "libexec")
        os.mkdir(d.libexec)
        for name in os.listdir(BIN):
            os.symlink(os.path.join(BIN, name), os.path.join(d.libexec, name))
        d.replace("hark-observer", os.path.join(HERE, "stand-in-pair"))
        d.order("jump 100", "-observer")
        d.start()
        d.add("c0")
        assert "cursor is leaf 100" in d.until("events", "refused")["text"]
        wait_for(lambda: d.records("observer_refused"), "its record")
        equal([r["reason"] for r in d.records("observer_refused")], ["cursor"], "its record")
        equal(d.records("observer_quarantine"), [], "no trap")
        d.replace("hark-observer", os.path.join(BIN, "hark-observer"))
        assert "cursor" in d.hark("observer", "enable", "events", code=65)
        d.hark("observer", "disable", "events")
        db = sqlite3.connect(d.projection("events"))
        db.execute("DELETE FROM hark_cursors")
        db.commit()
        db.close()
        d.hark("observer", "enable", "events")
        d.say("c0", 120)
        d.follows("events")
        events_are_rows(d)
        d.stop()


@test("rows that a table refuses are dead letters, counted")
def dead_letters():
    with Daemon(config="data: {data}\nrun: {run}\n") as d:
        d.start()
        d.add("c0")
        sql = d.put("t.sql", "CREATE TABLE t (a INTEGER CHECK (a > 1))")
        d.hark("observer", "add", "dead", "--module", d.put("t.wasm", rows_module()), "--grant", "PgWrite",
               "--table", "t", "--create", sql)
        d.say("c0", 10)
        o = d.follows("dead")
        wait_for(lambda: int(d.observers()["dead"]["deadLetters"]) == d.committed(), "all are dead")
        equal(o["strikes"], "0", "no trap")
        d.stop()


@test("prune: not beyond what an observer has read, also while it is disabled or harkd is down")
def pruned():
    with Daemon(config="data: {data}\nrun: {run}\nledger: {{segment_bytes: 4MiB}}\n") as d:
        d.start()
        d.add("c0")
        d.hark("observer", "add", "events", "--module", EVENTS, "--grant", "PgWrite", "--table", "events",
               "--create", EVENTS_SQL)
        d.say("c0", 20)
        d.follows("events")
        d.hark("observer", "disable", "events")
        d.say("c0", 40)
        size, cursor = d.committed(), int(d.observers()["events"]["cursor"])
        assert cursor < size, (cursor, size)
        said = d.hark("ledger", "prune", str(size), code=75)
        assert "observer events" in said and str(cursor) in said, said
        d.hark("ledger", "prune", str(cursor))
        d.stop()
        said = d.hark("ledger", "prune", str(size), "--dir", d.data, code=75)
        assert "observer events" in said and str(cursor) in said, said
        d.start()
        d.hark("observer", "rm", "events")
        d.hark("ledger", "prune", str(size))
        d.stop()


@test("prune: without a daemon not beyond what an observer is to begin with that has never run", engine=None)
def pruned_offline():
    ledger = "data: {data}\nrun: {run}\nledger: {{segment_bytes: 4MiB}}\n"
    entry = "observers:\n  - {{name: %s, module: /no/such, digest: \"sha256:" + "0" * 64 + "\", engine: noop, from: %d}}\n"
    with Daemon(config=ledger + entry % ("never", 3)) as d:
        def prune(index, *more, code=0):
            return d.hark("ledger", "prune", str(index), "--dir", d.data, *more, code=code)

        for _ in range(2):                  # what it is to begin with is no cursor, the second time either
            d.start()
            d.until("never", "refused")
            equal(d.observers()["never"].get("cursor"), None, "its cursor")
            d.stop()
        said = prune(4, code=75)
        assert "observer never has read nothing yet, from leaf 3" in said, said
        prune(3)
        d.config = ledger + entry % ("never", 4)
        d.start()
        d.config = ledger + entry % ("never", 5)
        d.command()                         # writes it
        os.kill(d.process.pid, signal.SIGHUP)
        wait_for(lambda: "never has changed in the configuration" in d.err(), "it is read again")
        d.until("never", "refused")
        d.stop()
        said = prune(6, code=75)
        assert "from leaf 5" in said, said
        # One that no harkd has seen is known by its configuration, which is this directory's.
        prune(5)
        unseen = d.put("unseen.yaml", (ledger + entry % ("unseen", 4)).format(data=d.data, run=d.run))
        said = prune(5, "--config", unseen, code=75)
        assert "observer unseen has read nothing yet, from leaf 4" in said, said
        prune(4, "--config", unseen)
        other = d.put("other.yaml", (ledger + entry % ("unseen", 4)).format(data=d.dir, run=d.run))
        assert d.dir in prune(4, "--config", other, code=78)
        prune(4, "--config", d.put("bad.yaml", "date: x\n"), code=78)
        prune(4, "--config", os.path.join(d.dir, "none"), code=66)
        d.hark("ledger", "prune", "4", "--config", unseen, code=2)
        # A manifest of a harkd that wrote no such file; and what nobody can read.
        folder = os.path.join(d.data, "observers")
        for name, words in (("old", b"x"), ("torn.cursor", b""), ("torn.cursor", b"from \n"), ("torn.cursor", b"7"),
                            ("torn.cursor", b"from -1\n"), ("torn.cursor", b"from 18446744073709551616\n")):
            with open(os.path.join(folder, name), "wb") as f:
                f.write(words)
            said = prune(5, code=75)
            assert "observer %s has read" % name.split(".")[0] in said and "leaf 0" in said, said
            os.unlink(os.path.join(folder, name))
        # It is gone from the configuration: at the next start it holds nothing any more.
        d.config = ledger
        d.start().stop()
        equal(os.listdir(folder), [], "what is kept")
        prune(6)


@test("doctor looks at the modules of the configuration")
def doctor():
    with Daemon(config=CONFIG) as d:
        d.command()
        config = os.path.join(d.dir, "hark.yaml")
        out = d.hark("doctor", "--dir", "/var/tmp", "--config", config)
        assert "observers" in out, out
        with open(config, encoding="utf-8") as f:
            text = f.read()
        d.put("hark.yaml", text.replace(digest(EVENTS), "sha256:" + 64 * "0"))
        out = d.hark("doctor", "--dir", "/var/tmp", "--config", config, code=69)
        assert "events" in out and "digest" in out, out
        d.put("hark.yaml", text.replace(EVENTS, "/no/such.wasm"))
        out = d.hark("doctor", "--dir", "/var/tmp", "--config", config, code=69)
        assert "/no/such.wasm" in out, out


def built(d, folder, module, **more):
    """Runs the template's own build and tries what came of it."""
    done = subprocess.run([os.path.join(d.dir, folder, "build")], capture_output=True, text=True, cwd="/",
                          env={**os.environ, **more})
    assert done.returncode == 0, done.stderr
    said = json.loads(d.hark("observer", "test", os.path.join(folder, module), "--grant", "PgWrite", "--json"))
    equal((said["load"], said["run"], said["effects"]), ("ok", "ok", 1), folder)
    row = json.loads(said["payloads"][0]["bytes"])
    equal(row, {"index": 0, "cell": "example"}, "row")


@test("new: a template in C that builds as it stands, and runs")
def new_c():
    with Daemon() as d:
        d.hark("observer", "new", "--lang", "c", "mine")
        built(d, "mine", "rows.wasm")
        assert "is there already" in d.hark("observer", "new", "--lang", "c", "mine", code=73)
        assert "c or rust" in d.hark("observer", "new", "--lang", "d", "other", code=2)
        d.hark("observer", "new", "mine", code=2)


@test("new: the same in Rust")
def new_rust():
    with Daemon() as d:
        d.hark("observer", "new", "mine", "--lang", "rust")
        for rustc in dict.fromkeys(filter(None, (shutil.which("rustc"), "/usr/bin/rustc"))):
            if not os.path.exists(rustc):
                continue
            found = subprocess.run([rustc, "--print", "target-libdir", "--target", "wasm32-unknown-unknown"],
                                   capture_output=True, text=True)
            if found.returncode == 0 and os.path.isdir(found.stdout.strip()):
                built(d, "mine", "rows.wasm", RUSTC=rustc)
                os.unlink(os.path.join(d.dir, "mine", "rows.wasm"))
                built(d, "mine", "rows.wasm")           # it finds that one by itself
                without = subprocess.run([os.path.join(d.dir, "mine", "build")], capture_output=True, text=True,
                                         env={**os.environ, "RUSTC": "/bin/false"})
                assert without.returncode == 1 and "rustup target add" in without.stderr, without
                return None
        return "no rustc here has the target wasm32-unknown-unknown"


@test("without an engine: observers are a refusal of the start and of add, unless they are noop", engine=False)
def without_engine():
    with Daemon(config=CONFIG) as d:
        d.spawn()
        said = d.ended(78)
        assert len(said.splitlines()) == 1 and "no engine" in said and "engine: noop" in said, said
        config = os.path.join(d.dir, "hark.yaml")
        assert "no engine" in d.hark("config", "check", config, code=78)
        d.config = CONFIG.replace("grants", "engine: noop\n    grants")
        d.start()
        d.hark("config", "check", config)
        status = d.hark("status")
        assert "\nengine: none in this build" in status and "engine: noop" in status, status
        equal(json.loads(d.hark("status", "--json"))["engine"], "none", "the engine")
        assert "no engine" in d.hark("observer", "add", "o", "--module", EVENTS, code=69)
        d.follows("events")
        d.hark("observer", "add", "o", "--module", EVENTS, "--engine", "noop")
        equal(sorted(d.observers()), ["events", "o"], "observers")
        assert d.hark("status").count("runs nothing") == 2
        d.hark("doctor", "--dir", "/var/tmp", "--config", config)
        d.put("hark.yaml", CONFIG.format(data=d.data, run=d.run))
        assert "no engine" in d.hark("doctor", "--dir", "/var/tmp", "--config", config, code=69)
        d.stop()


def has_engine():
    done = subprocess.run([os.path.join(BIN, "hark"), "observer", "test", EVENTS], capture_output=True)
    return done.returncode != 69


def main():
    built_with = os.environ.get("HARK_ENGINE") != "none" and has_engine()
    chosen = [(rule, function) for rule, function, engine in TESTS if engine in (None, built_with)]
    if not built_with and os.environ.get("HARK_ENGINE") != "none":
        chosen.append(("observers from end to end", lambda: "this build has no engine"))
    return run(chosen)


if __name__ == "__main__":
    sys.exit(main())
