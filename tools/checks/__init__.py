# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the check-* programs share: the tree to look at, how they answer, how they test themselves.

A check is a function from a tree's root to a list of complaints, "file:line: what".  Its self-test
feeds it small trees, good and broken, and must see each broken one refused for the named reason.
"""
import os
import re
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Floors of the rooms: an include may only fall.  docs/architecture.md has the picture.
FLOORS = {
    "base": 1,
    "cbor": 2, "json": 2, "crypto": 2, "os": 2,
    "wire": 3, "event": 3, "merkle": 3, "keys": 3, "config": 3, "loop": 3, "prog": 3,
    "checkpoint": 4, "ipc": 4,
    "telemetry": 5, "sign": 5, "observer": 5, "ledger": 5, "proto": 5,
    "verify": 6, "follow": 6, "role": 6, "project": 6,
}
PROGRAMS = {
    "hark": None,               # a program may stand on every room, unless its list says otherwise
    "hark-listen": None,
    "hark-agent": {"base", "cbor", "os", "wire", "loop", "prog"},
    "harkd": None,
    "hark-control": {"base", "os", "loop", "prog", "ipc", "proto", "role"},
    "hark-receiver": {"base", "cbor", "os", "wire", "loop", "prog", "ipc", "telemetry", "proto",
                      "role"},
    "hark-notary": None,
    "hark-observer": {"base", "json", "crypto", "os", "merkle", "loop", "prog", "checkpoint", "ipc", "ledger",
                      "proto", "observer", "follow", "role"},
    "hark-projector": {"base", "json", "os", "loop", "prog", "ipc", "proto", "role", "project"},
    "hark-signer": {"base", "os", "crypto", "merkle", "keys", "loop", "prog", "checkpoint", "ipc",
                    "proto", "role"},
}


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as text:
        return text.read()


def files(root, folders, endings):
    """Paths below the folders of a tree, in order, relative to its root."""
    found = []
    for folder in folders:
        for where, below, names in os.walk(os.path.join(root, folder)):
            below[:] = sorted(d for d in below if d not in ("build", "__pycache__", "target"))
            for name in sorted(names):
                if name.endswith(endings):
                    found.append(os.path.relpath(os.path.join(where, name), root))
    return found


def without_comments(text):
    """C without comments and the contents of strings; line numbers stay."""
    def blank(match):
        part = match.group(0)
        if part[0] == "/":
            return " " + "\n" * part.count("\n")
        return part[0] + part[0]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def main(check, rows, prepare=None):
    """The whole of a check's main(): --selftest prints TAP, otherwise complaints and exit code."""
    if sys.argv[1:] == ["--selftest"]:
        return selftest(check, rows, prepare)
    if sys.argv[1:]:
        print("usage: %s [--selftest]" % os.path.basename(sys.argv[0]), file=sys.stderr)
        return 2
    complaints = check(ROOT)
    for line in complaints:
        print(line)
    return 1 if complaints else 0


def selftest(check, rows, prepare):
    """Rows are (rule, {path: text}, a part of the complaint that must come, or None for none).

    prepare(root), where it is given, makes of a tree's files what the check looks at.
    """
    print("1..%d" % len(rows))
    bad = 0
    for number, (rule, tree, want) in enumerate(rows, 1):
        with tempfile.TemporaryDirectory(prefix="hark-check-") as root:
            for path, text in tree.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as out:
                    out.write(text)
            if prepare:
                prepare(root)
            got = check(root)
        good = not got if want is None else any(want in line for line in got)
        bad += not good
        print("%s %d - %s" % ("ok" if good else "not ok", number, rule))
        if not good:
            print("# wanted %r, got %r" % (want, got))
    return 1 if bad else 0
