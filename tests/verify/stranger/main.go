// A stranger: verifies one of our proofs with other people's packages alone.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/transparency-dev/formats/log"
	cosignature "github.com/transparency-dev/formats/note"
	tlog "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

type keys struct {
	Origin    string
	Log       []string
	Witnesses []string
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	must(err)
	var known keys
	must(json.Unmarshal(text, &known))
	given, err := io.ReadAll(os.Stdin)
	must(err)
	var found tlog.TLogProof
	must(found.Unmarshal(given))
	ours, err := note.NewVerifier(known.Log[0])
	must(err)
	witness, err := cosignature.NewVerifierForCosignatureV1(known.Witnesses[0])
	must(err)
	checkpoint, _, signed, err := log.ParseCheckpoint(found.Checkpoint, known.Origin, ours, witness)
	must(err)
	if len(signed.Sigs) != 2 || !strings.HasPrefix(signed.Text, known.Origin) {
		must(fmt.Errorf("%d signatures fit", len(signed.Sigs)))
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(found.ExtraData)
	path := make([][]byte, len(found.Hashes))
	for i := range found.Hashes {
		path[i] = found.Hashes[i][:]
	}
	must(proof.VerifyInclusion(rfc6962.DefaultHasher, found.Index, checkpoint.Size, leaf, path, checkpoint.Hash))
}
