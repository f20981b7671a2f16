# SPDX-License-Identifier: MIT OR Apache-2.0
"""A PostgreSQL that is none: it speaks protocol 3 and knows just the statements of a projector.

It keeps rows and a cursor as a server would, a transaction at a time; and where it is told to lie,
it says something else instead, once.
"""
import os
import re
import socket
import struct
import sys
import threading

CHUNK = 1 << 16
# What is said for ever is much when so many bytes have gone.
FLOOD = 300 << 20


def message(kind, body=b""):
    return kind + struct.pack("!I", len(body) + 4) + body


def text(value):
    return (value if isinstance(value, bytes) else value.encode()) + b"\0"


def row_head(names):
    return message(b"T", struct.pack("!H", len(names)) + b"".join(
        text(name) + struct.pack("!IHIHIH", 0, 0, 25, 0xffff, 0xffffffff, 0) for name in names))


def row(values):
    out = struct.pack("!H", len(values))
    for value in values:
        if value is None:
            out += struct.pack("!I", 0xffffffff)
        else:
            value = value if isinstance(value, bytes) else str(value).encode()
            out += struct.pack("!I", len(value)) + value
    return message(b"D", out)


def answer(rows, count):
    """A whole answer of some rows, each of so many columns."""
    return (row_head(["c%d" % i for i in range(count)]) + b"".join(row(r) for r in rows) +
            done("SELECT %d" % len(rows)))


def done(tag):
    return message(b"C", text(tag))


def fields(kind, **given):
    return message(kind, b"".join(name.encode() + text(value) for name, value in given.items()) +
                   b"\0")


def error(state="XX000", words="no", **more):
    return fields(b"E", S="ERROR", V="ERROR", C=state, M=words, **more)


READY = message(b"Z", b"I")
COPY_IN = message(b"G", b"\0\0\0")
WELCOME = (message(b"R", struct.pack("!I", 0)) + message(b"S", text("server_version") + text("15.0")) +
           message(b"S", text("client_encoding") + text("UTF8")) +
           message(b"K", struct.pack("!II", 1, 2)) + READY)


class Gone(Exception):
    """The client has closed its connection."""


