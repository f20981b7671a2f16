# SPDX-License-Identifier: MIT OR Apache-2.0
"""A guest of wire 1 or 2 and the listener that it speaks to, for the tests of hark-listen.

Frames are encoded here by a few lines of our own, so that nothing of the project judges itself, and
so that a hostile guest can say what no encoder of ours would.  Every wait is for a fact and has a
limit.  As a command:

    guest.py send PATH COUNT      connects, sends COUNT declarations, closes
    guest.py connects PATH        exits 0 where a connect works
    guest.py stale PATH           leaves a socket that nobody listens on
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

LIMIT_S = 60
LISTEN = os.path.join(os.path.abspath(os.environ.get("HARK_BIN", "build/bin")), "hark-listen")

CELLOS = "dev.cellos.events.cell.observability.guest."
HARK = "dev.hark.events.cell.v1."
SILENCED = "dev.cellos.events.cell.observability.v1.guest.agent_silenced"
DROPPED = "cell.observability.guest.telemetry.dropped"


# ---- CBOR and frames

def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << 8 * size:
            return bytes([major << 5 | info]) + n.to_bytes(size, "big")
    raise ValueError(n)


def item(v):
    if isinstance(v, bool):
        return b"\xf5" if v else b"\xf4"
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        b = v.encode("utf-8")
        return head(3, len(b)) + b
    if isinstance(v, dict):
        return pairs(v.items())
    raise TypeError(v)


def pairs(entries):
    entries = list(entries)
    return head(5, len(entries)) + b"".join(item(k) + item(v) for k, v in entries)


def prefixed(body):
    return len(body).to_bytes(4, "little") + body


def frame(source="process.spawned", comm="workload", pid=4242, ns=1, version=1, **more):
    """A frame; further keys (seq, dropped, detail, or what a forger likes) follow the five."""
    five = [("content_version", version), ("probe_source", source), ("guest_pid", pid),
            ("guest_comm", comm), ("guest_monotonic_ns", ns)]
    return prefixed(pairs(five + list(more.items())))


def hello(stream, seq=0, **more):
    return frame("agent.hello", version=2, seq=seq, detail={"stream": "%016x" % stream}, **more)


def numbered(seq, source="process.spawned", **more):
    return frame(source, version=2, seq=seq, **more)


# ---- the guest

class Guest:
    def __init__(self, path):
        self.sock = connect(path)
        self.sock.settimeout(LIMIT_S)

    def send(self, *frames):
        self.sock.sendall(b"".join(frames))
        return self

    def ended(self):
        """Waits until the host has closed this connection."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.sock.close()


def connect(path):
    """Connects by a path of any length."""
    directory = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect("/proc/self/fd/%d/%s" % (directory, os.path.basename(path)))
    except OSError:
        sock.close()
        raise
    finally:
        os.close(directory)
    return sock


# ---- waiting

def wait_for(fact, what, limit_s=LIMIT_S):
    """Waits until fact() is true.  The pause between two looks decides nothing."""
    end = time.monotonic() + limit_s
    while True:
        value = fact()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %d s for: %s" % (limit_s, what))
        time.sleep(0.005)


# ---- the listener

class Listener:
    """hark-listen for one cell, with everything it says."""

    def __init__(self, cell, *options, reads=True, launcher=(), directory=None):
        self.cell = cell
        self.own = None
        if directory is None:
            directory = self.own = tempfile.mkdtemp(prefix="listen.")
        self.base = os.path.join(directory, "vm.sock")
        self.path = self.base + "_9001"
        self.err_path = os.path.join(directory, cell + ".err")
        self.raw = b""
        self.events = []
        self.checked = 0
        self.lock = threading.Lock()
        self.wrong = None
        self.reader = None
        read_end, write_end = os.pipe()
        with open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                list(launcher) + [LISTEN, "--uds-base", self.base, "--cell", cell] + list(options),
                stdin=subprocess.DEVNULL, stdout=write_end, stderr=err)
        os.close(write_end)
        self.read_end = read_end
        if reads:
            self.read()
        wait_for(lambda: "listening on" in self.err() or self.process.poll() is not None,
                 "listening on")
        if self.process.poll() is not None:
            raise AssertionError("it ended with %d: %s" % (self.process.returncode, self.err()))

    def err(self):
        with open(self.err_path, encoding="utf-8") as f:
            return f.read()

    def read(self):
        self.reader = threading.Thread(target=self.read_all, daemon=True)
        self.reader.start()

    def read_all(self):
        rest = b""
        while True:
            chunk = os.read(self.read_end, 1 << 16)
            if not chunk:
                break
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            for line in lines:
                try:
                    event = self.judge(line)
                except (AssertionError, ValueError, KeyError) as e:
                    self.wrong = "%s in line %r" % (e, line[:400])
                    event = {"type": "wrong", "data": {}}
                with self.lock:
                    self.events.append(event)
        if rest:
            self.wrong = "a line without its end: %r" % rest[:200]

    def judge(self, line):
        """One line: JSON, canonical, and of this cell alone."""
        text = line.decode("utf-8")
        event = json.loads(text, object_pairs_hook=unique)
        again = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert again == text, "not canonical"
        assert event["subject"] == "urn:cellos:cell:" + self.cell, "another's subject"
        assert event["data"]["cellId"] == self.cell, "another's cellId"
        number = int(event["id"].rsplit("/", 1)[1])
        assert number == self.checked, "number %d where %d is due" % (number, self.checked)
        self.checked += 1
        return event

    def all(self, of=None):
        assert self.wrong is None, self.wrong
        with self.lock:
            events = list(self.events)
        return events if of is None else [e["data"] for e in events if e["type"] == of]

    def declared(self, source="process.spawned"):
        return [e["data"]["declared"] for e in self.all() if "declared" in e["data"] and
                e["data"]["declared"]["probeSource"] == source]

    def refused(self):
        counts = {}
        for data in self.all(HARK + "rejected"):
            counts[data["reason"]] = counts.get(data["reason"], 0) + int(data["count"])
        return counts

    def wait(self, fact, what):
        def look():
            value = fact(self)
            if not value and self.process.poll() is not None:
                self.join()
                value = fact(self)
                assert value, "it ended with %d before: %s: %s" % (
                    self.process.returncode, what, self.err())
            return value
        return wait_for(look, "%s; so far %s" % (what, self.cell))

    def join(self):
        if self.reader is not None:
            self.reader.join(LIMIT_S)
            assert not self.reader.is_alive(), "standard output did not end"

    def end(self, status=0):
        """SIGTERM; gives what it says at the end."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended(status)

    def ended(self, status):
        code = self.process.wait(LIMIT_S)
        self.join()
        assert code == status, "exit %d, wanted %d: %s" % (code, status, self.err())
        self.all()
        return self.err()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.join()
        if self.own is not None:
            shutil.rmtree(self.own, ignore_errors=True)


def unique(entries):
    out = dict(entries)
    assert len(out) == len(entries), "a key twice"
    return out


def main():
    what, path = sys.argv[1:3]
    if what == "connects":
        connect(path).close()
    elif what == "send":
        Guest(path).send(*[frame(pid=i) for i in range(int(sys.argv[3]))]).close()
    elif what == "stale":
        os.chdir(os.path.dirname(path))
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).bind(os.path.basename(path))
    else:
        sys.exit("guest.py: no such command: " + what)


if __name__ == "__main__":
    main()
