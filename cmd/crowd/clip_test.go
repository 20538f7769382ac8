//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
)

const (
	testGroup    = 30   // pictures from key frame to key frame
	testPictures = 60   // of the test clip
	testSlice    = 4500 // bytes
)

// testClip writes a clip of two groups of pictures that nobody could decode, and returns its name.
func testClip(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	nal := func(data ...byte) {
		b.Write([]byte{0, 0, 0, 1})
		b.Write(data)
	}
	for i := range testPictures {
		nal(0x09, 0xf0) // access unit delimiter
		kind := byte(0x41)
		if i%testGroup == 0 {
			nal(0x67, 0x42, 0xe0, 0x1f, 0xaa)
			nal(0x68, 0xce, 0x3c, 0x80)
			kind = 0x65
		}
		nal(append([]byte{kind, 0x88}, bytes.Repeat([]byte{0x5a}, testSlice)...)...)
		nal(kind, 0x22, 0x11) // second slice of the same picture: not from macroblock 0
	}
	return writeTemp(t, "clip.h264", b.Bytes())
}

// testSound writes so many Opus packets of 20 ms, one to a page.
func testSound(t testing.TB, packets int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.ogg")
	file, err := oggwriter.New(path, audioClock, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range packets {
		packet := &rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(i * 960)}, Payload: bytes.Repeat([]byte{0xfc}, 100)}
		if err := file.WriteRTP(packet); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeTemp(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadClip(t *testing.T) {
	c, err := readClip(testClip(t), testSound(t, 50), 30)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.pictures) != testPictures || len(c.sounds) != 50 {
		t.Fatalf("%d pictures, %d sounds", len(c.pictures), len(c.sounds))
	}
	for i, p := range c.pictures {
		if p.key != (i%testGroup == 0) || len(p.tail) != 5 || len(p.head) > 0 != p.key {
			t.Fatalf("picture %d: key %v, %d and %d packets", i, p.key, len(p.head), len(p.tail))
		}
	}
	if c.nextKey(1) != testGroup || c.nextKey(testGroup) != testGroup || c.nextKey(testGroup+1) != testPictures {
		t.Errorf("next key frames %d %d %d", c.nextKey(1), c.nextKey(testGroup), c.nextKey(testGroup+1))
	}
	want := stamp{frame: 61, nanos: 5}
	packets := c.packets(nil, testPictures, want) // the first again
	if len(packets) != 7 {
		t.Fatalf("%d packets", len(packets))
	}
	if got, ok := readStamp(packets[1]); !ok || got != want {
		t.Errorf("stamp %+v, %v", got, ok)
	}
}

func TestReadClip_Refuses(t *testing.T) {
	good := testClip(t)
	late := writeTemp(t, "late.h264", []byte("\x00\x00\x00\x01\x41\x88\x01\x01\x00\x00\x00\x01\x65\x88\x01"))
	for name, files := range map[string][2]string{
		"no file":            {"/nonexistent", ""},
		"not H.264":          {writeTemp(t, "text", []byte("hello")), ""},
		"nothing":            {writeTemp(t, "empty", nil), ""},
		"begins in a group":  {late, ""},
		"not Ogg":            {good, good},
		"no sound file":      {good, "/nonexistent"},
		"many to a page":     {good, longPages(t)},
		"half a file of Ogg": {good, halfOf(t, testSound(t, 5))},
	} {
		if c, err := readClip(files[0], files[1], 30); err == nil {
			t.Errorf("%s: %d pictures, %d sounds", name, len(c.pictures), len(c.sounds))
		}
	}
}

// longPages writes Opus packets larger than a datagram.
func longPages(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "long.ogg")
	file, err := oggwriter.New(path, audioClock, 2)
	if err != nil {
		t.Fatal(err)
	}
	packet := &rtp.Packet{Header: rtp.Header{Timestamp: 960}, Payload: bytes.Repeat([]byte{1}, payloadSize+1)}
	if err := file.WriteRTP(packet); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func halfOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return writeTemp(t, "half.ogg", data[:len(data)-50])
}
