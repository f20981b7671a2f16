#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The real hark-projector on SQLite and on a PostgreSQL that this test starts: what becomes of
effects, what is refused, and what an observer that was taken over gets.

Prints TAP.  Nothing here waits for anything but an answer or an end.
"""
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from random import Random

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import postgresql                                   # noqa: E402
import projector                                    # noqa: E402  (it finds tests/ref)
from projector import KMS, LOG, METRIC, PG          # noqa: E402,F401
from tapout import Tap                              # noqa: E402

EXIT_PROTOCOL, EXIT_TEMPORARY, EXIT_CONFIG = 76, 75, 78
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def row(**members):
    return PG, json.dumps(members).encode()


class File:
    """A database in SQLite."""
    name = "SQLite"

    def __init__(self, folder):
        self.path = os.path.join(folder, "rows.db")
        self.projection = "sqlite:" + self.path

    def ask(self, sql):
        connection = sqlite3.connect(self.path)
        try:
            rows = connection.execute(sql).fetchall()
            connection.commit()
        finally:
            connection.close()
        return [[self.text(value) for value in values] for values in rows]

    @staticmethod
    def text(value):
        """As PostgreSQL's client shows it: a blob is digits that no integer holds, or bytes."""
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return value if value is None else str(value)

    payload = "lower(hex(payload))"


class Served:
    """One in the test's PostgreSQL."""
    name = "PostgreSQL"
    server = None
    count = 0

    def __init__(self, folder):
        del folder
        Served.count += 1
        self.database = "d%d" % Served.count
        Served.server.ask("CREATE DATABASE %s" % self.database)
        self.projection = Served.server.uri(self.database)

    def ask(self, sql):
        return Served.server.ask(sql, self.database)

    payload = "encode(payload, 'hex')"


EVENTS = ("CREATE TABLE events (n BIGINT PRIMARY KEY, who TEXT, big NUMERIC(20), "
          "word VARCHAR(20) DEFAULT 'usual' CHECK (word <> 'bad'))")


def start(db, folder, **more):
    options = {"PROJECTION": db.projection, "TOKENS": 1 << PG | 1 << LOG, "TABLE": "events",
               "CREATE": EVENTS, **more}
    return projector.Projector(folder, **options)


def dead(db):
    return db.ask("SELECT first_index, next_index, ordinal, token, error, %s FROM "
                  "hark_dead_letters ORDER BY first_index, ordinal" % db.payload)


@test
def rows(tap, db, folder):
    p = start(db, folder)
    tap.same("it is ready", p.first, ("READY", {}))
    tap.same("an observer without a cursor begins at the first leaf", p.begin(), 0)
    p.batch(3, [row(n=1, who="a\tb\\\n\"c\"", big=2**64 - 1), row(n=2, who=None, word="given"),
                row(n=3, who={"b": [1, "x"]}, big=-5)])
    p.batch(10)
    tap.same("rows are there",
             db.ask("SELECT n, who, big, word FROM events ORDER BY n"),
             [["1", "a\tb\\\n\"c\"", str(2**64 - 1), "usual"], ["2", None, None, "given"],
              ["3", '{"b": [1, "x"]}', "-5", "usual"]])
    tap.same("and the cursor", db.ask("SELECT observer, origin, next_index FROM hark_cursors"),
             [["o", projector.ORIGIN, "10"]])
    tap.same("it prints nothing and ends at STOP", p.stop(), (0, ""))
    p = start(db, folder, FROM=5)
    tap.same("the next one goes on where it was", p.begin(), 10)
    p.channel.close()
    tap.same("it ends with harkd", p.child.wait(projector.LIMIT_S), 0)


