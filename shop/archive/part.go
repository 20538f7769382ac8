package archive

import (
	"bufio"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
)

const (
	fileMode   = 0o600 // an export holds addresses
	folderMode = 0o700

	partBuffer = 64 << 10
)

// part is a finished file as it will stand in the zip: its bytes are packed already,
// so that a second run need not pack them again.
type part struct {
	File
	CRC32       uint32 `json:"crc32"` // of the unpacked bytes
	PackedBytes int64  `json:"packed_bytes"`
	PackedHash  string `json:"packed_sha256"`
}

// deflated says whether the file is packed. A picture is small already.
func (f File) deflated() bool {
	_, isPicture := f.Picture()
	return !isPicture
}

// partWriter packs and measures what is written to it.
type partWriter struct {
	part
	limit  int64 // of unpacked bytes
	plain  hash.Hash
	crc    hash.Hash32
	out    io.Writer // the packer, or packed itself
	packed *measure
}

// measure counts and hashes what goes by.
type measure struct {
	out   io.Writer
	sum   hash.Hash
	bytes int64
}

func (m *measure) Write(p []byte) (int, error) {
	n, err := m.out.Write(p)
	m.sum.Write(p[:n])
	m.bytes += int64(n)
	return n, err
}

// writePart makes a file at path out of what fill writes. A failure leaves a part
// behind that no journal knows.
func writePart(path string, f File, fill func(*partWriter) error) (part, error) {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return part{}, fmt.Errorf("create part: %w", err)
	}
	done, err := fillPart(out, f, fill)
	if err = errors.Join(err, out.Close()); err != nil {
		return part{}, fmt.Errorf("write %s: %w", f.Name, err)
	}
	return done, nil
}

func fillPart(out io.Writer, f File, fill func(*partWriter) error) (part, error) {
	buffered := bufio.NewWriterSize(out, partBuffer)
	w := &partWriter{
		part: part{File: f}, limit: MaxTotalBytes, plain: sha256.New(), crc: crc32.NewIEEE(),
		packed: &measure{out: buffered, sum: sha256.New()},
	}
	if !f.deflated() {
		w.limit = MaxPictureBytes
		w.out = w.packed
		return w.end(fill(w), buffered.Flush)
	}
	packer, err := flate.NewWriter(w.packed, flate.BestSpeed)
	if err != nil {
		return part{}, fmt.Errorf("begin packing: %w", err)
	}
	w.out = packer
	return w.end(fill(w), packer.Close, buffered.Flush)
}

// end closes what is open from the inside out, unless something failed before, and
// notes the measures.
func (w *partWriter) end(err error, closers ...func() error) (part, error) {
	for _, closeIt := range closers {
		if err == nil {
			err = closeIt()
		}
	}
	w.SHA256 = hex.EncodeToString(w.plain.Sum(nil))
	w.CRC32 = w.crc.Sum32()
	w.PackedBytes, w.PackedHash = w.packed.bytes, hex.EncodeToString(w.packed.sum.Sum(nil))
	return w.part, err
}

// Write takes bytes of the file.
func (w *partWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > w.limit-w.Bytes {
		return 0, errors.New("the file is too large")
	}
	n, err := w.out.Write(p)
	w.plain.Write(p[:n])
	w.crc.Write(p[:n])
	w.Bytes += int64(n)
	return n, err
}

// isWhole says whether the part at path is what the journal says: after a power cut
// the journal may know of bytes that never reached the disk.
func (p part) isWhole(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	err = errors.Join(err, file.Close())
	return err == nil && n == p.PackedBytes && hex.EncodeToString(sum.Sum(nil)) == p.PackedHash
}
