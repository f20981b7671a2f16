# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reads the Test Anything Protocol as it is printed by cmocka, bats and our own scripts.

It trusts no summary: results are counted, and a program that plans more than it shows, that shows
more than it plans, or that plans nothing has failed.
"""
import re

PLAN = re.compile(r"1\.\.(\d+)\s*(?:#\s*(.*))?$")
RESULT = re.compile(r"(ok|not ok)\b\s*(\d+)?\s*(?:-\s*)?(.*)$")
# cmocka 1.1 says "not ok" of what skip() left out, and has no other line of this form.
CMOCKA_SKIP = re.compile(r"not ok \d+ # SKIP \w+$")
SKIP = re.compile(r"(?:^|\s)#\s*skip\b[:\s]*(.*)$", re.IGNORECASE)


class Case:
    """One result: state is "passed", "failed" or "skipped"; text is the reason or the output."""

    def __init__(self, name, state, text=""):
        self.name = name
        self.state = state
        self.text = text


def parse(output):
    """The cases that were printed, and what is wrong with the protocol itself (or None)."""
    cases = []
    planned = 0
    plans = 0
    bail = None
    before = []
    for line in output.split("\n"):       # a guest's text may hold other line separators
        line = line.rstrip("\r")
        plan = PLAN.match(line)
        if plan:
            plans += 1
            planned += int(plan.group(1))
            reason = SKIP.match("# " + plan.group(2)) if plan.group(2) else None
            if int(plan.group(1)) == 0 and reason:
                cases.append(Case("(whole program)", "skipped", reason.group(1).strip()))
                planned += 1
            continue
        if line.startswith("Bail out!"):
            bail = line
            continue
        result = RESULT.match(line)
        if not result:
            before.append(line)
            continue
        rest = result.group(3)
        skip = SKIP.search(rest)
        name = rest[: skip.start()].strip() if skip else rest.strip()
        if result.group(1) == "not ok" and not CMOCKA_SKIP.match(line):
            cases.append(Case(name or "(unnamed)", "failed"))
        elif skip:
            reason = skip.group(1).strip()
            # cmocka prints the name behind the mark instead of before it.
            if not name:
                name, reason = reason or "(unnamed)", last_remark(before) or "no reason given"
            cases.append(Case(name, "skipped", reason or last_remark(before) or "no reason given"))
        else:
            cases.append(Case(name or "(unnamed)", "passed"))
        before = []
    if bail:
        return cases, bail
    if plans == 0:
        return cases, "it printed no plan"
    if len(cases) != planned:
        return cases, "it planned %d results and gave %d" % (planned, len(cases))
    if planned == 0:
        return cases, "it planned nothing"
    return cases, None


def last_remark(lines):
    """The last remark before a result, without its mark: where cmocka leaves a message."""
    for line in reversed(lines):
        text = line.lstrip("# ").strip()
        if text:
            return text
    return ""
