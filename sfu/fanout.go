package sfu

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	ordersQueue = 1024             // joins, leaves and NACKs waiting for one shard
	catchUpTick = time.Millisecond // pace of first-frame replays
	reportEvery = time.Second      // sender reports
	cname       = "shopcast"       // of all our streams: they share one clock
)

// shard is one goroutine that owns a part of the viewers and sends everything they get.
type shard struct {
	// static after construction
	stage  *Stage
	wake   chan struct{} // holds one note that a ring has grown
	orders chan order

	// atomic
	size atomic.Int64 // feeds owned

	// owned by run
	feeds  []*feed
	header rtp.Header // reused for every packet
	now    time.Time  // of this round
}

// order is something that happens to one feed.
type order struct {
	kind orderKind
	feed *feed
	lane *lane
	sns  []uint16 // of a NACK
}

type orderKind int

const (
	orderJoin orderKind = iota
	orderLeave
	orderNack
)

// feed is one viewer as its shard sees it.
type feed struct {
	// static after construction
	write func([]rtcp.Packet) error // the connection's RTCP side
	shard *shard
	audio *lane
	video *lane

	// atomic
	rtt atomic.Int64 // nanoseconds, from the viewer's receiver reports; 0 = unknown

	// owned by the shard's run
	place int  // in shard.feeds
	left  bool // a join that comes after the leave does nothing
}

// startShards makes one shard per CPU.
func (s *Stage) startShards() {
	for range runtime.NumCPU() {
		sh := &shard{stage: s, wake: make(chan struct{}, 1), orders: make(chan order, ordersQueue)}
		s.shards = append(s.shards, sh)
		s.engine.loop(sh.run)
	}
}

// wakeShards tells the shards that have somebody to send to. It costs the same for one viewer and
// for ten thousand, and nothing for a room.
func (s *Stage) wakeShards() {
	for _, sh := range s.shards {
		if sh.size.Load() == 0 {
			continue
		}
		select {
		case sh.wake <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// do hands an order over and waits for room in the queue; only joins and leaves do that.
func (sh *shard) do(o order) {
	select {
	case sh.orders <- o:
	case <-sh.stage.engine.stopped:
	}
}

// offer hands an order over unless the queue is full.
func (sh *shard) offer(o order) bool {
	select {
	case sh.orders <- o:
		return true
	default:
		return false
	}
}

// run sends until the engine closes.
func (sh *shard) run() {
	reports := time.NewTicker(reportEvery)
	defer reports.Stop()
	catchUp := time.NewTimer(time.Hour)
	defer catchUp.Stop()
	for {
		select {
		case <-sh.stage.engine.stopped:
			return
		case o := <-sh.orders:
			if !sh.obey(o) {
				continue
			}
		case now := <-reports.C:
			sh.report(now)
			continue
		case <-sh.wake:
		case <-catchUp.C:
		}
		if behind := sh.round(); behind {
			catchUp.Reset(catchUpTick)
		}
	}
}

// obey carries an order out; true asks for a round.
func (sh *shard) obey(o order) bool {
	switch o.kind {
	case orderJoin:
		if o.feed.left {
			return false
		}
		o.feed.place = len(sh.feeds)
		sh.feeds = append(sh.feeds, o.feed)
		sh.size.Add(1)
		return true
	case orderLeave:
		sh.leave(o.feed)
	case orderNack:
		sh.now = time.Now()
		sent := sh.repair(o)
		sh.stage.packetsOut.Add(sent)
		sh.stage.repaired.Add(sent)
	}
	return false
}

// leave takes a feed out; the last one fills its place.
func (sh *shard) leave(f *feed) {
	f.left = true
	if f.place >= len(sh.feeds) || sh.feeds[f.place] != f {
		return // never joined
	}
	last := sh.feeds[len(sh.feeds)-1]
	sh.feeds[f.place], last.place = last, f.place
	sh.feeds[len(sh.feeds)-1] = nil
	sh.feeds = sh.feeds[:len(sh.feeds)-1]
	sh.size.Add(-1)
}

// round brings every viewer up to date, one after the other: a viewer's packets leave together,
// sound first. True says that somebody is being replayed to and wants another round soon.
func (sh *shard) round() bool {
	sh.now = time.Now()
	sent, behind := uint64(0), false
	for _, f := range sh.feeds {
		n, more := sh.pump(f.audio)
		sent, behind = sent+n, behind || more
		n, more = sh.pump(f.video)
		sent, behind = sent+n, behind || more
	}
	sh.stage.packetsOut.Add(sent)
	return behind
}

// report sends each viewer one compound packet with the sender reports of its tracks.
func (sh *shard) report(now time.Time) {
	ntp := toNTP(now)
	audioTS, audioOK := sh.stage.audio.timestampAt(now)
	videoTS, videoOK := sh.stage.video.timestampAt(now)
	for _, f := range sh.feeds {
		var packets []rtcp.Packet
		if audioOK {
			packets = f.audio.report(packets, ntp, audioTS)
		}
		if videoOK {
			packets = f.video.report(packets, ntp, videoTS)
		}
		if len(packets) == 0 {
			continue
		}
		if err := f.write(packets); err != nil {
			sh.stage.drops.add(dropWrite, 1)
		}
	}
}
