package clip

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

const (
	// payloadBytes is the largest payload; OBS uses the same.
	payloadBytes = 1200
	// lateness is how far the clock may be behind before it is set anew: the machine slept, and
	// sending all that was missed at once would help nobody.
	lateness = time.Second
)

// player turns a timeline into packets with due times, round after round without end. It is pure:
// the clock is passed in.
type player struct {
	// static after construction
	clip *timeline

	// owned by the caller's loop
	start time.Time // due time of tick 0
	video cursor
	audio cursor
}

// cursor is a track's place in the clip.
type cursor struct {
	samples   []sample
	rate      uint64 // ticks per second
	period    uint64 // ticks of one round
	round     uint64
	index     int
	base      uint32 // timestamp of tick 0
	sn        uint16
	payloader rtp.Payloader
}

func newPlayer(clip *timeline, start time.Time) *player {
	return &player{
		clip: clip, start: start,
		video: cursor{
			samples: clip.video, rate: videoRate, period: clip.videoTicks,
			base: rand.Uint32(), sn: uint16(rand.Uint32()), payloader: &codecs.H264Payloader{},
		},
		audio: cursor{
			samples: clip.audio, rate: audioRate, period: clip.audioTicks,
			base: rand.Uint32(), sn: uint16(rand.Uint32()), payloader: &codecs.OpusPayloader{},
		},
	}
}

// burst is what leaves at one moment: one picture or one Opus packet.
type burst struct {
	audio   bool
	packets []*rtp.Packet
}

// due returns when the next burst must leave.
func (p *player) due(now time.Time) time.Time {
	at := p.start.Add(p.upcoming().time())
	if late := now.Sub(at); late > lateness {
		p.start = p.start.Add(late)
		return now
	}
	return at
}

// next returns the next burst and moves on.
func (p *player) next() burst {
	c := p.upcoming()
	return burst{audio: c == &p.audio, packets: c.take()}
}

// upcoming is the track that is due first.
func (p *player) upcoming() *cursor {
	if len(p.audio.samples) > 0 && p.audio.time() < p.video.time() {
		return &p.audio
	}
	return &p.video
}

// ticks is the cursor's place since the very start; it never drifts because nothing is added up.
func (c *cursor) ticks() uint64 { return c.round*c.period + c.samples[c.index].at }

func (c *cursor) time() time.Duration {
	t := c.ticks()
	return time.Duration(t/c.rate)*time.Second + time.Duration(t%c.rate)*time.Second/time.Duration(c.rate)
}

// take packetises the sample at the cursor and moves on, into the next round at the end.
func (c *cursor) take() []*rtp.Packet {
	timestamp := c.base + uint32(c.ticks())
	var payloads [][]byte
	for _, unit := range c.samples[c.index].units {
		payloads = append(payloads, c.payloader.Payload(payloadBytes, unit)...)
	}
	packets := make([]*rtp.Packet, len(payloads))
	for i, payload := range payloads {
		packets[i] = &rtp.Packet{
			Header: rtp.Header{
				Version: 2, SequenceNumber: c.sn, Timestamp: timestamp, Marker: c.rate == videoRate && i == len(payloads)-1,
			},
			Payload: payload,
		}
		c.sn++
	}
	if c.index++; c.index == len(c.samples) {
		c.index, c.round = 0, c.round+1
	}
	return packets
}

// onceClose returns a function that closes a channel the first time.
func onceClose(ch chan struct{}) func() {
	var once sync.Once
	return func() { once.Do(func() { close(ch) }) }
}
