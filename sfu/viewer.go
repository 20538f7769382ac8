package sfu

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"shopcast/sfu/describe"
	"shopcast/sfu/lite"
	"shopcast/sfu/protect"
	"shopcast/sfu/ring"
	"shopcast/sfu/udp"
)

const (
	// viewerSilence ends a viewer nothing has come from: browsers check every few seconds (RFC 7675)
	// and report every second.
	viewerSilence = 25 * time.Second
	// streamID groups a viewer's two tracks, so that browsers play them in step.
	streamID = "shopcast"
	// pathSilence is how long the selected path may go without a check before a check on another one,
	// though it does not nominate, moves the viewer there: its NAT has a new port for it.
	pathSilence = 8 * time.Second
	// maxHalfOpen bounds the viewers that are negotiated and not connected.
	maxHalfOpen = 4096
)

// Viewer is a session that watches. It has no PeerConnection: ICE is answered by the port's readers,
// DTLS is package lite's, and everything sent is sealed by the viewer's shard.
type Viewer struct {
	*session

	// static after construction
	room  string
	stage *Stage
	feed  *feed

	// atomic
	path   atomic.Pointer[udp.Peer] // the selected one, nil before the first check
	heard  atomic.Int64             // last valid check or report, Unix ns
	onPath atomic.Int64             // last of them on the selected path
	shard  atomic.Pointer[shard]    // nil before it joined

	// guarded by directory.mu
	paths []udp.Peer

	// guarded by stage.mu
	joined bool // not half open any more

	linking  sync.Mutex     // guarded by linking: everything below
	local    describe.Local // what our side shows
	remote   describe.Session
	agreed   bool             // both descriptions are there
	weOffer  bool             // ours came first
	ufrags   []ufrag          // newest first: the one before a restart stays good until the next
	socket   int              // the first check came in on: the viewer's shard sends there
	dtls     *lite.Conn       // nil before the first check
	incoming *protect.Control // its opening side; nil before the handshake is done
	reports  rate.Limiter
}

// ufrag is one generation of our ICE credentials.
type ufrag struct{ name, pwd string }

// Watch makes an offer for a viewer in a room (signalling over the socket); Answer completes it.
// It succeeds without a publisher too: media begins when one comes.
func (s *Stage) Watch(_ context.Context, room string) (*Viewer, string, error) {
	v, err := s.newViewer(room)
	if err != nil {
		return nil, "", err
	}
	v.weOffer = true
	if err := v.open(); err != nil {
		return nil, "", err
	}
	return v, describe.Offer(v.local), nil
}

// WatchOffer answers a viewer's own offer (WHEP). ErrBadSDP, ErrNoCodec for the offer.
func (s *Stage) WatchOffer(_ context.Context, room, offer string) (*Viewer, string, error) {
	v, err := s.newViewer(room)
	if err != nil {
		return nil, "", err
	}
	answer, agreed, err := describe.Answer(offer, v.local)
	if err != nil {
		v.end(ReasonFailed)
		return nil, "", err
	}
	v.agree(agreed)
	if err := v.open(); err != nil {
		return nil, "", err
	}
	return v, answer, nil
}

// newViewer makes a viewer that nobody knows yet.
func (s *Stage) newViewer(room string) (*Viewer, error) {
	if s.full() {
		return nil, ErrFull
	}
	base, err := s.engine.newSession()
	if err != nil {
		return nil, err
	}
	v := &Viewer{session: base, room: room, stage: s}
	v.local = describe.Local{
		Fingerprint: s.engine.handshakes.Fingerprint(), Candidates: s.engine.candidates(),
		AudioSSRC: newSSRC(), VideoSSRC: newSSRC(), RepairSSRC: newSSRC(), CNAME: cname, Stream: streamID,
	}
	v.renew()
	v.feed = &feed{
		audio: newLane(s.audio, v.local.AudioSSRC, 0), video: newLane(s.video, v.local.VideoSSRC, v.local.RepairSSRC),
	}
	v.reports.SetLimit(reportsPerSecond)
	v.reports.SetBurst(2 * reportsPerSecond)
	v.heard.Store(time.Now().UnixNano())
	v.gone = v.leave
	v.shut = v.closeLink
	return v, nil
}

// newSSRC avoids 0, which some receivers take for "none".
func newSSRC() uint32 { return rand.Uint32N(1<<32-2) + 1 }

// renew makes the next generation of our ICE credentials; callers hold linking, or are alone.
func (v *Viewer) renew() {
	v.local.Ufrag, v.local.Pwd = lite.NewCredentials()
	v.ufrags = append([]ufrag{{v.local.Ufrag, v.local.Pwd}}, v.ufrags...)
}