@test
def refused_rows(tap, db, folder):
    p = start(db, folder, FROM=7)
    p.begin()
    bad = [("empty", b""), ("not a JSON object", b"[1]"), ("no JSON at byte 0", b"rows"),
           ("without members", b"{}"), ("given twice", b'{"n":1,"n":2}'),
           ("no such column", b'{"n":1,"x":2}'), ("text behind", b'{"n":1} 2'),
           ("NUL", b'{"n":1,"who":"a\\u0000b"}'), ("valid UTF-8", b'{"n":1,"who":"\xff"}'),
           ("name", b'{"n":1,"who":{"a":1,"a":1}}'),
           ("check", b'{"n":100,"word":"bad"}'),          # the table's own check
           ("unique", b'{"n":1}')]                         # and its key
    if db.name == "PostgreSQL":
        bad += [("bigint", b'{"n":"a"}'), ("too long", b'{"n":200,"word":"%s"}' % (b"x" * 21))]
    effects = [row(n=1)]
    for number, (_, payload) in enumerate(bad):
        effects += [(PG, payload), row(n=1000 + number)]
    p.batch(9, effects)
    letters = dead(db)
    tap.same("each row that is none is a dead letter, in its place",
             [letter[:4] + letter[5:] for letter in letters],
             [["7", "9", str(2 * i + 1), "PgWrite", payload.hex()]
              for i, (_, payload) in enumerate(bad)])
    tap.same("with the reason",
             [word for (word, _), letter in zip(bad, letters) if word.lower() not in letter[4].lower()], [])
    tap.same("the others are rows", db.ask("SELECT count(*), min(n), max(n) FROM events"),
             [[str(1 + len(bad)), "1", str(1000 + len(bad) - 1)]])
    p.stop()
    p = start(db, folder)
    p.begin()
    tap.same("how many died in all is told", p.wait_state("ok")["COUNT"], len(bad))
    p.stop()


CHECKED = {
    "SQLite": [],
    "PostgreSQL": ["CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                   "IF NEW.n = 2 THEN RAISE EXCEPTION 'ours' USING ERRCODE = '45000'; END IF; "
                   "IF NEW.n = 4 THEN RAISE EXCEPTION 'ours' USING ERRCODE = 'U0001'; END IF; "
                   "CASE NEW.n WHEN 6 THEN RETURN NEW; WHEN 8 THEN RETURN NEW; "
                   "WHEN 10 THEN RETURN NEW; WHEN 3 THEN RETURN NEW; END CASE; END $$",
                   "CREATE TRIGGER own BEFORE INSERT ON checked FOR EACH ROW EXECUTE FUNCTION own()"],
}


@test
def checked_rows(tap, db, folder):
    """Functions of a table's own say no in their own ways, and are not asked about it again."""
    db.ask("CREATE TABLE checked (n BIGINT, j TEXT, a TEXT GENERATED ALWAYS AS (%s) STORED)" %
           ("json_extract(j, '$.a')" if db.name == "SQLite" else "j::jsonb->>'a'"))
    for sql in CHECKED[db.name]:
        db.ask(sql)
    p = start(db, folder, TABLE="checked")
    p.begin()
    bad = [row(n=2, j='{"a":"'), row(n=4, j="x"), row(n=7, j="[")]
    p.batch(1, [row(n=6, j='{"a":1}'), bad[0], row(n=8, j="{}"), bad[1], bad[2], row(n=10)])
    tap.same("the others are there", db.ask("SELECT n, a FROM checked ORDER BY n"),
             [["6", "1"], ["8", None], ["10", None]])
    tap.same("these are dead", [letter[5] for letter in dead(db)], [data.hex() for _, data in bad])
    db.ask("ALTER TABLE checked RENAME TO gone")
    p.send(1, 2, [row(n=3)])
    code, said = p.wait()
    tap.row("a table that is gone is no row's fault", code == EXIT_CONFIG and len(dead(db)) == 3, said)
    db.ask("ALTER TABLE gone RENAME TO checked")
    p = start(db, folder, TABLE="checked")
    tap.same("its batch is still to come", p.begin(), 1)
    p.batch(2, [row(n=3)])
    tap.same("and comes", db.ask("SELECT count(*) FROM checked WHERE n = 3"), [["1"]])
    p.stop()


