#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A daemon whose hark-control was taken over.

A puppet stands in for hark-control and gives this test all that it has: its channel to harkd, and with
it the right to say that root asks.  What it can and cannot have harkd do is tried.  The notary and the
two programs of an observer stand in too, so that it is seen what reaches them.

Prints TAP.  $HARK_BIN names the folder of the programs.  Nothing here sleeps for a set time: each wait is
for a fact and has a limit.
"""
import fcntl
import hashlib
import json
import os
import select
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemon import HERE, LIMIT_S, Harkd, proto, wait_for               # noqa: E402
from rules import equal, run, test                                  # noqa: E402

NOBODY = 65534
ADMINISTER = 2
MODULE = b"\0asm\1\0\0\0"
SECRET = "a secret of the host"
# What each question that changes things needs to be one.
QUESTIONS = {
    "ASK_CELL_ADD": {"CELL": "evil"},
    "ASK_CELL_REMOVE": {"CELL": "c"},
    "ASK_ROTATE": {"LEDGER": 0},
    "ASK_PRUNE": {"LEDGER": 0, "INDEX": 1},
    "ASK_REDACT": {"LEDGER": 0, "INDEX": 0},
    "ASK_OBSERVER_ADD": {"OBSERVER": "evil", "MANIFEST": ""},
    "ASK_OBSERVER_REMOVE": {"OBSERVER": "o"},
    "ASK_OBSERVER_SWITCH": {"OBSERVER": "o", "MODE": 0},
    "ASK_OBSERVER_RELEASE": {"OBSERVER": "o"},
}


def needs_root(function):
    """Another user's memory is needed, which root alone can make."""
    return lambda: function() if os.geteuid() == 0 else "root alone can give memory away"


class Taken:
    """A hark-control in our hands."""

    def __init__(self, world):
        self.number = 0
        self.master, _ = world.puppets.accept()
        self.master.settimeout(LIMIT_S)
        _, fds, _, _ = socket.recv_fds(self.master, 64, 1)
        self.sock = socket.socket(fileno=fds[0])
        self.sock.settimeout(LIMIT_S)
        data, self.given, _, _ = socket.recv_fds(self.sock, 65536, 8)
        equal(proto.read_message(data)[0], "CONTROL_SETUP", "its setup")
        self.sock.send(proto.write_message("READY"))

    def say(self, name, fds=(), **fields):
        self.number += 1
        data = proto.write_message(name, self.number, RIGHTS=ADMINISTER, **fields)
        socket.send_fds(self.sock, [data], list(fds))

    def answer(self):
        """(fields of the last answer, descriptors)"""
        while True:
            data, fds, _, _ = socket.recv_fds(self.sock, 65536, 8)
            name, number, fields = proto.read_message(data)
            equal(number, self.number, "number")
            if name in ("DONE", "LEDGER_OPEN"):
                return fields, fds

    def ask(self, name, fds=(), **fields):
        self.say(name, fds, **fields)
        return self.answer()

    def order(self, fd):
        """The code for an order that is in this descriptor."""
        return self.ask("ASK_ORDER", [fd])[0]["CODE"]

    def is_ended(self):
        if not select.select([self.master], [], [], 0)[0]:
            return False
        try:
            return not self.master.recv(1, socket.MSG_PEEK)
        except ConnectionResetError:
            return True

    def close(self):
        for fd in self.given:
            os.close(fd)
        self.sock.close()
        self.master.close()


