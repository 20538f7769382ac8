package archive

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// Reader is an open archive that was found whole. It is safe for concurrent use.
type Reader struct {
	file     io.Closer
	manifest Manifest
	entries  map[string]entry // by name
}

// entry is a file as the manifest has it and as the zip has it.
type entry struct {
	File
	packed *zip.File
}

// Open opens the archive at path and reads all of it: when Open returns, every file
// has the bytes, the hash and the records the manifest lists. It refuses with
// ErrInvalid or ErrVersion, or says that the file cannot be read. Whoever holds a
// Reader closes it.
func Open(path string) (*Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	r, err := openFile(file)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", errors.Join(err, file.Close()))
	}
	return r, nil
}

func openFile(file *os.File) (*Reader, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	r, err := read(file, info.Size())
	if err != nil {
		return nil, err
	}
	r.file = file
	return r, nil
}

// read checks an archive from the outside in: the hash of it all, the list of files
// against the manifest, and each file's bytes.
func read(archive io.ReaderAt, size int64) (*Reader, error) {
	if err := checkSeal(archive, size); err != nil {
		return nil, err
	}
	entries, err := readDirectory(archive, size)
	if err != nil {
		return nil, err
	}
	m, err := readManifest(entries[len(entries)-1])
	if err != nil {
		return nil, err
	}
	r := &Reader{manifest: m, entries: map[string]entry{}}
	if err := r.match(entries[:len(entries)-1], size); err != nil {
		return nil, err
	}
	for _, f := range m.Files {
		if err := checkFile(r.entries[f.Name]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

func checkSeal(archive io.ReaderAt, size int64) error {
	words := make([]byte, len(blankSeal()))
	if size < int64(len(words)) {
		return invalid("it is too short")
	}
	if _, err := archive.ReadAt(words, size-int64(len(words))); err != nil {
		return fmt.Errorf("read seal: %w", err)
	}
	seal, err := sealOf(archive, size)
	if err != nil {
		return err
	}
	if string(words) != sealWords+seal {
		return invalid("it is damaged or incomplete")
	}
	return nil
}

// metered lets a limited number of bytes through: what the zip says of itself decides
// how much of it is read into memory.
type metered struct {
	io.ReaderAt
	left int64
	off  bool // lets everything through, and counts no more: readers may share it
}

func (m *metered) ReadAt(p []byte, at int64) (int, error) {
	if m.off {
		return m.ReaderAt.ReadAt(p, at)
	}
	if m.left -= int64(len(p)); m.left < 0 {
		return 0, errors.New("the list of files is too long")
	}
	return m.ReaderAt.ReadAt(p, at)
}

// readDirectory reads the list of files, of which the last is the manifest.
func readDirectory(archive io.ReaderAt, size int64) ([]*zip.File, error) {
	meter := &metered{ReaderAt: archive, left: maxDirectoryBytes}
	z, err := zip.NewReader(meter, size)
	if err != nil {
		return nil, invalid("read list of files: %w", err)
	}
	if len(z.File) == 0 || len(z.File) > MaxFiles+1 {
		return nil, invalid("it has %d files", len(z.File))
	}
	meter.off = true // from here on the manifest bounds what is read
	return z.File, nil
}

func readManifest(last *zip.File) (m Manifest, err error) {
	if last.Name != manifestName || last.UncompressedSize64 > maxManifestBytes {
		return m, invalid("the last file is not a manifest")
	}
	text, err := readSmall(last)
	if err != nil {
		return m, err
	}
	var says struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &says); err != nil {
		return m, invalid("read manifest: %w", err)
	}
	if says.Version != Version {
		return m, fmt.Errorf("%w: %d, this program reads %d", ErrVersion, says.Version, Version)
	}
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&m); err != nil {
		return m, invalid("read manifest: %w", err)
	}
	return m, nil
}

// readSmall reads a file whose declared size is known to be small.
func readSmall(f *zip.File) ([]byte, error) {
	content, err := f.Open()
	if err != nil {
		return nil, invalid("open %s: %w", f.Name, err)
	}
	// One more than it should have, to meet the end, where the CRC is checked.
	text, err := io.ReadAll(io.LimitReader(content, int64(f.UncompressedSize64)+1))
	if err = errors.Join(err, content.Close()); err != nil {
		return nil, invalid("read %s: %w", f.Name, err)
	}
	return text, nil
}

// match compares the manifest with the zip: the same files in the same order with
// the same sizes, within the limits.
func (r *Reader) match(packed []*zip.File, size int64) error {
	if len(packed) != len(r.manifest.Files) {
		return invalid("the manifest lists %d of %d files", len(r.manifest.Files), len(packed))
	}
	var listed catalogue
	left := uint64(size)
	for i, f := range r.manifest.Files {
		if err := listed.add(f); err != nil {
			return invalid("%w", err)
		}
		p := packed[i]
		if p.Name != f.Name || p.UncompressedSize64 != uint64(f.Bytes) {
			return invalid("%s is not as the manifest says", f.Name)
		}
		if p.CompressedSize64 > left {
			return invalid("its files overlap")
		}
		left -= p.CompressedSize64
		r.entries[f.Name] = entry{f, p}
	}
	if r.manifest.StateHash != StateHash(r.manifest.Files) {
		return invalid("the manifest does not fit its own hash")
	}
	return nil
}

// checkFile reads a file to its end.
func checkFile(e entry) error {
	if _, ok := e.Entity(); ok {
		return e.eachLine(func(line []byte) error {
			if line[0] != '{' || !json.Valid(line) {
				return invalid("a record of %s is not a JSON object", e.Name)
			}
			return nil
		})
	}
	return e.stream(func(content io.Reader) error {
		_, err := io.Copy(io.Discard, content)
		return err
	})
}

// stream hands over the content of a file, never more of it than the manifest says,
// and refuses it when that was not what the manifest says.
func (e entry) stream(use func(io.Reader) error) error {
	content, err := e.packed.Open()
	if err != nil {
		return invalid("open %s: %w", e.Name, err)
	}
	checked := &checkedReader{content: io.LimitReader(content, e.Bytes+1), sum: sha256.New()}
	if err = errors.Join(use(checked), content.Close()); err != nil {
		return err
	}
	if checked.bytes != e.Bytes || hex.EncodeToString(checked.sum.Sum(nil)) != e.SHA256 {
		return invalid("%s does not have the hash of the manifest", e.Name)
	}
	return nil
}

// checkedReader hashes what is read, and tells damage from other trouble.
type checkedReader struct {
	content io.Reader
	sum     hash.Hash
	bytes   int64
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.content.Read(p)
	c.sum.Write(p[:n])
	c.bytes += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = invalid("unpack: %w", err)
	}
	return n, err
}

