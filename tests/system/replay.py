# SPDX-License-Identifier: MIT OR Apache-2.0
"""A recorded notary input replayed with owned time, and beside it an observer: the real core over real
ledgers (tests/tools/notary-replay), the real hark-observer and hark-projector, and a harkd of our own.

What the core hears of an observer comes between two parts of the recording, at a place that the
observer's own speed has no part in: the part after it begins when the observer has dealt with all that is
committed, or is down.
"""
import hashlib
import json
import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "ref")]

import proto                                        # noqa: E402
from observer import CLASSES, pair, read_report, write_options  # noqa: E402
from projector import give                          # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("HARK_BIN", os.path.join(ROOT, "build", "bin"))
TOOL = os.environ.get("HARK_REPLAY", os.path.join(os.path.dirname(BIN), "meson", "tests", "tools",
                                                  "notary-replay"))
RECORDING = os.path.join(ROOT, "tests", "vectors", "notary-input.txt")
ORIGIN = "h.example/evidence"
NAME = "o"
# A build with sanitizers: what they say is to be seen, and memory has no limit there.
SANITIZED = "ASAN_OPTIONS" in os.environ
LIMIT_S = 300 if SANITIZED else 60
# A process that is stopped answers nobody, however long we wait.
MUTE_S = 0.3
QUARANTINED = 77
TEMPORARY, PROTOCOL = 75, 76


