# SPDX-License-Identifier: MIT OR Apache-2.0
"""hark-observer under a harkd, a projector and a notary of our own, over a ledger that the second
writer makes (tests/ref/ledgers.py).

Ledger is a ledger with its page.  Observer is one process: it is given what harkd gives, and what it
says to the three is read here.  Every wait is for a message or an end.
"""
import ctypes
import hashlib
import mmap
import os
import re
import select
import socket
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "ref")]

import ledgers                                      # noqa: E402
import proto                                        # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("HARK_BIN", os.path.join(ROOT, "build", "bin"))
ORIGIN = "h.example/evidence"
LIMIT_S = 30
TOKENS = {"PgWrite": 1, "MetricEmit": 2, "KmsReceipt": 4, "Log": 8}
CLASSES = ("Panic", "BudgetExceeded", "CapabilityDenied", "Other")
EXIT_OK, EXIT_DATA, EXIT_TEMPORARY, EXIT_PROTOCOL, EXIT_CONFIG = 0, 65, 75, 76, 78
PAGE_BYTES, PAGE_MARK, SLOT_BYTES = 4096, 0x3147415047414B48, 1024
SYS_FUTEX, FUTEX_WAKE = 202 if os.uname().machine == "x86_64" else 98, 1
LIBC = ctypes.CDLL(None, use_errno=True)


def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(LIMIT_S)
    return ours, theirs


# ---- options, as docs/format/proto.md has them

def option_rows():
    with open(os.path.join(ROOT, "lib", "proto", "options.def"), encoding="utf-8") as text:
        return re.findall(r"^OPTION\((\w+), *(\w+)", text.read(), re.M)


OPTIONS = option_rows()


def write_options(options):
    """{name: value or [values]} as the bytes of FIELD_OPTIONS."""
    out = b""
    options = dict(options)
    for number, (name, form) in enumerate(OPTIONS):
        if name not in options:
            continue
        values = options.pop(name)
        for value in values if isinstance(values, list) else [values]:
            value = struct.pack("<Q", value) if form == "NUMBER" else value.encode("utf-8")
            out += struct.pack("<HH", number, len(value)) + value
    assert not options, options
    return out


# ---- what it writes

def read_pieces(data):
    """[(token, goes on, bytes)] of one EFFECTS message."""
    out, at = [], 0
    while at < len(data):
        token, goes_on, zero, size = struct.unpack_from("<BBHI", data, at)
        assert token < 4 and goes_on < 2 and zero == 0 and at + 8 + size <= len(data), data[at:at + 8]
        out.append((token, goes_on, data[at + 8:at + 8 + size]))
        at += 8 + size
        assert not goes_on or (size > 0 and at == len(data)), "only an end interrupts an effect"
    return out


def read_report(data):
    """(class, first, next, event or None) of a trap report."""
    magic, version, trap_class, flags, zero, first, following, event = struct.unpack_from("<4sBBBBQQQ", data)
    assert (magic, version, zero) == (b"HKTR", 1, 0) and len(data) == 64 and not any(data[32:]), data
    return CLASSES[trap_class], first, following, event if flags else None


# ---- a ledger

def guest_event(index, source="process.exec", cell="c0", comm="sh", seq=None, detail=None, **more):
    """The canonical bytes of a declaration as the notary writes it."""
    declared = {"guestComm": comm, "guestMonotonicNs": str(1000 + index), "guestPid": 42,
                "probeSource": source}
    if seq is not None:
        declared["seq"] = str(seq)
    if detail:
        declared["detail"] = detail
    known = re.fullmatch(r"[a-z.]{1,32}", source)
    kind = "dev.hark.events.cell.v1.guest." + source.replace(".", "_") if known else \
        "dev.cellos.events.cell.observability.guest.other"
    return ledgers.event(ORIGIN, index, kind, cell, cellId=cell, declared=declared, epoch=1, runId="run-1",
                         **more)


class Ledger(ledgers.Maker):
    """In a folder of its own, with the page of its writer."""

    def __init__(self, top, **more):
        super().__init__(os.path.join(top, "evidence"), ORIGIN, None, **more)   # it is never sealed
        self.page_fd = os.memfd_create("page")
        os.ftruncate(self.page_fd, PAGE_BYTES)
        self.page = mmap.mmap(self.page_fd, PAGE_BYTES)
        self.word = ctypes.c_uint32.from_buffer(self.page, 8)
        self.counter = 0

    def put(self, name, data):
        """In place where it is there: a follower may be reading."""
        path = os.path.join(self.folder, name)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
        with os.fdopen(fd, "r+b") as file:
            file.write(data)
            file.truncate()

    def publish(self, size=None):
        """Says what is committed, and wakes who waits."""
        words = [0] * 13
        words[0] = self.frontier.size if size is None else size
        self.counter += 1
        at = SLOT_BYTES * (1 + (self.counter & 1))
        self.page[at:at + 8 * len(words)] = struct.pack("<13Q", *words)
        self.page[0:8] = struct.pack("<Q", PAGE_MARK)
        self.page[8:12] = struct.pack("<I", self.counter)
        LIBC.syscall(SYS_FUTEX, ctypes.byref(self.word), FUTEX_WAKE, 2 ** 31 - 1, None, None, 0)

    def write(self, *events):
        """Appends leaves, given as functions of their index or as bytes, and commits them."""
        for e in events:
            self.append(e(self.next_index()) if callable(e) else e)
        self.commit()
        self.publish()

    def fds(self):
        """Its folder and its page, both to be read only."""
        return [os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY),
                os.open("/proc/self/fd/%d" % self.page_fd, os.O_RDONLY)]


