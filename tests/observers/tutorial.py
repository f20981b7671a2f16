#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""docs/tutorial-observers.md works as it stands: every block marked `sh` is run in order in one shell, in an
empty folder, and a block `text` behind it is what it prints.  In such a block `...` stands for anything
on its line, and a line of nothing else for any lines.  Prints TAP.
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "ref"))
from tapout import Tap                              # noqa: E402

PAGE = os.path.join(ROOT, "docs", "tutorial-observers.md")
BIN = os.environ.get("HARK_BIN") or os.path.join(ROOT, "build", "bin")
LIMIT_S = 240


def blocks(page):
    """(line, commands, what they print or None) of each block of commands."""
    found = []
    kind, begin, lines = None, 0, []
    for number, line in enumerate(page.splitlines(), 1):
        if kind is None and line.startswith("```"):
            kind, begin, lines = line[3:].strip(), number, []
        elif line.startswith("```"):
            if kind == "sh":
                found.append([begin, "\n".join(lines), None])
            elif kind == "text" and found:
                found[-1][2] = "\n".join(lines)
            kind = None
        elif kind is not None:
            lines.append(line)
    return found


def matches(wanted, got):
    pattern = ""
    for line in wanted.splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += r"[^\n]*".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ ]*\n"
    return re.fullmatch(pattern, got if got.endswith("\n") or not got else got + "\n") is not None


def script(parts):
    """One shell for all blocks: what each prints goes to a file of its own."""
    lines = ["set -euo pipefail"]
    for i, (number, commands, _) in enumerate(parts):
        lines += ["exec >%d.out 2>%d.err" % (i, i), "echo %d >at" % number, commands, "echo %d >done" % i]
    return "\n".join(lines) + "\n"


def text_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def run(tap, parts, folder):
    env = {**os.environ, "PATH": BIN + os.pathsep + os.environ["PATH"]}
    env.pop("HARK_CONTROL", None)
    work = os.path.join(folder, "work")
    os.mkdir(work)
    with subprocess.Popen(["bash", "-c", script(parts)], cwd=work, env=env,
                          stdin=subprocess.DEVNULL, start_new_session=True) as shell:
        try:
            shell.wait(timeout=LIMIT_S)
        finally:
            # A daemon of a tutorial that broke off must not stay.
            subprocess.run(["pkill", "-TERM", "-s", str(shell.pid)], check=False)
    last = int(text_of(os.path.join(work, "done")) or -1)
    for i, (number, commands, wanted) in enumerate(parts):
        out = text_of(os.path.join(work, "%d.out" % i))
        said = out + text_of(os.path.join(work, "%d.err" % i))
        name = "line %d: %s" % (number, commands.splitlines()[0][:60])
        if i > last:
            tap.row(name, False, "it was not reached, or failed:\n" + said)
        else:
            tap.row(name, wanted is None or matches(wanted, out),
                    "wanted:\n%s\ngot:\n%s" % (wanted, said))


def main():
    tap = Tap()
    with open(PAGE, encoding="utf-8") as f:
        parts = blocks(f.read())
    tap.row("the page has blocks of commands, most with what they print",
            len(parts) > 8 and 2 * sum(p[2] is not None for p in parts) > len(parts), parts)
    with tempfile.TemporaryDirectory(prefix="hark-t-") as folder:
        run(tap, parts, folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
