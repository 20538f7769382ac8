// Package archive is the container of an export: a zip with one NDJSON file per
// entity under data/, tables for people under views/, pictures under pictures/, and
// manifest.json last, which says what there is and by which hash. It knows files and
// lines and nothing of shops: what a record means is the caller's.
//
// Writing can be stopped at any moment. Each file is first a finished part in a work
// directory beside the target, with a journal of what is done; a second run over the
// same snapshot goes on where the first was killed. The zip comes into its place by
// one rename. The same input gives the same bytes from the same build of the program;
// across builds, which may deflate differently, StateHash is what to compare.
//
// Reading refuses before anything is used: a file that is damaged, cut short, of
// another version, larger than it says or than the limits below, or that names
// anything but what the manifest lists. It refuses to unpack to the disk and to
// repair. The last bytes of an archive are the SHA-256 of all of it (those 64 digits
// taken as zeros), so a single changed bit anywhere is seen; it is no signature, and
// whoever may write the file may make another.
package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Version is the only format version this package writes and reads.
const Version = 1

// Limits of an archive, in bytes where nothing else is said.
const (
	MaxFiles        = 100_000 // files beside the manifest
	MaxRecordBytes  = 4 << 20 // one line of an entity
	MaxPictureBytes = 16 << 20
	MaxTotalBytes   = 64 << 30 // all files unpacked

	maxManifestBytes  = 32 << 20
	maxDirectoryBytes = 32 << 20 // the zip's list of files, which is read into memory
	maxNameBytes      = 100      // a name without its folder
)

// Why Open refuses, for errors.Is; the text tells more.
var (
	ErrInvalid = errors.New("not a whole archive")
	ErrVersion = errors.New("archive of another version")
)

// The folders of an archive, which say what a file is.
const (
	dataFolder    = "data/"
	viewFolder    = "views/"
	pictureFolder = "pictures/"

	dataEnding   = ".ndjson"
	manifestName = "manifest.json"
)

// Snapshot is the identity of what is exported. Two runs with the same snapshot must
// give the same records.
type Snapshot struct {
	InstallID string `json:"install_id"`
	CreatedAt int64  `json:"created_at"` // Unix ms
	HeadSeq   uint64 `json:"head_seq"`   // last entry of the log
	HeadHash  string `json:"head_hash"`  // its hash in hex
}

// Manifest says what is in an archive.
type Manifest struct {
	Version int `json:"version"`
	Snapshot
	StateHash string `json:"state_hash"` // StateHash of Files
	Files     []File `json:"files"`      // in the order of the zip
}

// File is one file of an archive.
type File struct {
	Name    string `json:"name"`    // with its folder, as data/orders.ndjson
	Records int64  `json:"records"` // lines of an entity; 0 for other files
	Bytes   int64  `json:"bytes"`   // unpacked
	SHA256  string `json:"sha256"`  // of the unpacked bytes, in hex
}

// Entity is the name of the entity whose records the file holds; ok = false when it
// holds none.
func (f File) Entity() (name string, ok bool) {
	name, ok = strings.CutPrefix(f.Name, dataFolder)
	return strings.TrimSuffix(name, dataEnding), ok
}

// Picture is the name of the picture the file is; ok = false when it is none.
func (f File) Picture() (name string, ok bool) { return strings.CutPrefix(f.Name, pictureFolder) }

// StateHash is one hash for all records, whatever views and pictures go with them:
// the SHA-256, in hex, of a line "<sha256>  <name>\n" per entity in their order, which
// is what sha256sum prints.
func StateHash(files []File) string {
	sum := sha256.New()
	for _, f := range files {
		if _, ok := f.Entity(); ok {
			_, _ = fmt.Fprintf(sum, "%s  %s\n", f.SHA256, f.Name) // a hash takes everything
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// check refuses what no archive may list.
func (f File) check() error {
	if !isName(f.Name) {
		return fmt.Errorf("name %.200q is not allowed", f.Name)
	}
	_, isEntity := f.Entity()
	_, isPicture := f.Picture()
	switch {
	case f.Bytes < 0 || f.Records < 0 || !isEntity && f.Records != 0:
		return fmt.Errorf("%s has impossible counts", f.Name)
	case f.Bytes > MaxTotalBytes || isPicture && f.Bytes > MaxPictureBytes:
		return fmt.Errorf("%s is too large", f.Name)
	}
	return nil
}

// isName allows one of the folders and one plain name in it, so that no path leads
// anywhere else, on any system.
func isName(name string) bool {
	for _, folder := range []string{dataFolder, viewFolder, pictureFolder} {
		if rest, ok := strings.CutPrefix(name, folder); ok {
			return isPlain(rest) && (folder != dataFolder || strings.HasSuffix(rest, dataEnding) && rest != dataEnding)
		}
	}
	return false
}

func isPlain(name string) bool {
	if name == "" || len(name) > maxNameBytes || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		return !isLetter && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
	})
}

// catalogue collects files and refuses what would make too much of them.
type catalogue struct {
	files []File
	total int64
	names map[string]bool // in lower case: some systems know no other
}

func (c *catalogue) add(f File) error {
	if err := f.check(); err != nil {
		return err
	}
	folded := strings.ToLower(f.Name)
	switch {
	case c.names[folded]:
		return fmt.Errorf("%s comes twice", f.Name)
	case len(c.files) >= MaxFiles:
		return errors.New("there are too many files")
	case f.Bytes > MaxTotalBytes-c.total:
		return errors.New("the files are too large together")
	}
	if c.names == nil {
		c.names = map[string]bool{}
	}
	c.names[folded] = true
	c.files = append(c.files, f)
	c.total += f.Bytes
	return nil
}

// The whole archive's hash is the end of the zip's comment.
const sealWords = "shopcast sha256 "

const sealDigits = 2 * sha256.Size

// blankSeal is the comment before the hash is known.
func blankSeal() string { return sealWords + strings.Repeat("0", sealDigits) }

// sealOf computes the hash an archive of the size ends with.
func sealOf(archive io.ReaderAt, size int64) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(archive, 0, size-sealDigits)); err != nil {
		return "", fmt.Errorf("read archive: %w", err)
	}
	_, _ = io.WriteString(sum, strings.Repeat("0", sealDigits)) // a hash takes everything
	return hex.EncodeToString(sum.Sum(nil)), nil
}
