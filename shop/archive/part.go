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
	"path/filepath"
	"sync/atomic"
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
	limit    int64 // of unpacked bytes
	plain    hash.Hash
	crc      hash.Hash32
	out      io.Writer     // the packer, or packed itself
	packer   *flate.Writer // nil for what is not packed
	packed   *measure
	buffered *bufio.Writer
	stop     *atomic.Bool // another file has failed: this one need not be finished
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

// writeParts makes the files of a source in a work directory. A failure leaves parts
// behind that no journal knows.
func writeParts(dir string, s Source, stop *atomic.Bool) (done []part, err error) {
	var parts []*partWriter
	var files []*os.File
	for _, name := range s.names {
		file, fault := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
		if fault != nil {
			err = fmt.Errorf("create part: %w", fault)
			break
		}
		files, parts = append(files, file), append(parts, newPart(file, File{Name: name}, stop))
	}
	if err == nil {
		err = s.fill(parts)
	}
	for i, p := range parts {
		if err == nil {
			err = p.end()
		}
		err = errors.Join(err, files[i].Close())
		done = append(done, p.part)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", s.names[0], err)
	}
	return done, nil
}

func newPart(out io.Writer, f File, stop *atomic.Bool) *partWriter {
	w := &partWriter{
		part: part{File: f}, limit: MaxTotalBytes, plain: sha256.New(), crc: crc32.NewIEEE(),
		buffered: bufio.NewWriterSize(out, partBuffer), stop: stop,
	}
	w.packed = &measure{out: w.buffered, sum: sha256.New()}
	if !f.deflated() {
		w.limit = MaxPictureBytes
		w.out = w.packed
		return w
	}
	w.packer, _ = flate.NewWriter(w.packed, flate.BestSpeed) // fails for other levels only
	w.out = w.packer
	return w
}

// end finishes what is open from the inside out, and notes the measures.
func (w *partWriter) end() error {
	if w.packer != nil {
		if err := w.packer.Close(); err != nil {
			return err
		}
	}
	w.SHA256 = hex.EncodeToString(w.plain.Sum(nil))
	w.CRC32 = w.crc.Sum32()
	w.PackedBytes, w.PackedHash = w.packed.bytes, hex.EncodeToString(w.packed.sum.Sum(nil))
	return w.buffered.Flush()
}

// Write takes bytes of the file.
func (w *partWriter) Write(p []byte) (int, error) {
	switch {
	case w.stop.Load():
		return 0, errors.New("another file has failed")
	case int64(len(p)) > w.limit-w.Bytes:
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