LATE = {
    "SQLite": ["CREATE TABLE late (n BIGINT PRIMARY KEY, parent BIGINT, note TEXT)",
               "CREATE TRIGGER late AFTER INSERT ON late WHEN new.parent >= 5000 BEGIN "
               "SELECT RAISE(ROLLBACK, 'late: no such parent'); END"],
    "PostgreSQL": ["CREATE TABLE late (n BIGINT PRIMARY KEY, parent BIGINT CONSTRAINT late "
                   "REFERENCES late DEFERRABLE INITIALLY DEFERRED, note TEXT)"],
}


@test
def rows_refused_late(tap, db, folder):
    """A row that undoes the whole batch, or that the table refuses only when it is committed."""
    for sql in LATE[db.name]:
        db.ask(sql)
    for step, key in enumerate(([], ["n"])):
        base = 1000 * step
        p = start(db, folder, TABLE="late", KEY=key)
        p.begin()
        good = [row(n=base + n, parent=base + 40 + n if n < 40 else None) for n in range(80)]
        bad = [row(n=base + 100 + n, parent=5000 + n) for n in range(3)] + [(PG, b"no row")]
        p.batch(p.cursor + 1, good[:10] + bad[:2] + good[10:] + bad[2:])
        name = ", with a key" if key else ""
        tap.same("rows that others behind them make good are there" + name,
                 db.ask("SELECT count(*), min(n), max(n) FROM late WHERE n >= %d" % base),
                 [["80", str(base), str(base + 79)]])
        letters = db.ask("SELECT ordinal, error FROM hark_dead_letters WHERE first_index = %d "
                         "ORDER BY ordinal" % (2 * step))
        tap.row("the others are dead, each once" + name,
                [int(n) for n, _ in letters] == [10, 11, 82, 83] and
                all(("late" in words) == (n != "83") for n, words in letters), letters)
        tap.same("nobody was told that the database is away" + name,
                 [s for s in p.states if s["STATE"] != "ok"], [])
        p.batch(p.cursor + 1, [row(n=base + 90, parent=base + 91), row(n=base + 91, parent=base + 90)])
        tap.same("and two that need each other" + name,
                 db.ask("SELECT count(*) FROM late WHERE n >= %d" % base), [["82"]])
        p.stop()


MERGED = ("CREATE TABLE merged (cell TEXT NOT NULL, pid BIGINT NOT NULL, started NUMERIC(20), "
          "ended NUMERIC(20), spent NUMERIC(20) GENERATED ALWAYS AS (ended - started) STORED, "
          "note TEXT, PRIMARY KEY (cell, pid))")


def status(pid, name, file="status"):
    with open("/proc/%d/%s" % (pid, file), encoding="utf-8") as text:
        return next(line[len(name):].strip(" \t:\n") for line in text if line.startswith(name))


@test
def confined(tap, db, folder):
    if os.geteuid() != 0:
        tap.skip("it has given up its rights", "another user's limits are not shown")
        return
    p = start(db, folder, LIMIT_EFFECTS=1000, LIMIT_EFFECT_BYTES=1 << 20)
    p.begin()
    pid = p.child.pid
    tap.same("it can gain no right and makes few calls",
             (status(pid, "NoNewPrivs"), status(pid, "Seccomp"), status(pid, "CapEff")),
             ("1", "2", "0" * 16))
    tap.same("its memory is bounded by its manifest",
             int(status(pid, "Max data size", "limits").split()[0]),
             (192 << 20) + 8 * (1 << 20) + 2048 * 1000)
    tap.same("it runs when nobody else wants to", os.getpriority(os.PRIO_PROCESS, pid), 19)
    held = [os.readlink("/proc/%d/fd/%s" % (pid, fd)).split(":")[0]
            for fd in os.listdir("/proc/%d/fd" % pid)]
    tap.same("it holds two channels and, to a server, one socket more", held.count("socket"),
             3 if db.name == "PostgreSQL" else 2)
    tap.same("and no file but its database's",
             [h for h in held if h.startswith("/") and h != "/dev/null" and
              not h.startswith(os.path.realpath(folder))], [])
    p.stop()


