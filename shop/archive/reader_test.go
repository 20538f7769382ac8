package archive

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// readBytes is Open over bytes.
func readBytes(whole []byte) (*Reader, error) {
	return read(bytes.NewReader(whole), int64(len(whole)))
}

// reseal makes the hash at the end fit again, as somebody hostile would.
func reseal(whole []byte) []byte {
	if len(whole) < sealDigits {
		return whole
	}
	seal, err := sealOf(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		panic(err) // of a reader of bytes
	}
	return append(bytes.Clone(whole[:len(whole)-sealDigits]), seal...)
}

func wantRefused(t *testing.T, what string, whole []byte) {
	t.Helper()
	if _, err := readBytes(whole); !errors.Is(err, ErrInvalid) {
		t.Errorf("%s: %v", what, err)
	}
}

// A flipped bit anywhere is seen: in the records, in the zip's own lists, in its
// padding, in the hash.
func TestOpen_damagedAnywhere(t *testing.T) {
	whole := exportBytes(t, testFiles)
	if _, err := readBytes(whole); err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for at := range whole {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1 << random.IntN(8)
		wantRefused(t, fmt.Sprintf("byte %d, seed %d", at, seed), damaged)
	}
	for end := range whole {
		wantRefused(t, fmt.Sprintf("cut at %d", end), whole[:end])
	}
	wantRefused(t, "byte more", append(bytes.Clone(whole), 0))
	wantRefused(t, "byte before", append([]byte{0}, whole...))
}

// Where the hash at the end was made to fit, the other checks stand alone: a changed
// byte is refused, or it was one that says nothing about the files.
func TestOpen_damagedAndResealed(t *testing.T) {
	whole := exportBytes(t, testFiles)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for at := range whole {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1 << random.IntN(8)
		r, err := readBytes(reseal(damaged))
		if err != nil {
			refused++
			continue
		}
		if got, err := contents(r); err != nil || !sameFiles(got, testFiles) || r.Manifest().Snapshot.InstallID == "" {
			t.Fatalf("byte %d, seed %d: read %+v, %v", at, seed, got, err)
		}
	}
	if refused < len(whole)/2 {
		t.Errorf("%d of %d refused", refused, len(whole))
	}
}

// forgery is an archive somebody made by hand.
type forgery struct {
	names    []string          // in the zip, in their order
	contents map[string]string // by name
	manifest Manifest
	spoil    func(manifest string) string // the last word on the manifest's text
	patch    func(entry []byte)           // changes the first entry of the zip's list
	method   uint16
}

const forged = "data/orders.ndjson"

// forge makes an archive like ours of two records and lets change spoil it.
func forge(t *testing.T, change func(*forgery)) []byte {
	t.Helper()
	f := &forgery{
		contents: map[string]string{}, manifest: Manifest{Version: Version, Snapshot: testSnap}, method: zip.Deflate,
		spoil: func(manifest string) string { return manifest }, patch: func([]byte) {},
	}
	f.add(forged, "{\"id\":1}\n{\"id\":2}\n", 2)
	change(f)
	return f.bytes(t)
}

// add puts a file into the zip and into the manifest as it is.
func (f *forgery) add(name, text string, records int64) {
	f.names = append(f.names, name)
	f.contents[name] = text
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	f.manifest.Files = append(f.manifest.Files, File{name, records, int64(len(text)), sum})
	f.manifest.StateHash = StateHash(f.manifest.Files)
}

// only makes the archive one of a single file.
func (f *forgery) only(name, text string, records int64) {
	f.names, f.manifest.Files = nil, nil
	f.add(name, text, records)
}

