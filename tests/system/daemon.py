# SPDX-License-Identifier: MIT OR Apache-2.0
"""harkd and a client of its control socket, for tests of the whole daemon.

Harkd starts it on a data and a run directory of its own.  Control asks questions as `hark` does, by
the second writer of messages in tests/ref.  Every wait is for a fact and has a limit.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "ref")]

import proto                                        # noqa: E402
from guest import wait_for                          # noqa: E402

BIN = os.path.abspath(os.environ.get("HARK_BIN", "build/bin"))
LIMIT_S = 60
PROGRAMS = ["hark-control", "hark-notary", "hark-receiver", "hark-signer"]


class Control:
    """One client of the control socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.connect(path)         # waits where the backlog is full
        self.sock.settimeout(LIMIT_S)
        self.number = 0

    def send(self, name, **fields):
        self.number += 1
        proto.send_question(self.sock, name, self.number, **fields)

    def ask(self, name, **fields):
        """(fields of the last answer, [(name, fields) of the items], descriptors)"""
        self.send(name, **fields)
        items, fds = [], []
        while True:
            data, got, _, _ = socket.recv_fds(self.sock, 65536, 8)
            if not data:
                raise EOFError("the control socket was closed")
            fds += got
            name, number, fields = proto.read_message(data)
            assert number == self.number, (number, self.number)
            if name in ("DONE", "LEDGER_OPEN"):
                return fields, items, fds
            items.append((name, fields))

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Harkd:
    """A daemon.  stand_in: the notary that keeps nothing, and what it is told to do."""

    def __init__(self, stand_in=None, config=None, **more):
        self.dir = tempfile.mkdtemp(prefix="harkd.")
        self.data = os.path.join(self.dir, "data")
        self.run = os.path.join(self.dir, "run")
        self.libexec = BIN
        self.process = None
        self.errs = 0
        self.config = config
        self.more = more
        if stand_in is not None:
            self.libexec = os.path.join(self.dir, "libexec")
            os.mkdir(self.libexec)
            for name in PROGRAMS:
                os.symlink(os.path.join(BIN, name), os.path.join(self.libexec, name))
            self.replace("hark-notary", os.path.join(HERE, "stand-in-notary"))
            for name in ("hark-observer", "hark-projector"):
                self.replace(name, os.path.join(HERE, "stand-in-pair"))
            self.order(stand_in)

    # ---- what it is made of

    def replace(self, name, program):
        path = os.path.join(self.libexec, name)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(program, path)

    def order(self, words, of=""):
        """What the stand-in notary does; of="-observer", "-projector": those of a pair."""
        path = os.path.join(self.libexec, "do" + of)
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(words)
        os.rename(path + ".new", path)

    def heard(self, **wanted):
        """What the stand-in heard, as far as it has these members."""
        try:
            with open(os.path.join(self.libexec, "heard"), encoding="utf-8") as f:
                lines = [json.loads(line) for line in f if line.endswith("\n")]
        except FileNotFoundError:
            return []
        return [line for line in lines if all(line.get(k) == v for k, v in wanted.items())]

    def command(self):
        own = [os.path.join(BIN, "harkd"), "--libexec", self.libexec]
        if self.config is not None:
            path = os.path.join(self.dir, "hark.yaml")
            with open(path, "w", encoding="utf-8") as f:
                f.write(self.config.format(data=self.data, run=self.run, dir=self.dir))
            return own + ["--config", path]
        return own + ["--data", self.data, "--run", self.run]

    # ---- its life

    def spawn(self, **more):
        self.errs += 1
        self.err_path = os.path.join(self.dir, "err.%d" % self.errs)
        with open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=err,
                                            **{**self.more, **more})
        return self

    def start(self, **more):
        self.spawn(**more)
        wait_for(lambda: "harkd: ready" in self.err() or self.process.poll() is not None, "ready",
                 LIMIT_S)
        assert self.process.poll() is None, self.err()
        return self

    def err(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def ended(self, status=0):
        code = self.process.wait(LIMIT_S)
        assert code == status, "exit %d, wanted %d: %s" % (code, status, self.err())
        return self.err()

    def stop(self, status=0):
        self.process.send_signal(signal.SIGTERM)
        return self.ended(status)

    def kill(self):
        """SIGKILL; its programs end with it, and another harkd finds nobody in its place."""
        path = "/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)
        with open(path, encoding="ascii") as f:
            children = f.read().split()
        self.process.kill()
        self.process.wait(LIMIT_S)
        wait_for(lambda: not any(os.path.exists("/proc/" + pid) for pid in children),
                 "no program outlives harkd", LIMIT_S)

    # ---- asking

    @property
    def socket(self):
        return os.path.join(self.run, "control.sock")

    def ask(self, name, **fields):
        with Control(self.socket) as control:
            return control.ask(name, **fields)

    def add(self, cell, base=None, **fields):
        base = base or self.base(cell)
        done, _, _ = self.ask("ASK_CELL_ADD", CELL=cell, UDS_BASE=base, **fields)
        return done

    def folder(self, name):
        """One that a projector may have: a projector is never root."""
        path = os.path.join(self.dir, name)
        os.mkdir(path)
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
        return path

    def base(self, cell):
        return os.path.join(self.dir, cell)

    def path(self, cell):
        return self.base(cell) + "_9001"

    def roles(self):
        """{(role, label): fields}"""
        _, items, _ = self.ask("ASK_STATUS")
        return {(f["ROLE"], f.get("CELL")): f for name, f in items if name == "ITEM_ROLE"}

    def cells(self):
        _, items, _ = self.ask("ASK_CELLS")
        return {f["CELL"]: f for name, f in items}

    def whole(self):
        return self.ask("ASK_STATUS")[0]["CODE"] == 0

    def kill_role(self, role, label=None):
        """SIGKILL; waits until another one runs.  Gives its fields."""
        before = self.roles()[role, label]
        os.kill(before["PID"], signal.SIGKILL)

        def is_back():
            now = self.roles()[role, label]
            return now["STATE"] == "running" and now.get("PID") != before["PID"] and now

        return wait_for(is_back, "another %s" % role, LIMIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