@test
def merged_rows(tap, db, folder):
    p = start(db, folder, TABLE="merged", KEY=["cell", "pid"], CREATE=MERGED)
    p.begin()
    p.batch(4, [row(cell="a", pid=1, started=10), row(cell="b", pid=1, started=20, note="n"),
                row(cell="a", pid=1, ended=15, started=None), row(cell="a", pid=1, note="1st"),
                row(cell="a", pid="01", note="2nd"), row(cell="a", note="no pid"),
                row(cell="c", pid=1, spent=5)])
    p.batch(5, [row(cell="b", pid=1, ended=21, note=None)])
    tap.same("null and what is absent never overwrite",
             db.ask("SELECT cell, pid, started, ended, spent, note FROM merged ORDER BY 1, 2"),
             [["a", "1", "10", "15", "5", "2nd"], ["b", "1", "20", "21", "1", "n"]])
    tap.same("a row without its key, or with a generated column, is dead",
             [letter[2] for letter in dead(db)], ["5", "6"])
    p.stop()


MODEL = ("CREATE TABLE model (cell TEXT NOT NULL, pid BIGINT NOT NULL, a NUMERIC(20), "
         "b VARCHAR(5) DEFAULT 'd', c BIGINT CHECK (c >= 0), PRIMARY KEY (cell, pid))")


def model_row(random, keys):
    """One that may lack its key, or a value that the table refuses."""
    out = {"cell": "c%d" % random.randrange(keys), "pid": random.randrange(2)}
    for name, values in (("a", [None, 2**64 - 1, 5]), ("b", [None, "x", "it's", "a\\"]),
                         ("c", [None, 0, 7])):
        if random.random() < 0.5:
            out[name] = random.choice(values)
    if random.random() < 0.03:
        out["c"] = -1
    if random.random() < 0.02:
        del out["pid"]
    return out


def model_apply(table, given):
    """What docs/format/projection.md says; False: a dead letter."""
    if "pid" not in given or (given.get("c") or 0) < 0:
        return False
    key = (given["cell"], given["pid"])
    if key not in table:
        table[key] = {"a": None, "b": "d", "c": None}
        table[key].update({k: given[k] for k in "abc" if k in given})
    else:
        table[key].update({k: given[k] for k in "abc" if given.get(k) is not None})
    return True


@test
def merged_as_a_model_says(tap, db, folder):
    """Many keys and few, in large batches and small ones."""
    for seed, keys, most in ((1, 400, 3000), (2, 3, 3000), (3, 60, 300), (4, 1, 40), (5, 5, 3)):
        random = Random(seed)
        p = start(db, folder, TABLE="model", KEY=["cell", "pid"], CREATE=MODEL)
        p.begin()
        table, died, left = {}, [], 2500
        while left > 0:
            count = min(left, random.randrange(1, most))
            given = [model_row(random, keys) for _ in range(count)]
            died += [[str(p.cursor), str(i)] for i, one in enumerate(given)
                     if not model_apply(table, one)]
            p.batch(p.cursor + 1, [row(**one) for one in given])
            left -= count
        p.stop()
        got = db.ask("SELECT cell, pid, a, b, c FROM model ORDER BY cell, pid")
        tap.row("merged as a model says, seed %d" % seed,
                got == [[cell, str(pid)] + [None if v is None else str(v)
                                            for v in table[cell, pid].values()]
                        for cell, pid in sorted(table)] and len(got) > 0, got[:3])
        letters = db.ask("SELECT first_index, ordinal FROM hark_dead_letters "
                         "ORDER BY first_index, ordinal")
        tap.row("and so do the dead, seed %d" % seed, letters == died and len(died) > 50,
                (letters[:5], died[:5]))
        db.ask("DROP TABLE model")
        db.ask("DELETE FROM hark_cursors")


def ends_with(tap, db, folder, what, said, code=EXIT_PROTOCOL, **options):
    """An observer that says this makes the projector end; nothing is committed."""
    p = start(db, folder, **options)
    p.begin()
    said(p)
    ended, _ = p.wait()
    tap.same("ends it: " + what,
             (ended, db.ask("SELECT count(*) FROM events"),
              db.ask("SELECT next_index FROM hark_cursors")), (code, [["0"]], [["0"]]))


