package sfu

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// StageState is what a stage tells the world.
type StageState struct {
	Live       bool
	Key        string // of the live publisher
	Label      string
	VideoCodec string // "" while no video has come
	AudioCodec string
	SinceMS    int64 // when this publisher went live, Unix milliseconds
	BitrateBPS int64 // payload bits that came in during the last second
}

// Stage has at most one live publisher, at most one that stands by, and the audience.
type Stage struct {
	// static after construction
	engine  *Engine
	audio   *outlet
	video   *outlet
	shards  []*shard
	changed chan struct{} // holds one note that the stage has changed

	// atomic
	drops       dropCounts
	packetsOut  atomic.Uint64
	repaired    atomic.Uint64
	keyRequests atomic.Uint64
	bitrate     atomic.Int64
	nextShard   atomic.Uint32

	mu         sync.Mutex // guarded by mu: everything below; an outlet's mu may be taken inside, never the other way
	live       *Publisher
	standby    *Publisher // negotiated, does not send yet
	sinceMS    int64
	publishers map[string]*Publisher
	viewers    map[string]*Viewer
	rooms      map[string]struct{}
	audience   map[string]int // viewers by room, no zeros
}

func newStage(e *Engine) *Stage {
	s := &Stage{
		engine: e, changed: make(chan struct{}, 1),
		publishers: make(map[string]*Publisher),
		viewers:    make(map[string]*Viewer),
		rooms:      make(map[string]struct{}),
		audience:   make(map[string]int),
	}
	s.audio, s.video = newOutlet(false, &s.drops), newOutlet(true, &s.drops)
	s.startShards()
	e.loop(s.report)
	return s
}

// outlet returns the outgoing track of a kind.
func (s *Stage) outlet(video bool) *outlet {
	if video {
		return s.video
	}
	return s.audio
}

// Publish negotiates with a new publisher. It stands by until its connection is up (if somebody is
// live: until it sends), then takes the stage. ErrStageBusy if somebody it may not replace is there; ErrBadSDP, ErrNoCodec for the offer.
func (s *Stage) Publish(ctx context.Context, req PublishRequest) (*Publisher, string, error) {
	s.mu.Lock()
	free := s.freeFor(req)
	s.mu.Unlock()
	if !free {
		return nil, "", ErrStageBusy
	}
	p, answer, err := s.newPublisher(ctx, req)
	if err != nil {
		return nil, "", err
	}
	if err := s.standBy(p, req); err != nil {
		p.end(ReasonClosed)
		return nil, "", err
	}
	return p, answer, nil
}

// freeFor says whether the request may have the stage; callers hold mu.
func (s *Stage) freeFor(req PublishRequest) bool {
	for _, there := range []*Publisher{s.live, s.standby} {
		if there != nil && there.key != req.Key && !req.TakeOver {
			return false
		}
	}
	return true
}

// standBy registers a negotiated publisher; one that stood by before gives way.
func (s *Stage) standBy(p *Publisher, req PublishRequest) error {
	s.mu.Lock()
	if s.engine.isClosed() { // endAll may have been here already
		s.mu.Unlock()
		return ErrClosed
	}
	if !s.freeFor(req) { // somebody was quicker
		s.mu.Unlock()
		return ErrStageBusy
	}
	before := s.standby
	s.standby = p
	s.publishers[p.id] = p
	s.mu.Unlock()
	if before != nil {
		before.end(ReasonReplaced)
	}
	if p.hasEnded() { // ended before it was registered: gone has run too early to clear it
		s.removePublisher(p)
		return ErrClosed
	}
	return nil
}

// promote puts a publisher whose connection is up on the stage. If somebody else is live it must
// send already: the old picture stays until there is a new one. Called more often than needed,
// after an ICE restart for example, and then does nothing.
func (s *Stage) promote(p *Publisher, sends bool) {
	s.mu.Lock()
	if s.standby != p || s.live != nil && !sends {
		s.mu.Unlock()
		return
	}
	before := s.live
	s.live, s.standby = p, nil
	s.sinceMS = s.engine.cfg.Now().UnixMilli()
	s.audio.handTo(p)
	s.video.handTo(p)
	s.mu.Unlock()

	p.settle()
	s.engine.log.Info("publisher went live", "publisher", p.name, "label", p.label)
	if before != nil {
		before.end(ReasonReplaced)
	}
	s.noteChange()
}

