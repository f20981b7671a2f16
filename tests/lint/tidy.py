#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""clang-tidy over every C file that the clang build compiles; a result a file, printed as TAP.

A file that was clean is remembered in build/lint by the hash of all that decides: its preprocessed
text, its command, .clang-tidy and the tool's version.  Nothing else is a reason to skip it.
"""
import concurrent.futures
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "clang")
KNOWN = os.path.join(ROOT, "build", "lint")


def commands():
    """File -> compile command, each file once; only our own C."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as text:
        entries = json.load(text)
    found = {}
    for entry in entries:
        path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        if path.endswith(".c") and not path.startswith(BUILD + os.sep):
            found.setdefault(path, shlex.split(entry["command"]))
    return found


def fingerprint(command, fixed):
    """None where the file does not even preprocess."""
    words = [w for w in command if w not in ("-c",)]
    if "-o" in words:
        at = words.index("-o")
        del words[at:at + 2]
    for flag in ("-MQ", "-MF"):
        if flag in words:
            at = words.index(flag)
            del words[at:at + 2]
    words = [w for w in words if w not in ("-MD",)]
    done = subprocess.run(words + ["-E", "-o", "-"], cwd=BUILD, capture_output=True)
    if done.returncode != 0:
        return None
    return hashlib.sha256(fixed + repr(words).encode() + done.stdout).hexdigest()


def tidy(path, command, fixed):
    """The findings in a file, empty where there are none."""
    print_of = fingerprint(command, fixed)
    if print_of and os.path.exists(os.path.join(KNOWN, print_of)):
        return ""
    done = subprocess.run(["clang-tidy", "--quiet", "-p", BUILD, path], cwd=ROOT,
                          capture_output=True, text=True)
    if done.returncode != 0:
        return done.stdout.strip() or done.stderr.strip() or "clang-tidy failed"
    if print_of:
        os.makedirs(KNOWN, exist_ok=True)
        with open(os.path.join(KNOWN, print_of), "w", encoding="utf-8"):
            pass
    return ""


def selftest():
    """A file with a mistake must be found, or a clean answer means nothing."""
    bad = os.path.join(os.environ.get("TMPDIR", "/tmp"), "tidy-bad.c")
    with open(bad, "w", encoding="utf-8") as out:
        out.write("#include <stdlib.h>\nint f(void);\nint f(void)\n{\n\tint *a = NULL;\n"
                  "\treturn *a;\n}\n")
    done = subprocess.run(["clang-tidy", "--quiet",
                           "--config-file=" + os.path.join(ROOT, ".clang-tidy"), bad, "--"],
                          capture_output=True, text=True)
    return done.returncode != 0 and "null pointer" in done.stdout


def main():
    if not shutil.which("clang-tidy"):
        print("1..0 # SKIP clang-tidy is not installed (tools/packages test)")
        return 0
    fixed = b""
    for path in (".clang-tidy", "tests/.clang-tidy"):
        with open(os.path.join(ROOT, path), "rb") as text:
            fixed += text.read()
    fixed += subprocess.run(["clang-tidy", "--version"], capture_output=True).stdout
    jobs = commands()
    print("1..%d" % (len(jobs) + 1))
    bad = not selftest()
    print("%s 1 - a null pointer that is followed is found" % ("not ok" if bad else "ok"))
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        answers = {path: pool.submit(tidy, path, jobs[path], fixed) for path in sorted(jobs)}
        for number, (path, answer) in enumerate(answers.items(), 2):
            text = answer.result()
            bad |= bool(text)
            print("%s %d - tidy %s" % ("not ok" if text else "ok", number,
                                       os.path.relpath(path, ROOT)), flush=True)
            for line in text.splitlines()[:40]:
                print("# " + line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
