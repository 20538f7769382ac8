package sfu

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// stageTick is how often the stage looks at its layers and at silence.
	stageTick = 200 * time.Millisecond
	// awayAfter is how long a live publisher may be silent before viewers see the slate and a hot
	// standby takes its place.
	awayAfter = time.Second
)

// StageState is what a stage tells the world.
type StageState struct {
	Live       bool
	Key        string // of the live publisher
	Label      string
	VideoCodec string // "" while no video has come
	AudioCodec string
	SinceMS    int64    // when this publisher went live, Unix milliseconds
	BitrateBPS int64    // payload bits that came in during the last second
	Away       bool     // live, but nothing has come for a second
	Standby    bool     // a hot standby is connected and sends
	Warnings   []string // what is wrong with the stream: the codes of package inspect
	Layers     []Layer  // of the video, best first
}

// Stage has at most one live publisher, at most one that is about to replace it, at most one hot
// standby, and the audience.
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
	ladders     [2]atomic.Pointer[ladder] // audio, video; never nil
	away        atomic.Bool

	mu         sync.Mutex // guarded by mu: everything below; an outlet's mu may be taken inside, never the other way
	live       *Publisher
	standby    *Publisher // negotiated, takes over when it sends
	hot        *Publisher // sends already, takes over when the live one does not
	sinceMS    int64
	publishers map[string]*Publisher
	viewers    map[string]*Viewer
	halfOpen   int // viewers that have not joined yet
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
	s.climb(time.Now())
	return s
}

// run starts the stage's loops.
func (s *Stage) run() {
	s.startShards()
	s.engine.loop(s.report)
}

// outlet returns the outgoing track of a kind.
func (s *Stage) outlet(video bool) *outlet {
	if video {
		return s.video
	}
	return s.audio
}

// Publish negotiates with a new publisher. It stands by until its connection is up (if somebody is
// live: until it sends; a hot standby: until the live one does not), then takes the stage.
// ErrStageBusy if somebody it may not replace is there; ErrBadSDP, ErrNoCodec for the offer.
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
	for _, there := range []*Publisher{s.live, s.standby, s.hot} {
		if there != nil && there.key != req.Key && !req.TakeOver {
			return false
		}
	}
	return true
}

// standBy registers a negotiated publisher; one that stood there before gives way.
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
	place := &s.standby
	if p.hot.Load() {
		place = &s.hot
	}
	before := *place
	*place = p
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
// send already: the old picture stays until there is a new one; a hot standby waits on. Called more
// often than needed, after an ICE restart for example, and then does nothing.
func (s *Stage) promote(p *Publisher, sends bool) {
	s.mu.Lock()
	if s.standby != p && s.hot != p || s.live != nil && (!sends || s.hot == p) {
		waits := s.hot == p
		s.mu.Unlock()
		if waits {
			p.settle()
			s.noteChange()
		}
		return
	}
	before := s.putOnAir(p)
	s.mu.Unlock()
	s.announce(p)
	if before != nil {
		before.end(ReasonReplaced)
	}
}

// putOnAir hands both outlets over and returns who had them; callers hold mu.
func (s *Stage) putOnAir(p *Publisher) (before *Publisher) {
	before = s.live
	s.live = p
	if s.standby == p {
		s.standby = nil
	}
	if s.hot == p {
		s.hot = nil
	}
	s.sinceMS = s.engine.cfg.Now().UnixMilli()
	p.heard.CompareAndSwap(0, time.Now().UnixNano()) // it gets a second for its first packet
	s.audio.handTo(p)
	s.video.handTo(p)
	return before
}

func (s *Stage) announce(p *Publisher) {
	p.settle()
	s.engine.log.Info("publisher went live", "publisher", p.name, "label", p.label)
	s.noteChange()
}

// removePublisher forgets a publisher that has ended. If it was live the hot standby is next.
func (s *Stage) removePublisher(p *Publisher) {
	s.mu.Lock()
	_, known := s.publishers[p.id]
	delete(s.publishers, p.id)
	if s.standby == p {
		s.standby = nil
	}
	if s.hot == p {
		s.hot = nil
	}
	wasLive := s.live == p
	var next *Publisher
	if wasLive {
		s.live = nil
		if next = s.hot; next != nil {
			s.putOnAir(next)
		} else {
			s.audio.handTo(nil)
			s.video.handTo(nil)
		}
	}
	s.mu.Unlock()
	if known {
		s.engine.log.Info("publisher left", "publisher", p.name, "label", p.label, "reason", p.Reason())
	}
	if next != nil {
		s.announce(next)
	}
	s.noteChange()
}