class Liar:
    """A server at `folder`.  `lie(where, reply)` has it say `reply` to the next statement that the
    pattern `where` finds, or, where that is None, to who connects; `reply` are bytes, or a function
    of the connection."""

    def __init__(self, folder, columns=("n", "who"), port=5432):
        self.columns = list(columns)
        self.cursor = None
        self.counts = [0, 0, 0]                     # dead letters, receipts, their bytes
        self.rows = []
        self.metrics = []
        self.copied = 0
        self.where, self.reply = None, None
        self.told = threading.Event()               # the lie
        self.flowed = threading.Event()             # as much of it as can fill a projector
        self.asked = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(os.path.join(folder, ".s.PGSQL.%d" % port))
        os.chmod(os.path.join(folder, ".s.PGSQL.%d" % port), 0o777)
        self.socket.listen(16)
        self.projection = "postgresql://hark@/x?host=%s" % folder
        threading.Thread(target=self.serve, daemon=True).start()

    def lie(self, where, reply):
        self.told.clear()
        self.where, self.reply = where, reply

    def take_lie(self, sql):
        """The reply, where this is where it lies."""
        if self.reply is None or (sql is None) != (self.where is None):
            return None
        if sql is not None and not re.search(self.where, sql):
            return None
        reply, self.reply = self.reply, None
        return reply

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=Connection(self, connection).run, daemon=True).start()

    def close(self):
        # A thread that waits in accept() is not woken by close().
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Connection:
    def __init__(self, liar, connection):
        self.liar = liar
        self.socket = connection
        self.data = b""
        self.saved = []
        self.begin()

    def begin(self):
        self.cursor = self.liar.cursor
        self.rows = list(self.liar.rows)

    def read(self, size):
        while len(self.data) < size:
            more = self.socket.recv(CHUNK)
            if not more:
                raise Gone
            self.data += more
        out, self.data = self.data[:size], self.data[size:]
        return out

    def take(self):
        kind = self.read(1)
        return kind, self.read(struct.unpack("!I", self.read(4))[0] - 4)

    def say(self, data):
        self.socket.sendall(data)

    def say_for_ever(self, data):
        """Until nobody listens."""
        data *= CHUNK // len(data) + 1
        try:
            for _ in range(FLOOD // len(data)):
                self.say(data)
            self.liar.flowed.set()
            while True:
                self.say(data)
        finally:
            self.liar.flowed.set()

    def run(self):
        try:
            self.read(struct.unpack("!I", self.read(4))[0] - 4)
            if self.tell_lie(None) is None:
                self.say(WELCOME)
            while True:
                self.turn()
        except (Gone, OSError):
            pass
        finally:
            self.socket.close()

    def tell_lie(self, sql):
        """Whether it lies here; the lie itself, where it is bytes."""
        reply = self.liar.take_lie(sql)
        if reply is None:
            return None
        try:
            if callable(reply):
                reply(self)
                return b"?"
            self.say(reply)
            return reply
        finally:
            self.liar.told.set()

    def turn(self):
        kind, body = self.take()
        if kind == b"Q":
            for sql in body[:-1].decode().split("; "):
                if not sql:
                    continue
                self.liar.asked.append(sql)
                lie = self.tell_lie(sql)
                if lie is None:
                    self.say(self.do(sql, []))
                elif lie[:1] == b"E":
                    break                           # the others are not even looked at
            self.say(READY)
        elif kind == b"P":
            self.extended(body.split(b"\0")[1].decode())
        elif kind == b"X":
            raise Gone

    def extended(self, sql):
        values = []
        while True:
            kind, body = self.take()
            if kind == b"B":
                values = self.bound(body)
            elif kind == b"S":
                break
        self.liar.asked.append(sql)
        self.say(message(b"1") + message(b"2"))
        if self.tell_lie(sql) is None:
            out = self.do(sql, values)
            self.say(out if out[:1] == b"T" else message(b"n") + out)
        self.say(READY)

    @staticmethod
    def bound(body):
        at = body.index(b"\0", body.index(b"\0") + 1) + 1
        at += 2 + 2 * struct.unpack_from("!H", body, at)[0]
        count = struct.unpack_from("!H", body, at)[0]
        at, out = at + 2, []
        for _ in range(count):
            size = struct.unpack_from("!i", body, at)[0]
            at += 4
            out.append(body[at:at + size].decode() if size >= 0 else None)
            at += max(size, 0)
        return out

    def do(self, sql, values):
        """What a server would do, and say."""
        word = sql.split(" ", 1)[0]
        if word == "BEGIN":
            self.begin()
        elif word == "SAVEPOINT":
            self.saved = list(self.rows)
        elif word == "ROLLBACK":
            self.rows = list(self.saved)
        elif word == "COMMIT":
            self.liar.cursor, self.liar.rows = self.cursor, self.rows
        elif sql.startswith("COPY"):
            return self.copy()
        elif sql.startswith("UPDATE hark_cursors SET next_index"):
            new, old = (int(n) for n in re.findall(r"next_index = (\d+)", sql))
            if self.cursor != old:
                return done("UPDATE 0")
            self.cursor = new
            return done("UPDATE 1")
        elif word == "UPDATE":
            return done("UPDATE 1")
        elif sql.startswith("INSERT INTO hark_cursors"):
            self.cursor = int(values[2])
        elif sql.startswith("INSERT INTO \"events\""):
            self.rows.append(re.search(r"VALUES \('?(\d+)", sql).group(1))
        elif word == "SELECT":
            return self.select(sql, values)
        return done({"INSERT": "INSERT 0 1", "DELETE": "DELETE 0"}.get(word, word))

    def copy(self):
        self.say(COPY_IN)
        data = b""
        while True:
            kind, body = self.take()
            if kind == b"d":
                data += body
            elif kind == b"c":
                break
        lines = data.decode().splitlines()
        self.rows += [line.split("\t")[0] for line in lines]
        self.liar.copied += len(lines)
        return done("COPY %d" % len(lines))

    def select(self, sql, values):
        if "pg_attribute" in sql:
            names = self.liar.columns if "events" in values[0] else ["observer"]
            return answer([[name, "0", "0"] for name in names], 3)
        if sql.startswith("SELECT origin"):
            rows = [["h.example/evidence", self.cursor, self.liar.counts[0]]]
            return answer(rows if self.cursor is not None else [], 3)
        if sql.startswith("SELECT receipts"):
            return answer([self.liar.counts[1:]], 2)
        if sql.startswith("SELECT name"):
            return answer(self.liar.metrics, 5)
        return answer([[""]], 1)


if __name__ == "__main__":
    sys.exit("this file is for tests")