// open counts the viewer in its room and lets its checks in.
func (v *Viewer) open() error {
	if err := v.stage.addViewer(v); err != nil {
		v.end(ReasonFailed)
		return err
	}
	v.engine.directory.addUfrag(v.local.Ufrag, v)
	v.expireUnlessSettled()
	return nil
}

// agree takes the negotiated session; callers hold linking, or are alone.
func (v *Viewer) agree(s describe.Session) {
	v.remote, v.agreed = s, true
	f := v.feed
	f.terms = s
	f.audio.types[ring.Opus], f.audio.red = s.Audio.Opus, s.Audio.RED
	f.video.types[ring.H264], f.video.types[ring.VP8] = s.Video.H264, s.Video.VP8
	f.video.repair[ring.H264], f.video.repair[ring.VP8] = s.Video.H264RTX, s.Video.VP8RTX
	if !s.Audio.Active {
		f.audio.want = none
	}
}

// Answer completes the offer Watch made.
func (v *Viewer) Answer(answer string) error {
	v.linking.Lock()
	defer v.linking.Unlock()
	switch {
	case v.hasEnded():
		return ErrClosed
	case !v.weOffer || v.agreed:
		return fmt.Errorf("%w: nothing to answer", ErrBadSDP)
	}
	s, err := describe.Accept(answer)
	if err != nil {
		return err
	}
	v.agree(s)
	v.startDTLS()
	return nil
}

// Answered is false while our own offer waits for its answer.
func (v *Viewer) Answered() bool {
	v.linking.Lock()
	defer v.linking.Unlock()
	return v.agreed
}

// AddCandidate takes one candidate the viewer's browser trickles; "" ends them. It is only counted,
// as in Trickle.
func (v *Viewer) AddCandidate(candidate, mid string) error {
	if len(candidate) > describe.MaxLineBytes || len(mid) > describe.MaxLineBytes {
		return fmt.Errorf("%w: candidate too long", ErrBadSDP)
	}
	return v.countCandidates(1)
}

// Room returns the name of the viewer's room.
func (v *Viewer) Room() string { return v.room }

// IsRestart says whether the fragment asks for an ICE restart.
func (v *Viewer) IsRestart(sdpfrag string) bool {
	f, err := describe.ParseFragment(sdpfrag)
	v.linking.Lock()
	defer v.linking.Unlock()
	return err == nil && f.Restarts(v.remote.Ufrag)
}

// Restart restarts ICE with the peer's new credentials and returns our new ones as a fragment. The
// ETag changes; DTLS and the keys stay.
func (v *Viewer) Restart(sdpfrag string) (string, error) {
	f, err := describe.ParseFragment(sdpfrag)
	if err != nil {
		return "", err
	}
	v.linking.Lock()
	defer v.linking.Unlock()
	if v.hasEnded() {
		return "", ErrClosed
	}
	if !v.agreed || !f.Restarts(v.remote.Ufrag) {
		return "", fmt.Errorf("%w: fragment does not restart this session", ErrBadSDP)
	}
	v.renew()
	v.local.Candidates = v.engine.candidates()
	answer, session, err := describe.Restart(v.remote, f, v.local)
	if err != nil {
		v.ufrags = v.ufrags[1:]
		return "", err
	}
	v.remote = session
	v.engine.directory.addUfrag(v.local.Ufrag, v)
	for len(v.ufrags) > 2 {
		v.engine.directory.dropUfrag(v.ufrags[2].name)
		v.ufrags = v.ufrags[:2]
	}
	v.restarted()
	return answer, nil
}

// leave takes the viewer out of its shard, its room and the directory.
func (v *Viewer) leave() {
	if sh := v.shard.Load(); sh != nil {
		sh.do(order{kind: orderLeave, feed: v.feed})
	}
	v.engine.log.Debug("viewer left", "viewer", v.name, "room", v.room, "reason", v.Reason())
	v.stage.dropViewer(v)
	v.linking.Lock()
	names := make([]string, 0, len(v.ufrags))
	for _, u := range v.ufrags {
		names = append(names, u.name)
	}
	v.linking.Unlock()
	v.engine.directory.remove(v, names)
}

// closeLink ends DTLS.
func (v *Viewer) closeLink() {
	v.linking.Lock()
	conn := v.dtls
	v.linking.Unlock()
	if conn != nil {
		conn.Close()
	}
	if path := v.path.Load(); path != nil && path.Stream != nil {
		path.Stream.Close()
	}
}

