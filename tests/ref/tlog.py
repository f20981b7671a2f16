# SPDX-License-Identifier: MIT OR Apache-2.0
"""Transparency logs from their specifications, standard library only: RFC 6962 trees, C2SP signed
notes, checkpoints, tlog-tiles directories and tlog-proof files; readers beside writers.
"""
import base64
import binascii
import hashlib
import os
import re

import signed

DASH = "\u2014"
TILE = 256


class Bad(Exception):
    """What was read is not what the specification says; the text says where."""


# ---- RFC 6962, section 2.1 ---------------------------------------------------------------------

def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split(size):
    """The largest power of two below a size of two or more."""
    return 1 << ((size - 1).bit_length() - 1)


def root(leaves):
    """The tree head of a list of leaf hashes, by the definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    at = split(len(leaves))
    return node_hash(root(leaves[:at]), root(leaves[at:]))


class Frontier:
    """The same head, grown a leaf at a time: the complete subtrees at the right edge by height."""

    def __init__(self):
        self.size = 0
        self.nodes = {}

    def add(self, leaf):
        """Gives (level, index, hash) of each complete subtree that this leaf ends."""
        level, index, made = 0, self.size, leaf
        yield level, index, made
        while index & 1:
            made = node_hash(self.nodes.pop(level), made)
            level, index = level + 1, index >> 1
            yield level, index, made
        self.nodes[level] = made
        self.size += 1

    def root(self):
        made = None
        for level in sorted(self.nodes):
            made = self.nodes[level] if made is None else node_hash(self.nodes[level], made)
        return made if made is not None else hashlib.sha256(b"").digest()


def inclusion(leaves, index):
    if len(leaves) <= 1:
        return []
    at = split(len(leaves))
    if index < at:
        return inclusion(leaves[:at], index) + [root(leaves[at:])]
    return inclusion(leaves[at:], index - at) + [root(leaves[:at])]


def root_by_inclusion(leaf, index, size, proof):
    """RFC 9162, 2.1.3.2: the root that a proof leads to."""
    if index >= size:
        raise Bad("index %d is not below size %d" % (index, size))
    at, last, made = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise Bad("the proof has more hashes than the path")
        if at & 1 or at == last:
            made = node_hash(step, made)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            made = node_hash(made, step)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise Bad("the proof has fewer hashes than the path")
    return made


# ---- signed notes ------------------------------------------------------------------------------

def tobase64(raw):
    return base64.b64encode(raw).decode()


def unbase64(text):
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise Bad("base64: %s" % wrong) from None
    if tobase64(raw) != text:
        raise Bad("base64 that is not the one form of its bytes")
    return raw


class Key:
    """A verifier key, and where the seed is known the signer too."""

    def __init__(self, name, public, seed=None):
        self.name, self.public, self.seed = name, public, seed
        whole = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()
        self.id = int.from_bytes(whole[:4], "big")

    @classmethod
    def of_seed(cls, name, seed):
        return cls(name, signed.public_key(seed), seed)

    @classmethod
    def of_text(cls, text):
        parts = text.strip().split("+", 2)
        if len(parts) != 3 or not re.fullmatch("[0-9a-f]{8}", parts[1]):
            raise Bad("not a verifier key: %r" % text)
        raw = unbase64(parts[2])
        if len(raw) != 33 or raw[0] != 1:
            raise Bad("not an Ed25519 verifier key")
        key = cls(parts[0], raw[1:])
        if key.id != int(parts[1], 16):
            raise Bad("the key's id is not that of its name and bytes")
        return key

    def text(self):
        return "%s+%08x+%s" % (self.name, self.id, tobase64(b"\1" + self.public))

    def line(self, text):
        made = signed.ed25519_sign(self.seed, text.encode())
        return "%s %s %s\n" % (DASH, self.name, tobase64(self.id.to_bytes(4, "big") + made))


def write_note(text, keys):
    return (text + "\n" + "".join(key.line(text) for key in keys)).encode()


def split_note(data):
    """(text, [(name, id, signature)]) of a note, strictly."""
    try:
        whole = data.decode()
    except UnicodeDecodeError as wrong:
        raise Bad("a note that is not UTF-8: %s" % wrong) from None
    if any(ord(c) < 32 and c != "\n" for c in whole):
        raise Bad("a note with a control character")
    at = whole.rfind("\n\n")
    if at < 0 or not whole.endswith("\n"):
        raise Bad("a note without signatures")
    signatures = []
    for line in whole[at + 2:].splitlines():
        match = re.fullmatch("%s ([^\\s+]+) ([A-Za-z0-9+/=]+)" % DASH, line)
        if not match:
            raise Bad("a malformed signature line")
        raw = unbase64(match.group(2))
        if len(raw) < 5:
            raise Bad("a signature that is too short")
        signatures.append((match.group(1), int.from_bytes(raw[:4], "big"), raw[4:]))
    if not signatures:
        raise Bad("a note without signatures")
    return whole[:at + 1], signatures


def open_note(data, keys):
    """The text of a note that a key of the list has signed."""
    text, signatures = split_note(data)
    good = 0
    for name, number, signature in signatures:
        for key in keys:
            if (key.name, key.id) == (name, number):
                if not signed.ed25519_verify(key.public, text.encode(), signature):
                    raise Bad("a signature of %s that does not verify" % name)
                good += 1
    if not good:
        raise Bad("no signature of a known key")
    return text


# ---- checkpoints -------------------------------------------------------------------------------

def write_checkpoint(origin, size, head, keys):
    return write_note("%s\n%d\n%s\n" % (origin, size, tobase64(head)), keys)


def read_checkpoint(text):
    """(origin, size, root) of a note's text."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] != "" or not all(lines[:-1]):
        raise Bad("a checkpoint has three lines or more, none empty")
    if not re.fullmatch("0|[1-9][0-9]*", lines[1]):
        raise Bad("a checkpoint's size is a decimal number")
    head = unbase64(lines[2])
    if len(head) != 32:
        raise Bad("a checkpoint's root has 32 bytes")
    return lines[0], int(lines[1]), head


