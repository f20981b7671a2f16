# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a person sees: a line a suite, failures with their output, skips with their reasons."""
import shutil
import sys
import time

OUTPUT_LINES_MAX = 120


class Report:
    def __init__(self, suites):
        self.counts = {name: {"passed": 0, "failed": 0, "skipped": 0} for name in suites}
        self.began = time.monotonic()
        self.seconds = dict.fromkeys(suites, 0.0)
        self.skips = []
        self.failures = []
        self.bar = sys.stdout.isatty()
        self.jobs_done = 0

    def say(self, text=""):
        self.wipe()
        print(text, flush=True)

    def wipe(self):
        if self.bar:
            print("\r\033[K", end="")

    def job(self, job, jobs_known):
        self.jobs_done += 1
        counts = self.counts[job.suite]
        self.seconds[job.suite] += job.seconds
        for case in job.cases:
            counts[case.state] += 1
            if case.state == "skipped":
                self.skips.append((job, case))
            elif case.state == "failed":
                self.failures.append((job, case))
        if job.failed():
            self.show_failure(job)
        if self.bar:
            self.draw(job, jobs_known)

    def show_failure(self, job):
        self.say("FAILED  %s: %s" % (job.suite, job.name))
        for case in job.cases:
            if case.state == "failed":
                self.say("    not ok: %s%s" % (case.name, ": " + case.text if case.text else ""))
        lines = job.output.splitlines()
        if len(lines) > OUTPUT_LINES_MAX:
            self.say("    | … %d lines before these" % (len(lines) - OUTPUT_LINES_MAX))
        for line in lines[-OUTPUT_LINES_MAX:]:
            self.say("    | " + "".join(c if c.isprintable() or c == "\t" else "?" for c in line))

    def draw(self, job, known):
        wide = max(10, min(30, shutil.get_terminal_size().columns - 50))
        full = wide * self.jobs_done // max(known, self.jobs_done, 1)
        text = "[%s%s] %d/%d %s: %s" % ("=" * full, " " * (wide - full), self.jobs_done, known,
                                        job.suite, job.name)
        print("\r\033[K" + text[: shutil.get_terminal_size().columns - 1], end="", flush=True)

    def suite(self, name):
        c = self.counts[name]
        mark = "FAILED " if c["failed"] else "ok     " if c["passed"] else "nothing"
        self.say("%s %-8s %5d passed %3d failed %3d skipped  %6.1f s" % (
            mark, name, c["passed"], c["failed"], c["skipped"], self.seconds[name]))

    def finish(self):
        """Prints the lists and the last line; the exit code."""
        total = {state: sum(c[state] for c in self.counts.values())
                 for state in ("passed", "failed", "skipped")}
        if self.skips:
            self.say("\nSKIPPED, and so not known to work here:")
            for job, case in self.skips:
                self.say("    %s: %s: %s: %s" % (job.suite, job.name, case.name, case.text))
        if self.failures:
            self.say("\nFAILED:")
            for job, case in self.failures:
                self.say("    %s: %s: %s" % (job.suite, job.name, case.name))
        self.say("\n%.0f s" % (time.monotonic() - self.began))
        self.say("%d passed, %d failed, %d skipped" % (total["passed"], total["failed"],
                                                       total["skipped"]))
        return 1 if total["failed"] or not total["passed"] else 0
