// Package inspect finds out what is wrong with a broadcaster's stream while it passes: a key frame
// only every ten seconds, B-frames, a profile half of the browsers cannot decode, too many bits, a
// forgotten microphone. An Inspector looks at the packets of one upstream layer, Judge turns what
// it saw into codes; the words a person reads are the page's.
//
// It reads what is needed for that and refuses the rest: no decoding, no copy of a payload, no
// allocation per packet, no clock of its own. Every byte it reads is hostile: what it cannot
// understand is counted and otherwise ignored.
package inspect

import "time"

// Codec names how a payload is to be read.
type Codec uint8

// The codecs that are understood.
const (
	H264 Codec = iota
	VP8
	Opus
)

const (
	// silence ends what is being measured: a layer its encoder has switched off has no key frame
	// interval.
	silence = time.Second
	// bFramesHold is how long one B-frame is remembered.
	bFramesHold = 10 * time.Second
	// brokenWindow and brokenLimit: so many broken packets within the time are no accident any more,
	// and no more of them for the same time end it.
	brokenWindow = 10 * time.Second
	brokenLimit  = 5
)

// Facts is what is known about one layer. They change slowly, so that a warning made from them
// does not flicker.
type Facts struct {
	Width, Height int           // pixels that are shown; 0 = not known yet
	Profile       uint8         // profile_idc of H.264; 0 = not known yet, or another codec
	Constraints   uint8         // constraint_set0..5_flag of H.264, set0 is 0x80
	Level         uint8         // level_idc of H.264: ten times the level
	GOP           time.Duration // longest of the last few key frame intervals, the one that goes on included
	BFrames       bool          // seen within the last 10 s
	FPS           float64       // frames per second of the encoder's clock over two seconds; 0 = not known yet
	BitrateBPS    int64         // of the payloads over two seconds
	SustainedBPS  int64         // the highest mean over ten seconds within the last 20 s; 0 = not known yet
	Broken        uint64        // malformed packets since the beginning
	Malformed     bool          // at least 5 of them within 10 s, not longer than 20 s ago
}

// Inspector looks at one upstream layer. The zero value is ready. It belongs to one goroutine.
type Inspector struct {
	// Times count from an hour before the first packet, so that 0 is "never".
	epoch time.Time
	last  time.Duration // newest packet
	meter meter

	keys      keys
	bFrameAt  time.Duration
	shape     shape
	broken    uint64
	brokenAt  time.Duration // the window in which brokenNow were counted began here
	brokenNow int
	badAt     time.Duration // the limit was reached
}

// shape is what a key frame says about the pictures.
type shape struct {
	width, height               int
	profile, constraints, level uint8
}

// Packet looks at one RTP payload that arrived at the given time; it keeps nothing of it. An empty
// payload, with which encoders probe their link, has no meaning.
func (i *Inspector) Packet(codec Codec, payload []byte, ts uint32, marker bool, at time.Time) {
	if len(payload) == 0 {
		return
	}
	now := i.clock(at)
	if now-i.last > silence {
		i.meter.restart(now, ts)
		i.keys.restart(now)
	}
	i.last = now
	i.meter.add(now, len(payload), ts, marker && codec != Opus)

	ok := false
	switch codec {
	case H264:
		ok = i.h264(payload, ts)
	case VP8:
		ok = i.vp8(payload, ts)
	case Opus:
		ok = validOpus(payload)
	}
	if !ok {
		i.countBroken()
	}
}

// Facts returns what is known now.
func (i *Inspector) Facts(at time.Time) Facts {
	now := i.clock(at)
	i.meter.roll(now)
	return Facts{
		Width: i.shape.width, Height: i.shape.height,
		Profile: i.shape.profile, Constraints: i.shape.constraints, Level: i.shape.level,
		GOP:          i.keys.longest(i.last),
		BFrames:      i.bFrameAt != 0 && now-i.bFrameAt < bFramesHold,
		FPS:          i.meter.fps(),
		BitrateBPS:   i.meter.bitrate(),
		SustainedBPS: i.meter.sustained,
		Broken:       i.broken,
		Malformed:    i.badAt != 0 && now-i.badAt < 2*brokenWindow,
	}
}

// clock never goes back, whatever the caller's times do.
func (i *Inspector) clock(at time.Time) time.Duration {
	if i.epoch.IsZero() {
		i.epoch = at.Add(-time.Hour)
	}
	return max(at.Sub(i.epoch), i.last)
}

func (i *Inspector) countBroken() {
	i.broken++
	if i.last-i.brokenAt > brokenWindow {
		i.brokenAt, i.brokenNow = i.last, 0
	}
	i.brokenNow++
	if i.brokenNow >= brokenLimit {
		i.badAt = i.last
	}
}

// keys measures the time between key frames.
type keys struct {
	began time.Duration    // the interval that goes on began here
	any   bool             // … with a key frame
	ts    uint32           // of that key frame
	gaps  [4]time.Duration // the last whole intervals
	next  int              // index in gaps
}

// restart forgets the interval that goes on.
func (k *keys) restart(now time.Duration) { k.began, k.any = now, false }

// add takes note of a packet that begins a key frame, or one of its slices.
func (k *keys) add(now time.Duration, ts uint32) {
	if k.any && ts == k.ts {
		return
	}
	if k.any {
		k.gaps[k.next] = now - k.began
		k.next = (k.next + 1) % len(k.gaps)
	}
	k.began, k.ts, k.any = now, ts, true
}

// longest returns the longest of the last intervals when the newest packet came at last.
func (k *keys) longest(last time.Duration) time.Duration {
	longest := last - k.began
	for _, gap := range k.gaps {
		longest = max(longest, gap)
	}
	return longest
}