// receiveCheck answers a connectivity check and learns the viewer's path from it.
func (v *Viewer) receiveCheck(datagram []byte, local string, from udp.Peer, socket int) {
	pwd := v.password(local)
	if pwd == "" {
		v.stage.drops.add(dropBadCheck, 1)
		return
	}
	reply, binding, err := lite.AnswerBinding(make([]byte, 0, 128), datagram, pwd, from.Remote)
	if err != nil {
		v.stage.drops.add(dropBadCheck, 1)
		return
	}
	via := v.engine.sockets[max(socket, 0)]
	if binding.Refused {
		_ = via.Send(reply, from) // a lost refusal is asked for again
		return
	}
	if from.Stream != nil {
		from.Stream.Keep()
	}
	now := time.Now()
	if known, ok := v.engine.directory.viewerOf(from); !ok || known != v {
		v.engine.directory.addPath(from, v)
	}
	silent := now.Sub(time.Unix(0, v.onPath.Load())) > pathSilence
	v.hears(from, now, binding.Nominated || silent)
	_ = via.Send(reply, from) // a lost answer is asked for again
	v.linking.Lock()
	defer v.linking.Unlock()
	if v.dtls == nil {
		v.socket = max(socket, 0)
		v.startDTLS()
	}
}

// hears notes a sign of life. chosen says that the peer shows to use this path now; the first one is
// used until then.
func (v *Viewer) hears(from udp.Peer, now time.Time, chosen bool) {
	v.heard.Store(now.UnixNano())
	path := v.path.Load()
	if path == nil || chosen && *path != from {
		path = &from
		v.path.Store(path)
		v.feed.route.Store(udp.NewRoute(from))
	}
	if *path == from {
		v.onPath.Store(now.UnixNano())
	}
}

// password finds the generation a check belongs to. A browser may check before its answer has come
// here: it knows the password from our offer.
func (v *Viewer) password(local string) string {
	v.linking.Lock()
	defer v.linking.Unlock()
	if v.hasEnded() {
		return ""
	}
	for _, u := range v.ufrags {
		if u.name == local {
			return u.pwd
		}
	}
	return ""
}

// startDTLS prepares the handshake when there is a path and both descriptions; callers hold linking.
func (v *Viewer) startDTLS() {
	if v.dtls != nil || !v.agreed || v.path.Load() == nil || v.hasEnded() {
		return
	}
	socket := v.socket
	v.dtls = v.engine.handshakes.Start(lite.Params{
		Client: v.remote.Passive, From: v.path.Load().Remote.Addr(), Fingerprints: v.remote.Fingerprints,
		Write: func(datagram []byte) error { return v.engine.sockets[socket].Send(datagram, *v.path.Load()) },
		Ready: func(keys lite.Keys) { v.ready(keys, socket) },
		Closed: func(err error) {
			if err == nil {
				v.end(ReasonLeft)
				return
			}
			v.engine.log.Debug("viewer's handshake failed", "viewer", v.name, "error", err)
			v.end(ReasonFailed)
		},
	})
}

// receiveDTLS passes a datagram of a verified path on.
func (v *Viewer) receiveDTLS(datagram []byte, from netip.Addr) {
	v.linking.Lock()
	conn := v.dtls
	v.linking.Unlock()
	if conn != nil {
		conn.Receive(datagram, from)
	}
}

// ready takes the keys and hands the viewer to a shard: media flows from now on.
func (v *Viewer) ready(keys lite.Keys, socket int) {
	sealer, err := protect.NewSealer(keys.Profile, keys.LocalKey, keys.LocalSalt)
	var control *protect.Control
	if err == nil {
		control, err = protect.NewControl(keys.Profile, keys.LocalKey, keys.LocalSalt, keys.RemoteKey, keys.RemoteSalt)
	}
	if err != nil {
		v.engine.log.Warn("viewer's keys were refused", "viewer", v.name, "error", err)
		v.end(ReasonFailed)
		return
	}
	v.linking.Lock()
	v.incoming = control
	v.linking.Unlock()
	v.feed.sealer, v.feed.control = sealer, control
	v.settle()
	v.stage.noteJoined(v)
	sh := v.stage.shards[socket%len(v.stage.shards)]
	v.shard.Store(sh)
	sh.do(order{kind: orderJoin, feed: v.feed})
	if v.hasEnded() { // it may have ended before leave could see the shard
		sh.do(order{kind: orderLeave, feed: v.feed})
		return
	}
	v.engine.log.Debug("viewer joined", "viewer", v.name, "room", v.room)
}
