package inspect

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"
)

// The streams in testdata were made with ffmpeg 5.1 (libx264, libvpx):
//
//	ffmpeg -f lavfi -i testsrc2=s=320x180:r=25:d=3 -c:v libx264 -profile:v baseline -bf 0 -g 25 -sc_threshold 0 -crf 42 -pix_fmt yuv420p -bitexact baseline.h264
//	ffmpeg -f lavfi -i testsrc=s=160x90:r=25:d=11 -c:v libx264 -profile:v high -g 250 -sc_threshold 0 -crf 48 -pix_fmt yuv420p -x264-params bframes=2:b-adapt=0:b-pyramid=none:repeat-headers=1 -bitexact bframes.h264
//	ffmpeg -f lavfi -i testsrc=s=320x180:r=25:d=1 -c:v libx264 -profile:v high422 -g 25 -crf 45 -pix_fmt yuv422p10le -bf 0 -bitexact high422.h264
//	ffmpeg -f lavfi -i testsrc=s=1920x1080:r=60:d=3 -vf drawbox=c=gray:t=fill -c:v libx264 -profile:v high -bf 0 -g 60 -crf 51 -pix_fmt yuv420p -bitexact 1080p60.h264
//	ffmpeg -f lavfi -i testsrc2=s=322x182:r=25:d=2 -c:v libvpx -g 25 -crf 60 -b:v 60k -bitexact vp8.ivf

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// picture is one frame as its packets' payloads, in the order of decoding.
type picture struct {
	payloads [][]byte
	shown    int // place in the order of showing
}

// readH264 packetises an Annex B file the way encoders do: STAP-A, single units, FU-A.
func readH264(tb testing.TB, path string) []picture {
	tb.Helper()
	stream, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var pictures []picture
	var unit []byte
	payloader := &codecs.H264Payloader{}
	isB := []bool{}
	for _, nal := range nalUnits(stream) {
		unit = append(append(unit, 0, 0, 0, 1), nal...)
		if kind := nal[0] & 0x1f; kind != 1 && kind != 5 {
			continue
		}
		pictures = append(pictures, picture{payloads: payloader.Payload(1200, unit)})
		isB = append(isB, nal[0]&0x60 == 0) // with b-pyramid=none nothing refers to a B-frame and to all others something does
		unit = nil
	}
	// A frame is shown after the B-frames that follow it.
	for n := 0; n < len(pictures); {
		next := n + 1
		for next < len(pictures) && isB[next] {
			pictures[next].shown = next - 1
			next++
		}
		pictures[n].shown = next - 1
		n = next
	}
	return pictures
}

// nalUnits splits an Annex B stream.
func nalUnits(stream []byte) [][]byte {
	var units [][]byte
	for part := range bytes.SplitSeq(stream, []byte{0, 0, 1}) {
		if unit := bytes.TrimRight(part, "\x00"); len(unit) > 0 {
			units = append(units, unit)
		}
	}
	return units
}

// readIVF packetises an IVF file of VP8.
func readIVF(tb testing.TB, path string) []picture {
	tb.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var pictures []picture
	payloader := &codecs.VP8Payloader{EnablePictureID: true}
	for file = file[32:]; len(file) > 12; {
		size := int(binary.LittleEndian.Uint32(file))
		pictures = append(pictures, picture{payloads: payloader.Payload(1200, file[12:12+size]), shown: len(pictures)})
		file = file[12+size:]
	}
	return pictures
}

// play sends the pictures again and again until the time is over and returns the end and the bytes.
func play(i *Inspector, codec Codec, pictures []picture, fps int, from time.Time, length time.Duration) (end time.Time, sent int64) {
	for n := range int(length.Seconds() * float64(fps)) {
		p := pictures[n%len(pictures)]
		at := from.Add(time.Duration(n) * time.Second / time.Duration(fps))
		shown := n - n%len(pictures) + p.shown
		ts := uint32(4_294_000_000 + shown*videoRate/fps) // passes the end of the numbers
		for k, payload := range p.payloads {
			i.Packet(codec, payload, ts, k == len(p.payloads)-1, at.Add(time.Duration(k)*50*time.Microsecond))
			sent += int64(len(payload))
		}
	}
	return from.Add(length), sent
}

