package sfu

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// PublishRequest asks for the stage.
type PublishRequest struct {
	Offer    string // SDP
	Key      string // who publishes; the same key may take over from itself
	Label    string // for people
	TakeOver bool   // may take over from anybody
}

// Publisher is a session that sends: it stands by until it is connected (if somebody else is live:
// until its first packet has come), then it is live until it ends or is replaced.
type Publisher struct {
	*session

	// static after construction
	key      string
	label    string
	takeOver bool
	rid      string // the simulcast layer we take, "" = no simulcast
	stage    *Stage
	clock    peerClock

	// atomic
	readers [2]atomic.Int32 // forwarding read loops: audio, video

	mu    sync.Mutex // guarded by mu: taken
	taken [2]bool    // a track of this kind is forwarded: audio, video
}

// Key returns who publishes; see PublishRequest.
func (p *Publisher) Key() string { return p.key }

// kindIndex is where a kind stands in a Publisher's arrays.
func kindIndex(video bool) int {
	if video {
		return 1
	}
	return 0
}

// newPublisher negotiates a receiving connection; it is not on the stage yet.
func (s *Stage) newPublisher(ctx context.Context, req PublishRequest) (*Publisher, string, error) {
	offer, err := checkSDP(req.Offer)
	if err != nil {
		return nil, "", err
	}
	base, err := s.engine.newSession(s.engine.publishers)
	if err != nil {
		return nil, "", err
	}
	p := &Publisher{
		session: base, key: req.Key, label: req.Label, takeOver: req.TakeOver,
		rid: preferredRID(offer), stage: s,
	}
	p.up = func() { s.promote(p, false) }
	p.gone = func() { s.removePublisher(p) }
	p.pc.OnTrack(p.receive)
	p.follow()

	answer, err := p.answer(ctx, req.Offer)
	if err == nil {
		err = forwardable(answer)
	}
	if err != nil {
		p.end(ReasonFailed)
		return nil, "", err
	}
	return p, answer, nil
}

// forwardable checks that our answer accepts at least one media section.
func forwardable(answer string) error {
	parsed := &sdp.SessionDescription{}
	if err := parsed.UnmarshalString(answer); err != nil {
		return fmt.Errorf("read own answer: %w", err)
	}
	for _, media := range parsed.MediaDescriptions {
		kind := media.MediaName.Media
		if media.MediaName.Port.Value != 0 && (kind == "audio" || kind == "video") {
			return nil
		}
	}
	return ErrNoCodec
}

// receive starts the read loops of a track whose first packet has come.
func (p *Publisher) receive(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	p.stage.promote(p, true)
	video := track.Kind() == webrtc.RTPCodecTypeVideo
	u := &upstream{publisher: p, track: track, receiver: receiver, outlet: p.stage.outlet(video)}
	if !p.takes(track.RID(), video) {
		p.spawn(u.discard)
		p.spawn(u.readReports)
		return
	}
	u.forwards = true
	u.codecs = codecsByPayloadType(receiver)
	p.spawn(func() {
		reading := &p.readers[kindIndex(video)]
		reading.Add(1)
		defer reading.Add(-1)
		u.read()
	})
	p.spawn(u.readReports)
}

// takes decides whether a track is the one of its kind that is forwarded: the first, and of
// simulcast layers the preferred one. All others are accepted and thrown away, because OBS breaks
// off if one of its layers is refused.
func (p *Publisher) takes(rid string, video bool) bool {
	if rid != "" && rid != p.rid {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := kindIndex(video)
	if p.taken[i] {
		return false
	}
	p.taken[i] = true
	return true
}
