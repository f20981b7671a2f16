# SPDX-License-Identifier: MIT OR Apache-2.0
"""hark-receiver under a harkd and a notary of our own, for the tests of the receiver.

Harness is harkd: it starts the program with a channel on descriptor 3, binds sockets and passes them.
Notary is the other end of a receiver's channel: it reads batches with the second reader of
tests/ref, checks their numbers, and gives receipts when a test says so.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "ref")]

import proto                                        # noqa: E402
from guest import wait_for                          # noqa: E402

PROGRAM = os.environ.get("HARK_RECEIVER",
                         os.path.join(os.environ.get("HARK_BIN", "build/bin"), "hark-receiver"))
LIMIT_S = 20


class Notary:
    """One notary's end of a channel.  `durable` is what it knew before: numbers below are dropped."""

    def __init__(self, durable=0):
        self.sock, self.other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(LIMIT_S)
        self.next = None            # the number that must come; None: any that is not above durable
        self.durable = durable
        self.batches = []           # (first, records)
        self.records = []           # what was not known before
        self.used = {}

    def take(self, limit_s=LIMIT_S):
        """One batch; None at the end of the channel or of the time."""
        self.sock.settimeout(limit_s)
        try:
            data = self.sock.recv(65537)
        except (TimeoutError, BlockingIOError, ConnectionResetError):
            return None
        if not data:
            return None
        first, records = proto.read_batch(data)
        if self.next is None:
            assert first <= self.durable, "begins at %d, above %d" % (first, self.durable)
        else:
            assert first == self.next, "number %d where %d is due" % (first, self.next)
        self.next = first + len(records)
        self.batches.append((first, records))
        self.records += records[max(0, self.durable - first):]
        self.durable = max(self.durable, self.next)
        return records

    def receipt(self, following=None, slots=()):
        if following is None:
            following = self.durable
        self.sock.send(proto.write_receipt(following, slots))

    def until(self, fact, what, receipts=True):
        """Takes batches until fact(self.records)."""
        end = time.monotonic() + LIMIT_S
        while not fact(self.records):
            left = end - time.monotonic()
            if left <= 0 or self.take(left) is None:
                raise AssertionError("waited for %s; got %d records, the last %r" % (
                    what, len(self.records), self.records[-3:]))
            if receipts:
                self.receipt()

    def drain(self):
        """Takes what is there already."""
        while self.take(0) is not None:
            pass

    def of(self, kind, slot=None):
        return [r for r in self.records if r["type"] == kind and slot in (None, r["slot"])]

    def declared(self, slot=None):
        return self.of(proto.DECLARED, slot)

    def close(self):
        self.sock.close()


class Harness:
    def __init__(self, incarnation=7, confine=0, launcher=(), notary=True, **more):
        self.dir = tempfile.mkdtemp(prefix="receiver.")
        self.sock, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.err_path = os.path.join(self.dir, "err")
        self.listeners = {}
        child = other.fileno()

        def to_three():             # in the child, as harkd's spawn does it
            os.dup2(child, 3)

        with open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                list(launcher) + [PROGRAM], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=err, pass_fds=[3], preexec_fn=to_three, **more)
        other.close()
        self.sock.settimeout(LIMIT_S)
        self.say("RECEIVER_SETUP", INCARNATION=incarnation, CONFINE=confine)
        name, _, self.ready = proto.read_message(self.sock.recv(65536))
        assert name == "READY", "%s %r: %s" % (name, self.ready, self.err())
        self.notary = self.new_notary() if notary else None

    def err(self):
        with open(self.err_path, encoding="utf-8") as f:
            return f.read()

    def say(self, name, fds=(), message_id=0, **fields):
        data = proto.write_message(name, message_id, **fields)
        socket.send_fds(self.sock, [data], list(fds))

    def path(self, slot):
        return os.path.join(self.dir, "c%d_9001" % slot)

    def listen(self, slot, cell=None, connections=8, events_per_s=0, bytes_per_s=0, sock=None,
               **more):
        if sock is None:
            sock = self.listeners.get(slot)
        if sock is None:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.bind(self.path(slot))
            sock.listen(4096)
            sock.setblocking(False)
            self.listeners[slot] = sock
        self.say("LISTEN", fds=[sock.fileno()], SLOT=slot, CELL=cell or "c%d" % slot,
                 CONNECTIONS=connections, EVENTS_PER_S=events_per_s, BYTES_PER_S=bytes_per_s,
                 **more)
        return self.path(slot)

    def unlisten(self, slot):
        self.say("UNLISTEN", SLOT=slot)
        self.listeners.pop(slot).close()
        os.unlink(self.path(slot))

    def new_notary(self, durable=0):
        notary = Notary(durable)
        self.say("RECEIVER_CHANNEL", fds=[notary.other.fileno()])
        notary.other.close()
        self.notary = notary
        return notary

    def stop(self, status=0):
        self.say("STOP")
        return self.ended(status)

    def ended(self, status):
        code = self.process.wait(LIMIT_S)
        assert code == status, "exit %d, wanted %d: %s" % (code, status, self.err())
        return self.err()

    def failed(self, status):
        """It ends by itself with FAILED; gives its words."""
        name, _, fields = proto.read_message(self.sock.recv(65536))
        assert name == "FAILED" and fields["CODE"] == status, (name, fields)
        self.ended(status)
        return fields["TEXT"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for sock in self.listeners.values():
            sock.close()
        self.sock.close()
        if self.notary is not None:
            self.notary.close()
        shutil.rmtree(self.dir, ignore_errors=True)


__all__ = ["Harness", "Notary", "LIMIT_S", "wait_for"]
