package sfu

import (
	"encoding/binary"
	"time"

	"shopcast/sfu/udp"
)

const (
	ordersQueue = 1024                   // joins, leaves and NACKs waiting for one shard
	catchUpTick = time.Millisecond       // pace of first-frame replays
	chooseTick  = 100 * time.Millisecond // how often a viewer's layer is chosen anew
	reportEvery = time.Second            // sender reports
	cname       = "shopcast"             // of all our streams: they share one clock
)

// shard is one goroutine that owns a part of the viewers and sends everything they get, through a
// kernel socket of its own.
type shard struct {
	// static after construction
	stage  *Stage
	wake   chan struct{} // holds one note that a ring has grown
	orders chan order
	batch  *udp.Batch
	began  time.Time

	// owned by run
	feeds    []*feed
	now      time.Time // of this round
	sendTime uint32    // of this round, as abs-send-time has it: 6.18 fixed point seconds, 24 bits
	header   [rtpStamped]byte
	prefix   []byte // scratch for what replaces the first bytes of a payload
	sent     uint64 // packets, not yet added to the stage's counters
	repaired uint64
	counted  udp.Counts // of batch, already added
	plain    []byte     // scratch for sender reports
	sealed   []byte     // the same, as it goes out
}

// order is something that happens to one feed.
type order struct {
	kind  orderKind
	feed  *feed
	video bool
	sns   []uint16 // of a NACK
}

type orderKind int

const (
	orderJoin orderKind = iota
	orderLeave
	orderNack
	orderPicture // a PLI: the viewer cannot go on decoding
	orderChoose  // the page has another wish
)

// startShards makes one shard per socket of the port.
func (s *Stage) startShards() {
	for _, socket := range s.engine.port.Sockets() {
		sh := &shard{
			stage: s, wake: make(chan struct{}, 1), orders: make(chan order, ordersQueue),
			batch: socket.NewBatch(), began: time.Now(), prefix: make([]byte, 0, 64),
		}
		s.shards = append(s.shards, sh)
		s.engine.loop(sh.run)
	}
}