func (f *forgery) bytes(t *testing.T) []byte {
	t.Helper()
	text, err := json.Marshal(f.manifest)
	if err != nil {
		t.Fatal(err)
	}
	f.contents[manifestName] = f.spoil(string(text))
	if !slices.Contains(f.names, manifestName) {
		f.names = append(f.names, manifestName)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range f.names {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: f.method})
		if err == nil && !strings.HasSuffix(name, "/") { // a folder holds nothing
			_, err = io.WriteString(w, f.contents[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.SetComment(blankSeal()), z.Close()); err != nil {
		t.Fatal(err)
	}
	whole := out.Bytes()
	f.patch(whole[bytes.Index(whole, []byte("PK\x01\x02")):])
	return reseal(whole)
}

// The places in an entry of a zip's list.
const (
	entryMethod   = 10
	entryPacked   = 20
	entryUnpacked = 24
)

func patchSize(at int, size int64) func(entry []byte) {
	return func(entry []byte) { binary.LittleEndian.PutUint32(entry[at:], uint32(size)) }
}

func TestOpen_hostile(t *testing.T) {
	if _, err := readBytes(forge(t, func(*forgery) {})); err != nil {
		t.Fatalf("a good forgery is refused: %v", err)
	}
	for name, c := range map[string]struct {
		why    string
		change func(*forgery)
	}{
		"hash of another file": {"hash of the manifest", func(f *forgery) {
			f.manifest.Files[0].SHA256 = strings.Repeat("0", 64)
			f.manifest.StateHash = StateHash(f.manifest.Files)
		}},
		"state hash":       {"its own hash", func(f *forgery) { f.manifest.StateHash = "" }},
		"fewer records":    {"has 2 records", func(f *forgery) { f.manifest.Files[0].Records = 1 }},
		"more records":     {"has 2 records", func(f *forgery) { f.manifest.Files[0].Records = 3 }},
		"negative records": {"impossible counts", func(f *forgery) { f.manifest.Files[0].Records = -1 }},
		"negative bytes":   {"impossible counts", func(f *forgery) { f.manifest.Files[0].Bytes = -1 }},
		"picture records":  {"impossible counts", func(f *forgery) { f.only("pictures/p", "x", 1) }},
		"fewer bytes":      {"not as the manifest says", func(f *forgery) { f.manifest.Files[0].Bytes-- }},
		"unlisted file":    {"lists 1 of 2", func(f *forgery) { f.names = append(f.names, "views/x.csv") }},
		"missing file":     {"lists 1 of 0", func(f *forgery) { f.names = nil }},
		"file twice":       {"lists 1 of 2", func(f *forgery) { f.names = append(f.names, forged) }},
		"listed twice":     {"comes twice", func(f *forgery) { f.add(forged, f.contents[forged], 2) }},
		"same but for case": {"comes twice", func(f *forgery) {
			f.add("data/Orders.ndjson", f.contents[forged], 2)
		}},
		"swapped": {"not as the manifest says", func(f *forgery) {
			f.add("data/b.ndjson", f.contents[forged], 2)
			slices.Reverse(f.names)
		}},
		"manifest first":    {"not a manifest", func(f *forgery) { f.names = []string{manifestName, forged} }},
		"no files at all":   {"not a manifest", func(f *forgery) { f.names = []string{manifestName, "x"} }},
		"not an object":     {"not a JSON object", func(f *forgery) { f.only(forged, "[1]\n", 1) }},
		"broken JSON":       {"not a JSON object", func(f *forgery) { f.only(forged, "{\"id\":\n", 1) }},
		"two in a line":     {"not a JSON object", func(f *forgery) { f.only(forged, "{} {}\n", 1) }},
		"empty line":        {"empty or cut short", func(f *forgery) { f.only(forged, "{}\n\n{}\n", 2) }},
		"last line cut":     {"empty or cut short", func(f *forgery) { f.only(forged, "{}\n{}", 2) }},
		"huge record":       {"too long", func(f *forgery) { f.only(forged, "{"+strings.Repeat(" ", MaxRecordBytes)+"}\n", 1) }},
		"manifest cut":      {"read manifest", func(f *forgery) { f.spoil = func(m string) string { return m[:len(m)-1] } }},
		"manifest and more": {"read manifest", func(f *forgery) { f.spoil = func(m string) string { return m + "{}" } }},
		"unknown field": {"unknown field", func(f *forgery) {
			f.spoil = func(m string) string { return `{"run":"rm",` + m[1:] }
		}},
		"huge manifest": {"not a manifest", func(f *forgery) {
			f.spoil = func(m string) string { return m + strings.Repeat(" ", maxManifestBytes) }
		}},
		"bomb, honest": {"too large", func(f *forgery) { f.only("pictures/p", strings.Repeat("0", MaxPictureBytes+1), 0) }},
		"bomb, small in the zip": {"not as the manifest says", func(f *forgery) {
			f.only("pictures/p", strings.Repeat("0", MaxPictureBytes), 0)
			f.patch = patchSize(entryUnpacked, 3)
		}},
		"bomb, small in the manifest": {"not as the manifest says", func(f *forgery) { f.contents[forged] = strings.Repeat("{}\n", 1<<20) }},
		"bomb, small in both": {"unpack", func(f *forgery) {
			f.contents[forged] += strings.Repeat("{}\n", 1<<20)
			f.patch = patchSize(entryUnpacked, f.manifest.Files[0].Bytes)
		}},
		"too large": {"too large", func(f *forgery) { f.manifest.Files[0].Bytes = MaxTotalBytes + 1 }},
		"too large together": {"too large together", func(f *forgery) {
			f.manifest.Files[0].Bytes = 1 << 20
			f.patch = patchSize(entryUnpacked, 1<<20)
			f.add("data/b.ndjson", "", 0)
			f.manifest.Files[1].Bytes = MaxTotalBytes - 1
		}},
		"overlap":         {"overlap", func(f *forgery) { f.patch = patchSize(entryPacked, 1<<20) }},
		"unknown packing": {"unsupported", func(f *forgery) { f.patch = func(entry []byte) { entry[entryMethod] = 99 } }},
		"too many files": {"100002 files", func(f *forgery) {
			f.method = zip.Store
			for i := range MaxFiles {
				f.names = append(f.names, fmt.Sprintf("%x", i))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readBytes(forge(t, c.change))
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.why) {
				t.Errorf("refused with %v, want %q", err, c.why)
			}
		})
	}
}

// No name leads out of the archive's own folders, whatever the system.
func TestOpen_pathTricks(t *testing.T) {
	for _, name := range []string{
		"../x", "data/../x.ndjson", "/data/x.ndjson", "data//x.ndjson", "data/.ndjson", "data/x", "x.ndjson", "other/x.ndjson",
		`data\x.ndjson`, "data/a/b.ndjson", "data/x.ndjson/", "pictures/..", "pictures/.", "pictures/", "pictures/a b", "pictures/a:b",
		"pictures/\x00", "pictures/\u8336", "C:/x", "views/x.", "views/" + strings.Repeat("x", maxNameBytes+1), "DATA/x.ndjson", "",
	} {
		_, err := readBytes(forge(t, func(f *forgery) { f.only(name, "", 0) }))
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("%q is refused with %v", name, err)
		}
	}
}

func TestOpen_otherVersion(t *testing.T) {
	for _, version := range []int{0, Version + 1, -1} {
		_, err := readBytes(forge(t, func(f *forgery) { f.manifest.Version = version }))
		if !errors.Is(err, ErrVersion) || errors.Is(err, ErrInvalid) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

// A zip may claim any number of files; what is read of its list is bounded.
func TestOpen_endlessList(t *testing.T) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	long := strings.Repeat("x", 60_000)
	for i := range maxDirectoryBytes/len(long) + 1 {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i, long)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.SetComment(blankSeal()), z.Close()); err != nil {
		t.Fatal(err)
	}
	_, err := readBytes(reseal(out.Bytes()))
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "too long") {
		t.Errorf("%v", err)
	}
}

