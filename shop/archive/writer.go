package archive

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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

// Add adds the files of the sources in their order. As many sources as there are cores
// are read at once, each by one goroutine, so what they read must bear that; the
// first that fails stops the others. Files that an earlier run has finished are taken
// as they are.
func (w *Writer) Add(sources ...Source) error {
	if w.failed == nil {
		w.failed = w.tryAdd(sources)
	}
	return w.failed
}

func (w *Writer) tryAdd(sources []Source) error {
	var names catalogue
	for _, s := range sources {
		for _, name := range s.names {
			if err := names.add(File{Name: name}); err != nil {
				return fmt.Errorf("add file: %w", err)
			}
		}
	}
	made, err := w.makeAll(sources)
	if err != nil {
		return err
	}
	for _, p := range slices.Concat(made...) {
		if err := w.listed.add(p.File); err != nil {
			return fmt.Errorf("add file: %w", err)
		}
		w.parts = append(w.parts, p)
	}
	return nil
}

// makeAll makes the parts of each source.
func (w *Writer) makeAll(sources []Source) ([][]part, error) {
	made := make([][]part, len(sources))
	queue := heaviestFirst(sources)
	var next atomic.Int64
	var stop atomic.Bool
	var first sync.Once
	var failed error
	var crew sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(queue)) {
		// ends when the queue is empty, or soon after a source has failed
		crew.Go(func() {
			for at := next.Add(1); at <= int64(len(queue)) && !stop.Load(); at = next.Add(1) {
				i := queue[at-1]
				var err error
				if made[i], err = w.make(sources[i], &stop); err != nil {
					first.Do(func() { failed = err })
					stop.Store(true)
				}
			}
		})
	}
	crew.Wait()
	return made, failed
}

// make makes the parts of one source, unless an earlier run has.
func (w *Writer) make(s Source, stop *atomic.Bool) ([]part, error) {
	if done, ok := w.finished(s); ok {
		return done, nil
	}
	done, err := writeParts(w.dir, s, stop)
	if errors.Is(err, ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return done, w.journal.add(done)
}

func (w *Writer) finished(s Source) (done []part, ok bool) {
	for _, name := range s.names {
		p, ok := w.journal.find(name)
		if !ok || !p.isWhole(filepath.Join(w.dir, name)) {
			return nil, false
		}
		done = append(done, p)
	}
	return done, true
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
	all := &measure{out: out, sum: sha256.New()}
	err = w.fillZip(all, m)
	if err == nil {
		// What was hashed ends with the blank, as the seal wants it.
		_, err = out.WriteAt([]byte(hex.EncodeToString(all.sum.Sum(nil))), all.bytes-sealDigits)
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
	p := newPart(&packed, File{Name: manifestName}, new(atomic.Bool))
	_, err = p.Write(text)
	if err == nil {
		err = p.end()
	}
	if err == nil {
		err = copyPacked(z, p.part, &packed)
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
