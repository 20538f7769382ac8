package sfu

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pion/webrtc/v4"

	"shopcast/sfu/describe"
)

// PublishRequest asks for the stage.
type PublishRequest struct {
	Offer    string // SDP
	Key      string // who publishes; the same key may take over from itself
	Label    string // for people
	TakeOver bool   // may take over from anybody
	Standby  bool   // hot standby: goes on air only when the live one is silent or gone
}

// Publisher is a session that sends: it stands by until it is connected (if somebody else is live:
// until its first packet has come; a hot standby: until the live one falls silent), then it is live
// until it ends or is replaced.
type Publisher struct {
	*connection

	// static after construction
	key   string
	label string
	rids  []string // simulcast layers as they were offered, none = no simulcast
	stage *Stage
	clock peerClock

	// atomic
	hot   atomic.Bool  // a hot standby: what it sends is kept for the moment it goes on air
	heard atomic.Int64 // arrival of the newest packet, Unix ns

	taking sync.Mutex           // guarded by taking: taken
	taken  map[*layer]*upstream // which of our tracks feeds a layer
}

// Key returns who publishes; see PublishRequest.
func (p *Publisher) Key() string { return p.key }

// newPublisher negotiates a receiving connection; it is not on the stage yet.
func (s *Stage) newPublisher(ctx context.Context, req PublishRequest) (*Publisher, string, error) {
	if err := describe.Check(req.Offer); err != nil {
		return nil, "", err
	}
	base, err := s.engine.newConnection()
	if err != nil {
		return nil, "", err
	}
	p := &Publisher{
		connection: base, key: req.Key, label: req.Label,
		rids: describe.SimulcastRIDs(req.Offer), stage: s, taken: make(map[*layer]*upstream),
	}
	p.hot.Store(req.Standby)
	p.up = func() { s.promote(p, false) }
	p.gone = func() { s.removePublisher(p) }
	p.pc.OnTrack(p.receive)
	p.follow()

	answer, err := p.answer(ctx, req.Offer)
	if err != nil {
		p.end(ReasonFailed)
		return nil, "", err
	}
	return p, answer, nil
}

// receive starts the read loops of a track whose first packet has come.
func (p *Publisher) receive(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	p.stage.promote(p, true)
	u := &upstream{publisher: p, track: track, receiver: receiver}
	p.take(u, track.Kind() == webrtc.RTPCodecTypeVideo)
	p.spawn(u.readReports)
	if u.layer == nil {
		p.spawn(u.discard)
		return
	}
	u.codecs = codecsByPayloadType(receiver)
	p.spawn(func() {
		u.reading.Add(1)
		defer u.reading.Add(-1)
		u.read()
	})
}

// take gives a track its layer: the first track of its kind, or the one with its simulcast rid. A
// track there is no place for gets none: it is accepted and thrown away, because OBS breaks off if
// one of its layers is refused.
func (p *Publisher) take(u *upstream, video bool) {
	slot := 0
	if video {
		slot = max(0, slices.Index(p.rids, u.track.RID()))
	}
	layers := p.stage.outlet(video).layers
	p.taking.Lock()
	defer p.taking.Unlock()
	if slot >= len(layers) || p.taken[layers[slot]] != nil {
		return
	}
	u.layer = layers[slot]
	p.taken[u.layer] = u
}
