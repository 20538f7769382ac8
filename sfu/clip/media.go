package clip

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pion/webrtc/v4/pkg/media/h264reader"
)

// Media is a clip as ffmpeg writes it.
type Media struct {
	H264 []byte // Annex B byte stream; parameter sets before each IDR, no B-frames
	Ogg  []byte // Opus in Ogg, 48 kHz; empty = a clip without sound
	FPS  int    // frames per second of the video; 0 = 30
}

const (
	videoRate = 90_000 // ticks per second
	audioRate = 48_000
)

// sample is one access unit or one Opus packet at its place in the clip.
type sample struct {
	at    uint64   // ticks since the start of the clip
	units [][]byte // NAL units, or one Opus packet
}

// timeline is a parsed clip. Both tracks repeat after the same time, so that sound and picture
// stay together however often it is played.
type timeline struct {
	video      []sample
	audio      []sample
	videoTicks uint64 // length in the video's ticks
	audioTicks uint64 // the same length in the audio's
}

func parse(m Media) (*timeline, error) {
	if m.FPS == 0 {
		m.FPS = 30
	}
	if m.FPS < 1 || m.FPS > 240 {
		return nil, fmt.Errorf("clip: %d frames per second", m.FPS)
	}
	frames, err := accessUnits(m.H264)
	if err != nil {
		return nil, err
	}
	packets, err := opusPackets(m.Ogg)
	if err != nil {
		return nil, err
	}
	t := &timeline{
		videoTicks: uint64(len(frames)) * videoRate / uint64(m.FPS),
		audioTicks: uint64(len(frames)) * audioRate / uint64(m.FPS),
	}
	for i, units := range frames {
		t.video = append(t.video, sample{at: uint64(i) * videoRate / uint64(m.FPS), units: units})
	}
	at := uint64(0)
	for _, p := range packets {
		if at >= t.audioTicks {
			break // the picture is over; the next round starts with it
		}
		t.audio = append(t.audio, sample{at: at, units: [][]byte{p}})
		at += uint64(opusDuration(p) * audioRate / time.Second)
	}
	return t, nil
}

// accessUnits groups the NAL units of an Annex B stream into pictures.
func accessUnits(stream []byte) ([][][]byte, error) {
	reader, err := h264reader.NewReaderWithOptions(bytes.NewReader(stream), h264reader.WithIncludeSEI(true))
	if err != nil {
		return nil, fmt.Errorf("read h264: %w", err)
	}
	var frames [][][]byte
	var unit [][]byte
	picture := false // unit holds a slice already
	for {
		nal, err := reader.NextNAL()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read h264: %w", err)
		}
		if len(nal.Data) == 0 {
			continue
		}
		slice := nal.UnitType == h264reader.NalUnitTypeCodedSliceNonIdr || nal.UnitType == h264reader.NalUnitTypeCodedSliceIdr
		if picture && beginsPicture(nal, slice) {
			frames, unit, picture = append(frames, unit), nil, false
		}
		unit = append(unit, nal.Data)
		picture = picture || slice
	}
	if picture {
		frames = append(frames, unit)
	}
	if len(frames) == 0 {
		return nil, errors.New("clip: no picture in the h264 stream")
	}
	return frames, nil
}

// beginsPicture says whether a NAL unit that follows a slice belongs to the next picture (H.264
// section 7.4.1.2.3): everything that comes before slices does, and a slice that starts at
// macroblock 0, whose number is the first Exp-Golomb code of the slice header: a single 1 bit.
func beginsPicture(nal *h264reader.NAL, slice bool) bool {
	if !slice {
		return true
	}
	return len(nal.Data) > 1 && nal.Data[1]&0x80 != 0
}
