// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Hashes of a full tile, as a power of two: C2SP has one height.
const height = 8
const width = 1 << height

// tilePath is a tile's path by C2SP tlog-tiles; level -1 means bundles of entries.
func tilePath(level int, n int64, w int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	kind := strconv.Itoa(level)
	if level < 0 {
		kind = "entries"
	}
	path = "tile/" + kind + "/" + path
	if w != width {
		path += ".p/" + strconv.Itoa(w)
	}
	return path
}

// static is a log in a directory, and what of it has been read.
type static struct {
	dir  string
	seen map[string]bool
}

func (s *static) read(path string) ([]byte, error) {
	s.seen[path] = true
	return os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(path)))
}

func (s *static) Height() int { return height }

func (s *static) SaveTiles([]tlog.Tile, [][]byte) {}

func (s *static) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		if t.H != height {
			return nil, fmt.Errorf("a tile of height %d", t.H)
		}
		data, err := s.read(tilePath(t.L, t.N, t.W))
		if err != nil {
			return nil, err
		}
		if len(data) != t.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: %d bytes, not %d", tilePath(t.L, t.N, t.W), len(data), t.W*tlog.HashSize)
		}
		all = append(all, data)
	}
	return all, nil
}

// parseCheckpoint reads the text of a checkpoint: origin, size, root, and nothing more.
func parseCheckpoint(text string) (origin string, tree tlog.Tree, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return "", tree, errors.New("the checkpoint has not three lines")
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || tree.N < 0 || strconv.FormatInt(tree.N, 10) != lines[1] {
		return "", tree, fmt.Errorf("size %q", lines[1])
	}
	hash, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(hash) != tlog.HashSize {
		return "", tree, fmt.Errorf("root %q", lines[2])
	}
	copy(tree.Hash[:], hash)
	return lines[0], tree, nil
}

// readBundle parts a bundle of w entries.
func readBundle(data []byte, w int) ([][]byte, error) {
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, errors.New("half a length")
		}
		size := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+size {
			return nil, errors.New("an entry is cut")
		}
		entries = append(entries, data[2:2+size])
		data = data[2+size:]
	}
	if len(entries) != w {
		return nil, fmt.Errorf("%d entries, not %d", len(entries), w)
	}
	return entries, nil
}

// checkEntries reads every bundle and compares each entry with its leaf in the tree; it gives the
// hashes that the entries themselves lead to, in tlog's order of storing.
func checkEntries(s *static, origin string, tree tlog.Tree, hashes tlog.HashReader, least int64) error {
	for n := int64(0); n*width < tree.N; n++ {
		w := width
		if left := tree.N - n*width; left < width {
			w = int(left)
		}
		path := tilePath(-1, n, w)
		data, err := s.read(path)
		if errors.Is(err, fs.ErrNotExist) && (n+1)*width <= least {
			continue
		}
		if err != nil {
			return err
		}
		entries, err := readBundle(data, w)
		if err != nil {
			return fmt.Errorf("%s: %v", path, err)
		}
		var indexes []int64
		for i := range entries {
			indexes = append(indexes, tlog.StoredHashIndex(0, n*width+int64(i)))
		}
		known, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if tlog.RecordHash(entry) != known[i] {
				return fmt.Errorf("%s: entry %d is not the leaf in the tree", path, n*width+int64(i))
			}
			id := fmt.Sprintf("\"id\":\"%s/%d\"", origin, n*width+int64(i))
			if !bytes.Contains(entry, []byte(id)) {
				return fmt.Errorf("%s: entry %d has not %s", path, n*width+int64(i), id)
			}
		}
	}
	return nil
}