class Core:
    """The notary's core with its ledgers below `top`; `evidence` and `operations`: (size, root)."""

    def __init__(self, top):
        self.top = top
        self.page = os.memfd_create("page")
        os.ftruncate(self.page, 4096)
        self.child = subprocess.Popen([TOOL, RECORDING, top, str(self.page)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, pass_fds=[self.page])
        self.evidence = self.operations = None
        self.is_at_end = False
        self.trapped = []

    def say(self, *words):
        """One command; the codes of what is done."""
        self.child.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.child.stdin.flush()
        done = []
        while True:
            line = self.child.stdout.readline().split()
            assert line, "notary-replay ended with %r at %r" % (self.child.wait(), words)
            if line[0] == "done":
                done.append(int(line[1]))
            elif line[0] == "trapped":
                self.trapped.append((line[1], CLASSES[int(line[2])], line[4]))
            elif line[0] in ("evidence", "operations"):
                setattr(self, line[0], (int(line[1]), line[2]))
            elif line[0] in ("more", "end"):
                self.is_at_end = line[0] == "end"
                return done

    def take_trapped(self):
        """What harkd is told since the last time: (observer, class, state)."""
        trapped, self.trapped = self.trapped, []
        return trapped

    def end(self):
        self.child.stdin.close()
        code = self.child.wait(LIMIT_S)
        self.child.stdout.close()
        os.close(self.page)
        return code


def looks():
    """At how many places the recording stops before its end."""
    with open(RECORDING, encoding="utf-8") as calls:
        return sum(line.rstrip().endswith(" look") for line in calls)


def leaves(top, ledger):
    """All leaves as they were written."""
    done = subprocess.run([os.path.join(BIN, "hark"), "tail", "--dir", top, "--ledger", ledger, "--from", "0",
                           "--json"], stdout=subprocess.PIPE, timeout=LIMIT_S, check=True)
    return done.stdout.splitlines()


def spawn(program):
    """(process, harkd's end of its channel)"""
    ours, theirs = pair()
    child = subprocess.Popen(["sh", "-c", 'exec 3<&0 </dev/null "$@"', "sh", os.path.join(BIN, program)],
                             stdin=theirs.fileno(), stdout=subprocess.DEVNULL,
                             stderr=None if SANITIZED else subprocess.DEVNULL)
    theirs.close()
    return child, ours


def receive(sock):
    """One message; nothing where its other end has gone, whatever it had left unread."""
    try:
        return sock.recv(65536)
    except ConnectionResetError:
        return b""


LOADS_MAX = 8                           # as harkd has it


class Pair:
    """hark-observer and hark-projector under a harkd that restarts them, as it should, at once.

    act: what befalls the observer each time that it is ready: "kill", "stop"; "kill-projector" once, and
    "kill-projector-unseen", so that the observer's end is heard before; "kill-early": before it is ready."""

    def __init__(self, core, module, act=None, **options):
        self.core, self.module, self.act = core, module, act
        self.folder = os.path.join(core.top, "rows")
        os.mkdir(self.folder)
        give(self.folder)
        self.options = {"TOKENS": 15, "BATCH": 64, "PROJECTION": "sqlite:" + os.path.join(self.folder, "db"),
                        "TABLE": "rows", "CREATE": "CREATE TABLE rows(n INTEGER, text TEXT)",
                        "METRIC_FILE": os.path.join(self.folder, "metrics"), "METRIC_SERIES": 100,
                        "RECEIPT_FILE": os.path.join(self.folder, "receipts"), "LOG_LINES_PER_S": 10,
                        "LIMIT_FUEL": 5000000, "LIMIT_WALL_MS": 5000, "LIMIT_MEMORY_BYTES": 1 << 20,
                        "LIMIT_EFFECTS": 1000, "LIMIT_EFFECT_BYTES": 1 << 20,
                        "DIGEST": "sha256:" + hashlib.sha256(module).hexdigest()}
        self.strikes = options.pop("STRIKES", 3)
        self.options.update(options)
        self.state = "down"
        self.digest = None
        self.failed = []
        self.starts = self.failed_loads = 0

    # ---- starting and ending

    def start(self):
        assert self.starts < 20, "it is restarted for ever: %r" % self.failed
        self.starts += 1
        self.state, self.seen, self.committed, self.is_heard = "starting", 0, 0, False
        self.failed_code = None         # of the observer's FAILED
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        evidence = os.open(os.path.join(self.core.top, "evidence"), os.O_RDONLY | os.O_DIRECTORY)
        page = os.open("/proc/self/fd/%d" % self.core.page, os.O_RDONLY)
        writable = os.memfd_create("module")
        os.write(writable, self.module)
        module = os.open("/proc/self/fd/%d" % writable, os.O_RDONLY)
        self.link, theirs = pair()
        ours, self.trap_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.trap = ours
        self.trap_end.shutdown(socket.SHUT_RD)
        words = {"OBSERVER": NAME, "ORIGIN": ORIGIN, "OPTIONS": write_options(self.options), "CONFINE": 0}
        self.projector, self.projector_channel = spawn("hark-projector")
        socket.send_fds(self.projector_channel, [proto.write_message("PROJECTOR_SETUP", **words)],
                        [folder, folder, folder, theirs.fileno()])
        theirs.close()
        self.observer, self.channel = spawn("hark-observer")
        socket.send_fds(self.channel, [proto.write_message("OBSERVER_SETUP", **words)],
                        [module, evidence, page])
        for fd in (folder, evidence, page, writable, module):
            os.close(fd)

    def finish(self):
        """Both are gone, and what they held."""
        for child in (self.observer, self.projector):
            if child.poll() is None:
                child.kill()
            child.wait(LIMIT_S)
        for sock in (self.channel, self.projector_channel, self.link, self.trap, self.trap_end):
            sock.close()

    def ended(self, reason=None):
        """The observer has ended: the notary hears what it had said, and then that it is gone."""
        self.hear_trap()
        was = self.state
        self.finish()
        if was != "starting":
            self.core.say("gone", NAME, *([reason] if reason else []))
        self.judge()
        if self.state not in ("quarantined", "refused", "stopped"):
            self.state = "down"

    def judge(self):
        for _, _, state in self.core.take_trapped():
            if state == "quarantined":
                self.state = "quarantined"
            elif self.options.get("STOP_ON_TRAP"):
                self.state = "stopped"

    # ---- hearing

    def hear_trap(self):
        """One message at the most, as the notary reads it."""
        if self.is_heard:
            return
        self.trap.setblocking(False)
        try:
            data = self.trap.recv(4096)
        except BlockingIOError:
            return
        self.is_heard = True
        if data:
            report = read_report(data)  # it is one
            self.core.say("report", NAME, data.hex())
            self.judge()
            try:
                self.channel.send(proto.write_message("OBSERVER_RECORDED", SIZE=report[2]))
            except OSError:
                pass                    # it has ended meanwhile

    def hear_observer(self):
        data = receive(self.channel)
        if not data and self.state == "admitted":
            self.load_failed()
            return
        if not data:
            self.ended(None if self.projector_failed_first() else "died")
            return
        name, _, fields = proto.read_message(data)
        if name == "OBSERVER_DIGEST":
            self.digest = fields["DIGEST"].hex()
            code, = self.core.say("observer", NAME, self.digest, self.strikes)
            if code == QUARANTINED:
                self.finish()
                self.state = "quarantined"
                return
            assert code == 0, code
            self.state = "admitted"
            socket.send_fds(self.channel, [proto.write_message("OBSERVER_GO")],
                            [self.link.fileno(), self.trap_end.fileno()])
            self.link.close()
            self.trap_end.close()
            if self.act == "kill-early":
                self.observer.kill()
        elif name == "READY":
            self.state = "running"
            self.befall()
        elif name == "OBSERVER_REFUSED":
            self.record_refusal(fields["REASON"], fields["TEXT"])
            was_admitted = self.state != "starting"
            self.finish()
            if was_admitted:
                self.core.say("gone", NAME)
            self.state = "refused"
        elif name == "OBSERVER_STATE":
            self.seen = fields["INDEX"]
        else:
            self.failed.append((name, fields))
            self.failed_code = fields.get("CODE")

    def projector_failed_first(self):
        """As harkd judges it: the observer said that it ends and comes again, and the projector by itself."""
        if self.failed_code != TEMPORARY:
            return False
        # It ends at the latest because the other has, and then with one of these.
        return self.projector.wait(LIMIT_S) not in (0, PROTOCOL)

    def record_refusal(self, reason, words):
        said = {"observer": NAME, "reason": reason, "text": words}
        if self.digest is not None:
            said["digest"] = "blake3:" + self.digest
        text = json.dumps(said, separators=(",", ":")).replace(" ", "\\u0020")
        self.core.say("operation", "observer_refused", text)

    def load_failed(self):
        """It has ended between GO and READY, which is no trap, and by a fault a refusal."""
        self.ended()
        self.failed_loads += 1
        if self.observer.returncode == -signal.SIGABRT:
            self.record_refusal("compile_aborted", "its process aborted")
        elif self.failed_loads == LOADS_MAX:
            self.record_refusal("load_failed", "its process ended again and again")
        else:
            return
        self.state = "refused"

    def hear_projector(self):
        data = receive(self.projector_channel)
        if not data:
            # That is no trap: both are started again.
            was_admitted = self.state != "starting"
            self.hear_trap()
            self.finish()
            if was_admitted:
                self.core.say("gone", NAME)
            self.judge()
            self.state = "down" if self.state in ("admitted", "running", "starting") else self.state
            return
        name, _, fields = proto.read_message(data)
        if name == "PROJECTOR_STATE":
            self.committed = fields["INDEX"]
        elif name != "READY":
            self.failed.append((name, fields))

    def befall(self):
        if self.act == "kill":
            self.observer.kill()
        elif self.act == "stop":
            self.observer.send_signal(signal.SIGSTOP)
            self.channel.send(proto.write_message("PING", 9))
            while select.select([self.channel], [], [], MUTE_S)[0]:
                assert proto.read_message(self.channel.recv(65536))[0] == "OBSERVER_STATE"
            self.observer.kill()
            self.ended("hung")
        elif self.act in ("kill-projector", "kill-projector-unseen") and self.starts == 1:
            self.projector.kill()
            if self.act == "kill-projector-unseen":
                self.observer.wait(LIMIT_S)

    # ---- until

    def settle(self, size, is_committed=False):
        """Until it has dealt with so many leaves (is_committed: and they are durable), or is down."""
        end = time.monotonic() + LIMIT_S
        while True:
            if self.state == "down":
                self.start()
            if self.state in ("quarantined", "refused", "stopped"):
                return
            if self.state == "running" and (self.committed if is_committed else
                                            max(self.seen, self.committed)) >= size:
                return
            assert time.monotonic() < end, "it comes to nothing: %s %r" % (self.state, self.failed)
            sockets = [self.trap, self.channel, self.projector_channel]
            if self.is_heard:
                sockets.remove(self.trap)
            ready = select.select(sockets, [], [], 1)[0]
            if self.trap in ready:
                self.hear_trap()
                if self.state == "quarantined":
                    self.ended()
            elif self.channel in ready:
                self.hear_observer()
            elif self.projector_channel in ready:
                self.hear_projector()

    def stop(self):
        if self.state == "running":
            self.ended()

    def rows(self):
        """What is in the table."""
        db = sqlite3.connect(os.path.join(self.folder, "db"))
        try:
            return db.execute("SELECT n FROM rows ORDER BY n").fetchall()
        except sqlite3.OperationalError:
            return []
        finally:
            db.close()


class Outcome:
    """What a whole replay came to."""

    def __init__(self, top, module=None, rows=False, **more):
        core = Core(top)
        observer = Pair(core, module, **more) if module is not None else None
        self.sizes = []
        for _ in range(looks()):
            core.say("play")
            self.sizes.append(core.evidence[0])
            if observer is not None:
                observer.settle(core.evidence[0], rows)
        # The last part is the end of all, and nobody observes it.
        if observer is not None:
            observer.stop()
        core.say("play")
        assert core.is_at_end
        self.state = observer.state if observer is not None else None
        self.failed = observer.failed if observer is not None else []
        self.rows = observer.rows() if rows else None
        self.root = core.evidence
        self.code = core.end()
        self.evidence = leaves(top, "evidence")
        self.operations = [json.loads(leaf) for leaf in leaves(top, "operations")]

    def ticks(self):
        """Of each receipt: how much evidence there was when it was composed, by both of its words."""
        return [(leaf["data"]["operation"]["ObserverQuarantine"]["quarantine_tick"], leaf["data"]["evidence"]["size"])
                for leaf in self.operations if leaf["type"].endswith(".observer_quarantine")]

    def records(self):
        """The operations ledger in short: kinds, and what receipts and refusals say."""
        out = []
        for leaf in self.operations:
            kind = leaf["type"].rsplit(".", 1)[1]
            said = leaf["data"]["operation"]
            if kind == "observer_quarantine":
                event = said.get("batch", {}).get("event")
                out.append((said["ObserverQuarantine"]["trap_class"], said["cause"],
                            None if event is None else int(event)))
            elif kind == "observer_refused":
                out.append(("refused", said["reason"]))
            else:
                out.append(kind)
        return out
