#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A seeded campaign: observers, projectors, the notary, PostgreSQL and harkd itself are killed under load.

Three observers read what two guests declare: one into SQLite, one into PostgreSQL, both into tables
without a key, so that a row that came twice would stand there twice; and one that traps at some
events.  In the end the rows must be the events, in both databases; each trap must have its receipt once; a
projection that is thrown away and made again from leaf 0 must be the same.

Prints TAP.  $HARK_KILLS is how often (50; $HARK_LONG: 400), $HARK_SEED the seed, $HARK_BIN where the programs
are.  Nothing sleeps for luck: each wait is for a fact and has a limit.
"""
import collections
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "system"), os.path.join(ROOT, "tests", "ref")]

from guest import wait_for                                      # noqa: E402
from kills import BIN, Daemon, NumberedGuest                    # noqa: E402
import modules as wasm                                          # noqa: E402
import postgresql                                               # noqa: E402
import tapout                                                   # noqa: E402

SEED = int(os.environ.get("HARK_SEED", "20261126"))
KILLS = int(os.environ.get("HARK_KILLS", "400" if os.environ.get("HARK_LONG") else "50"))
CELLS = 2
LIMIT_S = 120
# A long campaign leaves some millions of leaves, which are all read, and projected anew.
WHOLE_LIMIT_S = 900
TRAPS = (40, 41, 300, 900)
MODULE = os.path.join(ROOT, "observers", "pg-events.wasm")
COLUMNS = "event_index, type, cell, seq"

CONFIG = """data: {data}
run: {run}
observers:
  - name: lite
    module: {module}
    digest: {digest}
    grants: [PgWrite]
    strikes: 1000
    pg: {{table: events, create: {sql}}}
  - name: post
    module: {module}
    digest: {digest}
    grants: [PgWrite]
    strikes: 1000
    pg: {{table: events, create: {sql}}}
    projection: "{uri}"
  - name: traps
    module: {traps}
    digest: {traps_digest}
    grants: [PgWrite]
    strikes: 1000
    pg: {{table: t, create: {traps_sql}}}
