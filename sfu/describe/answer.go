package describe

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/pion/sdp/v3"
)

// Answer answers a viewer's offer (WHEP): the first audio and the first video section that want to
// receive and have a codec of ours are accepted with the offerer's payload types, everything else is
// refused with port 0. Only what is bundled together can be accepted; if audio and video are not,
// the video is. ErrBad for offers that break a rule or a limit, ErrNoCodec if nothing is left.
func Answer(offer string, local Local) (string, Session, error) {
	d, err := parse(offer)
	if err != nil {
		return "", Session{}, err
	}
	if err := checkMids(d); err != nil {
		return "", Session{}, err
	}
	audio, video, err := matches(d, true)
	if err != nil {
		return "", Session{}, err
	}
	if audio != nil && video != nil && !bundled(d, audio, video) {
		audio = nil
	}
	sent := inOrder(audio, video)
	if len(sent) == 0 {
		return "", Session{}, ErrNoCodec
	}
	s, role, err := newSession(d, sent)
	if err != nil {
		return "", Session{}, err
	}
	ours := "passive"
	switch role {
	case "actpass", "active", "":
	case "passive":
		s.Passive, ours = true, "active"
	default:
		return "", Session{}, fmt.Errorf("%w: dtls role of the offer", ErrBad)
	}
	text, err := marshal(answerTo(d, sent, ours, local))
	return text, s, err
}

// bundled says whether two sections share one transport.
func bundled(d *sdp.SessionDescription, a, b *match) bool {
	return a.section.Mid != "" && b.section.Mid != "" && bundle(d, a.section.Mid) != nil &&
		slices.Contains(bundle(d, a.section.Mid), b.section.Mid)
}

// inOrder lists the sections that are there as the peer orders them.
func inOrder(audio, video *match) []*match {
	switch {
	case audio == nil && video == nil:
		return nil
	case audio == nil:
		return []*match{video}
	case video == nil:
		return []*match{audio}
	case audio.index < video.index:
		return []*match{audio, video}
	default:
		return []*match{video, audio}
	}
}

// answerTo writes the answer: as many sections as the offer has, in its order.
func answerTo(offer *sdp.SessionDescription, sent []*match, role string, local Local) *sdp.SessionDescription {
	var mids []string
	accepted := map[int]*match{}
	for _, m := range sent {
		accepted[m.index] = m
		if bundle(offer, m.section.Mid) != nil {
			mids = append(mids, m.section.Mid)
		}
	}
	d := newDescription(local, mids)
	for i, m := range offer.MediaDescriptions {
		if accepted[i] == nil {
			d.WithMedia(refusal(m))
			continue
		}
		section := local.section(accepted[i].outgoing(role, local))
		if i == sent[0].index { // everything is bundled: the first section's candidates are everybody's
			section.Attributes = append(section.Attributes, candidateAttributes(local.Candidates)...)
		}
		d.WithMedia(section)
	}
	return d
}

// outgoing is how a matched section is answered.
func (m *match) outgoing(role string, local Local) outgoing {
	_, rsize := attribute(m.media.Attributes, "rtcp-rsize")
	o := outgoing{
		kind: m.media.MediaName.Media, mid: m.section.Mid, protos: m.media.MediaName.Protos,
		payloads: m.chosen, setup: role, rsize: rsize, ssrc: local.AudioSSRC,
	}
	if o.kind == "video" {
		o.ssrc = local.VideoSSRC
		if m.section.H264RTX != 0 || m.section.VP8RTX != 0 {
			o.repair = local.RepairSSRC
		}
		if m.section.AbsSendTime != 0 {
			o.extension = strconv.Itoa(int(m.section.AbsSendTime))
		}
	}
	return o
}

// refusal answers a section that is not accepted.
func refusal(offered *sdp.MediaDescription) *sdp.MediaDescription {
	mid, _ := attribute(offered.Attributes, "mid")
	name := offered.MediaName
	m := newMedia(name.Media, mid, 0, name.Protos)
	m.WithPropertyAttribute("inactive")
	m.MediaName.Formats = []string{"0"} // payload type 0 needs no further word
	if name.Media != "audio" && name.Media != "video" && len(name.Formats) > 0 {
		m.MediaName.Formats = name.Formats[:1]
	}
	return m
}
