#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""hark-receiver, the static program itself, between guests of every kind and a notary of the test.

Prints TAP.  $HARK_BIN names the folder of the programs, $HARK_SEED the seed of what is random.
Nothing here sleeps for a set time: each wait is for a fact and has a limit.
"""
import os
import random
import resource
import socket
import struct
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "ref")]

import proto                                        # noqa: E402
from guest import Guest, connect, frame, head, hello, item, numbered, prefixed      # noqa: E402
from receiver import LIMIT_S, PROGRAM, Harness, wait_for                            # noqa: E402
from rules import run, test                                     # noqa: E402

SEED = int(os.environ.get("HARK_SEED", "20261125"))
AGENT = os.path.join(os.environ.get("HARK_BIN", "build/bin"), "hark-agent")


def asking(stream, seq=0):
    return frame("agent.hello", version=2, seq=seq,
                 detail={"stream": "%016x" % stream, "ack": True})


def answers(guest, last):
    """Reads confirmations until this one; they only ever rise."""
    rest, before = b"", 0
    while True:
        rest += guest.sock.recv(4096)
        while len(rest) >= 8:
            n = struct.unpack("<Q", rest[:8])[0]
            assert before <= n <= last, "%d after %d, before %d" % (n, before, last)
            before, rest = n, rest[8:]
        if before == last and not rest:
            return


# ---- the program

@test("started by a person, it says that harkd starts it, and ends with 2")
def by_a_person():
    done = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 2 and "harkd starts this program" in done.stderr, done


@test("it is static, and ends when harkd has ended")
def orphan():
    done = subprocess.run(["readelf", "-d", PROGRAM], capture_output=True, text=True, check=True)
    assert "NEEDED" not in done.stdout, done.stdout
    with Harness() as h:
        h.sock.close()
        h.sock = socket.socket()        # nothing that harkd's end could be
        h.ended(75)


@test("with all confinement asked for and in force it does its work")
def confined():
    with Harness(confine=1) as h:
        assert "TEXT" not in h.ready, h.ready
        Guest(h.listen(0)).send(frame()).close()
        h.notary.until(lambda _: h.notary.of(proto.CLOSED), "the end of a connection")
        with open("/proc/%d/status" % h.process.pid, encoding="utf-8") as f:
            status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
        assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", status
        assert int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0, status
        assert h.stop() == ""


@test("words of harkd that cannot be end it with 76, and it says so")
def wrong_words():
    for say, what in ((lambda h: h.say("UNLISTEN", SLOT=3), "not there"),
                      (lambda h: h.say("PING"), "not for a receiver"),
                      (lambda h: h.listen(70000), "cannot be")):
        with Harness() as h:
            say(h)
            assert what in h.failed(76)


# ---- records

@test("what guests of both wires say comes whole, in order, with begin and end")
def both_wires():
    with Harness() as h:
        one, two = Guest(h.listen(0)), Guest(h.listen(1))
        one.send(*[frame(comm="c%d" % i, pid=i, ns=i << 40) for i in range(500)])
        two.send(hello(9, seq=3), *[numbered(3 + i, dropped=i, detail={"b": "\u20ac", "a": -i,
                                                                        "c": i % 2 == 0})
                                    for i in range(500)])
        one.close()
        two.close()
        h.notary.until(lambda _: len(h.notary.of(proto.CLOSED)) == 2, "both ends")
        said = h.notary.declared(0)
        assert [(r["comm"], r["pid"], r["ns"]) for r in said] == [
            ("c%d" % i, i, i << 40) for i in range(500)]
        assert {(r["mode"], r["version"], r["seq"]) for r in said} == {(1, 1, None)}
        said = h.notary.declared(1)
        assert said[0]["source"] == "agent.hello" and said[0]["detail"] == {"stream": "%016x" % 9}
        assert [(r["seq"], r["dropped"], r["detail"]) for r in said[1:]] == [
            (3 + i, i, {"a": -i, "b": "\u20ac", "c": i % 2 == 0}) for i in range(500)]
        assert {(r["mode"], r["stream"]) for r in said} == {(2, 9)}
        for slot, frames, mode in ((0, 500, 1), (1, 501, 2)):
            opened, = h.notary.of(proto.OPENED, slot)
            closed, = h.notary.of(proto.CLOSED, slot)
            assert (opened["pid"], opened["uid"]) == (os.getpid(), os.getuid())
            assert (closed["frames"], closed["mode"], closed["end"]) == (frames, mode, 0)
            assert opened["connection"] == closed["connection"]
        assert h.stop() == ""


HOSTILE = [
    lambda r: frame(comm='","cellId":"b","x":"', pid=r.randrange(1 << 32)),
    lambda r: frame(comm="\u2028\x00\x1b[2J\x7f\ud7ff"),
    lambda r: frame(version=3, cell_id="b", cellId="b"),
    lambda r: frame(cell_id="b"),
    lambda r: frame(version=2, signature="b", signerKid="b"),
    lambda r: hello(r.getrandbits(64)) + numbered(0, detail={"cell_id": "b"}),
    lambda r: asking(1) + numbered(r.getrandbits(64), dropped=r.getrandbits(64)),
    lambda r: frame(comm="c" * r.randrange(4000)),
    lambda r: prefixed(r.randbytes(r.randrange(1, 300))),
    lambda r: r.randbytes(r.randrange(1, 64)),
    lambda r: prefixed(head(5, 5) + item("content_version") + item(1) + head(3, 2**64 - 1)),
]


def hostile(r):
    data = b"".join(r.choice(HOSTILE)(r) for _ in range(r.randrange(1, 6)))
    how = r.randrange(4)
    if how == 0:
        return data[:r.randrange(len(data)) + 1]
    if how == 1:
        at = r.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << r.randrange(8)]) + data[at + 1:]
    return data


@test("two guests in one receiver never mix, whatever either sends")
def never_mix():
    r = random.Random(SEED)
    with Harness() as h:
        path, other = h.listen(7), h.listen(8)
        honest = Guest(other)
        rounds = 1500
        for i in range(rounds):
            try:
                Guest(path).send(hostile(r)).close()
            except (BrokenPipeError, ConnectionResetError):
                pass
            honest.send(frame(comm="honest", pid=i))
            if i % 50 == 0:
                h.notary.drain()
                h.notary.receipt()
        honest.close()
        h.notary.until(lambda _: h.notary.of(proto.CLOSED, 8), "the honest one's end")
        assert [(d["comm"], d["pid"]) for d in h.notary.declared(8)] == [
            ("honest", i) for i in range(rounds)]
        assert not any(d["comm"] == "honest" for d in h.notary.declared(7))
        assert not h.notary.of(proto.REJECTED, 8)
        h.unlisten(7)

        def refused(reason=None):
            return sum(d["count"] for d in h.notary.of(proto.REJECTED, 7)
                       if reason in (None, d["reason"]))

        def ended():
            return sum(d["end"] == proto.END_REFUSED for d in h.notary.of(proto.CLOSED, 7))

        # The last refusals are told with the end of the cell.
        h.notary.until(lambda _: len(h.notary.of(proto.CLOSED, 7)) ==
                       len(h.notary.of(proto.OPENED, 7)) and
                       refused() - refused("too_many_connections") == ended(), "all refusals")
        over = refused("too_many_connections")
        assert ended() > 300
        assert len(h.notary.of(proto.OPENED, 7)) + over == rounds
        assert h.err() == ""


@test("a thousand cells in one receiver: each has its own records, and nobody waits for another")
def thousand():
    cells, each = 1000, 20
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        return "this user may have %d descriptors" % hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    with Harness() as h:
        guests = [Guest(h.listen(slot)) for slot in range(cells)]
        flood = Guest(h.path(0))
        flood.sock.setblocking(False)
        chunk = frame(comm="flood") * 100

        def more():
            try:
                flood.sock.send(chunk)
            except BlockingIOError:
                pass

        for i in range(each):
            for slot, g in enumerate(guests):
                g.send(frame(comm="s%d" % slot, pid=i))
                if slot % 100 == 0:
                    more()
            h.notary.until(lambda _, i=i: sum(d["comm"] != "flood" for d in h.notary.declared())
                           == (i + 1) * cells, "round %d of all" % i)
        for slot in range(cells):
            said = [d for d in h.notary.declared(slot) if d["comm"] != "flood"]
            assert [(d["comm"], d["pid"]) for d in said] == [
                ("s%d" % slot, i) for i in range(each)], slot
        assert all(d["slot"] == 0 for d in h.notary.declared() if d["comm"] == "flood")
    return None


# ---- the notary

@test("a new notary gets what has no receipt, under the same numbers: nothing is lost, none twice")
def new_notaries():
    r = random.Random(SEED)
    total = 30000
    with Harness() as h:
        path = h.listen(0)
        guest = Guest(path)
        guest.sock.settimeout(None)
        sender = threading.Thread(target=lambda: guest.send(
            *[frame(comm="n", pid=i) for i in range(total)]), daemon=True)
        sender.start()
        known, notaries = [], 1
        while len(known) < total:
            n = h.notary
            for _ in range(r.randrange(1, 4)):
                if n.take() is None:
                    break
                if r.randrange(3) == 0:
                    n.receipt(n.durable - r.randrange(min(n.durable, 5) + 1))
            # It dies, and what it had made durable is all that its successor knows: at least what it
            # gave receipts for, and here all that it took.
            known += [d["pid"] for d in n.declared()]
            durable = n.durable
            n.close()
            h.new_notary(durable)
            notaries += 1
        assert known == list(range(total)), "of %d came %d" % (total, len(known))
        assert notaries > 10
        sender.join(LIMIT_S)


@test("without a notary reading stops at the window, accepting goes on, and nothing is lost")
def no_notary():
    with Harness(notary=False) as h:
        path = h.listen(0)
        guest = Guest(path)
        guest.sock.setblocking(False)
        one = frame(comm="x" * 900)
        sent = rest = 0

        def fill():
            nonlocal sent, rest
            while True:
                data = (one + one)[rest:rest + len(one)] if rest else one
                try:
                    n = guest.sock.send(data[:len(one) - rest] if rest else one)
                except BlockingIOError:
                    return
                rest = (rest + n) % len(one)
                sent += n

        def stuck():
            before = sent
            fill()
            return sent == before

        wait_for(lambda: stuck() and stuck(), "a full window and a full socket")
        assert 200 << 10 < sent < 2 << 20, sent
        for _ in range(30):             # nobody hangs in connect(2)
            connect(path).close()
        assert h.process.poll() is None
        guest.sock.setblocking(True)
        if rest:
            threading.Thread(target=lambda: guest.sock.sendall(one[rest:]), daemon=True).start()
            sent += len(one) - rest
        n = h.new_notary()
        n.until(lambda _: len(n.declared()) == sent // len(one), "all that was written")


# ---- confirmations

@test("a guest is told what is durable when its receipt has come, and the agent holds it until then")
def confirmations():
    with Harness() as h:
        g = Guest(h.listen(0)).send(asking(5, seq=10), *[numbered(10 + i) for i in range(3000)])
        n = h.notary
        n.until(lambda _: len(n.declared()) == 3001, "all of it", receipts=False)
        g.sock.setblocking(False)
        try:
            g.sock.recv(8)
            raise AssertionError("told before a receipt")
        except BlockingIOError:
            pass
        g.sock.settimeout(LIMIT_S)
        n.receipt()
        answers(g, 3010)


@test("hark-agent gives up what is confirmed, sends the rest again, and its goodbye is durable")
def real_agent():
    with Harness() as h:
        path = h.listen(0)
        n = h.notary
        agent = subprocess.Popen([AGENT, "--socket", path, "--", "sh", "-c",
                                  "for i in 1 2 3; do /bin/true; done; read x; exit 7"],
                                 stdin=subprocess.PIPE)
        try:
            def events(notary, source=None):
                return [d for d in notary.declared() if d["mode"] == 2 and
                        (d["source"].startswith("process.") if source is None
                         else d["source"] == source)]
            n.until(lambda _: len(events(n)) >= 11, "the agent's events")
            first = [d["seq"] for d in events(n)]
            assert first == list(range(len(first)))
            # The receiver is killed: the next one hears from the agent what had no receipt.
            h.process.kill()
            h.process.wait()
            listeners, h.listeners = h.listeners, {}
            with Harness() as again:
                again.listen(0, sock=listeners[0])
                m = again.notary
                m.until(lambda _: events(m, "agent.hello"), "the agent's return")
                held = events(m, "agent.hello")[0]["seq"]
                assert 0 < held <= len(first), "it gave up what was confirmed: %d" % held
                agent.stdin.write(b"\n")
                agent.stdin.close()
                m.until(lambda _: events(m, "agent.goodbye"), "a goodbye", receipts=False)
                assert [d["seq"] for d in events(m)] == list(range(
                    held, events(m, "agent.goodbye")[0]["seq"]))
                m.receipt()
                assert agent.wait(LIMIT_S) == 7
                m.until(lambda _: m.of(proto.CLOSED), "its end")
                assert m.of(proto.CLOSED)[0]["end"] == proto.END_CLEAN
            listeners[0].close()
        finally:
            agent.kill()
            agent.wait()


# ---- ends

@test("a removed cell is read to its end, and harkd hears of it when that is durable")
def removed():
    with Harness() as h:
        g = Guest(h.listen(4)).send(*[frame(pid=i) for i in range(1000)])
        h.say("UNLISTEN", message_id=77, SLOT=4)
        n = h.notary
        n.until(lambda _: n.of(proto.CLOSED), "its end", receipts=False)
        assert len(n.declared()) == 1000 and n.of(proto.CLOSED)[0]["end"] == proto.END_UNLISTEN
        n.receipt()
        name, message_id, fields = proto.read_message(h.sock.recv(65536))
        assert (name, message_id, fields["CODE"]) == ("DONE", 77, 0)
        assert g.ended()
        # The slot may be another's now.
        os.unlink(h.path(4))
        h.listeners.pop(4).close()
        Guest(h.listen(4)).send(frame(comm="new"))
        n.until(lambda _: n.declared()[-1]["comm"] == "new", "the next cell")


@test("after STOP what has come is read and sent, and it ends when all is durable")
def stopped():
    with Harness() as h:
        guests = [Guest(h.listen(slot)).send(*[frame(pid=i) for i in range(300)])
                  for slot in range(5)]
        h.say("STOP")
        n = h.notary
        n.until(lambda _: len(n.of(proto.CLOSED)) == 5, "all ends", receipts=False)
        assert len(n.declared()) == 1500
        assert h.process.poll() is None
        n.receipt()
        assert h.ended(0) == ""
        assert all(g.ended() for g in guests)


@test("a killed receiver's successor takes who waited in the backlog")
def successor():
    with Harness() as h:
        h.listen(0)
        h.process.kill()
        h.process.wait()
        sock = h.listeners.pop(0)
        waiting = [Guest(h.path(0)).send(frame(pid=i)) for i in range(5)]
        with Harness() as again:
            again.listen(0, sock=sock)
            again.notary.until(lambda _: len(again.notary.declared()) == 5, "all who waited")
        for g in waiting:
            g.close()
        sock.close()


# ---- what it costs

def dirty(h):
    """Bytes of memory that are this process's own: pages and the tables that lead to them."""
    with open("/proc/%d/smaps_rollup" % h.process.pid, encoding="utf-8") as f:
        text = f.read()
    with open("/proc/%d/status" % h.process.pid, encoding="utf-8") as f:
        text += f.read()
    return 1024 * sum(int(line.split()[1]) for line in text.splitlines()
                      if line.startswith(("Private_Dirty:", "VmPTE:")))


@test("an idle cell is small, and after a burst it is small again")
def idle():
    with Harness() as h:
        path = h.listen(0)
        # 40 to 52 KiB, as the pages of its stack and its data happen to lie.
        wait_for(lambda: dirty(h) <= 64 << 10, "a small start")
        guests = [Guest(path) for _ in range(8)]
        for g in guests:
            threading.Thread(target=g.send, args=[frame(comm="x" * 500)] * 2000).start()
        n = h.notary
        n.until(lambda _: len(n.declared()) == 16000, "a burst")
        assert dirty(h) > 256 << 10
        # Two pages of each connection's buffer are shared with what stands beside it.
        wait_for(lambda: dirty(h) <= 160 << 10, "memory given back")


if __name__ == "__main__":
    sys.exit(run())
