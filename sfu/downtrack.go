package sfu

import (
	"sync/atomic"

	"github.com/pion/webrtc/v4"

	"shopcast/sfu/ring"
)

// streamID groups a viewer's two tracks, so that browsers play them in step.
const streamID = "shopcast"

// downTrack is Pion's view of one track to one viewer. It forwards nothing by itself: it keeps
// what the viewer's shard needs to write packets.
type downTrack struct {
	// static after construction
	id   string
	kind webrtc.RTPCodecType

	// atomic
	link atomic.Pointer[link] // nil until negotiated
}

// link is a negotiated way to write packets. It never changes.
type link struct {
	writer webrtc.TrackLocalWriter
	ssrc   uint32
	types  [ring.Codecs]uint8 // payload type per codec
	speaks [ring.Codecs]bool  // the viewer has negotiated the codec
}

func newDownTrack(video bool) *downTrack {
	if video {
		return &downTrack{id: "video", kind: webrtc.RTPCodecTypeVideo}
	}
	return &downTrack{id: "audio", kind: webrtc.RTPCodecTypeAudio}
}

// Bind is called by Pion when the codecs are negotiated.
func (t *downTrack) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	l := &link{writer: ctx.WriteStream(), ssrc: uint32(ctx.SSRC())}
	var chosen *webrtc.RTPCodecParameters
	for _, c := range ctx.CodecParameters() {
		codec, ok := codecOf(c.MimeType)
		if !ok || l.speaks[codec] { // the viewer's first choice of a codec's variants stays
			continue
		}
		l.types[codec], l.speaks[codec] = uint8(c.PayloadType), true
		if chosen == nil {
			chosen = &c
		}
	}
	if chosen == nil {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	t.link.Store(l)
	return *chosen, nil
}

// Unbind is called by Pion when the connection ends.
func (t *downTrack) Unbind(webrtc.TrackLocalContext) error {
	t.link.Store(nil)
	return nil
}

// ID returns the track's name in SDP.
func (t *downTrack) ID() string { return t.id }

// RID returns nothing: viewers get one layer.
func (*downTrack) RID() string { return "" }

// StreamID returns the name both tracks share.
func (*downTrack) StreamID() string { return streamID }

// Kind tells audio from video.
func (t *downTrack) Kind() webrtc.RTPCodecType { return t.kind }
