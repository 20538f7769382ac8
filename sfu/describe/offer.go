package describe

import (
	"fmt"
	"slices"

	"github.com/pion/sdp/v3"
)

// The sections and payload types of our own offer.
const (
	offerAudioMid  = "0"
	offerVideoMid  = "1"
	offerExtension = "1"

	h264Prefix = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id="
	allVideo   = 1<<len(feedbackNames) - 1
)

var (
	offerAudio = []payload{
		{pt: 111, rtpmap: "opus/48000/2", fmtp: opusParameter},
		{pt: 63, rtpmap: "red/48000/2", fmtp: "111/111"},
	}
	offerVideo = []payload{
		{pt: 102, rtpmap: "H264/90000", fmtp: h264Prefix + "42e01f", feedback: allVideo}, // constrained baseline
		{pt: 103, rtpmap: "rtx/90000", fmtp: "apt=102"},
		{pt: 104, rtpmap: "H264/90000", fmtp: h264Prefix + "42001f", feedback: allVideo}, // the same under another name
		{pt: 105, rtpmap: "rtx/90000", fmtp: "apt=104"},
		{pt: 96, rtpmap: "VP8/90000", feedback: allVideo},
		{pt: 97, rtpmap: "rtx/90000", fmtp: "apt=96"},
	}
)

// Offer makes an offer to send audio and video, for viewers on the socket and for counter-offers
// (WHEP, 406). Accept takes the answer.
func Offer(local Local) string {
	d := newDescription(local, []string{offerAudioMid, offerVideoMid})
	protos := []string{"UDP", "TLS", "RTP", "SAVPF"}
	audio := local.section(outgoing{
		kind: "audio", mid: offerAudioMid, protos: protos, payloads: offerAudio,
		setup: "actpass", rsize: true, ssrc: local.AudioSSRC,
	})
	audio.Attributes = append(audio.Attributes, candidateAttributes(local.Candidates)...)
	d.WithMedia(audio).WithMedia(local.section(outgoing{
		kind: "video", mid: offerVideoMid, protos: protos, payloads: offerVideo, extension: offerExtension,
		setup: "actpass", rsize: true, ssrc: local.VideoSSRC, repair: local.RepairSSRC,
	}))
	text, err := marshal(d)
	if err != nil {
		panic(err) // only a description of ours with a part missing could do this
	}
	return text
}

// Accept reads the answer to Offer. The peer may refuse a section and leave out payload types, but
// not change what they mean or take the bundle apart. The errors wrap ErrBad, or are ErrNoCodec if
// nothing is left to send.
func Accept(answer string) (Session, error) {
	d, err := parse(answer)
	if err != nil {
		return Session{}, err
	}
	if err := checkMids(d); err != nil {
		return Session{}, err
	}
	if err := checkSections(d); err != nil {
		return Session{}, err
	}
	audio, video, err := matches(d, false)
	if err != nil {
		return Session{}, err
	}
	sent := inOrder(audio, video)
	if len(sent) == 0 {
		return Session{}, ErrNoCodec
	}
	if len(sent) == 2 && !bundled(d, audio, video) {
		return Session{}, fmt.Errorf("%w: answer takes the bundle apart", ErrBad)
	}
	s, role, err := newSession(d, sent)
	if err != nil {
		return Session{}, err
	}
	switch role {
	case "active", "": // RFC 4145 section 4: active is the default
	case "passive":
		s.Passive = true
	default:
		return Session{}, fmt.Errorf("%w: dtls role of the answer", ErrBad)
	}
	for _, m := range sent {
		if err := checkKept(m); err != nil {
			return Session{}, err
		}
	}
	return s, nil
}

// checkSections wants the sections of our offer in their order; refused ones may be nameless.
func checkSections(d *sdp.SessionDescription) error {
	kinds, mids := []string{"audio", "video"}, []string{offerAudioMid, offerVideoMid}
	if n := len(d.MediaDescriptions); n != len(kinds) {
		return fmt.Errorf("%w: %d sections answer %d", ErrBad, n, len(kinds))
	}
	for i, m := range d.MediaDescriptions {
		mid, ok := attribute(m.Attributes, "mid")
		refused := m.MediaName.Port.Value == 0
		if m.MediaName.Media != kinds[i] || ok && mid != mids[i] || !ok && !refused {
			return fmt.Errorf("%w: section %d does not answer ours", ErrBad, i)
		}
	}
	return nil
}

// checkKept wants the payload types and the extension of a section to mean what we offered. Others
// that the peer adds have not been chosen and do no harm.
func checkKept(m *match) error {
	offered := offerAudio
	if m.media.MediaName.Media == "video" {
		offered = offerVideo
	}
	for _, p := range m.chosen {
		ok := slices.ContainsFunc(offered, func(o payload) bool { return o.pt == p.pt && o.is(p.rtpmap) })
		if !ok {
			return fmt.Errorf("%w: payload type %d was not offered as %.20q", ErrBad, p.pt, p.rtpmap)
		}
	}
	if id := m.section.AbsSendTime; id != 0 && fmt.Sprint(id) != offerExtension {
		return fmt.Errorf("%w: header extension %d was not offered", ErrBad, id)
	}
	return nil
}
