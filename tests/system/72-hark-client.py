#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""hark against a control socket that answers as it should not: an exit code and one line each time,
and nothing of the answer reaches a terminal unescaped."""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "ref")]

import proto                                        # noqa: E402
from tapout import Tap                              # noqa: E402

HARK = os.path.join(os.path.abspath(os.environ.get("HARK_BIN", "build/bin")), "hark")
LIMIT_S = 60
ESCAPE = "\x1b[2Jgone\nsecond line"


class Daemon:
    """Listens, takes one question from each client, and sends what `answer` makes of its id."""

    def __init__(self, folder, answer):
        self.path = os.path.join(folder, "control.sock")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.answer = answer
        self.asked, self.orders = [], []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                data, given, _, _ = socket.recv_fds(peer, 65536, 1)
                if not data:
                    continue
                self.orders.append(proto.read_message(data)[0] == "ASK_ORDER")
                name, number, fields = proto.read_question(data, given)
                self.asked.append((name, fields))
                for message, fds in self.answer(number):
                    socket.send_fds(peer, [message], fds)
                # Until the client has let go: what was sent is then read or given up.
                peer.settimeout(LIMIT_S)
                if self.answer is not silent_end:
                    peer.recv(1)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(LIMIT_S)
        os.unlink(self.path)


def silent_end(_):
    return []


def done(number, **fields):
    return proto.write_message("DONE", number, **{"CODE": 0, **fields}), []


def item(number, **fields):
    return proto.write_message("ITEM_CELL", number,
                               **{"CELL": "c", "RUN": "r", "UDS_BASE": "/b", "STATE": "listening",
                                  **fields}), []


def null_descriptors(count):
    return [os.open("/dev/null", os.O_RDONLY) for _ in range(count)]


def ask(folder, answer, *words):
    """(exit code, stdout, stderr, questions)"""
    daemon = Daemon(folder, answer)
    try:
        run = subprocess.run([HARK, "--control", daemon.path, *words], capture_output=True,
                             timeout=LIMIT_S, stdin=subprocess.DEVNULL)
    finally:
        daemon.close()
    for (name, _), order in zip(daemon.asked, daemon.orders):
        assert order == (name in proto.ORDERED), name
    return run.returncode, run.stdout, run.stderr, daemon.asked


LS = ("cell", "ls")
RM = ("cell", "rm", "c")
TAIL = ("tail",)
ROWS = [
    # rule, words, answer, exit code, a part of stderr
    ("it closes", LS, silent_end, 5, b"ended the connection"),
    ("bytes that are no message", LS, lambda n: [(b"nonsense", [])], 76, b"none of this version"),
    ("a message cut short", LS, lambda n: [(done(n)[0][:-1], [])], 76, b"none of this version"),
    ("another format", LS, lambda n: [(b"\x01\x00\x02" + done(n)[0][3:], [])], 76,
     b"none of this version"),
    ("an unknown type", LS, lambda n: [(struct.pack("<HBBQ", 9999, 1, 0, n), [])], 76,
     b"none of this version"),
    ("another question's id", LS, lambda n: [done(n + 1)], 76, b"none of this version"),
    ("the id of nobody", LS, lambda n: [done(0)], 76, b"none of this version"),
    ("descriptors that DONE has not", LS, lambda n: [(done(n)[0], null_descriptors(1))], 76,
     b"none of this version"),
    ("LEDGER_OPEN with one descriptor", TAIL,
     lambda n: [(proto.write_message("LEDGER_OPEN", n, LEDGER=0, ORIGIN="o"),
                 null_descriptors(1))], 76, b"none of this version"),
    ("DONE for a ledger", TAIL, lambda n: [done(n)], 76, b"without the ledger"),
    ("descriptors that are no ledger", TAIL,
     lambda n: [(proto.write_message("LEDGER_OPEN", n, LEDGER=0, ORIGIN="o"),
                 null_descriptors(2))], 65, b"descriptors cannot be used"),
    ("a refusal", RM, lambda n: [done(n, CODE=77, TEXT="you may not")], 77, b"you may not"),
    ("a refusal without words", RM, lambda n: [done(n, CODE=70)], 70, b"did not say why"),
    ("a code that is none", RM, lambda n: [done(n, CODE=1 << 40, TEXT="x")], 76, b"x"),
    ("a text with an escape", RM, lambda n: [done(n, CODE=70, TEXT=ESCAPE)], 70,
     rb"\x1b[2Jgone\x0asecond line"),
    ("an item that is not asked for", LS,
     lambda n: [(proto.write_message("ITEM_ROLE", n, ROLE="r", STATE="s"), []), done(n)], 0, b""),
]


def one_line(text):
    return text.endswith(b"\n") and text.count(b"\n") == 1 and \
        all(32 <= byte < 127 for byte in text[:-1])


def check_rows(tap, folder):
    for rule, words, answer, code, words_of_error in ROWS:
        got, out, err, asked = ask(folder, answer, *words)
        good = got == code and words_of_error in err and len(asked) == 1 and \
            (one_line(err) if code else err == b"") and out == b""
        tap.row(rule, good, "%d\n%r\n%r" % (got, out, err))


def check_shown(tap, folder):
    """Texts of an item come escaped in a table, and as they are in JSON."""
    def answer(number):
        return [item(number, RUN=ESCAPE, TEXT=ESCAPE), done(number)]

    for words in (LS, ("cell", "show", "c"), ("status",)):
        _, out, err, _ = ask(folder, answer, *words)
        tap.row("%s shows no control character" % " ".join(words),
                b"\x1b" not in out + err, "%r" % out)
    got, out, _, _ = ask(folder, answer, "cell", "ls", "--json")
    tap.same("JSON has the text, escaped as JSON is", (got, out.count(b"\n"), b"\x1b" in out),
             (0, 1, False))
    tap.row("and the whole of it", rb'"runId":"\u001b[2Jgone\nsecond line"' in out, out)


def check_status(tap, folder):
    """Items, and a DONE that says "not all": told in words, and 5."""
    def answer(number):
        return [(proto.write_message("ITEM_ROLE", number, ROLE="notary", STATE="waiting",
                                     RESTARTS=3, TEXT="ended with 74"), []),
                (proto.write_message("ITEM_ROLE", number, ROLE="control", STATE="running",
                                     TEXT="Landlock (none)"), []), done(number, CODE=5)]

    got, out, err, _ = ask(folder, answer, "status")
    tap.row("status of a daemon that is not whole", got == 5 and err == b"" and
            b"ended with 74" in out and b"confinement: incomplete" in out and
            b"not every program runs" in out, "%d %r %r" % (got, out, err))
    got, out, _, _ = ask(folder, answer, "status", "--json")
    tap.row("and in JSON", got == 5 and b'"whole":false' in out and
            b'"confinement":"incomplete"' in out and b'"restarts":"3"' in out, out)


def check_many(tap, folder):
    """Ten thousand cells are ten thousand lines."""
    def answer(number):
        return [item(number, CELL="c%d" % n) for n in range(10000)] + [done(number)]

    got, out, err, _ = ask(folder, answer, "cell", "ls", "--json")
    tap.same("ten thousand items", (got, out.count(b"\n"), err), (0, 10000, b""))


def check_question(tap, folder):
    def answer(number):
        return [done(number)]

    _, _, _, asked = ask(folder, answer, "cell", "add", "c", "--uds-base", "/b", "--keepalive",
                         "0.1", "--mode", "0007", "--owner", "1:2", "--no-rearm")
    tap.same("what is asked is what was given, and no more", asked,
             [("ASK_CELL_ADD", {"CELL": "c", "UDS_BASE": "/b", "KEEPALIVE_MS": 100, "REARM": 0,
                                "OWNER_UID": 1, "OWNER_GID": 2, "MODE": 7})])


def main():
    tap = Tap()
    folder = tempfile.mkdtemp(prefix="hark client.")
    try:
        for check in (check_rows, check_shown, check_status, check_many, check_question):
            check(tap, folder)
    finally:
        shutil.rmtree(folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
