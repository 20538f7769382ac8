package sfu

import (
	"cmp"
	"slices"
	"time"

	"shopcast/sfu/adapt"
	"shopcast/sfu/inspect"
	"shopcast/sfu/ring"
)

// ladder is the owner's layers in order of quality, as it was a moment ago. It never changes.
type ladder struct {
	rungs  []rung        // lowest first
	layers []adapt.Layer // the same, as package adapt wants it
	codec  string        // "" while nothing flows
}

// rung is one layer on the ladder.
type rung struct {
	slot   int
	id     string
	rid    string
	facts  inspect.Facts
	active bool
}

// rank finds a layer by its slot; -1 if it is not there.
func (l *ladder) rank(slot int) int {
	return slices.IndexFunc(l.rungs, func(r rung) bool { return r.slot == slot })
}

// flows says whether any layer does.
func (l *ladder) flows() bool {
	return slices.ContainsFunc(l.layers, func(a adapt.Layer) bool { return a.Flowing })
}

// climb makes the ladder of this moment. Which layer is better is read from the pictures
// themselves: publishers name and order their layers as they like.
func (o *outlet) climb(now time.Time) *ladder {
	o.mu.Lock()
	defer o.mu.Unlock()
	made := &ladder{}
	for _, l := range o.layers {
		if !l.flowing {
			continue
		}
		made.codec = l.codec.String()
		made.rungs = append(made.rungs, rung{
			slot: l.slot, rid: l.rid, facts: l.inspector.Facts(now), active: l.usable(now),
		})
	}
	slices.SortStableFunc(made.rungs, func(a, b rung) int {
		return cmp.Or(
			cmp.Compare(a.facts.Width*a.facts.Height, b.facts.Width*b.facts.Height),
			cmp.Compare(b.slot, a.slot),
		)
	})
	for i := range made.rungs {
		r := &made.rungs[i]
		r.id = layerName(i, len(made.rungs))
		made.layers = append(made.layers, adapt.Layer{BitrateBPS: r.facts.BitrateBPS, Flowing: r.active})
	}
	return made
}

// layerName names a rank: the best is always "high".
func layerName(rank, of int) string {
	names := [][]string{{"high"}, {"low", "high"}, {"low", "mid", "high"}, {"lowest", "low", "mid", "high"}}
	return names[of-1][rank]
}

// describeLayers lists a ladder for the world, best first.
func (l *ladder) describe() []Layer {
	layers := make([]Layer, 0, len(l.rungs))
	for _, r := range slices.Backward(l.rungs) {
		layers = append(layers, Layer{
			ID: r.id, RID: r.rid, Width: r.facts.Width, Height: r.facts.Height,
			BitrateBPS: r.facts.BitrateBPS, Active: r.active,
		})
	}
	return layers
}

// warnings says what is wrong with the stream.
func (l *ladder) warnings(audio bool, since time.Duration) []string {
	facts := make([]inspect.Facts, 0, len(l.rungs))
	for _, r := range slices.Backward(l.rungs) {
		facts = append(facts, r.facts)
	}
	var codes []string
	for _, w := range inspect.Judge(facts, audio, since) {
		codes = append(codes, string(w))
	}
	return codes
}

// inspectCodec translates for package inspect.
func inspectCodec(c ring.Codec) inspect.Codec {
	switch c {
	case ring.H264:
		return inspect.H264
	case ring.VP8:
		return inspect.VP8
	default:
		return inspect.Opus
	}
}