func TestOpen_noArchive(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none.zip")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for name, text := range map[string]string{"empty": "", "text": strings.Repeat("hello ", 100)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that is changed after it was opened is caught by whoever reads it on.
func TestReader_changedLater(t *testing.T) {
	whole := exportBytes(t, testFiles)
	r, err := readBytes(whole) // shares the bytes
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, []byte("\xff\xd8\xff picture"))
	whole[at+5] ^= 1
	if _, err := r.Picture("ab01"); !errors.Is(err, ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestReader_manyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.zip")
	export(t, path, testFiles)
	r := open(t, path)
	var wg sync.WaitGroup
	for range 8 {
		// ends by itself; wg.Wait below sees to it
		wg.Go(func() {
			if got, err := contents(r); err != nil || !sameFiles(got, testFiles) {
				t.Errorf("read %+v, %v", got, err)
			}
		})
	}
	wg.Wait()
}

// However many records there are, neither side holds more than a few of them.
func TestArchive_boundedMemory(t *testing.T) {
	const records, limitBytes = 100_000, 8 << 20
	path := filepath.Join(t.TempDir(), "shop.zip")
	runtime.GC()
	before := heapBytes()
	peak := uint64(0)
	look := func(n int) {
		if n%5_000 == 0 {
			runtime.GC()
			peak = max(peak, heapBytes())
		}
	}
	w, err := Create(path, testSnap)
	if err != nil {
		t.Fatal(err)
	}
	err = w.Add(Entity("orders", func(put func(any) error) error {
		for n := range records {
			look(n)
			if err := put(row{n, strings.Repeat(fmt.Sprint(n), 50)}); err != nil {
				return err
			}
		}
		return nil
	}))
	m, finish := w.Finish()
	if err = errors.Join(err, finish); err != nil || m.Files[0].Bytes < 2*limitBytes {
		t.Fatalf("made %+v, %v", m, err)
	}
	n := 0
	err = Each(open(t, path), "orders", func(record row) error {
		if record.ID != n {
			return fmt.Errorf("record %d is %d", n, record.ID)
		}
		n++
		look(n)
		return nil
	})
	if err != nil || n != records {
		t.Errorf("%d records, %v", n, err)
	}
	if peak > before+limitBytes {
		t.Errorf("%d bytes in use, %d before", peak, before)
	}
}

func heapBytes() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// Whatever the bytes are, Open ends, and what it lets pass can be read to its end.
func FuzzOpen(f *testing.F) {
	whole := exportBytes(f, testFiles)
	f.Add(whole)
	f.Add(exportBytes(f, nil))
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(blankSeal()))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, whole := range [][]byte{text, reseal(text)} {
			r, err := readBytes(whole)
			if err != nil {
				continue
			}
			for _, listed := range r.Manifest().Files {
				checkListed(t, r, listed)
			}
		}
	})
}

