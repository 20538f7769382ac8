package sfu

import (
	"fmt"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"shopcast/sfu/ring"
)

const (
	videoRate = 90_000 // ticks per second of every video codec
	audioRate = 48_000 // of Opus
)

const iceKeepalive = 2 * time.Second

// newPublisherAPI sets up connections that receive: NACK, reports and transport-wide feedback are
// Pion's, because there are at most a few of them.
func newPublisherAPI(cfg Config, mux ice.UDPMux, logs pionLogs) (*webrtc.API, error) {
	settings, err := newSettings(mux, logs)
	if err != nil {
		return nil, err
	}
	settings.SetICETimeouts(cfg.PublisherSilence, cfg.PublisherSilence, iceKeepalive)
	media := &webrtc.MediaEngine{}
	// The default interceptors register nack, nack pli and transport-cc themselves.
	if err := registerCodecs(media, []webrtc.RTCPFeedback{{Type: "goog-remb"}, {Type: "ccm", Parameter: "fir"}}); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	err = webrtc.RegisterDefaultInterceptorsWithOptions(media, registry, webrtc.WithInterceptorLoggerFactory(logs))
	if err != nil {
		return nil, fmt.Errorf("register interceptors: %w", err)
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(registry)), nil
}

func newSettings(mux ice.UDPMux, logs pionLogs) (webrtc.SettingEngine, error) {
	settings := webrtc.SettingEngine{LoggerFactory: logs}
	settings.SetLite(true)
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true) // the mux is on one: the real addresses are put into the answer later
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.DisableActiveTCP(true)
	// ICE has proved the address, so DTLS need not ask for a cookie: one round trip less.
	settings.SetDTLSInsecureSkipHelloVerify(true)
	// GCM first: Pion's own first choice, AES-256, costs more, and AES-CM with SHA-1 four times as much.
	settings.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if err := settings.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return settings, fmt.Errorf("set dtls role: %w", err)
	}
	return settings, nil
}

// registerCodecs names what is forwarded. H.264 stands first: every phone decodes it in hardware.
func registerCodecs(media *webrtc.MediaEngine, videoFeedback []webrtc.RTCPFeedback) error {
	const h264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id="
	codecs := []struct {
		mime, fmtp string
		pt         webrtc.PayloadType
	}{
		{webrtc.MimeTypeH264, h264 + "42e01f", 102}, // constrained baseline
		{webrtc.MimeTypeH264, h264 + "42001f", 104}, // what OBS and some hardware encoders call the same thing
		{webrtc.MimeTypeVP8, "", 96},
		{webrtc.MimeTypeOpus, "minptime=10;useinbandfec=1;stereo=1", 111},
	}
	for _, c := range codecs {
		kind, parameters := webrtc.RTPCodecTypeVideo, webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: c.mime, ClockRate: videoRate, SDPFmtpLine: c.fmtp, RTCPFeedback: videoFeedback,
			},
			PayloadType: c.pt,
		}
		if c.mime == webrtc.MimeTypeOpus {
			kind, parameters.ClockRate, parameters.Channels, parameters.RTCPFeedback = webrtc.RTPCodecTypeAudio, audioRate, 2, nil
		}
		if err := media.RegisterCodec(parameters, kind); err != nil {
			return fmt.Errorf("register codec %s: %w", c.mime, err)
		}
	}
	return nil
}

// codecOf translates a MIME type; false means it is not forwarded (rtx, red, …).
func codecOf(mime string) (ring.Codec, bool) {
	switch {
	case strings.EqualFold(mime, webrtc.MimeTypeOpus):
		return ring.Opus, true
	case strings.EqualFold(mime, webrtc.MimeTypeH264):
		return ring.H264, true
	case strings.EqualFold(mime, webrtc.MimeTypeVP8):
		return ring.VP8, true
	default:
		return 0, false
	}
}