@test
def taken_over(tap, db, folder):
    def effects(data):
        return lambda p: p.say("EFFECTS", EFFECTS=data)

    good = projector.pack([row(n=1)])[0]
    ends_with(tap, db, folder, "a batch that does not begin at the cursor",
              lambda p: p.send(1, 2))
    ends_with(tap, db, folder, "one that goes nowhere", lambda p: p.send(0, 0))
    ends_with(tap, db, folder, "one that goes back", lambda p: p.send(0, 0, [row(n=1)]))
    ends_with(tap, db, folder, "a cursor that no database has",
              lambda p: p.send(0, 2**63, [row(n=1)]))
    ends_with(tap, db, folder, "fewer effects than it counts",
              lambda p: p.say("BATCH", INDEX=0, SIZE=1, COUNT=1))
    ends_with(tap, db, folder, "more effects than it counts",
              lambda p: (effects(good)(p), p.say("BATCH", INDEX=0, SIZE=1, COUNT=0)))
    ends_with(tap, db, folder, "an effect that is not whole",
              lambda p: (effects(good[:1] + b"\1" + good[2:])(p),
                         p.say("BATCH", INDEX=0, SIZE=1, COUNT=1)))
    ends_with(tap, db, folder, "a token that is not granted", effects(b"\1" + good[1:]))
    ends_with(tap, db, folder, "a token that is none", effects(b"\4" + good[1:]))
    ends_with(tap, db, folder, "malformed pieces", effects(good[:-1]))
    ends_with(tap, db, folder, "another message", lambda p: p.say("CURSOR", INDEX=0))
    ends_with(tap, db, folder, "no message", lambda p: p.observer.send(b"x"))
    ends_with(tap, db, folder, "one effect over its limit",
              lambda p: p.send(0, 1, [(PG, b"x" * 101)]), LIMIT_PAYLOAD_BYTES=100)
    ends_with(tap, db, folder, "more effects than may be",
              lambda p: p.send(0, 1, [row(n=i) for i in range(4)]), LIMIT_EFFECTS=3)
    ends_with(tap, db, folder, "more bytes than may be",
              lambda p: p.send(0, 1, [row(n=i) for i in range(40)]), LIMIT_EFFECT_BYTES=150)
    ends_with(tap, db, folder, "its end, without a fault", lambda p: p.observer.close(), code=0)


@test
def large(tap, db, folder):
    p = start(db, folder, LIMIT_PAYLOAD_BYTES=1 << 21)
    p.begin()
    text = "\u00e9\t" * 150000
    p.batch(1, [row(n=1, who=text), row(n=2, who="x" * 70000), (PG, b"x" * 200000)])
    tap.same("effects of several messages are put together",
             db.ask("SELECT n, length(who) FROM events ORDER BY n"),
             [["1", "300000"], ["2", "70000"]])
    tap.same("and so are dead ones", db.ask("SELECT length(payload) FROM hark_dead_letters"),
             [["200000"]])
    p.batch(2, [row(n=n, who="w%d" % n) for n in range(10, 9000)])
    tap.same("thousands of rows", db.ask("SELECT count(*), max(n) FROM events"), [["8992", "8999"]])
    p.stop()


def refused_start(tap, db, folder, what, words, code=EXIT_CONFIG, **options):
    p = start(db, folder, **options)
    if p.first[0] == "READY":
        while p.first[0] != "FAILED":
            p.first = p.hear_harkd()
    name, fields = p.first
    ended, _ = p.wait()
    tap.row("refused: " + what, name == "FAILED" and fields["CODE"] == code == ended and
            all(word in fields["TEXT"] for word in words) and "\n" not in fields["TEXT"],
            (p.first, ended))


