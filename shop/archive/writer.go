package archive

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	workEnding = ".work" // beside the target
	zipName    = "archive.zip"

	zipVersion    = 20   // 2.0: folders and deflate
	zipDescriptor = 0x8  // sizes stand behind the bytes, so that they may pass 4 GiB
	zipFirstDay   = 0x21 // 1980-01-01: the time of a file says nothing here
)

// Writer makes one archive. It belongs to one goroutine, and one target to one writer
// at a time. Errors stick: after the first only Close is of use, and the work stays
// for another run.
type Writer struct {
	path    string
	dir     string
	snap    Snapshot
	journal *journal
	listed  catalogue
	parts   []part // as listed
	failed  error  // the first failure: an archive that lacks a file must not be finished
}

// Create begins the archive that will stand at path, or goes on with it when an
// earlier run over the same snapshot was stopped. The caller then adds every file in
// the same order as that run did; those that are finished cost next to nothing. Work
// over another snapshot is thrown away.
func Create(path string, snap Snapshot) (*Writer, error) {
	dir := path + workEnding
	j, err := openJournal(dir, snap)
	if err != nil {
		return nil, fmt.Errorf("create archive: %w", err)
	}
	return &Writer{path: path, dir: dir, snap: snap, journal: j}, nil
}

// Close leaves an archive that is not finished; after Finish it does nothing.
func (w *Writer) Close() error {
	if w.journal == nil {
		return nil
	}
	err := w.journal.file.Close()
	w.journal = nil
	return err
}

// Entity adds data/<name>.ndjson. fill hands over the records in an order that
// depends on the snapshot alone; each must become a JSON object of at most
// MaxRecordBytes. fill is not called when an earlier run has finished the file.
func (w *Writer) Entity(name string, fill func(put func(record any) error) error) error {
	return w.add(dataFolder+name+dataEnding, func(p *partWriter) error { return fill(newLines(p).put) })
}

// View adds views/<name>, a table for people. It is not read back.
func (w *Writer) View(name string, fill func(io.Writer) error) error {
	return w.add(viewFolder+name, func(p *partWriter) error { return fill(p) })
}

// Picture adds pictures/<name>. open is not called when an earlier run has finished
// the file.
func (w *Writer) Picture(name string, open func() (io.ReadCloser, error)) error {
	return w.add(pictureFolder+name, func(p *partWriter) error {
		picture, err := open()
		if err != nil {
			return err
		}
		_, err = io.Copy(p, picture)
		return errors.Join(err, picture.Close())
	})
}

func (w *Writer) add(name string, fill func(*partWriter) error) error {
	if w.failed == nil {
		w.failed = w.tryAdd(name, fill)
	}
	return w.failed
}

func (w *Writer) tryAdd(name string, fill func(*partWriter) error) error {
	if err := (File{Name: name}).check(); err != nil {
		return fmt.Errorf("add file: %w", err)
	}
	path := filepath.Join(w.dir, name)
	done, ok := w.journal.done[name]
	if !ok || !done.isWhole(path) {
		var err error
		if done, err = writePart(path, File{Name: name}, fill); err != nil {
			return err
		}
		if err = w.journal.add(done); err != nil {
			return err
		}
	}
	if err := w.listed.add(done.File); err != nil {
		return fmt.Errorf("add file: %w", err)
	}
	w.parts = append(w.parts, done)
	return nil
}

// lines writes one JSON object per line.
type lines struct {
	part *partWriter
	line bytes.Buffer
	json *json.Encoder
}

func newLines(p *partWriter) *lines {
	l := &lines{part: p}
	l.json = json.NewEncoder(&l.line)
	l.json.SetEscapeHTML(false)
	return l
}

func (l *lines) put(record any) error {
	l.line.Reset()
	if err := l.json.Encode(record); err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	if l.line.Len() > MaxRecordBytes || l.line.Bytes()[0] != '{' {
		return errors.New("a record is not an object or too large")
	}
	l.part.Records++
	_, err := l.part.Write(l.line.Bytes())
	return err
}

// Finish makes the zip out of the files, puts it in place of whatever is at the
// target, and removes the work. It is on the disk when Finish returns.
func (w *Writer) Finish() (Manifest, error) {
	if w.failed != nil {
		return Manifest{}, w.failed
	}
	m := Manifest{Version: Version, Snapshot: w.snap, StateHash: StateHash(w.listed.files), Files: w.listed.files}
	made := filepath.Join(w.dir, zipName)
	if err := w.writeZip(made, m); err != nil {
		return Manifest{}, fmt.Errorf("write archive: %w", err)
	}
	if err := os.Rename(made, w.path); err != nil {
		return Manifest{}, fmt.Errorf("place archive: %w", err)
	}
	if err := syncFolder(filepath.Dir(w.path)); err != nil {
		return Manifest{}, fmt.Errorf("place archive: %w", err)
	}
	if err := errors.Join(w.Close(), os.RemoveAll(w.dir)); err != nil {
		return Manifest{}, fmt.Errorf("remove work: %w", err)
	}
	return m, nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func (w *Writer) writeZip(path string, m Manifest) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	err = w.fillZip(out, m)
	if err == nil {
		err = sealZip(out)
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func (w *Writer) fillZip(out io.Writer, m Manifest) error {
	z := zip.NewWriter(out)
	for _, p := range w.parts {
		if err := copyPart(z, p, filepath.Join(w.dir, p.Name)); err != nil {
			return fmt.Errorf("copy %s: %w", p.Name, err)
		}
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if len(text) > maxManifestBytes {
		return errors.New("the manifest is too large")
	}
	var packed bytes.Buffer
	p, err := fillPart(&packed, File{Name: manifestName}, func(p *partWriter) error {
		_, err := p.Write(text)
		return err
	})
	if err == nil {
		err = copyPacked(z, p, &packed)
	}
	return errors.Join(err, z.SetComment(blankSeal()), z.Close())
}

func copyPart(z *zip.Writer, p part, path string) error {
	packed, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(copyPacked(z, p, packed), packed.Close())
}

// copyPacked puts a packed file into the zip as it is. Go's CreateRaw reads the old
// fields for the time and no others.
func copyPacked(z *zip.Writer, p part, packed io.Reader) error {
	h := &zip.FileHeader{
		Name: p.Name, CreatorVersion: zipVersion, ReaderVersion: zipVersion, Flags: zipDescriptor, CRC32: p.CRC32,
		CompressedSize64: uint64(p.PackedBytes), UncompressedSize64: uint64(p.Bytes),
	}
	//lint:ignore SA1019 see above
	h.ModifiedDate = zipFirstDay
	if p.deflated() {
		h.Method = zip.Deflate
	}
	entry, err := z.CreateRaw(h)
	if err != nil {
		return err
	}
	n, err := io.Copy(entry, packed)
	if err == nil && n != p.PackedBytes {
		err = errors.New("the part has changed")
	}
	return err
}

// sealZip writes the hash of the whole file over the blank at its end.
func sealZip(out *os.File) error {
	size, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	seal, err := sealOf(out, size)
	if err != nil {
		return err
	}
	_, err = out.WriteAt([]byte(seal), size-sealDigits)
	return err
}