// eachLine hands over the lines of an entity without their ends.
func (e entry) eachLine(each func(line []byte) error) error {
	return e.stream(func(content io.Reader) error {
		scan := bufio.NewScanner(content)
		scan.Buffer(make([]byte, 0, partBuffer), MaxRecordBytes+1)
		scan.Split(wholeLines)
		count := int64(0)
		for ; scan.Scan(); count++ {
			if err := each(scan.Bytes()); err != nil {
				return err
			}
		}
		if err := scan.Err(); err != nil {
			return invalid("read %s: %w", e.Name, err)
		}
		if count != e.Records {
			return invalid("%s has %d records, not %d", e.Name, count, e.Records)
		}
		return nil
	})
}

// wholeLines splits at line feeds. Empty lines, and a last one without its end, are
// refused: a writer that finished wrote neither.
func wholeLines(data []byte, atEnd bool) (advance int, line []byte, err error) {
	end := bytes.IndexByte(data, '\n')
	switch {
	case end > 0:
		return end + 1, data[:end], nil
	case end == 0 || atEnd && len(data) > 0:
		return 0, nil, errors.New("a line is empty or cut short")
	}
	return 0, nil, nil
}

// Manifest says what is in the archive. Its list must not be changed.
func (r *Reader) Manifest() Manifest { return r.manifest }

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Each hands over the records of an entity in their order, one at a time, until use
// returns an error, which Each returns. An entity the archive does not hold is
// refused with ErrInvalid.
func Each[T any](r *Reader, entity string, use func(record T) error) error {
	e, err := r.listed(dataFolder + entity + dataEnding)
	if err != nil {
		return err
	}
	return e.eachLine(func(line []byte) error {
		var record T
		if err := json.Unmarshal(line, &record); err != nil {
			return invalid("read record of %s: %w", entity, err)
		}
		return use(record)
	})
}

// Picture returns the bytes of a picture, at most MaxPictureBytes. One the archive
// does not hold is refused with ErrInvalid.
func (r *Reader) Picture(name string) (picture []byte, err error) {
	e, err := r.listed(pictureFolder + name)
	if err != nil {
		return nil, err
	}
	err = e.stream(func(content io.Reader) error {
		picture, err = io.ReadAll(content)
		return err
	})
	return picture, err
}

func (r *Reader) listed(name string) (entry, error) {
	e, ok := r.entries[name]
	if !ok {
		return entry{}, invalid("it does not hold %.200q", name)
	}
	return e, nil
}
