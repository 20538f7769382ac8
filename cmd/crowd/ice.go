//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/pion/stun/v4"
	"golang.org/x/sys/unix"
)

const (
	checkAgain   = 200 * time.Millisecond // between checks until one is answered
	checkTries   = 3                      // checks of one candidate before the next
	consentEvery = 4 * time.Second        // RFC 7675 wants 4 to 6 s
	hostPriority = 1845501695             // of our peer-reflexive candidate, RFC 8445 §5.1.2
)

// iceState is a viewer's half of ICE: always controlling, one component, one socket.
type iceState struct {
	linked bool
	tries  int
	due    int64 // next check, Unix nanoseconds
	asked  [stun.TransactionIDSize]byte
}

// check sends a connectivity or consent check when one is due.
func (v *viewer) check(now int64) {
	if now < v.ice.due {
		return
	}
	pause := consentEvery
	if !v.ice.linked {
		if v.ice.tries > 0 && v.ice.tries%checkTries == 0 { // an error shows as a check without answer
			_ = unix.Connect(int(v.fd), sockaddr(v.candidates[v.ice.tries/checkTries%len(v.candidates)]))
		}
		v.ice.tries++
		pause = checkAgain
	}
	v.ice.due = now + int64(pause)
	request, err := stun.Build(
		stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(v.theirs.ufrag+":"+v.ours.ufrag),
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: binary.BigEndian.AppendUint64(nil, v.ours.session)},
		stun.RawAttribute{Type: stun.AttrUseCandidate},
		stun.RawAttribute{Type: stun.AttrPriority, Value: binary.BigEndian.AppendUint32(nil, hostPriority)},
		stun.NewShortTermIntegrity(v.theirs.pwd), stun.Fingerprint,
	)
	if err != nil {
		v.count.bad++
		return
	}
	v.ice.asked = request.TransactionID
	v.send(request.Raw)
}

// stun takes the answer to a check, or answers the check of a server that is a full ICE agent.
func (v *viewer) stun(d []byte, now int64) {
	message := &stun.Message{}
	if err := stun.Decode(d, message); err != nil {
		v.count.bad++
		return
	}
	switch message.Type {
	case stun.BindingSuccess:
		known := message.TransactionID == v.ice.asked && stun.NewShortTermIntegrity(v.theirs.pwd).Check(message) == nil
		if known && !v.ice.linked {
			v.ice.linked = true
			v.ice.due = now + int64(consentEvery)
			close(v.linked)
		}
	case stun.BindingRequest:
		v.answer(message)
	}
}

func (v *viewer) answer(request *stun.Message) {
	name, err := request.Get(stun.AttrUsername)
	ours := bytes.Equal(name, []byte(v.ours.ufrag+":"+v.theirs.ufrag))
	if err != nil || !ours || stun.NewShortTermIntegrity(v.ours.pwd).Check(request) != nil {
		v.count.bad++
		return
	}
	peer, err := unix.Getpeername(int(v.fd))
	if err != nil {
		return
	}
	from := addrPort(peer)
	reply, err := stun.Build(
		stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())},
		stun.NewShortTermIntegrity(v.ours.pwd), stun.Fingerprint,
	)
	if err == nil {
		v.send(reply.Raw)
	}
}
