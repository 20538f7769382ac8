package inspect

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"
)

// Payloads that are whole packets of their kind.
func goodSPS() []byte {
	s := sps{profile: 100, chroma: 1, level: 31, width: 80, height: 45, frames: true}
	return append([]byte{0x67}, s.write(rand.New(rand.NewPCG(1, 1)))...)
}

func stapA(units ...[]byte) []byte {
	payload := []byte{0x78}
	for _, u := range units {
		payload = append(append(payload, byte(len(u)>>8), byte(len(u))), u...)
	}
	return payload
}

// sliceHead begins a slice with first_mb_in_slice and slice_type.
func sliceHead(first, kind uint64) []byte {
	w := &bitWriter{}
	w.code(first)
	w.code(kind)
	w.put(1, 1)
	return w.escaped()
}

func sliceUnit(first, kind uint64) []byte { return append([]byte{0x41}, sliceHead(first, kind)...) }

func TestInspector_H264(t *testing.T) {
	type seen struct{ broken, b, key, shape bool }
	pps := []byte{0x68, 0xce, 0x38, 0x80}
	for _, c := range []struct {
		name    string
		payload []byte
		want    seen
	}{
		{"P slice", sliceUnit(0, 0), seen{}},
		{"B slice", sliceUnit(0, 1), seen{b: true}},
		{"I slice", sliceUnit(0, 2), seen{}},
		{"all B", sliceUnit(0, 6), seen{b: true}},
		{"all I", sliceUnit(0, 7), seen{}},
		{"SI", sliceUnit(0, 9), seen{}},
		{"no such slice", sliceUnit(0, 10), seen{broken: true}},
		{"B slice far down", sliceUnit(8000, 1), seen{b: true}},
		{"B slice behind emulation prevention", sliceUnit(1<<28, 6), seen{b: true}},
		{"B data partition", append([]byte{0x42}, sliceHead(0, 1)...), seen{b: true}},
		{"B in later partitions means nothing", append([]byte{0x43}, sliceHead(0, 1)...), seen{}},
		{"slice without a body", []byte{0x41}, seen{broken: true}},
		{"slice cut off in its head", []byte{0x41, 0x00, 0x00}, seen{broken: true}},
		{"slice with a code of 65 bits", append([]byte{0x41}, make([]byte, 20)...), seen{broken: true}},
		{"IDR", []byte{0x65, 0x88, 0x80}, seen{key: true}},
		{"parameter set", goodSPS(), seen{shape: true}},
		{"parameter set cut off", goodSPS()[:6], seen{broken: true}},
		{"SEI", []byte{0x06, 5, 1, 2}, seen{}},
		{"delimiter", []byte{0x09, 0xf0}, seen{}},
		{"forbidden bit", []byte{0xe5, 0x88, 0x80}, seen{broken: true}},
		{"type 0", []byte{0x60, 1, 2}, seen{broken: true}},
		{"STAP-B", []byte{0x79, 0, 1, 0, 1, 0x68}, seen{broken: true}},
		{"MTAP16", []byte{0x7a, 0, 1, 0, 4, 0, 0, 0, 0x68}, seen{broken: true}},
		{"FU-B", []byte{0x7d, 0x85, 0, 1, 0x88}, seen{broken: true}},
		{"type 31", []byte{0x7f, 1}, seen{broken: true}},
		{"STAP-A", stapA(goodSPS(), pps, []byte{0x65, 0x88}), seen{shape: true, key: true}},
		{"STAP-A with a B slice", stapA([]byte{9, 0xf0}, sliceUnit(0, 6)), seen{b: true}},
		{"STAP-A without units", []byte{0x78}, seen{broken: true}},
		{"STAP-A with an empty unit", stapA(nil), seen{broken: true}},
		{"STAP-A with half a length", append(stapA(pps), 0), seen{broken: true}},
		{"STAP-A that claims too much", []byte{0x78, 0xff, 0xff, 0x65, 0x88}, seen{broken: true}},
		{"STAP-A in a STAP-A", stapA(stapA(pps)), seen{broken: true}},
		{"FU-A first of a B slice", append([]byte{0x5c, 0x81}, sliceHead(0, 1)...), seen{b: true}},
		{"FU-A later one that looks like a B slice", append([]byte{0x5c, 0x01}, sliceHead(0, 1)...), seen{}},
		{"FU-A first of an IDR", []byte{0x7c, 0x85, 0x88}, seen{key: true}},
		{"FU-A last of an IDR", []byte{0x7c, 0x45, 0x88}, seen{}},
		{"FU-A of a parameter set", append([]byte{0x7c, 0x87}, goodSPS()[1:]...), seen{shape: true}},
		{"FU-A without a body", []byte{0x7c, 0x85}, seen{broken: true}},
		{"FU-A alone", []byte{0x7c}, seen{broken: true}},
		{"FU-A of an FU-A", []byte{0x7c, 0x9c, 0x85, 0x88}, seen{broken: true}},
		{"FU-A later one of an FU-A", []byte{0x7c, 0x1c, 0x85, 0x88}, seen{broken: true}},
		{"FU-A of type 0", []byte{0x7c, 0x00, 0x85}, seen{broken: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var i Inspector
			i.Packet(H264, c.payload, 1, true, began)
			facts := i.Facts(began)
			got := seen{facts.Broken > 0, facts.BFrames, i.keys.any, facts.Width > 0}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestInspector_VP8(t *testing.T) {
	key := []byte{0x50, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0x81} // 640×360, to be scaled up
	inter := []byte{0x31, 0x01, 0x00}
	with := func(descriptor []byte, body []byte) []byte { return slices.Concat(descriptor, body) }
	for _, c := range []struct {
		name          string
		payload       []byte
		broken, shape bool
	}{
		{"key frame", with([]byte{0x10}, key), false, true},
		{"key frame with short picture id", with([]byte{0x90, 0x80, 0x11}, key), false, true},
		{"key frame with everything", with([]byte{0x90, 0xf0, 0x81, 0x11, 5, 0x20}, key), false, true},
		{"inter frame", with([]byte{0x10}, inter), false, false},
		{"middle of a frame", with([]byte{0x00}, key), false, false},
		{"second partition", with([]byte{0x11}, key), false, false},
		{"descriptor alone", []byte{0x10}, true, false},
		{"extension cut off", []byte{0x90}, true, false},
		{"picture id cut off", []byte{0x90, 0x80}, true, false},
		{"layers cut off", []byte{0x90, 0xff, 0x80, 1}, true, false},
		{"key frame cut off", with([]byte{0x10}, key[:9]), true, false},
		{"no start code", with([]byte{0x10}, []byte{0x50, 1, 0, 0x9d, 1, 0x2b, 0x80, 2, 0x68, 1}), true, false},
		{"no width", with([]byte{0x10}, []byte{0x50, 1, 0, 0x9d, 1, 0x2a, 0, 0x40, 0x68, 1}), true, false},
		{"no height", with([]byte{0x10}, []byte{0x50, 1, 0, 0x9d, 1, 0x2a, 0x80, 2, 0, 0x40}), true, false},
		{"version 4", with([]byte{0x10}, []byte{0x39, 1, 0}), true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var i Inspector
			i.Packet(VP8, c.payload, 1, true, began)
			facts := i.Facts(began)
			if broken := facts.Broken > 0; broken != c.broken {
				t.Errorf("broken %v", broken)
			}
			if shape := facts.Width == 640 && facts.Height == 360; shape != c.shape || shape != i.keys.any {
				t.Errorf("%d×%d, key frame %v", facts.Width, facts.Height, i.keys.any)
			}
		})
	}
}

func TestInspector_Opus(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
		broken  bool
	}{
		{"20 ms", []byte{0xfc, 1, 2}, false},
		{"two frames", []byte{0xfd, 1, 2}, false},
		{"DTX", []byte{0xfc}, false},
		{"code 3, 6 × 20 ms", []byte{0xff, 6}, false},
		{"code 3, 7 × 20 ms", []byte{0xff, 7}, true},
		{"code 3, 48 × 2.5 ms", []byte{0xe3, 48}, false},
		{"code 3, 49 × 2.5 ms", []byte{0xe3, 49}, true},
		{"code 3, 2 × 60 ms", []byte{0x1b, 2}, false},
		{"code 3, 3 × 60 ms", []byte{0x1b, 3}, true},
		{"code 3, hybrid 13 × 10 ms", []byte{0x63, 13}, true},
		{"code 3, no frames", []byte{0xff, 0}, true},
		{"code 3 alone", []byte{0xff}, true},
		{"nothing, which is no packet", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var i Inspector
			i.Packet(Opus, c.payload, 1, true, began)
			if broken := i.Facts(began).Broken > 0; broken != c.broken {
				t.Errorf("broken %v", broken)
			}
		})
	}
	t.Run("rates", func(t *testing.T) {
		var i Inspector
		for n := range 1000 {
			i.Packet(Opus, make([]byte, 160), uint32(n*960), true, began.Add(time.Duration(n)*20*time.Millisecond))
		}
		facts := i.Facts(began.Add(20 * time.Second))
		if b := facts.BitrateBPS; b < 62_000 || b > 66_000 || facts.FPS != 0 {
			t.Errorf("%+v", facts)
		}
	})
	var i Inspector
	if i.Packet(Codec(9), []byte{1}, 1, true, began); i.Facts(began).Broken != 1 {
		t.Error("an unknown codec is not broken")
	}
}

// sender sends frames of one packet at a steady rate.
type sender struct {
	i  Inspector
	at time.Time
	ts uint32
}

// run sends for a time; every keyEvery frames one is a key frame, 0 = none is.
func (s *sender) run(length time.Duration, fps, size, keyEvery int) {
	slice, key := make([]byte, size), make([]byte, size)
	copy(slice, sliceUnit(0, 0))
	key[0], key[1] = 0x65, 0x88
	for n := range int(length.Seconds() * float64(fps)) {
		payload := slice
		if keyEvery > 0 && n%keyEvery == 0 {
			payload = key
		}
		s.i.Packet(H264, payload, s.ts, true, s.at)
		s.ts += uint32(videoRate / fps)
		s.at = s.at.Add(time.Second / time.Duration(fps))
	}
}

func (s *sender) facts() Facts { return s.i.Facts(s.at) }

func (s *sender) warned(w Warning) bool {
	return slices.Contains(Judge([]Facts{s.facts()}, true, time.Hour), w)
}

func TestInspector_GOP(t *testing.T) {
	t.Run("no key frame ever", func(t *testing.T) {
		s := sender{at: began}
		s.run(4*time.Second, 25, 100, 0)
		if s.warned(GOPTooLong) {
			t.Error("warned too soon")
		}
		s.run(time.Second, 25, 100, 0)
		if !s.warned(GOPTooLong) {
			t.Errorf("not warned after %v", s.facts().GOP)
		}
	})
	t.Run("the last one is long ago", func(t *testing.T) {
		s := sender{at: began}
		s.run(10*time.Second, 25, 100, 50)
		if s.warned(GOPTooLong) {
			t.Error("warned of 2 s")
		}
		s.run(4*time.Second, 25, 100, 0)
		if !s.warned(GOPTooLong) {
			t.Error("not warned")
		}
	})
	t.Run("four good ones end it", func(t *testing.T) {
		s := sender{at: began}
		s.run(10*time.Second, 25, 100, 250)
		s.run(6*time.Second, 25, 100, 50) // three whole intervals, the first of them 10 s
		if !s.warned(GOPTooLong) {
			t.Error("forgotten too soon")
		}
		s.run(4*time.Second, 25, 100, 50)
		if s.warned(GOPTooLong) {
			t.Errorf("%v is still remembered", s.facts().GOP)
		}
	})
	t.Run("a layer that is switched off has none", func(t *testing.T) {
		s := sender{at: began}
		s.run(4*time.Second, 25, 100, 50)
		s.at = s.at.Add(time.Minute)
		if s.warned(GOPTooLong) {
			t.Error("warned while it is off")
		}
		s.ts += 60 * videoRate
		s.run(4*time.Second, 25, 100, 50)
		if s.warned(GOPTooLong) {
			t.Errorf("warned of %v when it is back", s.facts().GOP)
		}
	})
	t.Run("slices of one picture are one key frame", func(t *testing.T) {
		var i Inspector
		for n := range 100 {
			i.Packet(H264, []byte{0x65, 0x88}, uint32(n/4), n%4 == 3, began.Add(time.Duration(n)*500*time.Millisecond))
		}
		if g := i.Facts(began.Add(50 * time.Second)).GOP; g != 2*time.Second {
			t.Errorf("every %v", g)
		}
	})
}

func TestInspector_BFramesAreForgotten(t *testing.T) {
	s := sender{at: began}
	s.i.Packet(H264, sliceUnit(0, 1), 0, true, s.at)
	s.run(9*time.Second, 25, 100, 25)
	if !s.warned(BFrames) {
		t.Error("forgotten too soon")
	}
	s.run(2*time.Second, 25, 100, 25)
	if s.warned(BFrames) {
		t.Error("still remembered")
	}
}

func TestInspector_Malformed(t *testing.T) {
	s := sender{at: began}
	breakSome := func(n int) {
		for range n {
			s.i.Packet(H264, []byte{0xff}, s.ts, false, s.at)
		}
	}
	for range 10 { // four in ten seconds, again and again
		breakSome(4)
		s.run(11*time.Second, 25, 100, 25)
	}
	if s.warned(Malformed) || s.facts().Broken != 40 {
		t.Errorf("warned of accidents: %+v", s.facts())
	}
	breakSome(5)
	if !s.warned(Malformed) {
		t.Error("not warned")
	}
	s.run(19*time.Second, 25, 100, 25)
	if !s.warned(Malformed) {
		t.Error("forgotten too soon")
	}
	s.run(2*time.Second, 25, 100, 25)
	if s.warned(Malformed) || s.facts().Broken != 45 {
		t.Errorf("still remembered: %+v", s.facts())
	}
}

func TestInspector_Rates(t *testing.T) {
	t.Run("change", func(t *testing.T) {
		s := sender{at: began}
		if f := s.facts(); f != (Facts{}) {
			t.Errorf("at first %+v", f)
		}
		s.run(300*time.Millisecond, 50, 5000, 50)
		if b := s.facts().BitrateBPS; b < 1_800_000 || b > 2_200_000 {
			t.Errorf("%d bit/s after the first moment, want 2,000,000", b)
		}
		s.run(15*time.Second, 50, 5000, 50)
		f := s.facts()
		if f.BitrateBPS < 1_950_000 || f.BitrateBPS > 2_050_000 || f.SustainedBPS != 2_000_000 || f.FPS != 50 {
			t.Errorf("want 2,000,000 bit/s and 50 frames: %+v", f)
		}
		s.run(2500*time.Millisecond, 50, 500, 50)
		f = s.facts()
		if f.BitrateBPS < 190_000 || f.BitrateBPS > 210_000 || f.SustainedBPS != 2_000_000 {
			t.Errorf("want 200,000 bit/s after 2,000,000: %+v", f)
		}
		s.run(25*time.Second, 50, 500, 50)
		if b := s.facts().SustainedBPS; b > 220_000 {
			t.Errorf("%d bit/s are still remembered", b)
		}
		s.at = s.at.Add(5 * time.Second)
		if f = s.facts(); f.BitrateBPS != 0 || f.FPS != 0 {
			t.Errorf("silent for 5 s: %+v", f)
		}
		s.at = s.at.Add(time.Hour)
		s.run(12*time.Second, 25, 5000, 50)
		if f = s.facts(); f.BitrateBPS != 1_000_000 || f.FPS != 25 || f.SustainedBPS != 1_000_000 {
			t.Errorf("back after an hour: %+v", f)
		}
	})
	t.Run("a burst is not sustained", func(t *testing.T) {
		s := sender{at: began}
		for range 20 {
			s.run(2*time.Second, 50, 12_000, 50) // 4.8 Mbit/s
			s.run(8*time.Second, 50, 4000, 50)   // 1.6 Mbit/s
		}
		if s.warned(BitrateHigh) {
			t.Errorf("%d bit/s sustained", s.facts().SustainedBPS)
		}
	})
	t.Run("a rate at the limit does not flicker", func(t *testing.T) {
		s := sender{at: began}
		changes, was := 0, false
		for range 60 {
			s.run(9*time.Second, 50, 7000, 50) // 2.8 Mbit/s
			s.run(time.Second, 50, 6000, 50)
			if is := s.warned(BitrateHigh); is != was {
				changes, was = changes+1, is
			}
		}
		if changes > 1 {
			t.Errorf("%d changes in ten minutes", changes)
		}
	})
	t.Run("a link that delivers in gusts", func(t *testing.T) {
		var i Inspector
		for n := range 600 { // 60 frames a second, but always five at once, and 600 ms of them late together
			at := began.Add(time.Duration(n/5*5) * time.Second / 60)
			if n >= 460 && n < 496 {
				at = began.Add(496 * time.Second / 60)
			}
			i.Packet(H264, []byte{0x65, 0x88}, uint32(n*1500), true, at)
			if f := i.Facts(at).FPS; f > highFPS || n > 200 && f < 55 {
				t.Fatalf("frame %d: %.1f frames per second", n, f)
			}
		}
	})
	t.Run("a clock that lies", func(t *testing.T) {
		for _, step := range []uint32{0, 1, 1 << 31, 1<<32 - 3000, 900_000} {
			var i Inspector
			for n := range 300 {
				i.Packet(H264, []byte{0x65, 0x88}, uint32(n)*step, true, began.Add(time.Duration(n)*time.Second/30))
			}
			if f := i.Facts(began.Add(10 * time.Second)).FPS; f < 29 || f > 31 {
				t.Errorf("steps of %d: %.1f frames per second", step, f)
			}
		}
	})
	t.Run("a caller whose time goes back", func(t *testing.T) {
		s := sender{at: began}
		s.run(5*time.Second, 50, 5000, 50)
		s.at = s.at.Add(-time.Hour)
		s.run(time.Second, 50, 5000, 50)
		s.at = s.at.Add(time.Hour)
		s.run(12*time.Second, 50, 5000, 50)
		if f := s.facts(); f.BitrateBPS != 2_000_000 || f.FPS != 50 {
			t.Errorf("%+v", f)
		}
	})
}

func TestJudge(t *testing.T) {
	fine := Facts{Width: 1280, Height: 720, Profile: 66, Level: 31, GOP: 2 * time.Second, FPS: 30, BitrateBPS: 2_500_000, SustainedBPS: 2_500_000}
	with := func(change func(f *Facts)) Facts {
		f := fine
		change(&f)
		return f
	}
	rate := func(bps int64) Facts { return with(func(f *Facts) { f.SustainedBPS = bps }) }
	profile := func(profile, level uint8) []Facts {
		return []Facts{with(func(f *Facts) { f.Profile, f.Level = profile, level })}
	}
	everything := Facts{Profile: 110, GOP: time.Minute, BFrames: true, FPS: 120, SustainedBPS: 20_000_000, Malformed: true}
	for _, c := range []struct {
		name   string
		layers []Facts
		mute   bool
		since  time.Duration
		want   []Warning
	}{
		{"fine", []Facts{fine}, false, time.Hour, nil},
		{"nothing known yet", []Facts{{}}, true, time.Second, nil},
		{"no video", nil, false, time.Hour, nil},
		{"no sound yet", []Facts{fine}, true, 4 * time.Second, nil},
		{"no sound", []Facts{fine}, true, 5 * time.Second, []Warning{NoAudio}},
		{"baseline", profile(66, 40), false, time.Hour, nil},
		{"main", profile(77, 51), false, time.Hour, nil},
		{"high", profile(100, 52), false, time.Hour, nil},
		{"high, level 6", profile(100, 60), false, time.Hour, []Warning{Profile}},
		{"extended", profile(88, 31), false, time.Hour, []Warning{Profile}},
		{"high 10", profile(110, 31), false, time.Hour, []Warning{Profile}},
		{"high 4:2:2", profile(122, 31), false, time.Hour, []Warning{Profile}},
		{"high 4:4:4", profile(244, 31), false, time.Hour, []Warning{Profile}},
		{"one layer, too much", []Facts{rate(3_000_000)}, false, time.Hour, []Warning{BitrateHigh}},
		{"the same over a lower one", []Facts{rate(500_000), rate(3_000_000)}, false, time.Hour, nil},
		{"too much over a lower one", []Facts{rate(500_000), rate(7_000_000)}, false, time.Hour, []Warning{BitrateHigh}},
		{"what an encoder set to 6 Mbit/s really sends", []Facts{rate(500_000), rate(6_100_000)}, false, time.Hour, nil},
		{"60 frames", []Facts{with(func(f *Facts) { f.FPS = 60.5 })}, false, time.Hour, nil},
		{"90 frames", []Facts{with(func(f *Facts) { f.FPS = 90 })}, false, time.Hour, []Warning{FrameRateHigh}},
		{"a lower layer is bad", []Facts{with(func(f *Facts) { f.GOP = 5 * time.Second }), fine}, false, time.Hour, []Warning{GOPTooLong}},
		{
			"everything, in order",
			[]Facts{everything},
			true, time.Hour,
			[]Warning{GOPTooLong, BFrames, Profile, NoAudio, BitrateHigh, FrameRateHigh, Malformed},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Judge(c.layers, !c.mute, c.since); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// FuzzInspector_Packet feeds cut and joined payloads, and looks for panics, sizes beyond the bound and facts
// from what was broken.
func FuzzInspector_Packet(f *testing.F) {
	for _, nal := range [][]byte{goodSPS(), sliceUnit(0, 1), sliceUnit(1<<28, 6), {0x65, 0x88, 0x80}} {
		f.Add(uint8(H264), nal, uint32(1), uint16(20))
		f.Add(uint8(H264), stapA(nal, nal), uint32(3000), uint16(2000))
		for _, part := range (&codecs.H264Payloader{}).Payload(16, nal) {
			f.Add(uint8(H264), part, uint32(9000), uint16(60_000))
		}
	}
	f.Add(uint8(VP8), []byte{0x90, 0xf0, 0x81, 0x11, 5, 0x20, 0x50, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0x81}, uint32(1), uint16(1))
	f.Add(uint8(Opus), []byte{0xff, 6}, uint32(960), uint16(20))
	f.Fuzz(func(t *testing.T, codec uint8, payload []byte, step uint32, pause uint16) {
		var i Inspector
		at, ts := began, uint32(0)
		for n := range 3 {
			i.Packet(Codec(codec), payload, ts, n%2 == 0, at)
			i.Packet(Codec(codec+1), payload[len(payload)/2:], ts, n%2 == 1, at)
			facts := i.Facts(at)
			if facts.Width < 0 || facts.Width > maxPixels || facts.Height < 0 || facts.Height > maxPixels {
				t.Fatalf("%d×%d pixels", facts.Width, facts.Height)
			}
			if (facts.Width == 0) != (facts.Height == 0) || facts.BitrateBPS < 0 || facts.GOP < 0 || facts.FPS < 0 {
				t.Fatalf("%+v", facts)
			}
			if facts.Broken > uint64(2*n+2) {
				t.Fatalf("%d of %d packets are broken", facts.Broken, 2*n+2)
			}
			at, ts = at.Add(time.Duration(pause)*time.Millisecond), ts+step
			_ = Judge([]Facts{facts}, true, time.Hour)
		}
	})
}
