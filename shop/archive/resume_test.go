package archive

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// killTarget is the environment variable that makes the test program an exporter.
const killTarget = "SHOPCAST_TEST_EXPORT"

// TestMain is also the program that the kill test kills.
func TestMain(m *testing.M) {
	if path := os.Getenv(killTarget); path != "" {
		exportInSteps(path)
		return
	}
	os.Exit(m.Run())
}

// exportInSteps writes testFiles and says "at" before the first, in the midst of each
// and after each; it goes on when it is sent a line.
func exportInSteps(path string) {
	in := bufio.NewReader(os.Stdin)
	step := func() {
		_, _ = os.Stdout.WriteString("at\n")
		if _, err := in.ReadString('\n'); err != nil {
			os.Exit(1)
		}
	}
	w, err := Create(path, testSnap)
	if err != nil {
		panic(err)
	}
	step()
	for _, f := range testFiles {
		if err := addInSteps(w, f, step); err != nil {
			panic(err)
		}
		step()
	}
	if _, err := w.Finish(); err != nil {
		panic(err)
	}
	step()
}

func addInSteps(w *Writer, f file, step func()) error {
	name, isEntity := strings.CutPrefix(f.name, "data/")
	if !isEntity {
		return w.Add(source(f, new(atomic.Int64)))
	}
	return w.Add(Entity(name, func(put func(any) error) error {
		for i, r := range f.rows {
			if err := put(r); err != nil {
				return err
			}
			if i == 0 {
				step()
			}
		}
		return nil
	}))
}

// killAt runs the export in a process of its own and kills it after some steps. It
// says whether the process came that far.
func killAt(t *testing.T, path string, steps int) (reached bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), killTarget+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	reached = true
	for i := 0; i <= steps && reached; i++ {
		_, err := said.ReadString('\n')
		if reached = err == nil; reached && i < steps {
			if _, err := io.WriteString(in, "\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()         // and says that it was killed
	return reached
}

// The program is really killed at every boundary of a part and in the midst of parts;
// the next run ends with the bytes of one that was never disturbed.
func TestWriter_killed(t *testing.T) {
	want := exportBytes(t, testFiles)
	steps := 0
	for ; ; steps++ {
		path := filepath.Join(t.TempDir(), "shop.zip")
		if !killAt(t, path, steps) {
			break
		}
		export(t, path, testFiles)
		if !bytes.Equal(readAll(t, path), want) {
			t.Errorf("killed after %d steps, the bytes differ", steps)
		}
	}
	if least := 2*len(testFiles) - 2; steps < least {
		t.Errorf("killed at %d places, want %d at least", steps, least)
	}
}

// One export is killed again and again and still comes to its end.
func TestWriter_killedAgainAndAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.zip")
	for range 4 {
		if !killAt(t, path, 3) {
			t.Fatal("the export ended early")
		}
	}
	export(t, path, testFiles)
	if !bytes.Equal(readAll(t, path), exportBytes(t, testFiles)) {
		t.Error("the bytes differ")
	}
}

// What is finished is not written again.
func TestWriter_continues(t *testing.T) {
	for n := range len(testFiles) + 1 {
		path := filepath.Join(t.TempDir(), "shop.zip")
		stopAt(t, path, testFiles, n)
		if _, filled := export(t, path, testFiles); filled != len(testFiles)-n {
			t.Errorf("after %d files, %d were written", n, filled)
		}
	}
}

func TestWriter_distrustsWork(t *testing.T) {
	edit := func(name string, change func([]byte) []byte) func(t *testing.T, work string) {
		return func(t *testing.T, work string) {
			path := filepath.Join(work, name)
			if err := os.WriteFile(path, change(readAll(t, path)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(t *testing.T, work string) {
		return func(t *testing.T, work string) {
			if err := os.RemoveAll(filepath.Join(work, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := len(testFiles)
	for name, c := range map[string]struct {
		again  int // files that must be written again
		damage func(t *testing.T, work string)
	}{
		"nothing":           {0, func(*testing.T, string) {}},
		"part changed":      {1, edit("data/orders.ndjson", func(b []byte) []byte { b[5] ^= 1; return b })},
		"part cut":          {1, edit("data/products.ndjson", func(b []byte) []byte { return b[:len(b)-1] })},
		"part gone":         {1, remove("pictures/ab01")},
		"folder gone":       {3, remove("data")},
		"journal cut":       {1, edit("journal.ndjson", func(b []byte) []byte { return b[:len(b)-1] })},
		"journal cut short": {1, edit("journal.ndjson", func(b []byte) []byte { return b[:len(b)-70] })},
		"journal damaged":   {all, edit("journal.ndjson", func(b []byte) []byte { b[3] ^= 1; return b })},
		"journal empty":     {all, edit("journal.ndjson", func([]byte) []byte { return nil })},
		"journal gone":      {all, remove("journal.ndjson")},
		"other snapshot": {all, edit("journal.ndjson", func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"head_seq":42`), []byte(`"head_seq":43`), 1)
		})},
		"path in journal": {0, edit("journal.ndjson", func(b []byte) []byte {
			return append(b, `{"name":"../../x","bytes":1}`+"\n"...)
		})},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "shop.zip")
			stopAt(t, path, testFiles, all)
			c.damage(t, path+workEnding)
			if _, filled := export(t, path, testFiles); filled != c.again {
				t.Errorf("%d files were written again, want %d", filled, c.again)
			}
			if !bytes.Equal(readAll(t, path), exportBytes(t, testFiles)) {
				t.Error("the bytes differ")
			}
		})
	}
}

// An archive that stands already is replaced as a whole, and stays while the next is
// in the making.
func TestWriter_replaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.zip")
	export(t, path, testFiles[:1])
	before := readAll(t, path)
	stopAt(t, path, testFiles, 2)
	if !bytes.Equal(readAll(t, path), before) {
		t.Error("the old archive was touched")
	}
	export(t, path, testFiles)
	if !bytes.Equal(readAll(t, path), exportBytes(t, testFiles)) {
		t.Error("the old archive was not replaced")
	}
}