// wakeShards tells the shards that there is something to send. It costs the same for one viewer and
// for ten thousand, and nothing for a room.
func (s *Stage) wakeShards() {
	for _, sh := range s.shards {
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
	report := time.NewTicker(reportEvery)
	defer report.Stop()
	choose := time.NewTicker(chooseTick)
	defer choose.Stop()
	catchUp := time.NewTimer(time.Hour)
	defer catchUp.Stop()
	for {
		more := false
		select {
		case <-sh.stage.engine.stopped:
			return
		case o := <-sh.orders:
			more = sh.obey(o)
		case <-report.C:
			sh.tick(time.Now())
			sh.report()
		case <-choose.C:
			more = sh.choose()
		case <-sh.wake:
			more = sh.round()
		case <-catchUp.C:
			more = sh.round()
		}
		sh.flush()
		if more {
			catchUp.Reset(catchUpTick)
		}
	}
}

// tick sets the time of a round.
func (sh *shard) tick(now time.Time) {
	sh.now = now
	since := now.Sub(sh.began)
	sh.sendTime = uint32(uint64(since)<<18/uint64(time.Second)) & 0xff_ffff
}

func (sh *shard) clockMS() uint32 { return uint32(sh.now.Sub(sh.began)/time.Millisecond) + 1 }

// flush sends what was collected and moves the counters on.
func (sh *shard) flush() {
	if sh.sent == 0 {
		return
	}
	sh.batch.Flush()
	counts := sh.batch.Counts()
	sh.stage.packetsOut.Add(sh.sent)
	sh.stage.repaired.Add(sh.repaired)
	if refused := counts.Dropped - sh.counted.Dropped; refused > 0 {
		sh.stage.drops.add(dropWrite, refused)
	}
	sh.counted, sh.sent, sh.repaired = counts, 0, 0
}

// obey carries an order out; true asks for a round soon.
func (sh *shard) obey(o order) (more bool) {
	sh.tick(time.Now())
	f := o.feed
	if o.kind != orderJoin && o.kind != orderLeave && !sh.has(f) {
		return false
	}
	switch o.kind {
	case orderJoin:
		if f.left {
			return false
		}
		f.place = len(sh.feeds)
		sh.feeds = append(sh.feeds, f)
		f.choose(sh.now, sh.stage.ladders[1].Load())
		return sh.serve(f)
	case orderLeave:
		sh.leave(f)
	case orderNack:
		l := &f.audio
		if o.video {
			l = &f.video
		}
		sh.repair(f, l, o.sns)
	case orderPicture:
		return sh.refresh(f)
	case orderChoose:
		f.choose(sh.now, sh.stage.ladders[1].Load())
		return sh.serve(f)
	}
	return false
}

// has says whether a feed is here: it may have left while an order waited.
func (sh *shard) has(f *feed) bool { return f.place < len(sh.feeds) && sh.feeds[f.place] == f }

// leave takes a feed out; the last one fills its place.
func (sh *shard) leave(f *feed) {
	f.left = true
	if !sh.has(f) {
		return // never joined
	}
	last := sh.feeds[len(sh.feeds)-1]
	sh.feeds[f.place], last.place = last, f.place
	sh.feeds[len(sh.feeds)-1] = nil
	sh.feeds = sh.feeds[:len(sh.feeds)-1]
}

// round brings every viewer up to date, one after the other: a viewer's packets leave together.
// True says that somebody is being replayed to, or waits, and wants another round soon.
func (sh *shard) round() (more bool) {
	sh.tick(time.Now())
	for _, f := range sh.feeds {
		if sh.serve(f) {
			more = true
		}
	}
	return more
}

// serve brings one viewer up to date, sound first.
func (sh *shard) serve(f *feed) bool {
	audio := sh.pump(f, &f.audio)
	video := sh.pump(f, &f.video)
	return audio || video
}

// choose decides for every viewer which layer it gets, and begins the switch where it can.
func (sh *shard) choose() (more bool) {
	sh.tick(time.Now())
	ladder := sh.stage.ladders[1].Load()
	for _, f := range sh.feeds {
		f.choose(sh.now, ladder)
		if f.video.slot != f.video.want && sh.serve(f) {
			more = true
		}
	}
	return more
}

const (
	// A viewer that cannot decode gets the replay of a joining one, at most every pliLeast; who
	// asks again and again waits up to pliMost.
	pliLeast = time.Second
	pliMost  = 16 * time.Second
)

// refresh answers a PLI: the viewer begins anew with the key frame in the ring. Nobody upstream is
// asked, unless there is none.
func (sh *shard) refresh(f *feed) bool {
	if sh.now.Before(f.nextAny) {
		sh.stage.drops.add(dropPictureRepeat, 1)
		return false
	}
	if sh.now.Sub(f.nextAny) > 2*pliMost {
		f.pliGap = 0
	}
	f.pliGap = min(max(pliLeast, 2*f.pliGap), pliMost)
	f.nextAny = sh.now.Add(f.pliGap)
	if f.video.slot == none {
		return false
	}
	f.video.slot, f.video.whole = none, true
	return sh.serve(f)
}

// report sends each viewer one compound packet with the sender reports of its tracks.
func (sh *shard) report() {
	ntp := toNTP(time.Now())
	audioTS, audioOK := sh.stage.audio.timestampAt(sh.now)
	videoTS, videoOK := sh.stage.video.timestampAt(sh.now)
	for _, f := range sh.feeds {
		plain := sh.plain[:0]
		if audioOK {
			plain = f.audio.report(plain, ntp, audioTS)
		}
		if videoOK {
			plain = f.video.report(plain, ntp, videoTS)
		}
		if len(plain) == 0 {
			continue
		}
		sealed, err := f.control.Seal(sh.sealed[:0], plain)
		if err != nil {
			sh.stage.drops.add(dropWrite, 1)
			continue
		}
		route := f.route.Load()
		sh.batch.Add(route, len(append(sh.batch.Room(route, len(sealed)), sealed...)))
		sh.plain, sh.sealed = plain, sealed
	}
	sh.batch.Flush()
}

// report appends the lane's sender report and name (RFC 3550 sections 6.4.1 and 6.5) to a compound
// packet. It is written by hand because it goes to every viewer every second, without garbage.
func (l *lane) report(b []byte, ntp uint64, ts uint32) []byte {
	if l.packets == 0 {
		return b
	}
	const version, item, cnameItem = 0x80, 1, 1
	b = append(b, version, 200, 0, 6)
	b = binary.BigEndian.AppendUint32(b, l.ssrc)
	b = binary.BigEndian.AppendUint64(b, ntp)
	b = binary.BigEndian.AppendUint32(b, ts)
	b = binary.BigEndian.AppendUint32(b, l.packets)
	b = binary.BigEndian.AppendUint32(b, l.octets)
	// The name of 8 letters and its header make 10 bytes; at least one zero ends the list.
	b = append(b, version|item, 202, 0, 4)
	b = binary.BigEndian.AppendUint32(b, l.ssrc)
	b = append(b, cnameItem, byte(len(cname)))
	b = append(b, cname...)
	return append(b, 0, 0)
}
