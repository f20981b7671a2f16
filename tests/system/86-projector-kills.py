#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""hark-projector and its database killed at seeded moments: each effect is there once all the same.

usage: 86-projector-kills.py [--seed N] [--kills N]   (HARK_KILLS is the second's default)

A leaf N of a ledger that is counted here leads to a row, a sample, now and then a receipt and a row
that the table refuses; leaf by leaf the same, however they are cut into batches.  Prints TAP.
Nothing here waits for anything but an answer or an end; a kill's moment is a number of turns that
the test itself makes.
"""
import argparse
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import postgresql                                   # noqa: E402
import projector                                    # noqa: E402  (it finds tests/ref)
from projector import KMS, LOG, METRIC, PG            # noqa: E402
from tapout import Tap                              # noqa: E402

CREATE = ("CREATE TABLE kept (n BIGINT PRIMARY KEY, word TEXT); "
          "CREATE TABLE other (k BIGINT PRIMARY KEY, low BIGINT, high BIGINT)")


def effects_of(leaf):
    out = [(PG, json.dumps({"n": leaf, "word": "w%d" % (leaf * 7919)}).encode()),
           (METRIC, json.dumps({"name": "leaves", "type": "counter", "value": 0.1,
                                "third": str(leaf % 3)}).encode())]
    if leaf % 10 == 0:
        out.append((KMS, b'{"leaf":%d}' % leaf))
    if leaf % 13 == 0:
        out.append((PG, b'{"n":%d}' % leaf))        # a second time: the key refuses it
    if leaf % 50 == 0:
        out.append((LOG, b"leaf %d" % leaf))
    return out


class World:
    """A database, the files, and the projector that lives at the moment."""

    def __init__(self, folder, seed):
        self.folder = folder
        self.random = random.Random(seed)
        self.metrics = os.path.join(folder, "metrics")
        self.receipts = os.path.join(folder, "receipts")
        self.p = None
        self.starts = 0

    def start(self):
        self.p = projector.Projector(
            self.folder, PROJECTION=self.projection, TOKENS=15, TABLE="kept", CREATE=CREATE,
            METRIC_FILE=self.metrics, METRIC_PREFIX="t_", RECEIPT_FILE=self.receipts,
            LOG_LINES_PER_S=5)
        self.starts += 1
        assert self.p.first[0] == "READY", self.p.first
        return self.p.begin()

    def turns(self):
        """Some time that has no name: from nothing to about what a commit takes."""
        for _ in range(int(self.random.choice([0, 1e2, 1e4, 1e5, 3e5]) * self.random.random())):
            pass

    def batch(self, leaves):
        """Sends the next batch, up to `leaves`; gives where it ends."""
        following = min(leaves, self.p.cursor + self.random.choice([1, 3, 40, 400]))
        effects = [e for leaf in range(self.p.cursor, following) for e in effects_of(leaf)]
        self.p.send(self.p.cursor, following, effects)
        return following

    def to_the_end(self, leaves):
        while self.p.cursor < leaves:
            self.p.cursor = self.commit(leaves)

    def commit(self, leaves):
        following = self.batch(leaves)
        got = self.p.hear("COMMITTED")
        assert got == following, (got, following)
        return got

    def kill_once(self, leaves):
        """A few batches, then a kill before, within or behind the next."""
        self.start()
        for _ in range(self.random.randrange(3)):
            if self.p.cursor < leaves:
                self.p.cursor = self.commit(leaves)
        if self.p.cursor < leaves and self.random.random() < 0.9:
            self.batch(leaves)
        self.turns()
        self.p.kill()

    def dump(self):
        return [self.ask("SELECT n, word FROM kept ORDER BY n"),
                self.ask("SELECT name, labels, type, value FROM hark_metrics ORDER BY name, labels"),
                self.ask("SELECT token, error FROM hark_dead_letters "
                         "ORDER BY first_index, ordinal"),
                self.ask("SELECT next_index, dead_letters, receipts, receipt_bytes "
                         "FROM hark_cursors"),
                open(self.metrics, encoding="utf-8").read(),
                open(self.receipts, encoding="utf-8").read()]


class File(World):
    name = "SQLite"

    def __init__(self, folder, seed):
        super().__init__(folder, seed)
        self.path = os.path.join(folder, "rows.db")
        self.projection = "sqlite:" + self.path

    def ask(self, sql):
        connection = sqlite3.connect(self.path)
        try:
            rows = connection.execute(sql).fetchall()
            connection.commit()
        finally:
            connection.close()
        return [[str(value) for value in values] for values in rows]

    def take_away(self):
        """Somebody else writes, and does not end."""
        self.lock = sqlite3.connect(self.path, isolation_level=None)
        self.lock.execute("BEGIN IMMEDIATE")

    def bring_back(self):
        self.lock.execute("ROLLBACK")
        self.lock.close()


class Served(World):
    name = "PostgreSQL"

    def __init__(self, folder, seed):
        super().__init__(folder, seed)
        place = os.path.join(folder, "server")
        os.mkdir(place)
        self.server = postgresql.Server(place)
        self.ask = self.server.ask
        # One that would be seen, were it ever said.
        self.projection = self.server.uri(password="sesame-open")

    def take_away(self):
        self.server.kill()

    def bring_back(self):
        self.server.start()


def expected(tap, world, leaves, what):
    rows, metrics, dead, cursor, text, receipts = world.dump()
    tap.same(what + ": rows are the leaves, each once", rows,
             [[str(n), "w%d" % (n * 7919)] for n in range(leaves)])
    tenths = [sum(1 for n in range(leaves) if n % 3 == third) for third in range(3)]
    values = ["%d.%d" % divmod(t, 10) if t % 10 else "%d" % (t // 10) for t in tenths]
    tap.same("samples add up, each once", metrics,
             [["t_leaves", '{"third":"%d"}' % third, "counter", values[third]]
              for third in range(3)])
    tap.same("the file says the same", text, "# TYPE t_leaves counter\n" + "".join(
        't_leaves_total{third="%d"} %s\n' % (third, values[third]) for third in range(3)) +
        "# EOF\n")
    tap.same("receipts are there once and in order", receipts, "".join(
        '{"number":"%d","observer":"o","origin":"%s","receipt":{"leaf":%d}}\n' % (
            number, projector.ORIGIN, 10 * number) for number in range((leaves + 9) // 10)))
    died = (leaves + 12) // 13
    tap.same("so are dead letters", (len(dead), {d[0] for d in dead}), (died, {"PgWrite"}))
    tap.same("and the cursor knows all of it", cursor,
             [[str(leaves), str(died), str((leaves + 9) // 10), str(len(receipts))]])


def killed(tap, world, kills):
    leaves = 250 * kills
    done = 0
    for _ in range(kills):
        world.kill_once(leaves)
        done += world.p.cursor < leaves
    world.start()
    world.to_the_end(leaves)
    world.p.stop()
    tap.row("the projector was killed %d times, %d of them with leaves left" % (kills, done),
            done > kills // 2, (kills, done))
    expected(tap, world, leaves, "killed")
    return leaves


def replayed(tap, world, leaves):
    """As docs/format/projection.md says how a person does it."""
    before = world.dump()
    world.ask("DROP TABLE kept")
    world.ask("DROP TABLE other")
    world.ask("DELETE FROM hark_cursors WHERE observer = 'o'")
    os.rename(world.receipts, world.receipts + ".old")
    tap.same("without a cursor it begins at the first leaf", world.start(), 0)
    world.to_the_end(leaves)
    world.p.stop()
    tap.row("dropped and replayed it is the same", world.dump() == before)


def away(tap, world, leaves, times):
    """The database goes while a batch is under way, and the projector lives."""
    more = leaves + 50 * times
    world.start()
    for _ in range(times):
        world.turns()
        if world.random.random() < 0.5:
            following = world.batch(world.p.cursor + 50)
            world.turns()
            world.take_away()
        else:
            world.take_away()
            following = world.batch(world.p.cursor + 50)
        # It may have been committed just before, so that nobody is told of anything.
        world.turns()
        world.bring_back()
        got = world.p.hear("COMMITTED")
        assert got == following, (got, following)
        world.p.cursor = got
    # Now surely with nothing committed, and told.
    world.take_away()
    following = world.batch(more + 400)
    state = world.p.wait_state("away")
    world.bring_back()
    tap.row("it is told that the database is away, and why", len(state["TEXT"]) > 10, state)
    tap.same("the batch was kept", world.p.hear("COMMITTED"), following)
    world.p.wait_state("ok", INDEX=following)
    world.p.cursor = following
    reached = max(following, more)
    world.to_the_end(reached)
    said = world.p.stop()
    tap.same("it ended at STOP", said[0], 0)
    tap.row("the password was never said", "sesame" not in said[1] + repr(world.p.states))
    expected(tap, world, reached, "the database went away %d times" % (times + 1))
    return reached


def waiting_at_start(tap, world):
    """The database is away before it begins; STOP ends it there too."""
    world.take_away()
    world.p = projector.Projector(world.folder, PROJECTION=world.projection, TOKENS=1,
                                  TABLE="kept")
    tap.same("it is ready without its database", world.p.first[0], "READY")
    world.p.wait_state("away")
    tap.same("and ends at STOP without it", world.p.stop()[0], 0)
    world.bring_back()


def pushed_aside(tap, world):
    """A second projector of this observer, and a person who moves the cursor."""
    world.start()
    first, cursor = world.p, world.p.cursor
    world.start()
    world.commit(cursor + 1)
    second = world.p
    first.send(cursor, cursor + 1, effects_of(cursor))
    tap.same("a projector whose cursor was moved ends for another start", first.wait()[0], 75)
    second.stop()
    tap.same("and has written nothing",
             world.ask("SELECT count(*) FROM kept WHERE n >= %d" % cursor), [["1"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("HARK_KILLS", "30")))
    args = parser.parse_args()
    tap = Tap()
    outer = tempfile.mkdtemp()
    os.chmod(outer, 0o755)
    worlds = []
    try:
        for kind in (File, Served):
            if kind is Served and postgresql.programs() is None:
                tap.skip("PostgreSQL", "it is not installed")
                continue
            folder = os.path.join(outer, kind.name)
            os.mkdir(folder)
            print("# %s, seed %d" % (kind.name, args.seed))
            world = kind(folder, args.seed)
            worlds.append(world)
            leaves = killed(tap, world, args.kills)
            replayed(tap, world, leaves)
            leaves = away(tap, world, leaves, max(4, args.kills // 5))
            waiting_at_start(tap, world)
            pushed_aside(tap, world)
    finally:
        for world in worlds:
            if hasattr(world, "server"):
                world.server.stop()
        shutil.rmtree(outer)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
