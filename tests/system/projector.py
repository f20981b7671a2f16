# SPDX-License-Identifier: MIT OR Apache-2.0
"""hark-projector under a harkd and an observer of our own, for tests of what it commits.

Projector is both: it starts the program with a channel on descriptor 3, gives it its setup and the
other end of an observer's channel, and speaks on it as docs/format/proto.md has it.
"""
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "ref")]

import proto                                        # noqa: E402

PROGRAM = os.path.join(os.environ.get("HARK_BIN", os.path.join(
    os.path.dirname(os.path.dirname(HERE)), "build", "bin")), "hark-projector")
LIMIT_S = 20
PG, METRIC, KMS, LOG = range(4)
ORIGIN = "h.example/evidence"


def option_rows():
    path = os.path.join(proto.ROOT, "lib", "proto", "options.def")
    with open(path, encoding="utf-8") as text:
        return re.findall(r"^OPTION\((\w+), *(\w+)", text.read(), re.M)


OPTIONS = option_rows()


def write_options(**given):
    """FIELD_OPTIONS, from docs/format/proto.md; a list stands for an option that is given often."""
    out = b""
    for number, (name, form) in enumerate(OPTIONS):
        values = given.pop(name, [])
        for value in values if isinstance(values, list) else [values]:
            value = struct.pack("<Q", value) if form == "NUMBER" else value.encode("utf-8")
            out += struct.pack("<HH", number, len(value)) + value
    assert not given, given
    return out


def pack(effects, most=61440):
    """The EFFECTS messages of a batch: [(token, bytes)] as pieces that fill each message."""
    messages, room, out = [], most, b""
    for token, data in effects:
        while True:
            if room < 8 + (1 if data else 0):
                messages.append(out)
                room, out = most, b""
            part, data = data[:room - 8], data[room - 8:]
            out += struct.pack("<BBHI", token, 1 if data else 0, 0, len(part)) + part
            room -= 8 + len(part)
            if not data:
                break
    return messages + ([out] if out else [])


def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(LIMIT_S)
    return ours, theirs


NOBODY = 65534


def give(folder):
    """As harkd gives a projector its folder: a projector is never root."""
    if os.geteuid() != 0 or os.stat(folder).st_uid != 0:
        return
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.stat(path).st_uid == 0:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    os.chown(folder, NOBODY, NOBODY)


class Ended(Exception):
    """The program has ended, or closed its channel."""


class Projector:
    """One process.  `first` is its answer to the setup: (READY or FAILED, fields)."""

    def __init__(self, folder, observer="o", origin=ORIGIN, confine=1, **options):
        self.channel, theirs = pair()
        self.states = []
        self.child = subprocess.Popen(
            ["sh", "-c", 'exec 3<&0 </dev/null "$@"', "sh", PROGRAM], stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        theirs.close()
        self.observer, end = pair()
        give(folder)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            socket.send_fds(self.channel, [proto.write_message(
                "PROJECTOR_SETUP", OBSERVER=observer, ORIGIN=origin, CONFINE=confine,
                OPTIONS=write_options(**options))], [fd, fd, fd, end.fileno()])
        finally:
            os.close(fd)
            end.close()
        self.first = self.hear_harkd()
        self.cursor = None

    # ---- harkd's side

    def hear_harkd(self):
        data = self.channel.recv(65536)
        if not data:
            raise Ended("harkd's channel")
        name, _, fields = proto.read_message(data)
        if name == "PROJECTOR_STATE":
            self.states.append(fields)
        return name, fields

    def wait_state(self, want, **fields):
        """Until harkd is told this state."""
        while True:
            name, got = self.hear_harkd()
            assert name == "PROJECTOR_STATE", (name, got)
            if got["STATE"] == want and all(got.get(k) == v for k, v in fields.items()):
                return got

    # ---- the observer's side

    def hear(self, want):
        try:
            data = self.observer.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise Ended("the observer's channel")
        name, _, fields = proto.read_message(data)
        assert name == want, (name, fields)
        return fields["INDEX"]

    def begin(self):
        """Waits for CURSOR."""
        self.cursor = self.hear("CURSOR")
        return self.cursor

    def say(self, name, **fields):
        try:
            self.observer.send(proto.write_message(name, **fields))
        except (BrokenPipeError, ConnectionError):
            raise Ended("the observer's channel") from None

    def send(self, first, following, effects=()):
        for data in pack(effects):
            self.say("EFFECTS", EFFECTS=data)
        self.say("BATCH", INDEX=first, SIZE=following, COUNT=len(effects))

    def batch(self, following, effects=()):
        """One batch from the cursor on, until it is committed."""
        self.send(self.cursor, following, effects)
        self.cursor = self.hear("COMMITTED")
        assert self.cursor == following, (self.cursor, following)

    # ---- its end

    def wait(self):
        """(exit code, what it said on standard error)"""
        said = self.child.communicate(timeout=LIMIT_S)[1].decode()
        self.channel.close()
        self.observer.close()
        return self.child.returncode, said

    def stop(self):
        self.channel.send(proto.write_message("STOP"))
        return self.wait()

    def kill(self):
        self.child.kill()
        return self.wait()