"""


def digest(path):
    with open(path, "rb") as f:
        return "sha256:" + hashlib.sha256(f.read()).hexdigest()


class Observed(Daemon):
    """The daemon of the other campaign, with a configuration."""

    def __init__(self, top, config):
        super().__init__(top)
        self.config = config

    def start(self):
        self.process = subprocess.Popen([os.path.join(BIN, "harkd"), "--config", self.config],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for(lambda: self.hark("status").returncode == 0, "every program runs", LIMIT_S)

    def observers(self):
        """{name: fields}, or nothing while nobody answers."""
        done = self.hark("observer", "ls", "--json")
        if done.returncode != 0:
            return {}
        return {o["observer"]: o for o in map(json.loads, done.stdout.splitlines())}


class Campaign:
    def __init__(self, top, tap):
        self.tap = tap
        self.top = top
        self.random = random.Random(SEED)
        self.killed = collections.Counter()
        folder = os.path.join(top, "pg")
        os.mkdir(folder)
        self.server = postgresql.Server(folder)
        self.daemon = Observed(top, self.write_config())
        self.guests = []

    def write(self, name, data):
        path = os.path.join(self.top, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def write_config(self):
        with open(os.path.join(ROOT, "observers", "pg-events.sql"), "rb") as f:
            sql = f.read()
        assert sql.count(b" PRIMARY KEY") == 1
        imports = ["next", "write"]
        traps = b"".join(wasm.if_(wasm.of_index(i), wasm.UNREACHABLE) for i in TRAPS)
        row = b'{"a":1}'
        body = wasm.each_event(traps + wasm.put("write", 16, len(row), imports), imports)
        module = self.write("traps.wasm", wasm.module(imports, body, data=[(16, row)]))
        return self.write("hark.yaml", CONFIG.format(
            data=os.path.join(self.top, "data"), run=os.path.join(self.top, "run"), module=MODULE,
            digest=digest(MODULE), sql=self.write("events.sql", sql.replace(b" PRIMARY KEY", b"")),
            traps=module, traps_digest=digest(module),
            traps_sql=self.write("t.sql", b"CREATE TABLE t (a INTEGER)"),
            uri=self.server.uri()).encode())

    def begin(self):
        self.daemon.start()
        for i in range(CELLS):
            base = os.path.join(self.top, "c%d.sock" % i)
            done = self.daemon.hark("cell", "add", "c%d" % i, "--uds-base", base)
            if done.returncode != 0:
                raise RuntimeError("cell add: " + done.stderr)
            # Enough to be killed in the middle of something, and few enough to be compared in memory.
            self.guests.append(NumberedGuest(base + "_9001", 0x200 + i, 0.01))
            self.guests[-1].start()

    # ---- under load

    def check(self):
        for guest in self.guests:
            if guest.error:
                raise RuntimeError("guest: " + guest.error)
        if self.daemon.process.poll() is not None:
            raise RuntimeError("harkd ended by itself: %r" % self.daemon.process.returncode)

    def progress(self, count):
        """Until every guest has `count` more acknowledgements: what is killed is killed under load."""
        want = [guest.acked + count for guest in self.guests]

        def reached():
            self.check()
            return all(g.acked >= w for g, w in zip(self.guests, want))
        wait_for(reached, "acknowledgements go on", LIMIT_S)

    def moves(self):
        """Until every projection has got further than it was."""
        before = {}

        def reached():
            self.check()
            for name, o in self.daemon.observers().items():
                before.setdefault(name, int(o.get("cursor", 0)))
            now = self.daemon.observers()
            return len(before) == 3 and all(n in now and int(now[n].get("cursor", 0)) > c
                                            for n, c in before.items())
        wait_for(reached, "projections go on", LIMIT_S)

    def kill_one(self):
        what = self.random.choice(["hark-observer"] * 4 + ["hark-projector"] * 4 +
                                  ["hark-notary"] * 2 + ["postgres"] * 2 + ["harkd"])
        if what == "harkd":
            self.daemon.kill()
            self.daemon.start()
        elif what == "postgres":
            self.server.kill()
            self.progress(self.random.choice((0, 1, 50)))
            self.server.start()
        else:
            running = [pid for pid, program in self.daemon.children() if program == what]
            if not running:
                return          # it is between two starts
            try:
                os.kill(self.random.choice(running), signal.SIGKILL)
            except ProcessLookupError:
                return
        self.killed[what] += 1

    def run(self):
        while sum(self.killed.values()) < KILLS:
            self.progress(self.random.choice((0, 1, 1, 20, 200)))
            self.kill_one()
            if self.random.random() < 0.2:
                self.moves()
        self.moves()
        for guest in self.guests:
            guest.talking = False
            guest.finished = True
        for guest in self.guests:
            guest.join(LIMIT_S)
        self.settle()

    def committed(self):
        ledgers = json.loads(self.daemon.hark("status", "--json").stdout)["ledgers"]
        return [int(l["committedSize"]) for l in ledgers if l["origin"].endswith("/evidence")][0]

    def settle(self, names=("lite", "post", "traps")):
        """Until every projection has all that is committed."""
        def reached():
            self.check()
            now, size = self.daemon.observers(), self.committed()
            return all(now.get(n, {}).get("state") == "running" and int(now[n]["cursor"]) == size
                       for n in names)
        wait_for(reached, "all is projected", WHOLE_LIMIT_S)

    # ---- the end

    def tail(self, ledger):
        done = self.daemon.hark("tail", "--ledger", ledger, "--json", limit_s=WHOLE_LIMIT_S)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def lite(self, name="lite", table="events", columns=COLUMNS):
        path = os.path.join(self.daemon.data + "-projections", name, "projection.sqlite")
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        try:
            return [[None if v is None else str(v) for v in row] for row in
                    db.execute("SELECT %s FROM %s ORDER BY 1" % (columns, table))]
        finally:
            db.close()

    def post(self):
        return self.server.ask("SELECT %s FROM events ORDER BY 1" % COLUMNS)

    def same_rows(self, what, got, want):
        first = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        self.tap.row("%s: its %d rows are the %d events, each once" % (what, len(got), len(want)),
                     got == want, "first difference at %d: %r, wanted %r" % (
                         first, got[first:first + 1], want[first:first + 1]))

    def still(self):
        """Events and rows of one moment: a silence or a tick may come between two looks."""
        while True:
            self.settle()
            events = self.tail("evidence")
            self.settle()
            got = events, self.lite(), self.post(), len(self.lite("traps", "t", "a"))
            if self.committed() == len(events):
                return got

    def judge(self):
        tap = self.tap
        tap.row("%d kills (%s)" % (sum(self.killed.values()), ", ".join(
            "%s %d" % pair for pair in sorted(self.killed.items()))), sum(self.killed.values()) >= KILLS)
        tap.row("each kind was among them", len(self.killed) == 5, self.killed)
        events, lite, post, traps = self.still()
        tap.row("guests declared under it all", len(events) > max(TRAPS), len(events))
        want = [[str(i), e["type"], e["data"].get("cellId"), e["data"].get("declared", {}).get("seq")]
                for i, e in enumerate(events)]
        self.same_rows("SQLite", lite, want)
        self.same_rows("PostgreSQL", post, want)
        observers = self.daemon.observers()
        tap.same("no row was refused", [o["deadLetters"] for o in observers.values()], ["0"] * 3)
        tap.same("of the one that traps: a row for each event but those",
                 traps, len(events) - len(TRAPS))
        self.judge_receipts()
        self.judge_replay(want)
        tap.same("harkd ends in order", self.daemon.stop(), 0)
        key = os.path.join(self.daemon.data, "keys", "evidence.pub")
        done = self.daemon.hark("verify", self.daemon.data, "--key", key, limit_s=WHOLE_LIMIT_S)
        tap.row("the record verifies", done.returncode == 0, done.stdout + done.stderr)

    def judge_receipts(self):
        said = [e["data"]["operation"] for e in self.tail("operations")
                if e["type"].endswith(".observer_quarantine")]
        causes = collections.Counter(s["cause"] for s in said)
        reported = sorted(int(s["batch"]["event"]) for s in said if s["cause"] == "reported")
        self.tap.same("each trap has its receipt, once", reported, sorted(TRAPS))
        # A death that the notary's or harkd's own overtook is nobody's to tell.
        self.tap.row("deaths that nobody asked for have theirs, and nothing else has",
                     0 < causes["died"] <= self.killed["hark-observer"] and
                     set(causes) <= {"died", "reported"}, "%r, %r" % (causes, self.killed))

    def judge_replay(self, want):
        """Thrown away, and made again from leaf 0."""
        for name in ("lite", "post"):
            done = self.daemon.hark("observer", "disable", name)
            self.tap.same("%s is disabled" % name, done.returncode, 0)
        wait_for(lambda: sum(1 for _, p in self.daemon.children() if p == "hark-projector") == 1,
                 "their processes have ended", LIMIT_S)
        folder = os.path.join(self.daemon.data + "-projections", "lite")
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        self.server.ask("DROP TABLE events; DELETE FROM hark_cursors")
        for name in ("lite", "post"):
            done = self.daemon.hark("observer", "enable", name)
            self.tap.row("%s is enabled" % name, done.returncode == 0, done.stderr)
        self.settle()
        self.same_rows("SQLite, from leaf 0 again", self.lite()[:len(want)], want)
        self.same_rows("PostgreSQL, from leaf 0 again", self.post()[:len(want)], want)


def main():
    tap = tapout.Tap()
    if postgresql.programs() is None:
        tap.skip("observers under kills", "there is no PostgreSQL server here")
        return tap.end()
    print("# seed %d, %d kills" % (SEED, KILLS), flush=True)
    with tempfile.TemporaryDirectory(prefix="hark-observed") as top:
        os.chmod(top, 0o755)
        campaign = Campaign(top, tap)
        try:
            campaign.begin()
            campaign.run()
            campaign.judge()
        except Exception as e:  # pylint: disable=broad-except
            tap.row("the campaign ran to its end", False, repr(e))
            with open(os.path.join(top, "log"), encoding="utf-8", errors="replace") as log:
                for line in log.read().splitlines()[-60:]:
                    print("# " + line)
            print("# %r" % campaign.daemon.observers())
        finally:
            campaign.server.stop()
            if campaign.daemon.process and campaign.daemon.process.poll() is None:
                campaign.daemon.process.kill()
                campaign.daemon.process.wait()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
