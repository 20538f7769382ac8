package adapt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"
)

// rtt of every link here.
const rtt = 50 * time.Millisecond

// kinds are the viewers everything is tried with.
var kinds = map[string]browser{
	"estimates":               {},
	"estimates that cap down": {capsDown: true},
	"loss alone":              {noREMB: true},
}

// offsets lets reports come at every tenth of a second after the event that matters.
func offsets(yield func(time.Duration) bool) {
	for offset := time.Duration(0); offset < time.Second; offset += 100 * time.Millisecond {
		if !yield(offset) {
			return
		}
	}
}

func TestChooser_Down(t *testing.T) {
	const drop = 20 * time.Second
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			var left, landed time.Duration
			for offset := range offsets {
				s := scene{link: &link{bps: dip(drop, time.Hour), rtt: rtt, browser: kind}, layers: simulcast(), offset: offset}
				changes := s.play(t, drop+5*time.Second)
				if len(changes) < 2 || changes[0] != (change{0, -1, 2}) || changes[1].at < drop || s.current != 0 {
					t.Fatalf("reports at %v: %v", offset, changes)
				}
				// A report that comes half a second after the drop still speaks well of the link.
				left, landed = max(left, changes[1].at-drop), max(landed, changes[len(changes)-1].at-drop)
			}
			if left > 2*time.Second || landed > 4*time.Second {
				t.Errorf("left the layer after %v, came to the one that fits after %v", left, landed)
			}
			t.Logf("left the layer after at most %v, came to the one that fits after at most %v", left, landed)
		})
	}
}

// TestChooser_Up measures how soon a viewer whose link was bad for a time is back. A try that comes
// too soon fails, and the next waits twice as long: after long dips it takes about as long as they did.
func TestChooser_Up(t *testing.T) {
	const drop = 20 * time.Second
	for _, c := range []struct {
		name        string
		kind        browser
		from, to    time.Duration // length of the dip
		better, top time.Duration
	}{
		{"short", browser{}, time.Second, 5 * time.Second, 7 * time.Second, 10 * time.Second},
		{"a quarter of a minute", browser{}, 5 * time.Second, 16 * time.Second, 11 * time.Second, 15 * time.Second},
		{"a minute", browser{}, 50 * time.Second, 60 * time.Second, 45 * time.Second, 50 * time.Second},
		{"very long", browser{}, 300 * time.Second, 310 * time.Second, 63 * time.Second, 67 * time.Second},
		{"short, loss alone", browser{noREMB: true}, time.Second, 5 * time.Second, 8 * time.Second, 11 * time.Second},
		{"short, estimates that cap down", browser{capsDown: true}, time.Second, 5 * time.Second, 7 * time.Second, 11 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var better, top time.Duration
			for length := c.from; length <= c.to; length += time.Second {
				for offset := range offsets {
					end := drop + length
					s := scene{link: &link{bps: dip(drop, end), rtt: rtt, browser: c.kind}, layers: simulcast(), offset: offset}
					changes := s.play(t, end+75*time.Second)
					if s.current != 2 {
						t.Fatalf("dip of %v, reports at %v: never came back: %v", length, offset, changes)
					}
					for _, change := range slices.Backward(changes) {
						if change.to == 2 {
							top = max(top, change.at-end)
						}
					}
					first := slices.IndexFunc(changes, func(c change) bool { return c.at > end && c.to > c.from })
					if first >= 0 {
						better = max(better, changes[first].at-end)
					}
				}
			}
			if better > c.better || top > c.top {
				t.Errorf("better after %v, at the top after %v; want %v and %v", better, top, c.better, c.top)
			}
			t.Logf("better after at most %v, at the top after at most %v", better, top)
		})
	}
}

// ladders are the layers encoders send.
var ladders = [][]int64{
	{300_000, 1_000_000, 2_500_000},
	{150_000, 500_000, 1_500_000},
	{600_000, 2_000_000},
	{1_000_000, 3_500_000},
}

func flowing(rates []int64) []Layer {
	var layers []Layer
	for _, r := range rates {
		layers = append(layers, Layer{r, true})
	}
	return layers
}

// between says whether a link clearly lies between two layers: a tenth away from each.
func between(bps float64, rates []int64) bool {
	for _, r := range rates {
		if q := bps / float64(r); q > 0.9 && q < 1.1 {
			return false
		}
	}
	return bps > float64(rates[0]) && bps < float64(rates[len(rates)-1])
}

// TestChooser_Steady sweeps links that do not change. Beginning is no switch.
func TestChooser_Steady(t *testing.T) {
	const length = 5 * time.Minute
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			worst, worstMean := 0, 0.0
			for _, rates := range ladders {
				for bps := 100_000.0; bps < 4_500_000; bps *= 1.14 {
					l := &link{
						bps: steady(bps), rtt: rtt, browser: kind, random: rand.New(rand.NewPCG(uint64(bps), 1)),
						buffer: []time.Duration{100, 300, 800}[int(bps)%3] * time.Millisecond,
					}
					s := scene{link: l, layers: flowing(rates)}
					changes := s.play(t, length)[1:]
					n, mean := most(changes, time.Minute, 0), float64(len(changes))/length.Minutes()
					worstMean = max(worstMean, mean)
					if between(bps, rates) {
						worst = max(worst, n)
						if n > 3 {
							t.Errorf("%.0f bit/s, %v: %d switches in a minute: %v", bps, rates, n, changes)
						}
					}
					// Too little for the lowest, or just about what a layer takes: still calm in the long run.
					if mean > 3 || n > 8 {
						t.Errorf("%.0f bit/s, %v: %.1f switches per minute, at most %d: %v", bps, rates, mean, n, changes)
					}
					if bps > 1.2*float64(rates[len(rates)-1]) && s.current != len(rates)-1 {
						t.Errorf("%.0f bit/s, %v: stays at layer %d", bps, rates, s.current)
					}
				}
			}
			t.Logf("at most %d switches in a minute between two layers, %.1f per minute in the mean anywhere", worst, worstMean)
		})
	}
}

// TestChooser_Marginal stands on links that carry a layer just about, the hardest to be calm on.
func TestChooser_Marginal(t *testing.T) {
	for _, percent := range []float64{90, 94, 97, 99, 99.7, 100, 101, 103} {
		s := scene{link: &link{bps: steady(10_000 * percent), rtt: rtt}, layers: simulcast()}
		changes := s.play(t, 20*time.Minute)[1:]
		late := most(changes, time.Minute, 3*time.Minute)
		if late > 4 {
			t.Errorf("%.1f %% of a layer: %d switches in a minute after three", percent, late)
		}
		t.Logf("%.1f %% of a layer: at most %d switches in a minute, %d after three minutes", percent, most(changes, time.Minute, 0), late)
	}
}

// TestChooser_GoodLink shows that nobody is disturbed who has no reason to be.
func TestChooser_GoodLink(t *testing.T) {
	quiet := func(at time.Duration, layers []Layer) { // a still picture takes little, then everything moves
		layers[2].BitrateBPS = 2_500_000
		if at/(15*time.Second)%2 == 1 {
			layers[2].BitrateBPS = 800_000
		}
	}
	for name, kind := range kinds {
		for _, c := range []struct {
			name  string
			link  link
			shape func(time.Duration, []Layer)
		}{
			{"plenty", link{bps: steady(20_000_000)}, nil},
			{"enough", link{bps: steady(3_000_000)}, nil},
			{"3 % lost at random", link{bps: steady(20_000_000), loss: 0.03}, nil},
			{"8 % lost at random", link{bps: steady(20_000_000), loss: 0.08}, nil},
			{"a picture that stands still at times", link{bps: steady(4_000_000)}, quiet},
		} {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				c.link.rtt, c.link.browser = rtt, kind
				s := scene{link: &c.link, layers: simulcast(), shape: c.shape}
				if changes := s.play(t, 10*time.Minute); len(changes) != 1 || s.current != 2 {
					t.Errorf("%v", changes)
				}
			})
		}
	}
	t.Run("a fifth lost at random", func(t *testing.T) {
		s := scene{link: &link{bps: steady(20_000_000), rtt: rtt, loss: 0.2}, layers: simulcast()}
		if changes := s.play(t, time.Minute); s.current != 0 {
			t.Errorf("fewer packets would be lost lower down: %v", changes)
		}
	})
	t.Run("a slow switch is no second failure", func(t *testing.T) {
		s := scene{link: &link{bps: dip(20*time.Second, 24*time.Second), rtt: rtt}, layers: simulcast(), delay: 3 * time.Second}
		if changes := s.play(t, 45*time.Second); s.current != 2 {
			t.Errorf("a GOP of some seconds keeps it down: %v", changes)
		}
	})
}

func TestChooser_SingleLayer(t *testing.T) {
	one := func() []Layer { return []Layer{{2_500_000, true}} }
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Run("a little too thin", func(t *testing.T) {
				s := scene{link: &link{bps: steady(2_000_000), rtt: rtt, browser: kind}, layers: one()}
				if changes := s.play(t, 5*time.Minute); len(changes) != 1 {
					t.Errorf("a bad picture is better than none: %v", changes)
				}
			})
			t.Run("a moment without anything", func(t *testing.T) {
				s := scene{link: &link{bps: dip(20*time.Second, 22*time.Second), rtt: rtt, browser: kind}, layers: one()}
				if changes := s.play(t, time.Minute); len(changes) != 1 {
					t.Errorf("it was two seconds: %v", changes)
				}
			})
			t.Run("hopeless for a time", func(t *testing.T) {
				s := scene{link: &link{bps: dip(20*time.Second, 40*time.Second), rtt: rtt, browser: kind}, layers: one()}
				changes := s.play(t, 70*time.Second)
				if len(changes) < 3 || changes[1].to != -1 {
					t.Fatalf("the sound needs the link: %v", changes)
				}
				if d := changes[1].at - 20*time.Second; d < 3*time.Second || d > 5*time.Second {
					t.Errorf("the picture went after %v", d)
				}
				if last := changes[len(changes)-1]; last.to != 0 || last.at > 62*time.Second {
					t.Errorf("the picture did not come back: %v", changes)
				}
			})
			t.Run("hopeless", func(t *testing.T) {
				s := scene{link: &link{bps: steady(500_000), rtt: rtt, browser: kind}, layers: one()}
				changes := s.play(t, 10*time.Minute)
				if n := most(changes, time.Minute, 0); n > 4 || len(changes) > 30 {
					t.Errorf("%d of %d changes in a minute", n, len(changes))
				}
			})
		})
	}
}

func TestChooser_Start(t *testing.T) {
	for _, c := range []struct {
		name   string
		layers []Layer
		want   int
	}{
		{"no layers", nil, -1},
		{"nothing flows", []Layer{{300_000, false}, {0, false}}, -1},
		{"one", []Layer{{8_000_000, true}}, 0},
		{"simulcast", simulcast(), 2},
		{"the highest is too much", []Layer{{500_000, true}, {2_000_000, true}, {6_000_000, true}}, 1},
		{"all are too much", []Layer{{3_000_000, true}, {5_000_000, true}, {9_000_000, true}}, 0},
		{"nothing is known", []Layer{{0, true}, {0, true}, {0, true}}, 1},
		{"the best does not flow", []Layer{{300_000, true}, {1_000_000, true}, {2_500_000, false}}, 1},
		{"only one flows", []Layer{{300_000, false}, {1_000_000, true}, {2_500_000, false}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var chooser Chooser
			if got := chooser.Choose(time.Now(), c.layers, Auto, -1); got != c.want {
				t.Errorf("begins with %d, want %d", got, c.want)
			}
		})
	}
}

func TestChooser_Wish(t *testing.T) {
	wish := func(at time.Duration) Wish {
		switch second := at / time.Second; {
		case second >= 10 && second < 20:
			return Off
		case second >= 30 && second < 40:
			return Low
		case second >= 50 && second < 60 && second%2 == 0: // somebody plays with the button
			return Off
		default:
			return Auto
		}
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			s := scene{link: &link{bps: steady(3_000_000), rtt: rtt, browser: kind}, layers: simulcast(), wish: wish, delay: 1}
			changes := s.play(t, 90*time.Second)
			want := []change{{0, -1, 2}, {10, 2, -1}, {20, -1, 2}, {30, 2, 0}, {40, 0, 2}}
			for second := 50; second < 60; second++ {
				c := change{time.Duration(second), 2, -1}
				if second%2 == 1 {
					c = change{time.Duration(second), -1, 2}
				}
				want = append(want, c)
			}
			for i := range changes {
				changes[i].at = changes[i].at.Round(200*time.Millisecond) / time.Second
			}
			if !slices.Equal(changes, want) {
				t.Errorf("got  %v\nwant %v", changes, want)
			}
		})
	}
	t.Run("low is the lowest that flows", func(t *testing.T) {
		var c Chooser
		layers := simulcast()
		layers[0].Flowing = false
		if got := c.Choose(time.Now(), layers, Low, -1); got != 1 {
			t.Errorf("layer %d", got)
		}
	})
	t.Run("low on a hopeless link", func(t *testing.T) {
		low := func(time.Duration) Wish { return Low }
		s := scene{link: &link{bps: steady(60_000), rtt: rtt}, layers: simulcast(), wish: low}
		if changes := s.play(t, 20*time.Second); s.current != -1 {
			t.Errorf("%v", changes)
		}
	})
}

func TestChooser_Flow(t *testing.T) {
	stops := func(which []int, from, to time.Duration) func(time.Duration, []Layer) {
		return func(at time.Duration, layers []Layer) {
			for _, i := range which {
				layers[i].Flowing = at < from || at >= to
			}
		}
	}
	for _, c := range []struct {
		name  string
		which []int
		want  []change
	}{
		{"the highest stops", []int{2}, []change{{0, -1, 2}, {10, 2, 1}, {30, 1, 2}}},
		{"the two highest stop", []int{1, 2}, []change{{0, -1, 2}, {10, 2, 0}, {30, 0, 2}}},
		{"another one stops", []int{0, 1}, []change{{0, -1, 2}}},
		{"the publisher goes away", []int{0, 1, 2}, []change{{0, -1, 2}, {10, 2, -1}, {30, -1, 2}}},
	} {
		for name, kind := range kinds {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				shape := stops(c.which, 10*time.Second, 30*time.Second)
				s := scene{link: &link{bps: steady(4_000_000), rtt: rtt, browser: kind}, layers: simulcast(), shape: shape, delay: 1}
				changes := s.play(t, time.Minute)
				for i := range changes {
					changes[i].at = changes[i].at.Round(500*time.Millisecond) / time.Second
				}
				if !slices.Equal(changes, c.want) {
					t.Errorf("got %v, want %v", changes, c.want)
				}
			})
		}
	}
	t.Run("layers begin one after the other", func(t *testing.T) {
		shape := func(at time.Duration, layers []Layer) {
			layers[1].Flowing, layers[2].Flowing = at >= 2*time.Second, at >= 4*time.Second
		}
		s := scene{link: &link{bps: steady(4_000_000), rtt: rtt}, layers: simulcast(), shape: shape}
		if changes := s.play(t, 5*time.Second); s.current != 2 {
			t.Errorf("who came first must not wait longest: %v", changes)
		}
	})
	t.Run("fewer layers", func(t *testing.T) {
		var c Chooser
		now := time.Now()
		c.Choose(now, simulcast(), Auto, -1)
		for n, want := range []int{-1, 0, 1, 2} {
			if got := c.Choose(now.Add(time.Second), simulcast()[:n], Auto, 2); got != want {
				t.Errorf("%d layers: %d, want %d", n, got, want)
			}
		}
	})
}

func TestChooser_Lies(t *testing.T) {
	for _, c := range []struct {
		name string
		lie  int64
		bps  float64
		want int
	}{
		{"1 bit/s on a good link", 1, 20_000_000, -1},
		{"a negative number", -5, 20_000_000, -1},
		{"10 Gbit/s on a good link", 10_000_000_000, 20_000_000, 2},
		{"all there is on a thin link", 1<<63 - 1, 500_000, 0},
		{"a modest viewer", 1_200_000, 20_000_000, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := scene{link: &link{bps: steady(c.bps), rtt: rtt, browser: browser{lie: c.lie}}, layers: simulcast()}
			changes := s.play(t, 28*time.Second) // before anything is tried again
			if s.current != c.want {
				t.Errorf("ends at %d, want %d: %v", s.current, c.want, changes)
			}
			if e := s.chooser.estimate; e < 50_000 || e > 50_000_000 {
				t.Errorf("believes %d bit/s", e)
			}
		})
	}
	var c Chooser
	c.Report(time.Now(), 0, 1<<62)
	if c.rtt > 2*time.Second {
		t.Errorf("believes a round trip of %v", c.rtt)
	}
	c.Report(time.Now(), 0, -time.Hour)
	if c.rtt < 0 {
		t.Errorf("believes a round trip of %v", c.rtt)
	}
}

func TestChooser_Silence(t *testing.T) {
	var c Chooser
	now, current := time.Now(), -1
	for n := range 6000 {
		if n == 100 { // two bad reports, then the viewer says nothing any more
			c.Report(now, 20, rtt)
		}
		current = c.Choose(now, []Layer{{300_000, true}, {1_000_000, true}, {5_000_000, true}}, Auto, current)
		if current != 1 {
			t.Fatalf("went to %d without a word from the viewer", current)
		}
		now = now.Add(100 * time.Millisecond)
	}
}

