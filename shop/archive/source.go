package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrNone is what the open of a Picture returns when there is no such picture any
// more: the archive is made without it.
var ErrNone = errors.New("there is no such file")

// Line is a record that is one line of JSON already: an object, without the line feed.
// Whoever makes one answers for its JSON.
type Line []byte

// Source is a file of an archive, or several that are made in one go, which Writer.Add
// makes. None is asked for what an earlier run has finished.
type Source struct {
	// Weight decides what is begun first: the heavier, so that no large file is left
	// for one core alone at the end. It changes nothing in the archive.
	Weight int

	names []string // with folders
	fill  func(parts []*partWriter) error
}

// Entity is data/<name>.ndjson. fill hands over the records in an order that depends
// on the snapshot alone; each is a Line or becomes a JSON object, of at most
// MaxRecordBytes. A record may be used again once put has returned.
func Entity(name string, fill func(put func(record any) error) error) Source {
	return Source{names: []string{dataFolder + name + dataEnding}, fill: func(parts []*partWriter) error {
		l := newLines(parts[0])
		if err := fill(l.put); err != nil {
			return err
		}
		return l.flush()
	}}
}

// View is views/<name>, a table for people. It is not read back.
func View(name string, fill func(io.Writer) error) Source {
	return Views([]string{name}, func(tables []io.Writer) error { return fill(tables[0]) })
}

// Views are several tables that one walk fills.
func Views(names []string, fill func(tables []io.Writer) error) Source {
	s := Source{fill: func(parts []*partWriter) error {
		tables := make([]io.Writer, len(parts))
		for i, p := range parts {
			tables[i] = p
		}
		return fill(tables)
	}}
	for _, name := range names {
		s.names = append(s.names, viewFolder+name)
	}
	return s
}

// Picture is pictures/<name>; see ErrNone.
func Picture(name string, open func() (io.ReadCloser, error)) Source {
	return Source{names: []string{pictureFolder + name}, fill: func(parts []*partWriter) error {
		picture, err := open()
		if err != nil {
			return err
		}
		_, err = io.Copy(parts[0], picture)
		return errors.Join(err, picture.Close())
	}}
}

// heaviestFirst are the places of the sources in the order in which they are begun.
func heaviestFirst(sources []Source) []int {
	queue := make([]int, len(sources))
	for i := range queue {
		queue[i] = i
	}
	slices.SortStableFunc(queue, func(a, b int) int { return sources[b].Weight - sources[a].Weight })
	return queue
}

// lines writes one JSON object per line, many lines at once.
type lines struct {
	part *partWriter
	text bytes.Buffer // lines that are not written yet
	json *json.Encoder
}

func newLines(p *partWriter) *lines {
	l := &lines{part: p}
	l.json = json.NewEncoder(&l.text)
	l.json.SetEscapeHTML(false)
	return l
}

func (l *lines) put(record any) error {
	before := l.text.Len()
	if err := l.encode(record); err != nil {
		return err
	}
	line := l.text.Bytes()[before:]
	if len(line) > MaxRecordBytes || line[0] != '{' || bytes.IndexByte(line, '\n') != len(line)-1 {
		return errors.New("a record is not an object or too large")
	}
	l.part.Records++
	if l.text.Len() < partBuffer {
		return nil
	}
	return l.flush()
}

// encode writes a record and its line feed.
func (l *lines) encode(record any) error {
	if line, ok := record.(Line); ok {
		l.text.Write(line)
		return l.text.WriteByte('\n')
	}
	if err := l.json.Encode(record); err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	return nil
}

func (l *lines) flush() error {
	_, err := l.part.Write(l.text.Bytes())
	l.text.Reset()
	return err
}