@test
def refusals(tap, db, folder):
    refused_start(tap, db, folder, "no table, and no statement that makes it",
                  ["no table \"other\""], TABLE="other", CREATE=[])
    refused_start(tap, db, folder, "a statement that does not make it",
                  ["no table \"other\"", "statement"], TABLE="other")
    db.ask("DROP TABLE IF EXISTS events")
    refused_start(tap, db, folder, "a statement that is none", ["syntax"], CREATE="CREATE TABEL x")
    refused_start(tap, db, folder, "a key that is no column", ["key \"x\""], KEY=["x"])
    refused_start(tap, db, folder, "a key without an index", ["key", "unique index"], KEY=["who"])
    refused_start(tap, db, folder, "a grant without its file", ["receipts"], TOKENS=1 << KMS)
    refused_start(tap, db, folder, "a projection of no kind", ["no known kind"],
                  PROJECTION="mysql://u:secret@h/d")
    start(db, folder).stop()
    p = start(db, folder)
    p.channel.send(b"no message")
    code, said = p.wait()
    tap.row("what harkd says that is no message ends it, and it says why",
            code == 76 and "harkd cannot be heard" in said, (code, said))
    p = start(db, folder)
    p.begin()
    p.stop()
    refused_start(tap, db, folder, "a cursor of another ledger's",
                  [projector.ORIGIN, "\"elsewhere/evidence\""], origin="elsewhere/evidence")


class Prefixed(Tap):
    """Says which database a row is about."""
    prefix = ""

    def row(self, name, good, remark=None):
        super().row(self.prefix + name, good, remark)


def sample(name, kind, value, **members):
    return METRIC, json.dumps({"name": name, "type": kind, "value": value, **members}).encode()


METRICS = {"TOKENS": 1 << METRIC, "TABLE": [], "CREATE": [], "METRIC_PREFIX": "t_"}


@test
def metrics(tap, db, folder):
    path = os.path.join(folder, "metrics")
    p = start(db, folder, METRIC_FILE=path, METRIC_SERIES=5, **METRICS)
    p.begin()
    p.batch(1, [sample("events", "counter", 1, cell='a"\\\n', source="x"),
                sample("events", "counter", 2.5, cell="b", labels={"source": "y"}),
                sample("heat", "gauge", 7), sample("heat", "gauge", -3e-1),
                sample("wait", "histogram", 0.3, buckets=[0.1, 1, 10], cell="a")])
    p.batch(2, [sample("events", "counter", 1, source="x", cell='a"\\\n'),
                sample("wait", "histogram", 10, buckets=[0.1, 1, 10], cell="a"),
                sample("wait", "histogram", 11, buckets=[0.1, 1, 10], cell="a"),
                sample("more", "gauge", 1), sample("even_more", "gauge", 1),
                sample("even_more", "gauge", 1)])
    letters = [("no JSON", b"{"), ("empty", b""), ("counter, gauge", b'{"name":"a"}'),
               ("no number", b'{"name":"a","type":"gauge","value":"1"}'),
               ("never falls", b'{"name":"events","type":"counter","value":-1}'),
               ("is a counter", b'{"name":"events","type":"gauge","value":1}'),
               ("other buckets", b'{"name":"wait","type":"histogram","value":1}'),
               ("name of a metric", b'{"name":"a b","type":"gauge","value":1}'),
               ("may not end so", b'{"name":"x_total","type":"gauge","value":1}'),
               ("no text", b'{"name":"x","type":"gauge","value":1,"l":[]}'),
               ("name of a label", b'{"name":"x","type":"gauge","value":1,"l-l":"1"}'),
               ("given twice", b'{"name":"x","type":"gauge","value":1,"l":"1","labels":{"l":"1"}}'),
               ("too large", b'{"name":"x","type":"gauge","value":1e30}')]
    p.batch(3, [(METRIC, payload) for _, payload in letters])
    tap.same("what is no sample is a dead letter",
             [word for (word, _), letter in zip(letters, dead(db)) if word not in letter[4]], [])
    p.stop()
    text = ('# TYPE hark_projector_samples_refused counter\n'
            'hark_projector_samples_refused_total{observer="o",reason="series_limit"} 2\n'
            '# TYPE t_events counter\n'
            't_events_total{cell="a\\"\\\\\\n",source="x"} 2\n'
            't_events_total{cell="b",source="y"} 2.5\n'
            '# TYPE t_heat gauge\nt_heat -0.3\n# TYPE t_more gauge\nt_more 1\n'
            '# TYPE t_wait histogram\n'
            't_wait_bucket{cell="a",le="0.1"} 0\nt_wait_bucket{cell="a",le="1"} 1\n'
            't_wait_bucket{cell="a",le="10"} 2\nt_wait_bucket{cell="a",le="+Inf"} 3\n'
            't_wait_sum{cell="a"} 21.3\nt_wait_count{cell="a"} 3\n# EOF\n')
    tap.same("the file has what is committed", open(path, encoding="utf-8").read(), text)
    os.unlink(path)
    p = start(db, folder, METRIC_FILE=path, METRIC_SERIES=5, **METRICS)
    p.begin()
    p.stop()
    tap.same("and is made anew from the database", open(path, encoding="utf-8").read(), text)
    tap.same("nothing else is left beside it", [n for n in os.listdir(folder) if "metrics" in n],
             ["metrics"])


