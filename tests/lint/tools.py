#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""clang-format and shellcheck a file at a time, cppcheck over all; and each of them must find a
planted fault first.  Prints TAP.
"""
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ["include", "lib", "hark", "hark-listen", "hark-agent", "harkd", "hark-control", "hark-receiver",
           "hark-notary", "hark-signer", "hark-observer", "hark-projector", "examples", "bench", "tests"]
CPPCHECK = ["cppcheck", "--quiet", "--std=c11", "--language=c", "--error-exitcode=1",
            "--enable=warning,performance,portability", "--inline-suppr",
            "--suppressions-list=" + os.path.join(ROOT, "etc", "cppcheck-suppressions"),
            "--template={file}:{line}: {severity}: {id}: {message}"]


def walk(folders, wanted):
    for folder in folders:
        for where, below, names in os.walk(os.path.join(ROOT, folder)):
            below[:] = sorted(d for d in below if d not in ("build", "target", "__pycache__",
                                                            ".git"))
            for name in sorted(names):
                path = os.path.join(where, name)
                if wanted(path):
                    yield path


def is_c(path):
    return path.endswith((".c", ".h"))


def is_shell(path):
    if os.path.islink(path) or not os.path.isfile(path) or path.endswith((".md", ".c", ".h")):
        return False
    with open(path, "rb") as text:
        first = text.readline(80)
    return first.startswith((b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash"))


def run(argv, **more):
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, **more)
    return done.returncode, (done.stdout + done.stderr).strip()


class Tap:
    number = 0
    bad = False

    def row(self, name, good, text=""):
        self.number += 1
        self.bad |= not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.number, name), flush=True)
        for line in text.splitlines()[:60] if not good else []:
            print("# " + line)

    def skip(self, name, reason):
        self.number += 1
        print("ok %d - %s # SKIP %s" % (self.number, name, reason))


def clang_format(tap):
    if not shutil.which("clang-format"):
        return tap.skip("clang-format", "it is not installed (tools/packages test)")
    code, _ = run(["clang-format", "--dry-run", "-Werror", "--style=file",
                   "--assume-filename=" + os.path.join(ROOT, "lib", "x.c")],
                  input="int  f( void ){return 1;}\n")
    tap.row("clang-format finds a planted fault", code != 0)
    for path in walk(FOLDERS, is_c):
        code, text = run(["clang-format", "--dry-run", "-Werror", path])
        tap.row("format " + os.path.relpath(path, ROOT), code == 0, text)
    return None


def shellcheck(tap):
    if not shutil.which("shellcheck"):
        return tap.skip("shellcheck", "it is not installed (tools/packages test)")
    code, _ = run(["shellcheck", "-"], input="#!/bin/sh\nrm -rf $1/x\n")
    tap.row("shellcheck finds a planted fault", code != 0)
    for path in walk(["."], is_shell):
        code, text = run(["shellcheck", path])
        tap.row("shellcheck " + os.path.relpath(path, ROOT), code == 0, text)
    return None


def cppcheck(tap):
    if not shutil.which("cppcheck"):
        return tap.skip("cppcheck", "it is not installed (tools/packages test)")
    planted = os.path.join(os.environ.get("TMPDIR", "/tmp"), "cppcheck-bad.c")
    with open(planted, "w", encoding="utf-8") as out:
        out.write("int f(void)\n{\n\tint a[2] = { 0, 0 };\n\treturn a[2];\n}\n")
    code, _ = run(CPPCHECK + [planted])
    tap.row("cppcheck finds a planted fault", code != 0)
    folders = [f for f in FOLDERS[1:] if f != "tests" and os.path.isdir(os.path.join(ROOT, f))]
    cache = os.path.join(ROOT, "build", "cppcheck")
    os.makedirs(cache, exist_ok=True)
    code, text = run(CPPCHECK + ["-j", str(len(os.sched_getaffinity(0))),
                                 "--cppcheck-build-dir=" + cache, "-I", "include", "-I", "lib",
                                 "-I", ".", "-D_GNU_SOURCE", "-DHARK_VERSION=\"0\""] + folders)
    tap.row("cppcheck over " + " ".join(folders), code == 0, text)
    return None


def main():
    tap = Tap()
    clang_format(tap)
    shellcheck(tap)
    cppcheck(tap)
    print("1..%d" % tap.number)
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