func TestInspector_Streams(t *testing.T) {
	for _, c := range []struct {
		name     string
		codec    Codec
		fps      int
		length   time.Duration
		want     Facts // without bit rates
		warnings []Warning
	}{
		{
			"baseline.h264", H264, 25, 15 * time.Second,
			Facts{Width: 320, Height: 180, Profile: 66, Constraints: 0xc0, Level: 12, GOP: time.Second},
			nil,
		},
		{
			"bframes.h264", H264, 25, 21 * time.Second,
			Facts{Width: 160, Height: 90, Profile: 100, Level: 11, GOP: 10 * time.Second, BFrames: true},
			[]Warning{GOPTooLong, BFrames},
		},
		{
			"high422.h264", H264, 25, 5 * time.Second,
			Facts{Width: 320, Height: 180, Profile: 122, Level: 12, GOP: time.Second},
			[]Warning{Profile},
		},
		{
			"1080p60.h264", H264, 60, 5 * time.Second,
			Facts{Width: 1920, Height: 1080, Profile: 100, Level: 42, GOP: time.Second},
			nil,
		},
		{
			"1080p60.h264", H264, 120, 5 * time.Second,
			Facts{Width: 1920, Height: 1080, Profile: 100, Level: 42, GOP: time.Second / 2},
			[]Warning{FrameRateHigh},
		},
		{
			"vp8.ivf", VP8, 25, 5 * time.Second,
			Facts{Width: 322, Height: 182, GOP: time.Second},
			nil,
		},
		{
			"../../../cmd/shopcast/demo/clip.h264", H264, 25, 8 * time.Second, // what our own demo sends
			Facts{Width: 540, Height: 960, Profile: 66, Constraints: 0xc0, Level: 31, GOP: 2 * time.Second}, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			read := readH264
			if c.codec == VP8 {
				read = readIVF
			}
			var i Inspector
			end, sent := play(&i, c.codec, read(t, "testdata/"+c.name), c.fps, began, c.length)
			got := i.Facts(end)
			if math.Abs(got.FPS-float64(c.fps)) > 1.5 { // B-frames are counted in another order
				t.Errorf("%.2f frames per second, want %d", got.FPS, c.fps)
			}
			if c.length > 12*time.Second { // so long that mean and last two seconds are about the same
				mean := float64(sent*8) / c.length.Seconds()
				if r := float64(got.BitrateBPS) / mean; r < 0.5 || r > 1.5 {
					t.Errorf("%d bit/s now, %.0f is the mean", got.BitrateBPS, mean)
				}
				if r := float64(got.SustainedBPS) / mean; r < 0.9 || r > 1.5 {
					t.Errorf("%d bit/s sustained, %.0f is the mean", got.SustainedBPS, mean)
				}
			}
			if d := (got.GOP - c.want.GOP).Abs(); d > time.Millisecond {
				t.Errorf("key frames every %v, want %v", got.GOP, c.want.GOP)
			}
			warnings := Judge([]Facts{got}, true, c.length)
			if !slices.Equal(warnings, c.warnings) {
				t.Errorf("warnings %v, want %v", warnings, c.warnings)
			}
			got.FPS, got.BitrateBPS, got.SustainedBPS, got.GOP, c.want.GOP = 0, 0, 0, 0, 0
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// TestInspector_ChangeOfEncoder replaces H.264 with long GOPs and B-frames by VP8 without.
func TestInspector_ChangeOfEncoder(t *testing.T) {
	var i Inspector
	end, _ := play(&i, H264, readH264(t, "testdata/bframes.h264"), 25, began, 5*time.Second)
	end, _ = play(&i, VP8, readIVF(t, "testdata/vp8.ivf"), 25, end.Add(3*time.Second), 12*time.Second)
	got := i.Facts(end)
	if got.Width != 322 || got.Profile != 0 || got.BFrames || got.GOP > 6*time.Second {
		t.Errorf("after the change: %+v", got)
	}
	if w := Judge([]Facts{got}, true, time.Minute); len(w) > 1 {
		t.Errorf("warnings %v", w)
	}
}

// TestInspector_Allocs is the promise that a packet costs no memory.
func TestInspector_Allocs(t *testing.T) {
	pictures := readH264(t, "testdata/baseline.h264")
	var i Inspector
	at, n := began, 0
	allocs := testing.AllocsPerRun(200, func() {
		for k, payload := range pictures[n%len(pictures)].payloads {
			i.Packet(H264, payload, uint32(n*3600), k == 0, at)
		}
		n, at = n+1, at.Add(40*time.Millisecond)
	})
	if allocs != 0 {
		t.Errorf("%.1f allocations per frame", allocs)
	}
}

func BenchmarkInspector_Packet(b *testing.B) {
	for _, c := range []struct{ name, path string }{
		{"clip", "../../cmd/shopcast/demo/clip.h264"}, {"one packet per frame", "testdata/bframes.h264"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var payloads [][]byte
			for _, p := range readH264(b, c.path) {
				payloads = append(payloads, p.payloads...)
			}
			var i Inspector
			at, n := began, 0
			b.ReportAllocs()
			for b.Loop() {
				i.Packet(H264, payloads[n%len(payloads)], uint32(n*90), n%4 == 0, at)
				n, at = n+1, at.Add(time.Millisecond)
			}
		})
	}
}