@test
def receipts(tap, db, folder):
    path = os.path.join(folder, "receipts")
    more = {"TOKENS": 1 << KMS, "TABLE": [], "CREATE": [], "RECEIPT_FILE": path}
    p = start(db, folder, **more)
    p.begin()
    p.batch(1, [(KMS, b'{"key":"k1","big":18446744073709551615}'), (KMS, b"[]"),
                (KMS, b'{"key": "k2"}')])
    p.kill()
    head = '{"number":"%d","observer":"o","origin":"h.example/evidence","receipt":'
    lines = (head % 0 + '{"big":"18446744073709551615","key":"k1"}}\n' +
             head % 1 + '{"key":"k2"}}\n')
    tap.same("a line a receipt", open(path, encoding="utf-8").read(), lines)
    with open(path, "a", encoding="utf-8") as out:
        out.write("what a crash left")
    p = start(db, folder, **more)
    p.begin()
    tap.same("what was not committed is cut", open(path, encoding="utf-8").read(), lines)
    p.batch(2, [(KMS, b'{"key":"k3"}')])
    p.stop()
    tap.same("it goes on behind", open(path, encoding="utf-8").read(),
             lines + head % 2 + '{"key":"k3"}}\n')
    os.truncate(path, 10)
    refused_start(tap, db, folder, "receipts are missing", ["10 bytes", "missing"], **more)
    db.ask("DELETE FROM hark_cursors")
    refused_start(tap, db, folder, "receipts of an earlier life", ["10 bytes", "move it away"],
                  **more)
    os.unlink(path)
    os.mkdir(path)
    p = start(db, folder, **more)
    while p.first[0] == "READY":
        p.first = p.hear_harkd()
    tap.row("a folder in its place keeps it waiting", p.first[1].get("STATE") == "away" and
            path in p.first[1]["TEXT"], p.first)
    os.rmdir(path)
    tap.same("until it is gone", p.begin(), 0)
    p.stop()


@test
def lines_of_log(tap, db, folder):
    p = start(db, folder, LOG_LINES_PER_S=3)
    p.begin()
    p.batch(1, [(LOG, b"one\x1b[2J\nhark-projector: two \xff")] + [(LOG, b"x")] * 9 + [(LOG, b"")])
    said = p.stop()[1]
    tap.same("lines are escaped, and so many a second", said.splitlines(),
             ["hark-projector: observer o says: one\\x1b[2J\\x0ahark-projector: two \\xff"] +
             ["hark-projector: observer o says: x"] * 2 +
             ["hark-projector: observer o: lines left out, over its limit: 7"])
    tap.same("an empty one is a dead letter", [letter[4] for letter in dead(db)], ["empty"])


def main():
    tap = Prefixed()
    kinds = [File]
    outer = tempfile.mkdtemp()
    os.chmod(outer, 0o755)
    if postgresql.programs() is None:
        tap.skip("PostgreSQL", "it is not installed")
    else:
        os.mkdir(os.path.join(outer, "server"))
        Served.server = postgresql.Server(os.path.join(outer, "server"))
        kinds.append(Served)
    try:
        for kind in kinds:
            for function in TESTS:
                folder = tempfile.mkdtemp(dir=outer)
                tap.prefix = kind.name + ": "
                function(tap, kind(folder), folder)
    finally:
        if Served.server is not None:
            Served.server.stop()
        shutil.rmtree(outer)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
