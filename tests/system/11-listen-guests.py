#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""hark-listen against guests of every kind: honest, hostile, slow, many.

Prints TAP.  $HARK_BIN names the folder of the programs, $HARK_SEED the seed of what is random.
Nothing here sleeps for a set time: each wait is for a fact and has a limit.
"""
import os
import random
import re
import resource
import socket
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from guest import (CELLOS, DROPPED, HARK, SILENCED, Guest, Listener, connect,   # noqa: E402
                   frame, head, hello, item, numbered, pairs, prefixed, wait_for)
from rules import run, test                                     # noqa: E402

SEED = int(os.environ.get("HARK_SEED", "20261121"))
CONNECTIONS_MAX = 8


# ---- attribution

def hostile_frames(r, count):
    """Bytes of one connection each: true, forged, broken, cut or flipped frames."""
    forgeries = [
        lambda: frame(comm='","cellId":"b","x":"', pid=r.randrange(1 << 32)),
        lambda: frame(source='x"},"cellId":"b"', comm="b"),
        lambda: frame(comm="b\n{\"subject\":\"urn:cellos:cell:b\"}\n"),
        lambda: frame(comm="\u2028\x00\x1b[2J\x7f\ud7ff"),
        lambda: frame(version=3, cell_id="b", cellId="b", subject="urn:cellos:cell:b"),
        lambda: frame(cell_id="b"),
        lambda: frame(version=2, signature="b", signerKid="b"),
        lambda: hello(r.getrandbits(64)) + numbered(0, detail={"cell_id": "b", "cellid": "b"}),
        lambda: hello(1) + numbered(r.getrandbits(64), dropped=r.getrandbits(64)),
        lambda: frame(comm="c" * r.randrange(4000)),
        lambda: prefixed(r.randbytes(r.randrange(1, 300))),
        lambda: r.randbytes(r.randrange(1, 64)),
        lambda: prefixed(head(5, r.getrandbits(64)) + item("content_version") + item(1)),
        lambda: prefixed(head(5, 5) + item("content_version") + item(1) + head(3, 2**64 - 1)),
    ]
    for _ in range(count):
        data = b"".join(r.choice(forgeries)() for _ in range(r.randrange(1, 6)))
        how = r.randrange(4)
        if how == 0:
            data = data[:r.randrange(len(data)) + 1]
        elif how == 1:
            at = r.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << r.randrange(8)]) + data[at + 1:]
        yield data


@test("attribution: whatever floods one cell, the other's lines are its own guest's alone")
def two_cells():
    r = random.Random(SEED)
    with Listener("a") as a, Listener("b") as b:
        honest = Guest(b.path)
        for i, data in enumerate(hostile_frames(r, 1500)):
            g = Guest(a.path)
            try:
                g.send(data)
            except (BrokenPipeError, ConnectionResetError):
                pass                    # refused as the ninth, or after its first frame
            g.close()
            honest.send(frame(comm="honest", pid=i))
        honest.close()
        b.wait(lambda b: b.all(HARK + "closed"), "b's connection to close")
        assert [d["guestPid"] for d in b.declared()] == list(range(1500))
        assert {d["guestComm"] for d in b.declared()} == {"honest"}
        assert len(b.all()) == 1501
        a.wait(lambda a: len(a.all(HARK + "closed")) +
               a.refused().get("too_many_connections", 0) == 1500, "a to have heard all")
        assert a.declared(), "nothing of the flood was a declaration: it tests nothing"
        assert len(a.refused()) > 5, a.refused()
        a.end()
        b.end()


def refusal(data, reason, field=None):
    with Listener("c0") as listener:
        g = Guest(listener.path)
        g.send(data)
        assert g.ended()
        listener.wait(lambda x: x.all(HARK + "closed"), "closed")
        rejected, = listener.all(HARK + "rejected")
        assert rejected["reason"] == reason, rejected
        assert rejected.get("field") == field, rejected
        assert "closed" in listener.all()[-1]["type"]
        assert "1 refused" in listener.end()


@test("forged: a cell_id key in a frame is refused, and its connection ends")
def forged_cell():
    refusal(frame(cell_id="b"), "unknown_key")


@test("forged: a signature that the guest brings has a reason of its own")
def forged_signature():
    refusal(frame(signature="AAAA"), "guest_signed")
    refusal(frame(signerKid="k1", version=7), "guest_signed")


@test("forged: a name that would break out of JSON stays a name")
def breakout():
    names = ['","cellId":"b","x":"', "\\", '"}}\n{"id":"x"}', "\x00\x1f\x7f", "\u2028\U0001f600"]
    with Listener("c0") as listener:
        Guest(listener.path).send(*[frame(comm=n) for n in names]).close()
        listener.wait(lambda x: x.all(HARK + "closed"), "closed")
        assert [d["guestComm"] for d in listener.declared()] == names
        assert len(listener.all()) == len(names) + 1
        listener.end()


@test("source: a text that is in no list is recorded as claimed, under 'other'")
def other_source():
    with Listener("c0") as listener:
        Guest(listener.path).send(frame(source="agent_silenced"), frame(source="")).close()
        listener.wait(lambda x: x.all(HARK + "closed"), "closed")
        assert [e["type"] for e in listener.all()[:2]] == [CELLOS + "other"] * 2
        listener.end()


# ---- floods

@test("refusals: 10,000 bad connections make few events, whose counts are 10,000")
def bad_connections():
    with Listener("c0") as listener:
        bad = frame(cell_id="b")
        for _ in range(10000):
            g = Guest(listener.path)
            try:
                g.send(bad)
            except (BrokenPipeError, ConnectionResetError):
                pass
            g.close()
        listener.wait(lambda x: sum(x.refused().values()) == 10000, "10,000 refusals")
        events = listener.all(HARK + "rejected")
        times = [e["time"][:19] for e in listener.all() if e["type"] == HARK + "rejected"]
        # Two reasons, each at most once a second: a clock's second may hold two of one reason.
        assert len(events) <= 4 * len(set(times)), (len(events), len(set(times)))
        assert set(listener.refused()) <= {"unknown_key", "too_many_connections"}
        assert ", 10000 refused" in listener.end()


@test("refusals: what is not told yet at SIGTERM is told before the end")
def refusals_at_end():
    with Listener("c0") as listener:
        for _ in range(50):
            g = Guest(listener.path)
            g.send(frame(cell_id="b"))
            assert g.ended()
        listener.end()
        assert listener.refused() == {"unknown_key": 50}, listener.refused()
        assert len(listener.all(HARK + "closed")) == 50


@test("connections: 10,000 one after the other, each accounted for, and the next is heard")
def many_connects():
    with Listener("c0") as listener:
        for _ in range(10000):
            connect(listener.path).close()
        listener.wait(lambda x: len(x.all(HARK + "closed")) +
                      x.refused().get("too_many_connections", 0) == 10000, "10,000 ends")
        Guest(listener.path).send(frame(comm="after")).close()
        listener.wait(lambda x: x.declared(), "the one after")
        listener.end()


@test("connections: a ninth is refused while eight live, and welcome when one has gone")
def ninth():
    with Listener("c0") as listener:
        guests = [Guest(listener.path).send(frame(pid=i)) for i in range(CONNECTIONS_MAX)]
        listener.wait(lambda x: len(x.declared()) == CONNECTIONS_MAX, "eight to be heard")
        assert Guest(listener.path).ended()
        listener.wait(lambda x: x.refused() == {"too_many_connections": 1}, "the refusal")
        for i, g in enumerate(guests):
            g.send(frame(pid=100 + i))
        listener.wait(lambda x: len(x.declared()) == 2 * CONNECTIONS_MAX, "the eight still")
        guests.pop().close()
        listener.wait(lambda x: x.all(HARK + "closed"), "one to close")
        Guest(listener.path).send(frame(comm="welcome"))
        listener.wait(lambda x: [d for d in x.declared() if d["guestComm"] == "welcome"], "it")
        listener.end()


@test("connections: --connections 1 keeps one")
def one_connection():
    with Listener("c0", "--connections", "1") as listener:
        g = Guest(listener.path).send(frame())
        listener.wait(lambda x: x.declared(), "the first")
        assert Guest(listener.path).ended()
        g.send(frame())
        listener.wait(lambda x: len(x.declared()) == 2, "the first again")
        listener.end()


@test("peer: another uid than --peer-uid is refused by name")
def peer_uid():
    with Listener("c0", "--peer-uid", str(os.getuid() + 1)) as listener:
        assert Guest(listener.path).ended()
        listener.wait(lambda x: x.refused() == {"peer_refused": 1}, "the refusal")
        listener.end()
    with Listener("c0", "--peer-uid", str(os.getuid())) as listener:
        Guest(listener.path).send(frame())
        listener.wait(lambda x: x.declared(), "our own")
        listener.end()


@test("flood: eight guests of the largest events at once end nothing and lose nothing")
def large_flood():
    # A control takes six bytes of JSON: each event is about 24 KiB.
    big = frame(comm="\x01" * 3960)
    count = 400
    with Listener("c0") as listener:
        def run():
            Guest(listener.path).send(*[big] * count).close()
        threads = [threading.Thread(target=run) for _ in range(CONNECTIONS_MAX)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        listener.wait(lambda x: len(x.all(HARK + "closed")) == CONNECTIONS_MAX, "all to close")
        assert len(listener.declared()) == CONNECTIONS_MAX * count
        listener.end()


@test("flood: eight guests of small frames in one write each, exactly once and in order")
def small_flood():
    count = 5000
    with Listener("c0") as listener:
        def run(comm):
            data = b"".join(frame(comm=comm, pid=i) for i in range(count))
            Guest(listener.path).send(data).close()
        threads = [threading.Thread(target=run, args=("g%d" % n,)) for n in range(CONNECTIONS_MAX)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        listener.wait(lambda x: len(x.all(HARK + "closed")) == CONNECTIONS_MAX, "all to close")
        heard = {}
        for d in listener.declared():
            heard.setdefault(d["guestComm"], []).append(d["guestPid"])
        assert heard == {"g%d" % n: list(range(count)) for n in range(CONNECTIONS_MAX)}
        listener.end()


@test("flood: who connects without end does not keep a guest that is connected from being heard")
def connect_flood():
    with Listener("c0") as listener:
        g = Guest(listener.path).send(frame(pid=0))
        listener.wait(lambda x: x.declared(), "the guest")
        stop = threading.Event()

        def flood():
            while not stop.is_set():
                try:
                    connect(listener.path).close()
                except OSError:
                    pass
        threads = [threading.Thread(target=flood) for _ in range(4)]
        for t in threads:
            t.start()
        try:
            for i in range(1, 50):
                g.send(frame(pid=i))
                listener.wait(lambda x: x.declared()[-1]["guestPid"] == i, "frame %d" % i)
        finally:
            stop.set()
            for t in threads:
                t.join()
        listener.end()


# ---- slow and broken guests

@test("slow: a guest that sends a byte now and then delays nobody, and is ended in its time")
def slow_loris():
    data = frame(comm="slow")
    with Listener("c0") as listener:
        slow, quick = Guest(listener.path), Guest(listener.path)
        for i in range(30):
            slow.send(data[i:i + 1])
            quick.send(frame(comm="quick", pid=i))
            listener.wait(lambda x: len(x.declared()) == i + 1, "the quick one")
        assert slow.ended()
        listener.wait(lambda x: x.refused() == {"frame_timeout": 1}, "the timeout")
        quick.send(frame(comm="quick", pid=30))
        listener.wait(lambda x: len(x.declared()) == 31, "the quick one after it")
        assert "slow" not in {d["guestComm"] for d in listener.declared()}
        listener.end()


@test("slow: a frame byte by byte is a frame")
def byte_by_byte():
    with Listener("c0") as listener:
        g = Guest(listener.path)
        for b in frame(comm="bytes"):
            g.send(bytes([b]))
        listener.wait(lambda x: x.declared(), "the frame")
        listener.end()


@test("half-open: who only connects, or stops writing, holds nobody up")
def half_open():
    with Listener("c0") as listener:
        silent = Guest(listener.path)
        writes_no_more = Guest(listener.path)
        writes_no_more.send(frame(comm="last"), frame()[:2])
        writes_no_more.sock.shutdown(socket.SHUT_WR)
        assert writes_no_more.ended()
        inside = Guest(listener.path)
        inside.send(frame()[:-1])
        inside.sock.shutdown(socket.SHUT_WR)
        assert inside.ended()
        Guest(listener.path).send(frame(comm="other")).close()
        listener.wait(lambda x: len(x.all(HARK + "closed")) == 3, "three ends")
        assert {d["guestComm"] for d in listener.declared()} == {"last", "other"}
        assert listener.refused() == {"short_length_prefix": 1, "short_body": 1}
        silent.send(frame(comm="silent"))
        listener.wait(lambda x: len(x.declared()) == 3, "the silent one at last")
        listener.end()


@test("descriptors: where none is free it waits, hears the others, and takes the next after")
def no_descriptors():
    with tempfile.TemporaryDirectory() as directory:
        limit = ["sh", "-c", 'ulimit -n 12; exec "$@"', "sh"]
        with Listener("c0", launcher=limit, directory=directory) as listener:
            guests = [Guest(listener.path) for _ in range(CONNECTIONS_MAX)]
            guests[0].send(frame(pid=0))
            listener.wait(lambda x: x.declared(), "the first")
            for i, g in enumerate(guests[1:], 1):
                g.send(frame(pid=i))
            heard = 1
            while heard < CONNECTIONS_MAX:
                before = process_ticks(listener.process.pid)
                guests[0].send(frame(pid=1000 + heard))
                listener.wait(lambda x: 1000 + heard in {d["guestPid"] for d in x.declared()},
                              "the first one still")
                assert process_ticks(listener.process.pid) - before < 50
                if guests[-1] is not guests[0]:
                    guests.pop(1).close()
                heard += 1
            listener.wait(lambda x: len([d for d in x.declared() if d["guestPid"] < 8]) == 8,
                          "every guest to be heard")
            listener.end()


@test("descriptors: where none is free it does not spin")
def no_spin():
    with tempfile.TemporaryDirectory() as directory:
        limit = ["sh", "-c", 'ulimit -n 12; exec "$@"', "sh"]
        with Listener("c0", "--keepalive", "2", launcher=limit, directory=directory) as listener:
            guests = [Guest(listener.path) for _ in range(CONNECTIONS_MAX)]
            before = process_ticks(listener.process.pid)
            listener.wait(lambda x: x.all(SILENCED), "two seconds of the listener's own")
            used_s = (process_ticks(listener.process.pid) - before) / os.sysconf("SC_CLK_TCK")
            assert used_s < 0.5, "%.2f s of processor time in 2 s" % used_s
            del guests
            listener.end()


def process_ticks(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


# ---- the reader of the events

@test("reader: one that reads nothing blocks the guest, not who connects; then all comes once")
def blocked_reader():
    count = 20000                               # some 12 MB of events: no buffers hold them
    with Listener("c0", reads=False) as listener:
        first = Guest(listener.path)            # in front of the others, or it is the refused one

        def run():
            first.send(*[frame(pid=i) for i in range(count)]).close()
        writer = threading.Thread(target=run)
        writer.start()
        # Refusing the ninth needs accept: whoever is refused was accepted first.
        others = [Guest(listener.path) for _ in range(CONNECTIONS_MAX)]
        refused = [g for g in others if is_refused(g)]
        while not refused:
            g = Guest(listener.path)
            if is_refused(g):
                refused.append(g)
            else:
                others.append(g)
        assert writer.is_alive(), "the guest's writes did not wait for the reader"
        assert len(listener.all()) == 0
        listener.read()
        writer.join(60)
        assert not writer.is_alive()
        listener.wait(lambda x: len(x.declared()) == count, "every frame")
        assert [d["guestPid"] for d in listener.declared()] == list(range(count))
        listener.end()
        assert len(listener.declared()) == count


def is_refused(guest):
    """The place of a connection is known when the host has closed it or has taken a frame."""
    guest.sock.settimeout(1)
    try:
        return guest.sock.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@test("reader: SIGTERM while frames wait: what the guests wrote is written, then exit 0")
def term_while_blocked():
    count = 3000
    with Listener("c0", reads=False) as listener:
        g = Guest(listener.path)
        g.sock.setblocking(False)
        data = b"".join(frame(pid=i) for i in range(count))
        sent = 0

        def push():
            nonlocal sent
            try:
                sent += g.sock.send(data[sent:sent + 65536])
            except BlockingIOError:
                pass
            return sent == len(data)
        wait_for(push, "the frames to be written")
        g.close()
        listener.process.terminate()
        listener.read()
        listener.ended(0)
        assert [d["guestPid"] for d in listener.declared()] == list(range(count))


@test("reader: gone, it ends with 74 and says so")
def reader_gone():
    with Listener("c0", reads=False) as listener:
        os.close(listener.read_end)
        g = Guest(listener.path).send(frame())
        said = listener.ended(74)
        assert "standard output" in said, said
        assert not os.path.exists(listener.path)
        g.close()


# ---- the end

@test("end: SIGTERM, SIGINT and SIGHUP: exit 0, no socket left, a summary in numbers")
def ends():
    for number in (15, 2, 1):
        with Listener("c0") as listener:
            Guest(listener.path).send(frame(), frame()).close()
            listener.wait(lambda x: x.all(HARK + "closed"), "closed")
            open_one = Guest(listener.path).send(frame())
            listener.wait(lambda x: len(x.declared()) == 3, "the open one")
            listener.process.send_signal(number)
            said = listener.ended(0)
            assert not os.path.exists(listener.path)
            assert re.search(r"2 connections, 3 frames, 0 duplicates, 0 refused, 5 events", said), \
                said
            assert len(listener.all()) == 5
            open_one.close()


@test("end: what a guest wrote just before SIGTERM is written")
def last_words():
    for count in (1, 2000):
        with Listener("c0") as listener:
            g = Guest(listener.path).send(frame(pid=0))
            listener.wait(lambda x: x.declared(), "the guest")
            g.send(*[frame(pid=i) for i in range(1, count)])
            listener.end()
            assert [d["guestPid"] for d in listener.declared()] == list(range(count))


# ---- silence

@test("silence: nobody ever came: never_connected, once")
def never_connected():
    with Listener("c0", "--keepalive", "0.2") as listener:
        listener.wait(lambda x: x.all(SILENCED), "silence")
        silence, = listener.all(SILENCED)
        assert silence["cause"] == "never_connected", silence
        assert silence["keepaliveWindowMs"] == 200 and silence["elapsedMs"] >= 200, silence
        listener.end()


@test("silence: mute, then resumed with its length, then disconnected: each is one event")
def silence_and_back():
    with Listener("c0", "--keepalive", "0.3") as listener:
        g = Guest(listener.path).send(frame())
        listener.wait(lambda x: x.all(SILENCED), "silence")
        assert [s["cause"] for s in listener.all(SILENCED)] == ["connected_but_mute"]
        g.send(frame())
        listener.wait(lambda x: x.all(HARK + "agent_resumed"), "resumed")
        assert int(listener.all(HARK + "agent_resumed")[0]["silenceMs"]) >= 300
        g.close()
        listener.wait(lambda x: len(x.all(SILENCED)) == 2, "silence again")
        second = listener.all(SILENCED)[1]
        assert second["cause"] == "disconnected", second
        assert second["elapsedMs"] < 900, "noticed late: %s" % second
        types = [e["type"].rsplit(".", 1)[1] for e in listener.all()]
        assert types == ["process_spawned", "agent_silenced", "agent_resumed", "process_spawned",
                         "closed", "agent_silenced"], types
        listener.end()


@test("silence: --no-rearm says it once a run, and nothing of the return")
def no_rearm():
    with Listener("c0", "--keepalive", "0.2", "--no-rearm", "--probe", "host.tap_link", "--tap",
                  "lo", "--probe-interval", "0.2") as listener:
        listener.wait(lambda x: x.all(SILENCED), "silence")
        g = Guest(listener.path).send(frame())
        listener.wait(lambda x: x.declared(), "the return")
        readings = len(readings_of(listener))
        listener.wait(lambda x: len(readings_of(x)) >= readings + 8, "eight intervals")
        assert len(listener.all(SILENCED)) == 1
        assert not listener.all(HARK + "agent_resumed")
        g.close()
        listener.end()


@test("silence: refused bytes are no sign of life, frames are")
def refused_is_silence():
    with Listener("c0", "--keepalive", "0.4") as listener:
        def silenced(x):
            assert Guest(x.path).send(frame(cell_id="b")).ended()
            return x.all(SILENCED)
        listener.wait(silenced, "silence between refusals")
        listener.end()


# ---- wire 2

@test("wire 2: what is sent again after a reconnect is dropped and counted")
def duplicates():
    with Listener("c0") as listener:
        Guest(listener.path).send(hello(7), *[numbered(i, pid=i) for i in range(5)]).close()
        listener.wait(lambda x: x.all(HARK + "closed"), "closed")
        Guest(listener.path).send(hello(7, seq=2), *[numbered(i, pid=i) for i in range(2, 9)]) \
            .close()
        listener.wait(lambda x: len(x.all(HARK + "closed")) == 2, "closed again")
        assert [d["guestPid"] for d in listener.declared()] == list(range(9))
        assert not listener.all(HARK + "gap")
        assert "16 frames" not in listener.err()
        assert "14 frames, 3 duplicates, 0 refused" in listener.end()


@test("wire 2: two streams are numbered apart")
def two_streams():
    with Listener("c0") as listener:
        a, b = Guest(listener.path).send(hello(1)), Guest(listener.path).send(hello(2))
        for i in range(10):
            a.send(numbered(i, pid=i))
            b.send(numbered(i, pid=100 + i))
        listener.wait(lambda x: len(x.declared()) == 20, "both")
        assert not listener.all(HARK + "gap")
        assert "0 duplicates" in listener.end()


@test("wire 2: a jump of the numbers is a gap with its range, in front of what came")
def gap():
    with Listener("c0") as listener:
        Guest(listener.path).send(hello(0xabc), numbered(0), numbered(5), numbered(6),
                                  numbered(9, "agent.heartbeat")).close()
        listener.wait(lambda x: x.all(HARK + "closed"), "closed")
        gaps = [(g["first"], g["last"], g["count"], g["stream"]) for g in listener.all(HARK + "gap")]
        assert gaps == [("1", "4", "4", "0000000000000abc"), ("7", "8", "2", "0000000000000abc")]
        types = [e["type"].rsplit(".", 1)[1] for e in listener.all()]
        assert types == ["agent_hello", "process_spawned", "gap", "process_spawned",
                         "process_spawned", "gap", "closed"], types
        listener.end()


@test("wire 2: a risen loss count is told by how much, and once")
def dropped():
    with Listener("c0") as listener:
        Guest(listener.path).send(hello(7), numbered(0, dropped=3), numbered(1, dropped=3),
                                  numbered(2, "agent.heartbeat", dropped=10)).close()
        listener.wait(lambda x: x.all(HARK + "closed"), "closed")
        assert [d["atLeast"] for d in listener.all(DROPPED)] == ["3", "7"]
        listener.end()


@test("wire 2: heartbeats are no events and keep silence away")
def heartbeats():
    with Listener("c0", "--keepalive", "1", "--probe", "host.tap_link", "--tap", "lo",
                  "--probe-interval", "0.1") as listener:
        g = Guest(listener.path).send(hello(7))
        seen = 0
        while seen < 25:                        # two and a half windows of the listener's own
            g.send(numbered(0, "agent.heartbeat"))
            listener.wait(lambda x: len(readings_of(x)) > seen, "the next reading")
            seen = len(readings_of(listener))
        assert not listener.all(SILENCED)
        assert not listener.declared("agent.heartbeat")
        assert len(listener.all()) == len(readings_of(listener)) + 1
        listener.end()


@test("wire 2: goodbye is an event, and closed says so")
def goodbye():
    with Listener("c0") as listener:
        Guest(listener.path).send(hello(7), numbered(0, "agent.goodbye")).close()
        listener.wait(lambda x: x.all(HARK + "closed"), "closed")
        closed, = listener.all(HARK + "closed")
        assert closed["goodbye"] is True and closed["wire"] == "hark" and closed["frames"] == "2"
        assert closed["stream"] == "0000000000000007"
        assert len(listener.declared("agent.goodbye")) == 1
        Guest(listener.path).send(hello(7)).close()
        listener.wait(lambda x: len(x.all(HARK + "closed")) == 2, "the second")
        assert listener.all(HARK + "closed")[1]["goodbye"] is False
        listener.end()


@test("wire 1: goodbye and heartbeat are words like others")
def wire1_words():
    with Listener("c0") as listener:
        Guest(listener.path).send(frame("agent.goodbye"), frame("agent.heartbeat")).close()
        listener.wait(lambda x: x.all(HARK + "closed"), "closed")
        closed, = listener.all(HARK + "closed")
        assert closed["goodbye"] is False and closed["wire"] == "cellos"
        assert [e["type"] for e in listener.all()[:2]] == [CELLOS + "other"] * 2
        listener.end()


@test("wire 2: hello twice, and another version in between, are refused")
def hello_twice():
    refusal(hello(7) + hello(7), "hello_repeated")
    refusal(hello(7) + frame(), "version_mixed")
    refusal(frame("agent.hello", version=2, detail={"stream": "7"}), "bad_hello", "stream")


# ---- probes

def readings_of(listener):
    return listener.all("dev.cellos.events.cell.observability.host.v1.tap_link")


PROBE_ERROR = "dev.hark.events.host.v1.probe_error"


@test("probe: lo is read at the start, without any guest")
def probe_lo():
    with Listener("c0", "--probe", "host.tap_link", "--tap", "lo", "--probe-interval", "86400") \
            as listener:
        listener.wait(readings_of, "a reading")
        reading = readings_of(listener)[0]
        assert reading["inputs"]["iface"] == "lo" and reading["probeSource"] == "host.tap_link"
        listener.end()
        assert len(readings_of(listener)) == 1


@test("probe: an interface that is not there is an event each time, and the cell is heard")
def probe_missing():
    with Listener("c0", "--probe", "tap_link", "--tap", "hark-none0", "--probe-interval", "0.05") \
            as listener:
        listener.wait(lambda x: len(x.all(PROBE_ERROR)) >= 3, "three errors")
        Guest(listener.path).send(frame())
        listener.wait(lambda x: x.declared(), "the guest")
        listener.end()


@test("probe: a file that is not there yet is an event each time, and a reading when it comes")
def probe_later():
    with tempfile.TemporaryDirectory() as directory:
        metrics = os.path.join(directory, "metrics")
        with Listener("c0", "--probe", "fc_metrics", "--fc-metrics", metrics,
                      "--probe-interval", "0.05", directory=directory) as listener:
            listener.wait(lambda x: len(x.all(PROBE_ERROR)) >= 3, "three errors")
            with open(metrics + ".new", "w", encoding="ascii") as f:
                f.write('{"a":{"n":1}}\n')
            os.rename(metrics + ".new", metrics)
            listener.wait(lambda x: x.all("dev.cellos.events.cell.observability.host.v1.fc_metrics"),
                          "a reading")
            listener.end()


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("# seed %d" % SEED, flush=True)
    return run()


if __name__ == "__main__":
    sys.exit(main())
