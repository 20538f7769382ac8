package describe

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// hostile is what strangers send to cost us time: everything fits into what the doors let through.
func hostile() map[string]string {
	const room = 1 << 10 // for what a case adds behind
	fill := func(head string, line func(i int) string) string {
		var b strings.Builder
		b.WriteString(head)
		lines := strings.Count(head, "\n")
		for i := 0; ; i++ {
			next := line(i)
			lines += strings.Count(next, "\n")
			if b.Len()+len(next) > maxBytes-room || lines > maxLines-20 {
				return b.String()
			}
			b.WriteString(next)
		}
	}
	session := before(plain, "m=audio")
	many := fill(before(plain, " 100\na=mid:v"), func(i int) string { return fmt.Sprintf(" %d", i%128) })
	return map[string]string{
		"sections":        fill(session, func(int) string { return "m=audio 9 RTP 0\n" }),
		"candidates":      fill(plain, func(i int) string { return fmt.Sprintf("a=candidate:%d 1 udp 1 169.254.169.254 %d typ host\n", i, i) }),
		"names":           fill(plain, func(i int) string { return fmt.Sprintf("a=candidate:%d 1 udp 1 %d.local 1 typ host\n", i, i) }),
		"payload types":   many + strings.TrimPrefix(plain, before(plain, "\na=mid:v")),
		"rtpmaps":         fill(plain, func(i int) string { return fmt.Sprintf("a=rtpmap:%d VP8/90000\n", i%128) }),
		"parameters":      fill(plain, func(i int) string { return fmt.Sprintf("a=fmtp:100 %d=1;\n", i) }),
		"one parameter":   fill(plain+"a=fmtp:100 ", func(i int) string { return fmt.Sprintf("%d=1;", i) }) + "\n",
		"feedback":        fill(plain, func(int) string { return "a=rtcp-fb:* nack\n" }),
		"groups":          fill(session, func(i int) string { return fmt.Sprintf("a=group:BUNDLE %d\n", i) }) + plain[len(session):],
		"one group":       fill(session+"a=group:BUNDLE", func(int) string { return " a" }) + "\n" + plain[len(session):],
		"fingerprints":    fill(plain, func(i int) string { return fmt.Sprintf("a=fingerprint:sha-256 %d\n", i) }),
		"one fingerprint": fill(plain+"a=fingerprint:sha-256 ", func(int) string { return "AA:" }) + "\n",
		"extensions":      fill(plain, func(i int) string { return fmt.Sprintf("a=extmap:%d %s\n", i, absSendTime) }),
		"simulcast":       fill(plain+"a=simulcast:send ", func(i int) string { return fmt.Sprintf("%d;", i) }) + "\n",
		"attributes":      fill(plain, func(int) string { return "a=\n" }),
		"times":           fill("v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\n", func(int) string { return "t=0 0\nr=1 1 0 1 2 3\n" }),
		"bandwidths":      fill(plain, func(int) string { return "b=AS:1\n" }),
		"numbers":         fill(session, func(int) string { return "9" }),
		"long parameters": fill(plain, func(int) string { return "a=fmtp:100 " + strings.Repeat("a=1;", 1000) + "\n" }),
		"long groups":     fill(session, func(int) string { return "a=group:BUNDLE" + strings.Repeat(" a", 2000) + "\n" }) + plain[len(session):],
		"some types":      strings.Replace(plain, " 100\n", strings.Repeat(" 9", 2000)+"\n", 1),
		"newlines":        strings.Repeat("\r\n", maxBytes/2),
		"short lines":     plain + strings.Repeat("a=\n", (maxBytes-len(plain))/3),
		"short sections":  session + strings.Repeat("m=audio 9 RTP 0\r", (maxBytes-len(session))/16),
		"one line":        fill("v=0\no=", func(int) string { return "x" }),
		"megabyte":        strings.Repeat("a", 1<<20),
	}
}

