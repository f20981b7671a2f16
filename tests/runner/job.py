# SPDX-License-Identifier: MIT OR Apache-2.0
"""One program to run: its limits, what its end means, and the cases that it gives.

Kinds: "tap" (the program prints cases), "plain" (exit 0 passes, 77 skips with the last line as its
reason, all else fails), "twin" (the program must find its planted mistake: a quiet end is a
failure).  Each program gets a session and a temporary folder of its own; whatever it leaves running
is ended with it.
"""
import os
import shutil
import signal
import subprocess
import tempfile
import time

from . import tap

EXIT_SKIPPED = 77
OUTPUT_BYTES_MAX = 4 << 20


class Job:
    """`after` names jobs that must have passed; `weight` is how many of the slots it takes."""

    def __init__(self, suite, name, argv, kind="tap", timeout_s=120, env=None, cwd=None, after=(),
                 weight=1, marker=None):
        self.suite = suite
        self.name = name
        self.argv = argv
        self.kind = kind
        self.timeout_s = timeout_s
        self.env = env or {}
        self.cwd = cwd
        self.after = tuple(after)
        self.weight = weight
        self.marker = marker
        self.cases = []
        self.output = ""
        self.seconds = 0.0

    def failed(self):
        return any(case.state == "failed" for case in self.cases)

    def refuse(self, reason):
        """Counts the job as failed without running it."""
        self.cases = [tap.Case(self.name, "failed", reason)]
        self.output = reason + "\n"

    def run(self, root):
        began = time.monotonic()
        code, late, self.output = execute(self.argv, self.timeout_s, self.env, self.cwd or root)
        self.seconds = time.monotonic() - began
        trouble = describe_end(code, late, self.timeout_s)
        if self.kind == "tap":
            self.cases, wrong = tap.parse(self.output)
            if code not in (0, None) and any(c.state == "failed" for c in self.cases):
                trouble = None if code > 0 else trouble
            for what in (trouble, wrong):
                if what:
                    self.cases.append(tap.Case(self.name + " (as a whole)", "failed", what))
                    break
        elif self.kind == "plain":
            self.cases = [plain_case(self.name, code, trouble, self.output)]
        elif self.kind == "twin":
            self.cases = [twin_case(self.name, code, late, self.output, self.marker)]
        else:
            raise ValueError(self.kind)


def plain_case(name, code, trouble, output):
    if code == EXIT_SKIPPED:
        lines = output.strip().splitlines() or ["no reason given"]
        return tap.Case(name, "skipped", lines[-1])
    if trouble:
        return tap.Case(name, "failed", trouble)
    return tap.Case(name, "passed")


def twin_case(name, code, late, output, marker):
    if late:
        return tap.Case(name, "failed", "the planted mistake was not found in time")
    if code == 0:
        return tap.Case(name, "failed", "the planted mistake was not found")
    if marker and marker not in output:
        return tap.Case(name, "failed", "it ended badly, but not by finding: no " + marker)
    return tap.Case(name, "passed")


def describe_end(code, late, timeout_s):
    if late:
        return "it ran over its limit of %d s" % timeout_s
    if code is None:
        return "it could not be started"
    if code < 0:
        return "it was ended by " + signal.Signals(-code).name
    if code > 0:
        return "it ended with exit code %d" % code
    return None


def execute(argv, timeout_s, env, cwd):
    """Exit code (None: not started), whether it ran too long, and its output of both streams."""
    folder = tempfile.mkdtemp(prefix="hark-t-")
    os.chmod(folder, 0o711)  # some tests run a program as another user
    full = dict(os.environ, TMPDIR=folder, LC_ALL="C.UTF-8", **env)
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        full.pop(name, None)
    late = False
    with tempfile.TemporaryFile(dir=folder) as sink:
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=sink,
                                     stderr=subprocess.STDOUT, cwd=cwd, env=full,
                                     start_new_session=True)
        except OSError as e:
            shutil.rmtree(folder, ignore_errors=True)
            return None, False, "%s: %s\n" % (argv[0], e.strerror)
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            late = True
            end_session(child.pid, signal.SIGTERM)
            try:
                code = child.wait(5)
            except subprocess.TimeoutExpired:
                end_session(child.pid, signal.SIGKILL)
                code = child.wait()
        except BaseException:
            end_session(child.pid, signal.SIGKILL)
            child.wait()
            raise
        end_session(child.pid, signal.SIGKILL)
        sink.seek(0)
        output = sink.read(OUTPUT_BYTES_MAX).decode("utf-8", "replace")
    shutil.rmtree(folder, ignore_errors=True)
    return code, late, output


def end_session(group, number):
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass
