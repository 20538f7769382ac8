//go:build linux

package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const tick = int64(tickEvery)

// drainAll takes everything that can be taken, as bytes: 1 for here, 0 for lost.
func drainAll(r *reception) (taken []bool) {
	for {
		p, ok := r.take()
		if !ok {
			return taken
		}
		taken = append(taken, p.state == slotHere)
	}
}

func TestReception_Order(t *testing.T) {
	r := &reception{repair: true}
	for _, number := range []uint16{65533, 65534, 0, 1} { // 65535 is missing
		r.add(number, 1, false, 0)
	}
	if got := drainAll(r); len(got) != 2 {
		t.Fatalf("%d packets handed out before the gap", len(got))
	}
	ask, gaveUp := r.requests(tick, nil)
	if !slices.Equal(ask, []uint16{65535}) || gaveUp {
		t.Fatalf("asked for %v, gave up %v", ask, gaveUp)
	}
	if again, _ := r.requests(2*tick, nil); len(again) != 0 {
		t.Errorf("asked again at once: %v", again)
	}
	if again, _ := r.requests(tick+int64(nackPause), nil); len(again) != 1 {
		t.Errorf("not asked again after the pause: %v", again)
	}
	if fresh, behind := r.add(65535, 1, false, 0); !fresh || !behind {
		t.Errorf("repair: fresh %v, behind %v", fresh, behind)
	}
	if fresh, _ := r.add(65535, 1, false, 0); fresh {
		t.Error("the same packet twice")
	}
	if got := drainAll(r); !slices.Equal(got, []bool{true, true, true}) {
		t.Errorf("handed out %v", got)
	}
	if r.came != 5 || r.lost != 0 || r.repeated != 1 || r.requested != 2 || r.gaps != 1 {
		t.Errorf("came %d lost %d repeated %d requested %d gaps %d", r.came, r.lost, r.repeated, r.requested, r.gaps)
	}
}

func TestReception_GivesUp(t *testing.T) {
	for name, repair := range map[string]bool{"repaired": true, "not repaired": false} {
		t.Run(name, func(t *testing.T) {
			r := &reception{repair: repair}
			r.add(10, 1, false, 0)
			r.add(12, 1, false, 0)
			now, tries := int64(0), 0
			for gaveUp := false; !gaveUp; now += tick {
				var ask []uint16
				ask, gaveUp = r.requests(now, nil)
				tries += len(ask)
				if now > int64(2*giveUpAfter) {
					t.Fatal("waits forever")
				}
			}
			if repair && tries != nackTries || !repair && (tries != 0 || now < int64(giveUpAfter)) {
				t.Errorf("gave up after %d tries and %v", tries, time.Duration(now))
			}
			if got := drainAll(r); !slices.Equal(got, []bool{true, false, true}) || r.lost != 1 {
				t.Errorf("handed out %v, %d lost", got, r.lost)
			}
			if fresh, _ := r.add(11, 1, false, now); fresh || r.repeated != 1 {
				t.Error("too late is not fresh")
			}
		})
	}
}

// TestReception_Bounded never lets the window run over, whatever the numbers do.
func TestReception_Bounded(t *testing.T) {
	r := &reception{}
	r.add(0, 1, false, 0)
	r.add(2, 1, false, 0)
	for number := 3; number < 3*window; number++ {
		r.add(uint16(number), 1, false, 0)
		if r.crowded() {
			r.requests(0, nil)
		}
		drainAll(r)
		if r.highest-r.next >= window {
			t.Fatalf("at %d the window holds %d", number, r.highest-r.next)
		}
	}
	if r.lost != 1 || r.came != 3*window-1 {
		t.Errorf("came %d, lost %d", r.came, r.lost)
	}
	before := r.came
	r.add(uint16(3*window+20_000), 1, false, 0) // another beginning, not twenty thousand losses
	if got := drainAll(r); len(got) != 1 || r.came != before+1 || r.lost != 1 {
		t.Errorf("after a jump: %v, came %d, lost %d", got, r.came, r.lost)
	}
}

// TestReception_Model sends packets over a bad link and counts by hand.
func TestReception_Model(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		r := &reception{repair: true}
		const packets = 3000
		first := uint16(random.Uint32())
		loss, deaf := random.Float64()*0.3, random.Float64()*0.2
		seen := map[int]bool{0: true}
		var order []bool
		r.add(first, 0, false, 0)
		now := int64(0)
		serve := func() { // the sender answers most requests
			ask, _ := r.requests(now, nil)
			for _, number := range ask {
				if random.Float64() >= deaf {
					seen[int(number-first)] = true
					r.add(number, 0, false, now)
				}
			}
			order = append(order, drainAll(r)...)
		}
		for i := 1; i < packets; i++ {
			now += int64(5 * time.Millisecond)
			if random.Float64() >= loss || i == packets-1 {
				seen[i] = true
				r.add(first+uint16(i), 0, false, now)
			}
			if i%4 == 0 {
				serve()
			}
		}
		for range 100 {
			now += tick
			serve()
		}
		if len(order) != packets || int(r.came) != len(seen) || int(r.came+r.lost) != packets {
			t.Fatalf("%d handed out, came %d, seen %d, lost %d", len(order), r.came, len(seen), r.lost)
		}
		for i, here := range order {
			if here != seen[i] {
				t.Fatalf("packet %d: handed out as %v, sent %v", i, here, seen[i])
			}
		}
	}
}

// TestAssembly names packets by letters: small ones are inside a picture, capitals end it, a dot is
// lost. The pictures are a, b, c….
func TestAssembly(t *testing.T) {
	for stream, want := range map[string]string{
		"aaAbBcccC": "A B C",
		"aa.bBcC":   "a B C",   // the end is lost
		"aaA.bBcC":  "A b C",   // the beginning is lost
		"aa..bBcC":  "a b C",   // end and beginning
		"aaAb.BcC":  "A b C",   // the middle
		"aaA...cC":  "A c",     // a whole picture and more: only its number would tell
		".aA":       "a",       // what comes first may be torn
		"aAbBc":     "A B",     // not finished yet
		"aA.":       "A",       // lost, but nothing says from what
		"aaabbB":    "a B",     // a sender without markers
		"AB.CD":     "A B c D", // one packet each
	} {
		var a assembly
		got := ""
		for i, letter := range stream {
			p := slot{state: slotHere, at: int64(i + 1), ts: uint32(letter | 0x20), marker: letter < 'a'}
			if letter == '.' {
				p.state = slotLost
			}
			a.push(p, func(p picture) {
				name := rune(p.ts)
				if p.whole {
					name &^= 0x20
				}
				if got != "" {
					got += " "
				}
				got += string(name)
				if p.at == 0 || p.at > int64(i+1) {
					t.Errorf("%s: finished at %d", stream, p.at)
				}
			})
		}
		if got != want {
			t.Errorf("%s became %q, want %q", stream, got, want)
		}
	}
}

func TestPercentile(t *testing.T) {
	var hundred []int32
	for i := range 100 {
		hundred = append(hundred, int32(100-i))
	}
	for _, c := range []struct {
		values []int32
		p      float64
		want   int32
	}{
		{nil, 50, 0},
		{[]int32{7}, 1, 7},
		{[]int32{7}, 99, 7},
		{[]int32{2, 1}, 50, 1},
		{[]int32{3, 1, 2}, 50, 2},
		{hundred, 1, 1},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 100, 100},
	} {
		if got := percentile(slices.Clone(c.values), c.p); got != c.want {
			t.Errorf("p%g of %d values is %d, want %d", c.p, len(c.values), got, c.want)
		}
	}
}