# ---- tlog-tiles as a directory -----------------------------------------------------------------

def tile_path(kind, index, width=TILE):
    """kind is a level or "entries"."""
    digits = "%03d" % index
    digits = digits.zfill((len(digits) + 2) // 3 * 3)
    parts = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    name = "/".join(["x" + part for part in parts[:-1]] + parts[-1:])
    return "tile/%s/%s" % (kind, name) + (".p/%d" % width if width != TILE else "")


def tiles_of(size):
    """(level, index, width) of each tile of a tree."""
    level = 0
    while size >> 8 * level:
        count = size >> 8 * level
        for index in range((count + TILE - 1) // TILE):
            yield level, index, min(TILE, count - index * TILE)
        level += 1


def read_bytes(folder, name):
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()
    except OSError as wrong:
        raise Bad("%s: %s" % (name, wrong.strerror)) from None


def read_bundle(folder, index, width):
    name = tile_path("entries", index, width)
    data, at, found = read_bytes(folder, name), 0, []
    while at < len(data):
        size = int.from_bytes(data[at:at + 2], "big")
        if at + 2 + size > len(data):
            raise Bad("%s: an entry goes over the end" % name)
        found.append(data[at + 2:at + 2 + size])
        at += 2 + size
    if len(found) != width:
        raise Bad("%s: %d entries, expected %d" % (name, len(found), width))
    return found


def read_tiles(folder, keys, without=()):
    """Every entry of a static log; each hash of each tile is recomputed.  Bundles whose number is
    in `without` may be missing: their leaves are taken from the tile, and are None."""
    origin, size, head = read_checkpoint(open_note(read_bytes(folder, "checkpoint"), keys))
    tiles = {}
    for level, index, width in tiles_of(size):
        name = tile_path(level, index, width)
        data = read_bytes(folder, name)
        if len(data) != 32 * width:
            raise Bad("%s: %d bytes, expected %d" % (name, len(data), 32 * width))
        tiles[level, index] = data
    entries, frontier = [], Frontier()
    for bundle in range((size + TILE - 1) // TILE):
        width = min(TILE, size - bundle * TILE)
        absent = bundle in without
        if absent:
            got = [None] * width
            hashes = [tiles[0, bundle][32 * i:32 * i + 32] for i in range(width)]
        else:
            got = read_bundle(folder, bundle, width)
            hashes = [leaf_hash(entry) for entry in got]
        for made in hashes:
            for level, index, subtree in frontier.add(made):
                if level % 8:
                    continue
                at = index % TILE * 32
                if tiles[level // 8, index // TILE][at:at + 32] != subtree:
                    raise Bad("tile %d/%d: hash %d is not the one of its entries" % (
                        level // 8, index // TILE, index % TILE))
        entries += got
    if frontier.root() != head:
        raise Bad("the entries do not lead to the root of the checkpoint")
    return origin, entries


def write_tiles(folder, origin, entries, keys):
    frontier, tiles = Frontier(), {}
    for entry in entries:
        for level, index, made in frontier.add(leaf_hash(entry)):
            if level % 8 == 0:
                tiles.setdefault((level // 8, index // TILE), []).append(made)
    files = {tile_path(level, index, len(hashes)): b"".join(hashes)
             for (level, index), hashes in tiles.items()}
    for start in range(0, len(entries), TILE):
        part = entries[start:start + TILE]
        files[tile_path("entries", start // TILE, len(part))] = b"".join(
            len(e).to_bytes(2, "big") + e for e in part)
    files["checkpoint"] = write_checkpoint(origin, len(entries), frontier.root(), keys)
    for name, data in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


# ---- tlog-proof --------------------------------------------------------------------------------

PROOF = "c2sp.org/tlog-proof@v1"


def write_proof(index, hashes, checkpoint, extra=None):
    lines = [PROOF] + (["extra " + tobase64(extra)] if extra is not None else [])
    lines += ["index %d" % index] + [tobase64(made) for made in hashes] + ["", ""]
    return "\n".join(lines).encode() + checkpoint


def read_proof(data, keys):
    """(origin, size, index, extra); the extra bytes must be the leaf."""
    text, _, note = data.partition(b"\n\n")
    lines = text.decode("ascii", "replace").split("\n")
    if lines.pop(0) != PROOF:
        raise Bad("not a proof of version 1")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = unbase64(lines.pop(0)[6:])
    if not lines or not re.fullmatch("index (0|[1-9][0-9]*)", lines[0]):
        raise Bad("the line of the index is not there")
    index = int(lines.pop(0)[6:])
    hashes = [unbase64(line) for line in lines]
    if any(len(made) != 32 for made in hashes):
        raise Bad("a hash has 32 bytes")
    origin, size, head = read_checkpoint(open_note(note, keys))
    if extra is None:
        raise Bad("the leaf is not in the proof")
    if root_by_inclusion(leaf_hash(extra), index, size, hashes) != head:
        raise Bad("the proof does not lead to the root")
    return origin, size, index, extra