# ---- the process

class Observer:
    """We are its harkd, its projector and its notary."""

    def __init__(self, ledger, module, under=(), origin=ORIGIN, confine=0, **options):
        self.ledger = ledger
        self.channel, theirs = pair()
        self.child = subprocess.Popen(
            ["sh", "-c", 'exec 3<&0 </dev/null "$@"', "sh", *under, os.path.join(BIN, "hark-observer")],
            stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        theirs.close()
        options.setdefault("DIGEST", "sha256:" + hashlib.sha256(module).hexdigest())
        options.setdefault("TOKENS", 15)
        fd = os.memfd_create("module")
        os.write(fd, module)
        fds = [os.open("/proc/self/fd/%d" % fd, os.O_RDONLY)] + ledger.fds()
        os.close(fd)
        socket.send_fds(self.channel, [proto.write_message(
            "OBSERVER_SETUP", OBSERVER="o", ORIGIN=origin, CONFINE=confine,
            OPTIONS=write_options(options))], fds)
        for fd in fds:
            os.close(fd)
        self.number = 0
        self.states = []
        self.projector = self.trap = None

    # harkd

    def hear(self):
        """The next word to harkd that is not its state; None at the end."""
        while True:
            try:
                data = self.channel.recv(65536)
            except ConnectionResetError:
                return None             # it ended without having read all
            if not data:
                return None
            name, number, fields = proto.read_message(data)
            if name != "OBSERVER_STATE":
                return name, number, fields
            self.states.append(fields)

    def say(self, name, fds=(), message_id=0, **fields):
        socket.send_fds(self.channel, [proto.write_message(name, message_id, **fields)], list(fds))

    def ping(self):
        self.number += 1
        self.say("PING", message_id=self.number)
        assert self.hear() == ("DONE", self.number, {"CODE": 0})

    def states_until(self, condition):
        """Reads what it says to harkd until the condition holds."""
        while not condition():
            data = self.channel.recv(65536)
            name, _, fields = proto.read_message(data)
            assert name == "OBSERVER_STATE", (name, fields)
            self.states.append(fields)

    def say_go(self):
        self.projector, theirs = pair()
        ours, trap = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(LIMIT_S)
        trap.shutdown(socket.SHUT_RD)
        self.trap = ours
        self.say("OBSERVER_GO", [theirs.fileno(), trap.fileno()])
        theirs.close()
        trap.close()

    def go(self):
        """The word to go; gives what it answers."""
        self.say_go()
        return self.hear()

    def start(self, cursor=0):
        """From the setup to the first step."""
        got = self.hear()
        assert got is not None and got[0] == "OBSERVER_DIGEST", got
        got = self.go()
        assert got is not None and got[0] == "READY", got
        self.projector.send(proto.write_message("CURSOR", INDEX=cursor))
        return self

    # projector

    def batch(self, commit=True):
        """(first, next, [(token, bytes)]) of the next batch, which is committed; None at the end."""
        effects, part = [], b""
        while True:
            data = self.projector.recv(65536)
            if not data:
                return None
            name, _, fields = proto.read_message(data)
            if name == "EFFECTS":
                for token, goes_on, piece in read_pieces(fields["EFFECTS"]):
                    part += piece
                    if not goes_on:
                        effects.append((token, part))
                        part = b""
                continue
            assert name == "BATCH" and part == b"" and fields["COUNT"] == len(effects), fields
            if commit:
                try:
                    self.commit(fields["SIZE"])
                except BrokenPipeError:
                    pass                # it has ended meanwhile, which its own words tell
            return fields["INDEX"], fields["SIZE"], effects

    def commit(self, cursor):
        self.projector.send(proto.write_message("COMMITTED", INDEX=cursor))

    def until(self, cursor):
        """Batches up to there: their effects, each batch beginning where the one before it ended."""
        effects, at = [], None
        while at != cursor:
            got = self.batch()
            assert got is not None, "it ended before it was at %d" % cursor
            assert at is None or got[0] == at, (got[:2], at)
            at = got[1]
            effects += got[2]
        return effects

    # notary

    def report(self):
        return read_report(self.trap.recv(4096))

    def has_batch(self):
        return select.select([self.projector], [], [], 0)[0] != []

    def until_end(self):
        """Its report or None, the effects of all batches, the last cursor.  A report is on record at once."""
        said, got, at = None, [], 0
        sockets = [self.projector, self.trap]
        while self.projector in sockets:
            ready = select.select(sockets, [], [], LIMIT_S)[0]
            assert ready, "it neither goes on nor ends"
            if self.trap in ready:
                data = self.trap.recv(4096)
                sockets.remove(self.trap)
                if data:
                    said = read_report(data)
                    self.say("OBSERVER_RECORDED", SIZE=said[2])
            if self.projector in ready:
                batch = self.batch()
                if batch is None:
                    sockets.remove(self.projector)
                else:
                    at = batch[1]
                    got += batch[2]
        return said, got, at

    # its end

    def end(self):
        """(exit code, what it said on stderr)"""
        said = self.child.communicate(timeout=LIMIT_S)[1].decode()
        for sock in (self.channel, self.projector, self.trap):
            if sock is not None:
                sock.close()
        return self.child.returncode, said

    def stop(self):
        self.say("STOP")
        return self.end()
