#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The real hark-projector at a server that lies: in each answer that it waits for, in many ways.

Whatever a server says, the projector says what is wrong with it in words that can be shown, and tries
again or ends with a code; it is never ended by a signal, keeps within its memory, hears harkd, and
commits its batch once the server is honest.  Prints TAP.
"""
import concurrent.futures
import os
import re
import select
import shutil
import struct
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import liar                                         # noqa: E402
import projector                                    # noqa: E402  (it finds tests/ref)
import proto                                        # noqa: E402
from liar import answer, done, error, fields, message, row, row_head, READY  # noqa: E402
from projector import PG                            # noqa: E402
from tapout import Tap                              # noqa: E402

ROWS = 20                                           # more than are inserted one by one
EFFECTS = [(PG, b'{"n":%d,"who":"w"}' % n) for n in range(ROWS)] + [(PG, b"no row")]
WANT = [str(n) for n in range(ROWS)]
ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\nhark-projector: all is well\t\u202e"
CODES = (75, 78)

# Each statement that an answer is waited for to, from the connection on to the batch's COMMIT.
STAGES = [
    ("welcome", None), ("first statement", "^SET standard"), ("second", "^SELECT pg_catalog.set"),
    ("begin", "^BEGIN"), ("lock", "advisory"), ("Hark's table", "pg_attribute"),
    ("cursor", "^SELECT origin"), ("clearing", "^DELETE"), ("cursor's first", "^INSERT INTO hark_cursors"),
    ("metrics", "^SELECT name"), ("receipts", "^SELECT receipts"), ("copy of nothing", "^COPY"),
    ("commit", "^COMMIT"), ("move", "^UPDATE hark_cursors SET next"), ("savepoint", "^SAVEPOINT"),
    ("copy", "^COPY .*FROM STDIN$"), ("dead letter", "^INSERT INTO hark_dead"),
    ("count of the dead", "^UPDATE hark_cursors SET dead"),
]


def for_ever(data):
    return lambda connection: connection.say_for_ever(data)


def hang_up(data):
    def reply(connection):
        connection.say(data)
        raise liar.Gone
    return reply


def many(count, data):
    """Much, and then an end."""
    def reply(connection):
        for _ in range(count // 1000):
            connection.say(data * 1000)
        connection.say(done("SELECT %d" % count))
    return reply


HUGE = struct.pack("!I", 0x3fffffff)
# (name, reply)
LIES = [
    ("no columns", answer([[]], 0)),
    ("one column", answer([["1"]], 1)),
    ("eight columns", answer([["1"] * 8], 8)),
    ("nine columns", answer([["1"] * 9], 9)),
    ("a thousand columns", answer([["1"] * 1000], 1000)),
    ("NULLs", answer([[None] * 3, [None] * 3], 3)),
    ("five NULLs", answer([[None] * 5], 5)),
    ("two NULLs", answer([[None] * 2], 2)),
    ("words", answer([[ESCAPE] * 3], 3)),
    ("empty texts", answer([[""] * 3] * 2, 3)),
    ("two empty texts", answer([[""] * 2], 2)),
    ("negative numbers", answer([["-1"] * 3], 3)),
    ("numbers that no count reaches", answer([["h.example/evidence", str(2**63 - 1), str(2**63 - 1)]], 3)),
    ("such receipts", answer([[str(2**63 - 1), "0"]], 2)),
    ("larger numbers", answer([["h.example/evidence", str(2**64), "9" * 5000]], 3)),
    ("bytes that are no text", answer([[b"\xff\0\xfe"] * 3] * 3, 3)),
    ("a megabyte", answer([[b"x" * (1 << 20), "1", "1"]], 3)),
    ("thousands of columns of a table", answer([["c%d" % i, "0", "0"] for i in range(5000)], 3)),
    ("a row without its head", row(["1", "2", "3"]) + done("SELECT 1")),
    ("a row of another number of columns", row_head("abc") + row(["1"]) + done("SELECT 1")),
    ("a row that says less than it has", row_head("a") + message(b"D", b"\0\1\0\0\0\1xyz") + done("SELECT 1")),
    ("a row that says more than it has", row_head("a") + message(b"D", b"\0\1\0\0\xff\xffx") + done("SELECT 1")),
    ("a head that ends early", message(b"T", b"\0\5abc\0")),
    ("a tag that is none", done(ESCAPE)),
    ("a tag with a number that is none", done("UPDATE 99999999999999999999")),
    ("an empty tag", done("")),
    ("an empty query", message(b"I")),
    ("no answer at all", b""),
    ("a COPY from it", message(b"H", b"\0\0\1\0\0") + message(b"d", b"x\n") + message(b"c") + done("COPY 1")),
    ("a COPY both ways", message(b"W", b"\0\0\1\0\0")),
    ("a COPY to it", message(b"G", b"\0\0\1\0\0")),
    ("two COPYs to it", liar.COPY_IN * 2),
    ("an unknown message", message(b"@", b"abc")),
    ("a message of no length", b"C\0\0\0\0"),
    ("a message of a gigabyte", b"D" + HUGE + b"x" * 100000),
    ("an error of a gigabyte", b"E" + HUGE + b"x" * 100000),
    ("half a message", hang_up(done("SELECT 1")[:-3])),
    ("a hang-up", hang_up(b"")),
    ("a hang-up within a row", hang_up(row_head("abc") + row(["1", "2", "3"])[:-4])),
    ("ready too often", READY * 5),
    ("an error of its own", error("XX000", ESCAPE, D=ESCAPE, H=ESCAPE)),
    ("an error without a state", fields(b"E", S="ERROR", M=ESCAPE)),
    ("an error without words", fields(b"E", S="ERROR", C="XX000")),
    ("an error without anything", message(b"E", b"\0")),
    ("an error that does not end", message(b"E", b"SERROR\0CXX000\0Mx")),
    ("a state of one letter", error("2", ESCAPE)),
    ("a state of escapes", error("\x1b[2J\x07", ESCAPE)),
    ("a long state", error("23505" * 1000, ESCAPE)),
    ("a state that nobody knows", error("ZZZZZ", ESCAPE)),
    ("success as an error", error("00000", ESCAPE)),
    ("a missing right", error("42501", ESCAPE)),
    ("a refused value", error("22P02", ESCAPE)),
    ("a long error", error("XX000", "long " * 100000)),
    ("a fatal error", fields(b"E", S="FATAL", V="FATAL", C="57P01", M=ESCAPE) ),
    ("a panic of values", fields(b"E", S="PANIC", V="PANIC", C="23505", M=ESCAPE)),
    ("notices before it", fields(b"N", S="NOTICE", C="00000", M=ESCAPE) * 100 + error("XX000")),
    ("a notice without fields", message(b"N", b"\0") + error("XX000")),
    ("notifications before it", message(b"A", struct.pack("!I", 1) + b"a\0b\0") * 100 + error("XX000")),
    ("settings before it", message(b"S", b"client_encoding\0SQL_ASCII\0standard_conforming_strings\0off\0") * 3 +
     error("XX000")),
]
WELCOMES = [
    ("a way in that nobody knows", message(b"R", struct.pack("!I", 99))),
    ("a password in a way of its own", message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0")),
    ("ways in that are none", message(b"R", struct.pack("!I", 10) + ESCAPE.encode() + b"\0\0")),
    ("salt that ends early", message(b"R", struct.pack("!I", 5) + b"x")),
    ("a notice on its way in", fields(b"N", S="NOTICE", C="00000", M=ESCAPE) + message(b"R", struct.pack("!I", 99))),
    ("another protocol", message(b"v", struct.pack("!II", 0, 1) + b"x\0")),
]


class Run:
    """One projector's life, or more, at one server."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = folder
        self.words = []                             # of the server's failures
        self.codes = []
        self.said = ""
        self.p = None

    def start(self):
        self.p = projector.Projector(
            self.folder, PROJECTION=self.server.projection, TOKENS=7, TABLE="events",
            LIMIT_EFFECTS=1000, LIMIT_EFFECT_BYTES=1 << 20, METRIC_FILE=os.path.join(self.folder, "metrics"),
            RECEIPT_FILE=os.path.join(self.folder, "receipts"))
        assert self.p.first[0] == "READY", self.p.first

    def hear(self):
        """What comes first on either channel; None: the end."""
        ready = select.select([self.p.channel, self.p.observer], [], [], projector.LIMIT_S)[0]
        assert ready, "neither a word nor an end within %d s" % projector.LIMIT_S
        try:
            data = ready[0].recv(65536)
        except ConnectionError:
            data = b""
        if not data and ready[0] is self.p.observer:
            try:
                data = self.p.channel.recv(65536)
            except ConnectionError:
                data = b""
        if not data:
            return None, {}
        name, _, members = proto.read_message(data)
        return name, members

    def to_the_end(self):
        """Until the batch is committed, over starts as harkd would make them."""
        self.start()
        while True:
            name, members = self.hear()
            if name == "CURSOR":
                assert members["INDEX"] == 0, members
                self.p.send(0, 1, EFFECTS)
            elif name == "COMMITTED":
                self.end(self.p.stop())
                return
            elif name == "PROJECTOR_STATE" and members["STATE"] == "away":
                self.words.append(members.get("TEXT", ""))
            elif name == "FAILED":
                self.words.append(members["TEXT"])
            elif name is None:
                self.end(self.p.wait())
                assert len(self.codes) < 5, self.codes
                self.start()

    def end(self, ended):
        self.codes.append(ended[0])
        self.said += ended[1]


