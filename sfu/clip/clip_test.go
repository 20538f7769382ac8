package clip

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// testH264 makes an Annex B stream of so many pictures, a key frame every gop, each picture with
// its number behind the slice header.
func testH264(pictures, gop int) []byte {
	var b bytes.Buffer
	nal := func(data ...byte) {
		b.Write([]byte{0, 0, 0, 1})
		b.Write(data)
	}
	for i := range pictures {
		nal(0x09, 0xf0) // access unit delimiter
		slice := byte(0x41)
		if i%gop == 0 {
			nal(0x67, 0x42, 0xe0, 0x1f, 0xaa)
			nal(0x68, 0xce, 0x3c, 0x80)
			slice = 0x65
		}
		nal(append([]byte{slice, 0x88, byte(i + 1), 0x11}, bytes.Repeat([]byte{0x5a}, 3000)...)...)
		nal(slice, 0x22, byte(i+1), 0x11) // second slice of the same picture: does not start at macroblock 0
	}
	return b.Bytes()
}

// testOgg makes an Opus file with so many packets of 20 ms, five to a page, one of them long
// enough to need several lacing values.
func testOgg(packets int) []byte {
	var b bytes.Buffer
	pageOf := func(payloads ...[]byte) {
		var lacing, data []byte
		for _, p := range payloads {
			for n := len(p); ; n -= 255 {
				if n < 255 {
					lacing = append(lacing, byte(n))
					break
				}
				lacing = append(lacing, 255)
			}
			data = append(data, p...)
		}
		head := make([]byte, 27)
		copy(head, "OggS")
		head[26] = byte(len(lacing))
		b.Write(head)
		b.Write(lacing)
		b.Write(data)
	}
	pageOf(append([]byte("OpusHead"), make([]byte, 11)...))
	pageOf([]byte("OpusTags"))
	var page [][]byte
	for i := range packets {
		p := make([]byte, 40)
		if i == 3 {
			p = make([]byte, 600)
		}
		p[0] = 0xfc // CELT, 20 ms, one frame
		binary.BigEndian.PutUint32(p[1:], uint32(i))
		if page = append(page, p); len(page) == 5 {
			pageOf(page...)
			page = nil
		}
	}
	if len(page) > 0 {
		pageOf(page...)
	}
	return b.Bytes()
}

func TestParse(t *testing.T) {
	clip, err := parse(Media{H264: testH264(50, 10), Ogg: testOgg(110), FPS: 25})
	if err != nil {
		t.Fatal(err)
	}
	if len(clip.video) != 50 || clip.videoTicks != 180_000 || clip.audioTicks != 96_000 {
		t.Errorf("%d pictures, %d and %d ticks", len(clip.video), clip.videoTicks, clip.audioTicks)
	}
	if len(clip.audio) != 100 { // ten packets are longer than the picture
		t.Errorf("%d packets of sound", len(clip.audio))
	}
	if n := len(clip.video[0].units); n != 5 {
		t.Errorf("first picture has %d units", n)
	}
	if n := len(clip.audio[3].units[0]); n != 600 {
		t.Errorf("long packet has %d bytes", n)
	}
}

func TestParse_Refuses(t *testing.T) {
	ogg := testOgg(10)
	for name, m := range map[string]Media{
		"nothing":     {},
		"no h264":     {H264: []byte("hello")},
		"no picture":  {H264: []byte{0, 0, 0, 1, 0x67, 1, 2}},
		"bad rate":    {H264: testH264(2, 2), FPS: -1},
		"no ogg":      {H264: testH264(2, 2), Ogg: []byte("hello")},
		"ogg cut off": {H264: testH264(2, 2), Ogg: ogg[:len(ogg)-5]},
		"not opus":    {H264: testH264(2, 2), Ogg: bytes.Replace(ogg, []byte("OpusHead"), []byte("Speex   "), 1)},
	} {
		if _, err := New(m); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func FuzzOpusPackets(f *testing.F) {
	f.Add(testOgg(7))
	f.Add([]byte("OggS"))
	f.Fuzz(func(_ *testing.T, file []byte) {
		packets, err := opusPackets(file)
		if err != nil {
			return
		}
		for _, p := range packets {
			opusDuration(p)
		}
	})
}

func TestOpusDuration(t *testing.T) {
	for _, c := range []struct {
		packet []byte
		want   time.Duration
	}{
		{[]byte{0xfc}, 20 * time.Millisecond},      // CELT 20 ms, one frame
		{[]byte{0xe0}, 2500 * time.Microsecond},    // CELT 2.5 ms
		{[]byte{0x19}, 120 * time.Millisecond},     // SILK 60 ms, two frames
		{[]byte{0x7b, 3}, 60 * time.Millisecond},   // hybrid 20 ms, three frames
		{[]byte{0xff, 63}, 120 * time.Millisecond}, // more than allowed
		{nil, 20 * time.Millisecond}, {[]byte{0xff, 0}, 20 * time.Millisecond},
	} {
		if got := opusDuration(c.packet); got != c.want {
			t.Errorf("%x: %v, want %v", c.packet, got, c.want)
		}
	}
}

// TestPlayer_LoopsWithoutSeam plays three rounds on paper.
func TestPlayer_LoopsWithoutSeam(t *testing.T) {
	clip, err := parse(Media{H264: testH264(30, 10), Ogg: testOgg(60), FPS: 30})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1000, 0)
	p := newPlayer(clip, start)
	type track struct {
		bursts      int
		first, last uint32
		sn          uint16
		lastDue     time.Time
	}
	var video, audio track
	for range 3 * (30 + 50) {
		due := p.due(start)
		b := p.next()
		tr, step := &video, uint32(3000)
		if b.audio {
			tr, step = &audio, 960
		}
		h := b.packets[0].Header
		if tr.bursts == 0 {
			tr.first = h.Timestamp
		} else if h.Timestamp-tr.last != step || h.SequenceNumber != tr.sn+1 {
			t.Fatalf("burst %d: timestamp step %d, number %d after %d", tr.bursts, h.Timestamp-tr.last, h.SequenceNumber, tr.sn)
		}
		if due.Before(tr.lastDue) {
			t.Fatal("due before the one before")
		}
		last := b.packets[len(b.packets)-1]
		if !b.audio && !last.Marker {
			t.Error("no marker at the end of a picture")
		}
		tr.bursts++
		tr.last, tr.sn, tr.lastDue = h.Timestamp, last.SequenceNumber, due
	}
	if video.bursts != 90 || audio.bursts != 150 {
		t.Errorf("%d pictures and %d sounds in three rounds", video.bursts, audio.bursts)
	}
	if d := video.lastDue.Sub(start); d < 89*time.Second/30-time.Millisecond || d > 89*time.Second/30+time.Millisecond {
		t.Errorf("last picture due after %v", d)
	}
}

func TestPlayer_NoDriftAndSleep(t *testing.T) {
	clip, err := parse(Media{H264: testH264(7, 7), FPS: 30})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1000, 0)
	p := newPlayer(clip, start)
	for range 30 * 3600 { // an hour of pictures
		p.next()
	}
	if d := p.due(start).Sub(start); d != time.Hour {
		t.Errorf("after an hour the next picture is due at %v", d)
	}
	now := start.Add(2 * time.Hour) // the machine slept
	if due := p.due(now); !due.Equal(now) {
		t.Errorf("due %v after waking, want now", due.Sub(now))
	}
	p.next()
	if d := p.due(now).Sub(now); d < 33*time.Millisecond || d > 34*time.Millisecond {
		t.Errorf("next one due %v after that", d)
	}
}
