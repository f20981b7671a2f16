// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// row is a note of known keys.
type row struct {
	Name    string   `json:"name"`
	Signers []string `json:"signers"`
	Keys    []string `json:"keys"`
	Text    string   `json:"text"`
	Note    string   `json:"note"`
}

// seed is a source of bytes that are always the same.
type seed byte

func (s *seed) fill(p []byte) {
	for i := range p {
		p[i] = byte(*s)
		*s += 7
	}
}

func vectors() error {
	const empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	texts := []struct {
		name, text string
		keys       []string
	}{
		{"empty-tree", "h.example/evidence\n0\n" + empty + "\n", []string{"h.example/evidence"}},
		{"checkpoint", "h.example/operations\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
			[]string{"h.example/operations"}},
		{"two-keys-of-one-name", "h.example/evidence\n7\n" + empty + "\n",
			[]string{"h.example/evidence", "h.example/evidence"}},
		{"extension-lines", "h.example/evidence\n7\n" + empty + "\nmore\nand more\n", []string{"h.example/evidence"}},
		{"text-of-one-newline", "\n", []string{"n"}},
		{"empty-lines-inside", "a\n\nb\n\n", []string{"n"}},
		{"not-ascii", "é 🔏\n", []string{"née/ü"}},
		{"signature-line-in-the-text", "— n AAAA\n", []string{"n"}},
		{"long-name", "x\n", []string{strings.Repeat("n", 255)}},
		{"sixteen-keys", "x\n", strings.Fields(strings.Repeat("n ", 16))},
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	var source seed
	for _, t := range texts {
		r := row{Name: t.name, Text: t.text}
		var signers []note.Signer
		for _, name := range t.keys {
			var own [32]byte
			source.fill(own[:])
			private, public, err := fixedKey(own, name)
			if err != nil {
				return err
			}
			signer, err := note.NewSigner(private)
			if err != nil {
				return err
			}
			signers = append(signers, signer)
			r.Signers = append(r.Signers, private)
			r.Keys = append(r.Keys, public)
		}
		message, err := note.Sign(&note.Note{Text: t.text}, signers...)
		if err != nil {
			return err
		}
		r.Note = string(message)
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// fixedKey is the key of a seed in the two forms of texts.
func fixedKey(own [32]byte, name string) (string, string, error) {
	key := ed25519.NewKeyFromSeed(own[:])
	public, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		return "", "", err
	}
	id := public[len(name)+1 : len(name)+9]
	text := base64.StdEncoding.EncodeToString(append([]byte{1}, own[:]...))
	return "PRIVATE+KEY+" + name + "+" + id + "+" + text, public, nil
}
