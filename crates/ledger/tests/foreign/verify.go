// Checks a copy of a log with Go's own transparency-log packages (golang.org/x/mod/sumdb), which share no
// line with ours: the signed note, the tree hash over all entries, and every tile against that tree.
//
//	verify FOLDER VKEY [SIZE ROOT]
//
// SIZE and ROOT (base64) are what the log was when somebody last looked: it must extend that.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const full = 256

func main() {
	if len(os.Args) != 3 && len(os.Args) != 5 {
		fail("usage: verify FOLDER VKEY [SIZE ROOT]")
	}
	tree := checkpoint(os.Args[1], os.Args[2])
	hashes := entries(os.Args[1], tree.N)
	read := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, index := range at {
			out[i] = hashes[index]
		}
		return out, nil
	})
	root, err := tlog.TreeHash(tree.N, read)
	check(err)
	if root != tree.Hash {
		fail("the entries do not give the checkpoint's root")
	}
	tiles(os.Args[1], tree, read)
	if len(os.Args) == 5 {
		extends(tree, read)
	}
	fmt.Printf("%d %s\n", tree.N, base64.StdEncoding.EncodeToString(root[:]))
}

// checkpoint opens the signed note: origin, size, root.
func checkpoint(folder, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	message, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	check(err)
	opened, err := note.Open(message, note.VerifierList(verifier))
	check(err)
	if len(opened.UnverifiedSigs) > 0 {
		fail("the checkpoint carries signatures of strangers")
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		fail("the checkpoint is not of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	hash, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: hash}
}

// entries reads every bundle and computes all hashes of the tree from them.
func entries(folder string, size int64) []tlog.Hash {
	var stored []tlog.Hash
	have := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, index := range at {
			out[i] = stored[index]
		}
		return out, nil
	})
	for first := int64(0); first < size; first += full {
		width := size - first
		if width > full {
			width = full
		}
		bundle := file(folder, "tile/entries/"+name(first/full, width))
		for i := int64(0); i < width; i++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				fail("a bundle is cut off")
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			more, err := tlog.StoredHashes(first+i, bundle[2:end], have)
			check(err)
			stored = append(stored, more...)
			bundle = bundle[end:]
		}
		if len(bundle) > 0 {
			fail("a bundle has more than its entries")
		}
	}
	return stored
}

// tiles compares every tile of this size with the one that the entries give.
func tiles(folder string, tree tlog.Tree, read tlog.HashReader) {
	for _, tile := range tlog.NewTiles(8, 0, tree.N) {
		// Go's list has every width that a partial tile ever had; a log keeps the newest for certain.
		if tile.W < full && int64(tile.W) != tree.N>>(8*uint(tile.L))-tile.N*full {
			continue
		}
		data, err := tlog.ReadTileData(tile, read)
		check(err)
		path := fmt.Sprintf("tile/%d/%s", tile.L, name(tile.N, int64(tile.W)))
		if string(file(folder, path)) != string(data) {
			fail(path + " is not what the entries give")
		}
	}
}

// extends checks that the log continues what it was before.
func extends(tree tlog.Tree, read tlog.HashReader) {
	size, err := strconv.ParseInt(os.Args[3], 10, 64)
	check(err)
	before, err := tlog.ParseHash(os.Args[4])
	check(err)
	if size > tree.N {
		fail("the log has been taken back")
	}
	proof, err := tlog.ProveTree(tree.N, size, read)
	check(err)
	check(tlog.CheckTree(proof, tree.N, tree.Hash, size, before))
}

// name is the path of number n: groups of three digits, all but the last behind an x.
func name(n, width int64) string {
	out := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		out = fmt.Sprintf("x%03d/%s", n%1000, out)
	}
	if width < full {
		out += fmt.Sprintf(".p/%d", width)
	}
	return out
}

func file(folder, path string) []byte {
	bytes, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(path)))
	check(err)
	return bytes
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