def is_shown(text):
    return all(" " <= c <= "~" for c in text) and len(text) < 1024


def try_lie(outer, where, reply):
    """What went wrong; None: nothing."""
    folder = tempfile.mkdtemp(dir=outer)
    server = liar.Liar(folder)
    run = Run(server, folder)
    try:
        server.lie(where, reply)
        run.to_the_end()
        if not server.told.is_set():
            return "it was not asked"
        if not all(code in CODES for code in run.codes[:-1]) or run.codes[-1] != 0:
            return "it ended with %r: %s" % (run.codes, run.said[-2000:])
        if not all(is_shown(words) and words for words in run.words):
            return "words that cannot be shown: %r" % run.words
        if not all(" " <= c <= "~" or c == "\n" for c in run.said) or "all is well\n" in run.said:
            return "a log that cannot be shown: %r" % run.said
        # Where a lie is to be believed, such as that all was done, nothing can be known.
        believed = not run.words
        if not believed and (server.rows != WANT or server.cursor != 1):
            return "rows %r, cursor %r" % (server.rows, server.cursor)
        return None
    except (AssertionError, projector.Ended) as e:
        return repr(e)
    finally:
        if run.p is not None:
            run.p.child.kill()
            run.p.child.wait()
        server.close()


def every_lie(tap, outer):
    for stage, where in STAGES:
        lies = LIES + (WELCOMES if where is None else [])
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            bad = list(pool.map(lambda lie, where=where: try_lie(outer, where, lie[1]), lies))
        tap.row("%s: %d lies" % (stage, len(lies)), not any(bad),
                "\n".join("%s: %s" % (lie[0], words) for lie, words in zip(lies, bad) if words))