class World:
    """The daemon with a puppet."""

    def __init__(self):
        self.d = Harkd(stand_in="")
        self.d.order("", "-observer")
        self.d.order("", "-projector")
        self.d.replace("hark-control", os.path.join(os.path.dirname(HERE), "hostile", "puppet"))
        self.puppets = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.puppets.bind(os.path.join(self.d.libexec, "puppet"))
        self.puppets.listen(64)
        self.puppets.settimeout(LIMIT_S)
        self.module = self.put("m.wasm", MODULE)
        self.secret = self.put("secret", SECRET.encode())
        os.chmod(self.secret, 0o600)

    def put(self, name, data):
        path = os.path.join(self.d.dir, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def __enter__(self):
        self.d.spawn()
        self.taken = Taken(self)
        wait_for(lambda: "harkd: ready" in self.d.err(), "ready", LIMIT_S)
        return self

    def again(self):
        """The next puppet, after this one has ended."""
        wait_for(self.taken.is_ended, "the end of hark-control", LIMIT_S)
        self.taken.close()
        self.taken = Taken(self)
        return self.taken

    def manifest(self, name, server="postgresql://evil@192.0.2.1/db"):
        return ("name: %s\nmodule: %s\ndigest: sha256:%s\ngrants: [PgWrite]\nprojection: %s\n"
                "pg: {table: t, create: %s}\n" % (name, self.module, hashlib.sha256(MODULE).hexdigest(),
                                                 server, self.secret))

    def untouched(self):
        """No observer has come, no record was written, no secret has left."""
        fields, _ = self.taken.ask("ASK_STATUS")
        assert not os.listdir(os.path.join(self.d.data, "observers"))
        assert not os.listdir(os.path.join(self.d.data, "cells"))
        assert not os.path.exists(self.d.data + "-projections")
        equal([h for h in self.d.heard() if h.get("said") in (
            "OPERATION", "PRUNE", "REDACT", "OBSERVER", "OBSERVER_RELEASE", "PROJECTOR_SETUP") and
               h.get("KIND") != "program_violation"], [], "heard")

    def __exit__(self, *_):
        self.taken.close()
        self.puppets.close()
        self.d.__exit__()


def broken(w):
    """What the notary is told of rules that were broken."""
    said = wait_for(lambda: w.d.heard(said="OPERATION", KIND="program_violation"), "a record", LIMIT_S)
    return [json.loads(h["JSON"]) for h in said]


def order(name, maker=None, seals=proto.CONTENT_SEALS, **fields):
    """Memory of that user's with a question."""
    fd = proto.sealed(proto.write_message(name, 1, **fields), seals)
    if maker is not None:
        os.fchown(fd, maker, maker)
    return fd


@test("what it asks in its own words changes nothing, and ends it, whatever rights it claims")
def plain():
    equal(set(QUESTIONS), proto.ORDERED, "every such question is tried")
    tries = list(QUESTIONS.items())
    # A few in each daemon, which starts it again ever later.
    while tries:
        with World() as w:
            few, tries = tries[:3], tries[3:]
            for name, fields in few:
                w.taken.say(name, **fields)
                w.again()
            w.untouched()
    with World() as w:
        w.taken.say("ASK_OBSERVER_ADD", OBSERVER="evil", MANIFEST=w.manifest("evil"))
        w.again()
        w.untouched()


@test("memory of another user is no order: it reads no file, names no server and no folder")
@needs_root
def anothers():
    with World() as w:
        for name, fields in QUESTIONS.items():
            fd = order(name, NOBODY, **fields)
            equal(w.taken.order(fd), 77, name)
            os.close(fd)
        fd = order("ASK_OBSERVER_ADD", NOBODY, OBSERVER="evil", MANIFEST=w.manifest("evil"))
        equal(w.taken.order(fd), 77, "an observer")
        os.close(fd)
        w.untouched()


@test("nor is what can still be changed, what is no memory, and what harkd itself has given it")
def other_descriptors():
    with World() as w:
        whole = proto.CONTENT_SEALS
        for seals in (0, whole & ~fcntl.F_SEAL_WRITE, whole & ~fcntl.F_SEAL_GROW,
                      whole & ~fcntl.F_SEAL_SHRINK, whole | fcntl.F_SEAL_SEAL):
            fd = order("ASK_CELL_ADD", seals=seals, CELL="evil")
            equal(w.taken.order(fd), 77, "seals %d" % seals)
            os.close(fd)
        _, fds = w.taken.ask("ASK_LEDGER", LEDGER=0)
        fds += w.taken.given + [w.taken.sock.fileno(), os.open(w.secret, os.O_RDWR)]
        for fd in fds:
            equal(w.taken.order(fd), 77, os.readlink("/proc/self/fd/%d" % fd))
        w.untouched()


@test("an order is done once, and as it was given")
def once():
    with World() as w:
        fd = order("ASK_OBSERVER_ADD", OBSERVER="good", MANIFEST=w.manifest("good", "sqlite:%s/x" % w.d.folder("rows")))
        copy = os.dup(fd)
        equal(w.taken.order(fd), 0, "root's order")
        assert os.path.exists(os.path.join(w.d.data, "observers", "good"))
        sent = b"".join(bytes.fromhex(h["OPTIONS"]) for h in w.d.heard(said="PROJECTOR_SETUP"))
        assert SECRET.encode() in sent, "the file that root has named is read"
        equal(w.taken.order(fd), 77, "again")
        equal(w.taken.order(copy), 77, "by another descriptor")
        try:
            os.pwrite(fd, b"x", 0)
            raise AssertionError("it can be written")
        except PermissionError:
            pass


@test("an order holds one question that changes things, and nothing else")
def other_content():
    with World() as w:
        for name, fields in (("ASK_STATUS", {}), ("ASK_ORDER", {}), ("NOTARY_STOP", {}), ("PING", {}),
                             ("ASK_CELL_REMOVE", {"CELL": "c", "RIGHTS": 2}),
                             ("ASK_CELL_REMOVE", {"CELL": "c", "PID": 1})):
            fd = order(name, **fields)
            equal(w.taken.order(fd), 76, name)
            os.close(fd)
        for data in (b"\0", b"x" * 65536, b"x" * 65537, proto.write_message("ASK_CELL_REMOVE", 1, CELL="c")[:-1]):
            fd = proto.sealed(data)
            equal(w.taken.order(fd), 76, "%d bytes" % len(data))
            os.close(fd)
        w.untouched()


@test("one that speaks without end is ended, and that is recorded; another takes its place")
def flood():
    with World() as w:
        # Not a question: while it does not take an answer nothing more is read of it.
        word = proto.write_message("FAILED", CODE=74, TEXT="again")
        sent = 0
        try:
            while sent < 200000:
                w.taken.sock.send(word)
                sent += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent >= 6000, sent
        w.again()
        equal(broken(w), [{"program": "hark-control", "reason": "too_many_messages"}], "records")


@test("what it says out of turn ends it, and that is recorded")
def out_of_turn():
    with World() as w:
        w.taken.sock.send(proto.write_message("PING", 1))
        w.again()
        equal(broken(w), [{"program": "hark-control", "reason": "not_due"}], "records")


@test("what changes nothing it may ask as before")
def reading():
    with World() as w:
        for name, fields in (("ASK_STATUS", {}), ("ASK_CELLS", {}), ("ASK_OBSERVERS", {}),
                             ("ASK_KEY", {"LEDGER": 0})):
            equal(w.taken.ask(name, **fields)[0]["CODE"], 0, name)
        w.untouched()


if __name__ == "__main__":
    sys.exit(run())
