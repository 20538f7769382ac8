package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

const journalName = "journal.ndjson"

// journal is the list of finished parts in a work directory. Its first line is the
// snapshot, each other line a part; a line that was cut short counts for nothing.
type journal struct {
	file *os.File // static after construction

	mu   sync.Mutex      // guards done and what is written to file
	done map[string]part // by name
}

// header is the first line of a journal.
type header struct {
	Version int `json:"version"`
	Snapshot
}

// openJournal continues the work in the directory when it is over the same snapshot,
// and otherwise clears it and begins anew.
func openJournal(dir string, snap Snapshot) (*journal, error) {
	path := filepath.Join(dir, journalName)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	first := header{Version, snap}
	good, done := readJournal(text, first)
	if good == 0 {
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("clear work: %w", err)
		}
	}
	if err := makeFolders(dir); err != nil {
		return nil, fmt.Errorf("make work: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, fileMode)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &journal{file: file, done: done}
	if err := j.begin(good, first); err != nil {
		return nil, fmt.Errorf("begin journal: %w", errors.Join(err, file.Close()))
	}
	return j, nil
}

// makeFolders makes the folders that are missing: a run that was killed while it
// cleared away may have left some. The folder of the target itself must exist.
func makeFolders(dir string) error {
	for _, folder := range []string{"", dataFolder, viewFolder, pictureFolder} {
		err := os.Mkdir(filepath.Join(dir, folder), folderMode)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// begin cuts off what follows the good bytes, and writes the first line when there
// are none.
func (j *journal) begin(good int64, first header) error {
	_, err := j.file.Seek(good, io.SeekStart)
	if err = errors.Join(err, j.file.Truncate(good)); err != nil || good > 0 {
		return err
	}
	return j.line(first)
}

// readJournal returns how many bytes of the text are good, and the parts they tell
// of; 0 = it is none of this snapshot.
func readJournal(text []byte, want header) (good int64, done map[string]part) {
	done = map[string]part{}
	for line := range bytes.Lines(text) {
		if good == 0 {
			var found header
			if json.Unmarshal(line, &found) != nil || found != want || !bytes.HasSuffix(line, []byte("\n")) {
				return 0, done
			}
		} else {
			var p part
			if json.Unmarshal(line, &p) != nil || p.check() != nil || !bytes.HasSuffix(line, []byte("\n")) {
				return good, done
			}
			done[p.Name] = p
		}
		good += int64(len(line))
	}
	return good, done
}

// add notes that parts are finished.
func (j *journal) add(parts []part) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range parts {
		j.done[p.Name] = p
		if err := j.line(p); err != nil {
			return err
		}
	}
	return nil
}

// find is the part of a name, when it is finished.
func (j *journal) find(name string) (part, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p, ok := j.done[name]
	return p, ok
}

func (j *journal) line(doc any) error {
	text, err := json.Marshal(doc)
	if err == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}