// checkTiles compares every tile that a log of this size must serve with the tree.
func checkTiles(s *static, tree tlog.Tree, hashes tlog.HashReader) error {
	for level, count := 0, tree.N; count > 0; level, count = level+1, count>>height {
		for n := int64(0); n*width < count; n++ {
			w := width
			if left := count - n*width; left < width {
				w = int(left)
			}
			t := tlog.Tile{H: height, L: level, N: n, W: w}
			want, err := tlog.ReadTileData(t, hashes)
			if err != nil {
				return err
			}
			data, err := s.read(tilePath(level, n, w))
			if err != nil {
				return err
			}
			if !bytes.Equal(data, want) {
				return fmt.Errorf("%s: not the hashes of the tree", tilePath(level, n, w))
			}
		}
	}
	return nil
}

// checkProofs makes and checks proofs from the tiles alone: first, last and some leaves between, and
// growth from some smaller sizes.
func checkProofs(tree tlog.Tree, hashes tlog.HashReader) error {
	for at := int64(0); at < tree.N; at = at*3 + 1 {
		for _, n := range []int64{at, tree.N - 1 - at} {
			leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
			if err != nil {
				return err
			}
			proof, err := tlog.ProveRecord(tree.N, n, hashes)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaf[0]); err != nil {
				return fmt.Errorf("leaf %d: %v", n, err)
			}
		}
		old, err := tlog.TreeHash(at+1, hashes)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, at+1, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, at+1, old); err != nil {
			return fmt.Errorf("growth from %d: %v", at+1, err)
		}
	}
	return nil
}

// isOlder says whether a file is a partial tile of an earlier size: the beginning of one that is read
// in its place now.
func isOlder(s *static, name string) bool {
	tile, w, ok := strings.Cut(name, ".p/")
	if !ok {
		return false
	}
	old, err := strconv.Atoi(w)
	if err != nil || old < 1 || strconv.Itoa(old) != w {
		return false
	}
	data, err := os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(name)))
	if err != nil {
		return false
	}
	if strings.HasPrefix(tile, "tile/entries/") {
		if _, err := readBundle(data, old); err != nil {
			return false
		}
	} else if len(data) != old*tlog.HashSize {
		return false
	}
	for now := width; now > old; now-- {
		path := tile
		if now != width {
			path += ".p/" + strconv.Itoa(now)
		}
		if s.seen[path] {
			whole, err := s.read(path)
			return err == nil && bytes.HasPrefix(whole, data)
		}
	}
	return false
}

// checkSurplus refuses files that a log of this size does not have, nor had when it was smaller.
func checkSurplus(s *static) error {
	root := filepath.Join(s.dir, "tile")
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == root {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(s.dir, path)
		name = filepath.ToSlash(name)
		if err == nil && !s.seen[name] && !isOlder(s, name) {
			err = fmt.Errorf("%s: no tile of this log", name)
		}
		return err
	})
}

func readLog(dir, key string, least int64) error {
	s := &static{dir: dir, seen: map[string]bool{}}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	message, err := s.read("checkpoint")
	if err != nil {
		return err
	}
	n, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return fmt.Errorf("checkpoint: %v", err)
	}
	origin, tree, err := parseCheckpoint(n.Text)
	if err != nil {
		return err
	}
	if origin != verifier.Name() {
		return fmt.Errorf("origin %s, key of %s", origin, verifier.Name())
	}
	// The reader checks each tile against the root before it gives a hash of it.
	hashes := tlog.TileHashReader(tree, s)
	if tree.N > 0 {
		if top, err := tlog.TreeHash(tree.N, hashes); err != nil || top != tree.Hash {
			return fmt.Errorf("the tiles do not lead to the root: %v", err)
		}
	}
	if err := checkEntries(s, origin, tree, hashes, least); err != nil {
		return err
	}
	if err := checkTiles(s, tree, hashes); err != nil {
		return err
	}
	if err := checkProofs(tree, hashes); err != nil {
		return err
	}
	if err := checkSurplus(s); err != nil {
		return err
	}
	fmt.Printf("%s: %d entries, root %v\n", origin, tree.N, tree.Hash)
	return nil
}