// Whatever a manifest says of whatever a file holds, what Open lets pass is true.
func FuzzManifest(f *testing.F) {
	for _, orders := range []string{"", "{}\n", "{\"id\":1}\n{\"id\":2}\n", "{}\n\n", "[]\n", "{}"} {
		forge := &forgery{manifest: Manifest{Version: Version, Snapshot: testSnap}, contents: map[string]string{}}
		forge.add(forged, orders, int64(strings.Count(orders, "\n")))
		text, err := json.Marshal(forge.manifest)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), forged, orders)
		f.Add(string(text), "pictures/../x", orders)
	}
	f.Fuzz(func(t *testing.T, manifest, name, content string) {
		if len(name) > 1<<10 || strings.HasSuffix(name, "/") {
			return // no zip holds such a file
		}
		r, err := readBytes(forge(t, func(f *forgery) {
			f.only(name, content, 0)
			f.spoil = func(string) string { return manifest }
		}))
		if err != nil {
			return
		}
		if len(r.Manifest().Files) != 1 {
			t.Fatalf("lists %+v", r.Manifest().Files)
		}
		listed := r.Manifest().Files[0]
		if listed.Name != name || listed.SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte(content))) {
			t.Errorf("%q is listed as %+v", name, listed)
		}
		checkListed(t, r, listed)
	})
}

func checkListed(t *testing.T, r *Reader, f File) {
	t.Helper()
	if !filepath.IsLocal(f.Name) || strings.Count(f.Name, "/") != 1 || strings.Contains(f.Name, `\`) {
		t.Errorf("name %q was let pass", f.Name)
	}
	if entity, ok := f.Entity(); ok {
		count := int64(0)
		err := Each(r, entity, func(json.RawMessage) error { count++; return nil })
		if err != nil || count != f.Records {
			t.Errorf("%s: %d of %d records, %v", f.Name, count, f.Records, err)
		}
	}
	if picture, ok := f.Picture(); ok {
		text, err := r.Picture(picture)
		if err != nil || int64(len(text)) != f.Bytes {
			t.Errorf("%s: %d of %d bytes, %v", f.Name, len(text), f.Bytes, err)
		}
	}
}
