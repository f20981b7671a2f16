// SPDX-License-Identifier: MIT OR Apache-2.0

// Second is a second opinion on Hark's checkpoints and exports, by the Go project's own packages for
// signed notes and transparency logs.  Nothing in it was taken from Hark's sources.
//
//	second vectors             notes of fixed keys, a JSON object a line
//	second key NAME            a new signer key and its verifier key, a line each
//	second sign KEYFILE TEXT   the note of a text file, on standard output
//	second open NOTE VKEY...   opens a note; prints how many of these keys have signed, then the text
//	second judge VKEY...       opens notes from standard input, each after its size as u32, little-endian;
//	                           a line for each: refused, or how many keys have signed, and the text in hex
//	second log DIR VKEY [MIN]  reads a static log by C2SP tlog-tiles and checks all of it; entries
//	                           below MIN may be gone, as pruning has it
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

func newKey(name string) error {
	signer, verifier, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n%s\n", signer, verifier)
	return nil
}

func sign(keyFile, textFile string) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(textFile)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(strings.TrimSuffix(string(key), "\n"))
	if err != nil {
		return err
	}
	out, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}

func verifiers(keys []string) (note.Verifiers, error) {
	var list []note.Verifier
	for _, key := range keys {
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("%s: %v", key, err)
		}
		list = append(list, v)
	}
	return note.VerifierList(list...), nil
}

func open(file string, keys []string) error {
	known, err := verifiers(keys)
	if err != nil {
		return err
	}
	message, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n, err := note.Open(message, known)
	if err != nil {
		return err
	}
	fmt.Printf("%d\n%s", len(n.Sigs), n.Text)
	return nil
}

func judge(in io.Reader, keys []string) error {
	known, err := verifiers(keys)
	if err != nil {
		return err
	}
	from := bufio.NewReader(in)
	to := bufio.NewWriter(os.Stdout)
	for {
		var size uint32
		if err := binary.Read(from, binary.LittleEndian, &size); err == io.EOF {
			return to.Flush()
		} else if err != nil {
			return err
		}
		message := make([]byte, size)
		if _, err := io.ReadFull(from, message); err != nil {
			return err
		}
		if n, err := note.Open(message, known); err != nil {
			fmt.Fprintln(to, "refused")
		} else {
			fmt.Fprintf(to, "%d %x\n", len(n.Sigs), n.Text)
		}
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "vectors":
		return vectors()
	case len(args) == 2 && args[0] == "key":
		return newKey(args[1])
	case len(args) == 3 && args[0] == "sign":
		return sign(args[1], args[2])
	case len(args) >= 3 && args[0] == "open":
		return open(args[1], args[2:])
	case len(args) >= 2 && args[0] == "judge":
		return judge(os.Stdin, args[1:])
	case len(args) == 3 && args[0] == "log":
		return readLog(args[1], args[2], 0)
	case len(args) == 4 && args[0] == "log":
		least, err := strconv.ParseInt(args[3], 10, 64)
		if err != nil {
			return err
		}
		return readLog(args[1], args[2], least)
	}
	return fmt.Errorf("usage: second vectors | key NAME | sign KEYFILE TEXT | open NOTE VKEY... | judge VKEY... | log DIR VKEY [MIN]")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "second:", err)
		os.Exit(1)
	}
}