// Whoever sends them is answered within 10 ms, whether well or badly; where the race detector makes
// everything slow, within 40 times what a browser's offer takes. Other programs on the machine only
// ever add to a measured time, so the shortest of many is what a call costs.
func TestHostile(t *testing.T) {
	shortest := func(enough time.Duration, try func()) time.Duration {
		best := time.Hour
		for n := 0; n < 100 && best > enough; n++ {
			begin := time.Now()
			try()
			best = min(best, time.Since(begin))
		}
		return best
	}
	browser := read(t, "chromium-recvonly")
	limit := max(10*time.Millisecond, 40*shortest(0, func() { _, _, _ = Answer(browser, testLocal()) }))
	for name, text := range hostile() {
		for what, try := range map[string]func() error{
			"answer":   func() error { _, _, err := Answer(text, testLocal()); return err },
			"accept":   func() error { _, err := Accept(text); return err },
			"check":    func() error { return Check(text) },
			"fragment": func() error { _, err := ParseFragment(text); return err },
			"layers":   func() error { SimulcastRIDs(text); return nil },
		} {
			var err error
			if took := shortest(limit, func() { err = try() }); took > limit {
				t.Errorf("%s of %s took %v, limit %v", what, name, took, limit)
			}
			if err != nil && !errors.Is(err, ErrBad) && !errors.Is(err, ErrNoCodec) {
				t.Errorf("%s of %s: %v", what, name, err)
			}
		}
	}
}

// padded is an offer of so many bytes.
func padded(size int) string {
	text := plain
	for len(text) < size {
		text += "a=x:" + strings.Repeat("x", max(min(size-len(text)-5, 1000), 0)) + "\n"
	}
	return text
}

func TestCheck(t *testing.T) {
	const candidate = "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\n"
	section := plain[strings.Index(plain, "m=audio"):strings.Index(plain, "m=video")]
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"plain":                      {plain, true},
		"most candidates":            {plain + strings.Repeat(candidate, MaxCandidates), true},
		"too many candidates":        {plain + strings.Repeat(candidate, MaxCandidates+1), false},
		"too many, in the session":   {changed(t, plain, "t=0 0\n", "t=0 0\n"+strings.Repeat(candidate, MaxCandidates+1)), false},
		"too many, over the section": {changed(t, plain, "a=recvonly\n", strings.Repeat(candidate, MaxCandidates/2+1)), false},
		"most sections":              {plain + strings.Repeat(section, maxSections-2), true},
		"too many sections":          {plain + strings.Repeat(section, maxSections-1), false},
		"no sections":                {before(plain, "m=audio"), false},
		"most lines":                 {plain + strings.Repeat("a=\n", maxLines-strings.Count(plain, "\n")), true},
		"too many lines":             {plain + strings.Repeat("a=\n", maxLines+1-strings.Count(plain, "\n")), false},
		"too many returns":           {plain + strings.Repeat("a=\r", maxLines+1), false},
		"too many returns as well":   {plain + strings.Repeat("a=\r\n", maxLines-strings.Count(plain, "\n")), true},
		"most bytes":                 {padded(maxBytes), true},
		"too many bytes":             {padded(maxBytes + 1), false},
		"longest line":               {plain + "a=x:" + strings.Repeat("x", MaxLineBytes-4) + "\n", true},
		"too long a line":            {plain + "a=x:" + strings.Repeat("x", MaxLineBytes-3) + "\n", false},
		"empty":                      {"", false},
		"json":                       {`{"type":"offer"}`, false},
	} {
		if err := Check(c.text); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrBad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	for name, c := range map[string]struct{ text, ufrag, pwd string }{
		"session":     {plain, "peer", "0123456789012345678901"},
		"section":     {read(t, "chromium-recvonly"), "5nlJ", "ZaVyoX7imHNW+9Z/peMKPZqG"},
		"half a pair": {changed(t, plain, "a=ice-ufrag:peer\n", ""), "", ""},
	} {
		ufrag, pwd, err := Credentials(c.text)
		if err != nil || ufrag != c.ufrag || pwd != c.pwd {
			t.Errorf("%s: %q %q, %v", name, ufrag, pwd, err)
		}
	}
	if _, _, err := Credentials("hello"); !errors.Is(err, ErrBad) {
		t.Errorf("no sdp: %v", err)
	}
}

// before is what stands before the first sep, everything without one.
func before(s, sep string) string {
	head, _, _ := strings.Cut(s, sep)
	return head
}
