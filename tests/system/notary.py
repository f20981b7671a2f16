# SPDX-License-Identifier: MIT OR Apache-2.0
"""A harkd of our own for the real hark-notary: one process, its channel, its ledgers."""
import json
import os
import socket
import subprocess

import proto

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("HARK_BIN", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "bin"))
LIMIT_S = 30
PAGE_BYTES = 4096
EVIDENCE, OPERATIONS = 0, 1


def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(LIMIT_S)
    return ours, theirs


class Notary:
    """One process; we are its harkd.  `first` is its answer to the setup."""

    def __init__(self, top, clean=1, **setup):
        self.top = top
        self.channel, theirs = pair()
        self.child = subprocess.Popen(
            ["sh", "-c", 'exec 3<&0 </dev/null "$@"', "sh", os.path.join(BIN, "hark-notary")],
            stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        theirs.close()
        fds = []
        for name in ("evidence", "operations"):
            os.makedirs(os.path.join(top, name), exist_ok=True)
            fds.append(os.open(os.path.join(top, name), os.O_RDONLY | os.O_DIRECTORY))
        for _ in range(2):
            fds.append(os.memfd_create("page"))
            os.ftruncate(fds[-1], PAGE_BYTES)
        words = {"HOST": "h.example", "CLEAN": clean, "COMMIT_US": 1000, "BATCH_BYTES": 1 << 20,
                 "SEGMENT_BYTES": 4 << 20, "TICK_MS": 60000, "CHECKPOINT_MS": 1000, "CONFINE": 0}
        words.update(setup)
        socket.send_fds(self.channel, [proto.write_message("NOTARY_SETUP", **words)], fds)
        for fd in fds:
            os.close(fd)
        self.number = 0
        self.heard = []
        self.first = self.hear()

    def hear(self):
        """(name, id, fields); None at the end."""
        data = self.channel.recv(65536)
        return proto.read_message(data) if data else None

    def say(self, name, fds=(), message_id=0, **fields):
        socket.send_fds(self.channel, [proto.write_message(name, message_id, **fields)], list(fds))

    def ask(self, name, fds=(), **fields):
        """The answer's fields; what else was said meanwhile is in `heard`."""
        self.number += 1
        self.say(name, fds, self.number, **fields)
        while True:
            got = self.hear()
            if got[1] == self.number:
                assert got[0] == "DONE", got
                return got[2]
            self.heard.append(got)

    def until(self, name):
        for got in self.heard:
            if got[0] == name:
                self.heard.remove(got)
                return got[2]
        while True:
            got = self.hear()
            assert got is not None, "the notary ended before it said " + name
            if got[0] == name:
                return got[2]
            self.heard.append(got)

    def cell(self, number, cell="c0", run="r"):
        return self.ask("CELL", CELL_NUMBER=number, CELL=cell, RUN=run, KEEPALIVE_MS=60000, REARM=1)

    def receiver(self, channel, incarnation, *slots):
        """A receiver's end of its channel; slots: (slot, cell's number)."""
        ours, theirs = pair()
        self.say("CHANNEL", [theirs.fileno()], CHANNEL=channel, INCARNATION=incarnation)
        theirs.close()
        for slot, number in slots:
            self.say("CHANNEL_SLOT", CHANNEL=channel, SLOT=slot, CELL_NUMBER=number)
        assert self.ask("PING") == {"CODE": 0}
        return ours

    def end(self):
        """(exit code, what it said on stderr)"""
        words = self.child.communicate(timeout=LIMIT_S)[1].decode()
        self.channel.close()
        return self.child.returncode, words

    def kill(self):
        self.child.kill()
        return self.end()


def receipt(sock, at_least):
    """Waits for a receipt of so many records; gives its number."""
    while True:
        data = sock.recv(65536)
        assert data[:4] == b"HRR1", data[:4]
        following = int.from_bytes(data[8:16], "little")
        if following >= at_least:
            return following


def leaves(top, ledger="evidence"):
    done = subprocess.run([os.path.join(BIN, "hark"), "tail", "--dir", top, "--ledger", ledger, "--from", "0",
                           "--json"], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def kinds(top, ledger="evidence"):
    return [leaf["type"].rsplit(".", 1)[1] for leaf in leaves(top, ledger)]