def memory_of(pid):
    """The most that it had, in MiB; 0 where it has ended, and was not filled."""
    with open("/proc/%d/status" % pid, encoding="ascii") as lines:
        peak = re.search(r"VmHWM:\s*(\d+) kB", lines.read())
    return int(peak.group(1)) >> 10 if peak else 0


ENDLESS = [
    ("rows that were not asked for", "^BEGIN", row_head("a"), row(["x" * 100])),
    ("rows of a table", "pg_attribute", row_head("abc"), row(["c", "0", "0"])),
    ("cursors", "^SELECT origin", row_head("abc"), row(["o", "1", "1"])),
    ("results", "^BEGIN", b"", done("BEGIN")),
    ("errors", "^BEGIN", b"", error("22P02")),
    ("notices", "^BEGIN", b"", fields(b"N", S="NOTICE", C="00000", M="x" * 100)),
    ("notifications", "^BEGIN", b"", message(b"A", struct.pack("!I", 1) + b"a\0" + b"b" * 100 + b"\0")),
    ("settings", "^BEGIN", b"", message(b"S", b"a" * 100 + b"\0b\0")),
    ("one message", "^BEGIN", b"D" + struct.pack("!I", 0x3fffffff), b"x" * 1000),
    ("a smaller message", "^BEGIN", b"D" + struct.pack("!I", 1 << 25), b"x" * 1000),
    ("copied rows", "^BEGIN", message(b"H", b"\0\0\1\0\0"), message(b"d", b"x" * 100)),
    ("silence", "^BEGIN", message(b"G", b"\0\x7f\xff"), None),
    ("a word on its way in", None, b"", message(b"S", b"a\0b\0")),
]


def endless(tap, outer):
    """It is not filled up, and harkd is heard."""
    for name, where, head, again in ENDLESS:
        folder = tempfile.mkdtemp(dir=outer)
        server = liar.Liar(folder)

        def reply(connection, head=head, again=again):
            connection.say(head)
            server.told.set()
            if again is None:
                server.flowed.set()
            else:
                connection.say_for_ever(again)

        server.lie(where, reply)
        run = Run(server, folder)
        run.start()
        try:
            server.told.wait(projector.LIMIT_S)
            # Enough goes by to fill what grows, unless it is refused before.
            server.flowed.wait(projector.LIMIT_S)
            peak = memory_of(run.p.child.pid)
            try:
                code, said = run.p.stop()
            except BrokenPipeError:
                code, said = run.p.wait()           # it has ended before
            tap.row("%s without an end: heard harkd, and had %d MiB" % (name, peak),
                    code in (0, 78) and peak < 100, (code, peak, said[-500:]))
        finally:
            run.p.child.kill()
            server.close()


def main():
    tap = Tap()
    outer = tempfile.mkdtemp()
    os.chmod(outer, 0o755)
    try:
        every_lie(tap, outer)
        endless(tap, outer)
    finally:
        shutil.rmtree(outer)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
