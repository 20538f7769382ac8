package inspect

import (
	"slices"
	"time"
)

// Warning is the code of something the broadcaster should change. The page has a sentence for each.
type Warning string

// The warnings, in the order in which Judge lists them.
const (
	GOPTooLong    Warning = "gop_too_long"    // more than 4 s between key frames
	BFrames       Warning = "b_frames"        // pictures are sent in another order than shown: browsers stutter
	Profile       Warning = "profile"         // an H.264 profile or level that not every browser decodes
	NoAudio       Warning = "no_audio"        // no sound
	BitrateHigh   Warning = "bitrate_high"    // more bits than viewers can take
	FrameRateHigh Warning = "frame_rate_high" // more than 60 frames per second
	Malformed     Warning = "malformed"       // packets that cannot be read
)

const (
	longGOP = 4 * time.Second
	// audioPatience is how long a new publisher's sound is waited for.
	audioPatience = 5 * time.Second
	// The limits of bitrate are 6 Mbit/s, and 2.5 Mbit/s where there is no lower layer to fall back
	// to. The tenth on top is what an encoder set to just that overshoots by.
	highestBPS = 6_600_000
	onlyBPS    = 2_750_000
	// highFPS leaves room for counting: B-frames come in another order.
	highFPS = 62
	// level 5.2, the highest that hardware decoders have
	highLevel = 52
)

// Judge returns what the broadcaster should be warned of, nil if nothing. layers are those of one
// publisher in any order (none: no video), audio says whether sound comes, since is how long ago
// the publisher came.
func Judge(layers []Facts, audio bool, since time.Duration) []Warning {
	limit := int64(highestBPS)
	if len(layers) == 1 {
		limit = onlyBPS
	}
	anyLayer := func(is func(Facts) bool) bool { return slices.ContainsFunc(layers, is) }
	var warnings []Warning
	for _, w := range []struct {
		code Warning
		on   bool
	}{
		{GOPTooLong, anyLayer(func(f Facts) bool { return f.GOP > longGOP })},
		{BFrames, anyLayer(func(f Facts) bool { return f.BFrames })},
		{Profile, anyLayer(func(f Facts) bool { return f.Profile != 0 && !decodable(f) })},
		{NoAudio, !audio && since >= audioPatience},
		{BitrateHigh, anyLayer(func(f Facts) bool { return f.SustainedBPS > limit })},
		{FrameRateHigh, anyLayer(func(f Facts) bool { return f.FPS > highFPS })},
		{Malformed, anyLayer(func(f Facts) bool { return f.Malformed })},
	} {
		if w.on {
			warnings = append(warnings, w.code)
		}
	}
	return warnings
}

// decodable says whether every browser decodes the profile: baseline, main and high, which are 8 bit
// 4:2:0 by definition (H.264 annex A.2).
func decodable(f Facts) bool {
	const baseline, main, high = 66, 77, 100
	switch f.Profile {
	case baseline, main, high:
		return f.Level <= highLevel
	default:
		return false
	}
}
