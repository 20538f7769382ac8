package describe

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// outgoing is one section as we write it.
type outgoing struct {
	kind, mid string
	protos    []string
	payloads  []payload
	extension string // id of abs-send-time, "" = none
	setup     string
	rsize     bool
	ssrc      uint32
	repair    uint32 // 0 = no rtx
}

// newDescription begins a description of ours whose sections mids are bundled.
func newDescription(local Local, mids []string) *sdp.SessionDescription {
	d := &sdp.SessionDescription{
		Origin: sdp.Origin{
			// Our stream numbers are as random as RFC 8829 section 5.2.1 wants these 63 bits to be.
			Username: "-", SessionID: uint64(local.VideoSSRC)<<31 ^ uint64(local.AudioSSRC), SessionVersion: 1,
			NetworkType: "IN", AddressType: "IP4", UnicastAddress: "0.0.0.0",
		},
		SessionName:      "-",
		TimeDescriptions: []sdp.TimeDescription{{}},
	}
	d.WithPropertyAttribute("ice-lite")
	if len(mids) > 0 {
		d.WithValueAttribute("group", "BUNDLE "+strings.Join(mids, " "))
	}
	return d
}

// newMedia begins a section; nobody reads its port but for being 0 or not.
func newMedia(kind, mid string, port int, protos []string) *sdp.MediaDescription {
	m := &sdp.MediaDescription{
		MediaName: sdp.MediaName{Media: kind, Port: sdp.RangedPort{Value: port}, Protos: protos},
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"},
		},
	}
	if mid != "" {
		m.WithValueAttribute("mid", mid)
	}
	return m
}

// section writes a section that is sent.
func (l Local) section(o outgoing) *sdp.MediaDescription {
	m := newMedia(o.kind, o.mid, 9, o.protos)
	m.WithICECredentials(l.Ufrag, l.Pwd)
	m.WithValueAttribute("fingerprint", l.Fingerprint)
	m.WithValueAttribute("setup", o.setup)
	if o.extension != "" {
		m.WithValueAttribute("extmap", o.extension+" "+absSendTime)
	}
	m.WithPropertyAttribute("sendonly")
	m.WithValueAttribute("msid", l.Stream+" "+o.kind)
	m.WithPropertyAttribute("rtcp-mux")
	if o.rsize {
		m.WithPropertyAttribute("rtcp-rsize")
	}
	for _, p := range o.payloads {
		p.write(m)
	}
	ssrcs := []uint32{o.ssrc}
	if o.repair != 0 {
		ssrcs = append(ssrcs, o.repair)
		m.WithValueAttribute("ssrc-group", fmt.Sprintf("FID %d %d", o.ssrc, o.repair))
	}
	for _, ssrc := range ssrcs {
		m.WithValueAttribute("ssrc", fmt.Sprintf("%d cname:%s", ssrc, l.CNAME))
		m.WithValueAttribute("ssrc", fmt.Sprintf("%d msid:%s %s", ssrc, l.Stream, o.kind))
	}
	return m
}

func (p payload) write(m *sdp.MediaDescription) {
	m.MediaName.Formats = append(m.MediaName.Formats, fmt.Sprint(p.pt))
	m.WithValueAttribute("rtpmap", fmt.Sprintf("%d %s", p.pt, p.rtpmap))
	if p.fmtp != "" {
		m.WithValueAttribute("fmtp", fmt.Sprintf("%d %s", p.pt, p.fmtp))
	}
	for i, name := range feedbackNames {
		if p.feedback&(1<<i) != 0 {
			m.WithValueAttribute("rtcp-fb", fmt.Sprintf("%d %s", p.pt, name))
		}
	}
}