// randomly does n random things to a chooser and looks at every answer.
func randomly(t *testing.T, random *rand.Rand, n int) {
	t.Helper()
	var c Chooser
	now := time.Now()
	current := -1
	layers := make([]Layer, random.IntN(5))
	for range n {
		switch random.IntN(8) {
		case 0:
			c.Estimate(now, random.Int64N(1<<uint(1+random.IntN(62)))-1000)
		case 1, 2:
			c.Report(now, uint8(random.Uint32()), time.Duration(random.Int64N(int64(time.Second))))
		case 3:
			layers = make([]Layer, random.IntN(7))
			for i := range layers {
				layers[i] = Layer{random.Int64N(1<<uint(1+random.IntN(40))) - 1, random.IntN(4) > 0}
			}
		case 4:
			if len(layers) > 0 {
				l := &layers[random.IntN(len(layers))]
				l.Flowing = !l.Flowing
			}
		case 5:
			current = random.IntN(12) - 4
		}
		now = now.Add(time.Duration(random.Int64N(int64(2 * time.Second))))
		wish := Wish(random.IntN(5))
		got := c.Choose(now, layers, wish, current)
		lowest := slices.IndexFunc(layers, func(l Layer) bool { return l.Flowing })
		switch {
		case got < -1 || got >= len(layers):
			t.Fatalf("layer %d of %d", got, len(layers))
		case got >= 0 && !layers[got].Flowing:
			t.Fatalf("layer %d does not flow: %v", got, layers)
		case wish == Off && got != -1:
			t.Fatalf("layer %d although the picture is off", got)
		case wish == Low && got != lowest && got != -1:
			t.Fatalf("layer %d, the lowest of %v is wanted", got, layers)
		}
		if random.IntN(3) > 0 {
			current = got
		}
	}
}

func TestChooser_Random(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		randomly(t, random, 200)
	}
}

// TestChooser_RandomLinks plays whole scenes on links that change as they like; play checks every answer.
func TestChooser_RandomLinks(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	for range 100 {
		rates := make([]float64, 13)
		for i := range rates {
			rates[i] = 50_000 * float64(int(1)<<random.IntN(8))
		}
		l := &link{
			bps:    func(at time.Duration) float64 { return rates[min(int(at/(10*time.Second)), 12)] },
			loss:   random.Float64() * 0.1,
			buffer: time.Duration(1+random.IntN(20)) * 100 * time.Millisecond, rtt: time.Duration(random.IntN(500)) * time.Millisecond,
			browser: browser{noREMB: random.IntN(3) == 0, capsDown: random.IntN(2) == 0},
			random:  random,
		}
		rates[9], rates[10], rates[11], rates[12] = 6_000_000, 6_000_000, 6_000_000, 6_000_000
		l.loss = min(l.loss, 0.009)
		s := scene{link: l, layers: simulcast(), offset: time.Duration(random.IntN(10)) * 100 * time.Millisecond}
		changes := s.play(t, 4*time.Minute)
		if s.current != 2 {
			t.Errorf("two and a half minutes of a good link were not enough: %v on %v", changes, rates)
		}
	}
}

func FuzzChooser(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, uint16(100))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint16) {
		randomly(t, rand.New(rand.NewPCG(seed, 1)), int(n))
	})
}

func TestChooser_Cost(t *testing.T) {
	if size := unsafe.Sizeof(Chooser{}); size > 200 {
		t.Errorf("%d bytes per viewer", size)
	}
	var c Chooser
	layers, now, n := simulcast(), time.Now(), int64(0)
	current := c.Choose(now, layers, Auto, -1)
	allocs := testing.AllocsPerRun(1000, func() {
		n++
		c.Estimate(now, 100_000*(n%40))
		c.Report(now, uint8(n), rtt)
		current = c.Choose(now, layers, Wish(n/100%3), current)
		now = now.Add(time.Second)
	})
	if allocs != 0 {
		t.Errorf("%.1f allocations per report", allocs)
	}
}

func ExampleChooser() {
	var c Chooser
	now := time.Now()
	layers := []Layer{{300_000, true}, {1_000_000, true}, {2_500_000, true}}
	current := c.Choose(now, layers, Auto, -1)
	fmt.Println("begins with", current)
	for second := range 3 {
		c.Report(now.Add(time.Duration(second)*time.Second), 100, 40*time.Millisecond) // 39 % are lost
		current = c.Choose(now.Add(time.Duration(second)*time.Second), layers, Auto, current)
	}
	fmt.Println("then", current)
	fmt.Println("a hidden tab:", c.Choose(now.Add(4*time.Second), layers, Off, current))
	// Output:
	// begins with 2
	// then 1
	// a hidden tab: -1
}
