# SPDX-License-Identifier: MIT OR Apache-2.0
"""hark-signer under a harkd and a notary of our own, for the tests of the signer and of others who
need real checkpoints.

Signer is harkd: it starts the program with a channel on descriptor 3 and gives it its directory of
keys.  Link is a notary: it asks for signatures with proofs that it makes from the leaves.
"""
import os
import socket
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "ref")]

import merkle                                       # noqa: E402
import proto                                        # noqa: E402

PROGRAM = os.path.join(os.environ.get("HARK_BIN", os.path.join(
    os.path.dirname(os.path.dirname(HERE)), "build", "bin")), "hark-signer")
LEDGERS = ("evidence", "operations")
LIMIT_S = 20


def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(LIMIT_S)
    return ours, theirs


class Link:
    """One notary's end."""

    def __init__(self, sock):
        self.sock = sock
        self.head = self.hear("HEAD")
        self.asked = 0

    def hear(self, want=None):
        """(name, id, fields), or the fields alone where a name is wanted; None at the end."""
        data = self.sock.recv(65536)
        if not data:
            return None
        name, message_id, fields = proto.read_message(data)
        if want is None:
            return name, message_id, fields
        assert name == want, "%s where %s is due: %r" % (name, want, fields)
        return fields

    def ask(self, size, root, proof):
        self.asked += 1
        self.sock.send(proto.write_message("SIGN", self.asked, SIZE=size, ROOT=root,
                                           PROOF=b"".join(proof)))

    def sign(self, hashes, old=None):
        """Asks for the tree of these leaf hashes; (name, fields)."""
        old = self.head["SIZE"] if old is None else old
        proof = merkle.growth(old, hashes) if 0 < old <= len(hashes) else []
        self.ask(len(hashes), merkle.root(hashes), proof)
        name, message_id, fields = self.hear()
        assert message_id == self.asked, (message_id, self.asked)
        self.head = {"SIZE": fields["SIZE"], "ROOT": fields["ROOT"]}
        return name, fields

    def close(self):
        self.sock.close()


class Signer:
    """One process.  `first` is its answer to the setup: (READY or FAILED, fields)."""

    def __init__(self, keys, origin, ledger=0, under=(), **setup):
        self.channel, theirs = pair()
        setup = {"CONFINE": 0, **setup}
        self.child = subprocess.Popen(
            ["sh", "-c", 'exec 3<&0 </dev/null "$@"', "sh", *under, PROGRAM],
            stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        theirs.close()
        folder = os.open(keys, os.O_PATH | os.O_DIRECTORY)
        try:
            socket.send_fds(self.channel, [proto.write_message(
                "SIGNER_SETUP", LEDGER=ledger, ORIGIN=origin, **setup)], [folder])
        finally:
            os.close(folder)
        name, _, fields = proto.read_message(self.channel.recv(65536))
        self.first = (name, fields)

    def link(self):
        ours, theirs = pair()
        socket.send_fds(self.channel, [proto.write_message("SIGNER_LINK")], [theirs.fileno()])
        theirs.close()
        return Link(ours)

    def wait(self):
        """(exit code, what it said on standard error)"""
        said = self.child.communicate(timeout=LIMIT_S)[1].decode()
        self.channel.close()
        return self.child.returncode, said

    def stop(self):
        self.channel.send(proto.write_message("STOP"))
        return self.wait()

    def kill(self):
        self.child.kill()
        return self.wait()


def crc32c(data):
    """CRC-32C, bit by bit."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def head_slot(sequence, size, root, origin):
    """A slot of a head, from docs/format/checkpoint.md."""
    body = struct.pack("<8sIIQQ32s32s28x", b"HARKHEAD", 1, 0, sequence, size, root,
                       merkle.sha256(origin.encode()))
    return body + struct.pack("<I", crc32c(body))


def head_file(slots):
    """The bytes of a head with these slots, each (sequence, size, root, origin)."""
    out = bytearray(4096 + 128)
    for slot in slots:
        at = 4096 * (slot[0] & 1)
        out[at:at + 128] = head_slot(*slot)
    return bytes(out)
