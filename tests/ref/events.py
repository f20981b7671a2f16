# SPDX-License-Identifier: MIT OR Apache-2.0
"""Events built a second time: RFC 8785 bytes of a CloudEvent, from what was declared and stamped."""
import datetime
import re

SAFE = 2 ** 53 - 1
DECLARED = {"binding_status": "NOT_APPLICABLE", "confidence": 1, "epistemic_status": "DECLARED",
            "tier": 1}
CELLOS = "dev.cellos.events.cell.observability."
RULES = {
    "process.spawned": "GUEST_PROC_SPAWN_OBSERVED",
    "process.exited": "GUEST_PROC_EXIT_OBSERVED",
    "fs.inotify_fired": "GUEST_FS_INOTIFY_FIRED",
    "capability.denied": "GUEST_CAP_DENIAL_OBSERVED",
    "net.connect_attempted": "GUEST_NET_CONNECT_ATTEMPTED",
}
PROBES = {"host.fc_metrics", "host.cgroup", "host.nftables", "host.tap_link"}
SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Refused(Exception):
    pass


def canonical(value):
    """RFC 8785 for what events hold; floats and unsafe integers have no place in one."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if abs(value) > SAFE:
            raise Refused("an integer that has no exact form")
        return str(value)
    if isinstance(value, str):
        return '"' + re.sub(r'["\\\x00-\x1f]', lambda m: SHORT.get(m.group(0)) or
                            "\\u%04x" % ord(m.group(0)), value) + '"'
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        # RFC 8785 sorts by UTF-16 code units.
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in
                              sorted(value, key=lambda k: k.encode("utf-16-be"))) + "}"
    raise Refused("a value of no kind that events have: %r" % (value,))


def time_of(text):
    """RFC 3339 with nanoseconds of "<seconds>.<nanoseconds>"."""
    seconds, _, fraction = text.partition(".")
    try:
        day = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=int(seconds))
    except OverflowError:
        raise Refused("a year of more than four digits") from None
    return "%04d%sT%s.%sZ" % (day.year, day.strftime("-%m-%d"), day.strftime("%H:%M:%S"),
                              fraction.ljust(9, "0"))


def envelope(kind, data, time, cell, origin="host.example/vectors", number=0):
    return canonical({"specversion": "1.0", "id": "%s/%d" % (origin, number),
                      "source": "/hark/" + origin, "type": kind,
                      "subject": "urn:cellos:cell:" + cell, "time": time, "data": data})


def guest_type(source):
    return CELLOS + "guest." + (source.replace(".", "_") if source in RULES else "other")


def stamped(values, host, received_at):
    declared = {"probeSource": values["probe_source"], "guestPid": values["guest_pid"],
                "guestComm": values["guest_comm"],
                "guestMonotonicNs": str(values["guest_monotonic_ns"])}
    authority = {"output": DECLARED}
    if values["probe_source"] in RULES:
        authority["rule"] = RULES[values["probe_source"]]
    return envelope(guest_type(values["probe_source"]),
                    {"authority": authority, "declared": declared, **host}, time_of(received_at),
                    host["cellId"])


def read_flat(text):
    """A cgroup's file of keys and numbers, as the kernel writes it; None for anything else."""
    found = {}
    for line in text.split("\n")[:-1]:
        match = re.fullmatch(r"(\S+) (0|[1-9][0-9]*)", line, re.ASCII)
        if not match or int(match.group(2)) >= 2 ** 64 or match.group(1) in found:
            return None
        found[match.group(1)] = int(match.group(2))
    return found if text == "" or text.endswith("\n") else None