// watchSilence notices that the live publisher has gone away, and puts a hot standby that sends in
// its place. The silent one becomes the standby: should it come back, it is not lost.
func (s *Stage) watchSilence(now time.Time) {
	s.mu.Lock()
	live, hot := s.live, s.hot
	silent := live != nil && !live.sends(now)
	swapped := silent && hot != nil && hot.sends(now)
	if swapped {
		s.putOnAir(hot)
		live.hot.Store(true)
		s.hot = live
		silent = false
	}
	s.mu.Unlock()
	if swapped {
		s.announce(hot)
	}
	if s.away.Swap(silent) != silent {
		s.noteChange()
	}
}

// sends says whether a packet came lately.
func (p *Publisher) sends(now time.Time) bool {
	heard := p.heard.Load()
	return heard != 0 && now.Sub(time.Unix(0, heard)) < awayAfter
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
	audio, video := s.ladders[0].Load(), s.ladders[1].Load()
	now := s.engine.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	hot := s.hot != nil && s.hot.sends(time.Now())
	if s.live == nil {
		return StageState{Standby: hot}
	}
	return StageState{
		Live: true, Key: s.live.key, Label: s.live.label, SinceMS: s.sinceMS,
		VideoCodec: video.codec, AudioCodec: audio.codec, BitrateBPS: s.bitrate.Load(),
		Away: s.away.Load(), Standby: hot, Layers: video.describe(),
		Warnings: video.warnings(audio.codec != "", now.Sub(time.UnixMilli(s.sinceMS))),
	}
}

// noteChange makes the report loop call OnStage; notes that come close together become one call
// with the newest state.
func (s *Stage) noteChange() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// climb looks at the layers anew.
func (s *Stage) climb(now time.Time) {
	for i, o := range []*outlet{s.audio, s.video} {
		s.ladders[i].Store(o.climb(now))
	}
}

// report runs until the engine closes: it tells OnStage about changes, looks at the layers and
// measures the bit rate.
func (s *Stage) report() {
	tick := time.NewTicker(stageTick)
	defer tick.Stop()
	bytes, since := s.bytesIn(), time.Now()
	told := s.State()
	for {
		select {
		case <-s.engine.stopped:
			return
		case <-s.changed:
			s.climb(time.Now())
			told = s.State()
			s.engine.cfg.OnStage(told)
		case now := <-tick.C:
			s.climb(now)
			s.watchSilence(now)
			if passed := now.Sub(since); passed >= time.Second {
				s.reapViewers(now)
				before := bytes
				bytes, since = s.bytesIn(), now
				s.bitrate.Store(int64(float64(bytes-before) * 8 / passed.Seconds()))
				if state := s.State(); !told.sameAs(state) {
					s.noteChange()
				}
			}
		}
	}
}

// sameAs says that nothing but the rates has changed.
func (a StageState) sameAs(b StageState) bool {
	return a.Standby == b.Standby && slices.Equal(a.Warnings, b.Warnings) &&
		slices.EqualFunc(a.Layers, b.Layers, func(x, y Layer) bool {
			return x.ID == y.ID && x.Active == y.Active && x.Width == y.Width && x.Height == y.Height
		})
}

func (s *Stage) bytesIn() (n uint64) {
	for _, o := range []*outlet{s.audio, s.video} {
		for _, l := range o.layers {
			n += l.bytesIn.Load()
		}
	}
	return n
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
		Publishers: len(s.publishers), Rooms: len(s.rooms), Viewers: len(s.viewers), HalfOpen: s.halfOpen,
		RoomViewers: make(map[string]int, len(s.audience)),
	}
	maps.Copy(stats.RoomViewers, s.audience)
	live := s.live
	s.mu.Unlock()

	if live != nil {
		for _, o := range []*outlet{s.audio, s.video} {
			stats.Tracks = append(stats.Tracks, o.stats(live)...)
		}
	}
	stats.PacketsOut = s.packetsOut.Load()
	stats.Repaired = s.repaired.Load()
	stats.KeyRequests = s.keyRequests.Load()
	stats.Dropped = s.drops.snapshot()
	s.engine.countDrops(stats.Dropped)
	stats.Goroutines = int(s.engine.running.Load())
	return stats
}

// stats describes the layers of an outlet that p feeds.
func (o *outlet) stats(p *Publisher) []TrackStats {
	o.mu.Lock()
	defer o.mu.Unlock()
	var tracks []TrackStats
	p.taking.Lock()
	defer p.taking.Unlock()
	for _, l := range o.layers {
		u, ok := p.taken[l]
		if !ok {
			continue
		}
		t := TrackStats{
			Kind: o.kind, RID: l.rid, Subscriptions: int(u.reading.Load()), PacketsIn: l.packetsIn.Load(),
			PacketsLost: l.splice.Lost(), RingPackets: l.ring.Len(),
		}
		if l.flowing {
			t.Codec = l.codec.String()
		}
		tracks = append(tracks, t)
	}
	return tracks
}