// removePublisher forgets a publisher that has ended.
func (s *Stage) removePublisher(p *Publisher) {
	s.mu.Lock()
	_, known := s.publishers[p.id]
	delete(s.publishers, p.id)
	if s.standby == p {
		s.standby = nil
	}
	wasLive := s.live == p
	if wasLive {
		s.live = nil
		s.audio.handTo(nil)
		s.video.handTo(nil)
	}
	s.mu.Unlock()
	if known {
		s.engine.log.Info("publisher left", "publisher", p.name, "label", p.label, "reason", p.Reason())
	}
	if wasLive {
		s.noteChange()
	}
}

// Publisher returns a publishing session by its id.
func (s *Stage) Publisher(id string) (*Publisher, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.publishers[id]
	return p, ok
}

// State returns what the stage shows now.
func (s *Stage) State() StageState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		return StageState{}
	}
	return StageState{
		Live: true, Key: s.live.key, Label: s.live.label, SinceMS: s.sinceMS,
		VideoCodec: codecName(s.video), AudioCodec: codecName(s.audio), BitrateBPS: s.bitrate.Load(),
	}
}

func codecName(o *outlet) string {
	if codec, flowing, _ := o.state(); flowing {
		return codec.String()
	}
	return ""
}

// noteChange makes the report loop call OnStage; notes that come close together become one call
// with the newest state.
func (s *Stage) noteChange() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// report runs until the engine closes: it tells OnStage about changes and measures the bit rate.
func (s *Stage) report() {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	before, since := uint64(0), time.Now()
	for {
		select {
		case <-s.engine.stopped:
			return
		case <-s.changed:
			s.engine.cfg.OnStage(s.State())
		case now := <-second.C:
			bytes := s.audio.bytesIn.Load() + s.video.bytesIn.Load()
			if passed := now.Sub(since); passed > 0 {
				s.bitrate.Store(int64(float64(bytes-before) * 8 / passed.Seconds()))
			}
			before, since = bytes, now
		}
	}
}

// endAll ends every session.
func (s *Stage) endAll(reason string) {
	s.mu.Lock()
	publishers := slices.Collect(maps.Values(s.publishers))
	s.mu.Unlock()
	for _, p := range publishers {
		p.end(reason)
	}
	s.endViewers(reason)
}

// Stats returns a snapshot of the counters.
func (s *Stage) Stats() Stats {
	s.mu.Lock()
	stats := Stats{
		Publishers: len(s.publishers), Rooms: len(s.rooms), Viewers: len(s.viewers),
		RoomViewers: make(map[string]int, len(s.audience)),
	}
	maps.Copy(stats.RoomViewers, s.audience)
	live := s.live
	s.mu.Unlock()

	if live != nil {
		for _, o := range []*outlet{s.audio, s.video} {
			if track, ok := o.stats(live); ok {
				stats.Tracks = append(stats.Tracks, track)
			}
		}
	}
	stats.PacketsOut = s.packetsOut.Load()
	stats.Repaired = s.repaired.Load()
	stats.KeyRequests = s.keyRequests.Load()
	stats.Dropped = s.drops.snapshot()
	stats.Goroutines = int(s.engine.running.Load())
	return stats
}

// stats describes the outlet while p is live; false if p does not send this kind.
func (o *outlet) stats(p *Publisher) (TrackStats, bool) {
	readers := int(p.readers[kindIndex(o.video)].Load())
	codec, flowing, lost := o.state()
	t := TrackStats{
		Kind: o.kind, Subscriptions: readers, PacketsIn: o.packetsIn.Load(), PacketsLost: lost, RingPackets: o.ring.Len(),
	}
	if flowing {
		t.Codec = codec.String()
	}
	return t, readers > 0 || flowing
}
