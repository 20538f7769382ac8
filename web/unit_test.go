package web

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"rsc.io/qr"

	"shopcast/shop"
	"shopcast/shop/refusal"
)

func TestLanguage(t *testing.T) {
	for _, tc := range []struct{ cookie, accept, want string }{
		{"", "", "en"},
		{"", "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"},
		{"", "zh-TW", "zh-CN"},
		{"", "en-GB,zh;q=0.9", "en"},
		{"", "de-DE, zh;q=0.4, en;q=0.3", "zh-CN"},
		{"", "fr", "en"},
		{"", "*", "en"},
		{"", "zh;q=0", "en"},
		{"", "zh;q=NaN,en;q=0.1", "en"},
		{"", ";;;,,q=,=;q", "en"},
		{"", strings.Repeat("zh,", 400), "en"},
		{"zh-CN", "en", "zh-CN"},
		{"en", "zh", "en"},
		{"<script>", "zh", "zh-CN"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", tc.accept)
		r.AddCookie(&http.Cookie{Name: "lang", Value: tc.cookie})
		if got := language(r); got != tc.want {
			t.Errorf("cookie %q accept %.40q: %s, want %s", tc.cookie, tc.accept, got, tc.want)
		}
	}
}

func TestWords(t *testing.T) {
	w, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	if got := w.say("en", "shell.pay.back", "room", "Lin & Co"); got != "Back to Lin & Co" {
		t.Errorf("said %q", got)
	}
	if got := w.say("en", "no.such.key"); got != "no.such.key" {
		t.Errorf("unknown key said %q", got)
	}
	for key, en := range w.byLanguage["en"] {
		zh, ok := w.byLanguage["zh-CN"][key]
		if !strings.HasPrefix(key, "shell.") {
			continue
		}
		if !ok || zh == "" {
			t.Errorf("zh-CN lacks %s", key)
		}
		for _, place := range []string{"{brand}", "{room}", "{name}"} {
			if strings.Contains(en, place) != strings.Contains(zh, place) {
				t.Errorf("%s: only one language has %s", key, place)
			}
		}
	}
}

func TestPrice(t *testing.T) {
	for _, tc := range []struct {
		minor    int64
		currency string
		want     string
	}{
		{19900, "CNY", "¥199.00"},
		{5, "CNY", "¥0.05"},
		{0, "USD", "$0.00"},
		{123456789, "EUR", "€1,234,567.89"},
		{1999, "JPY", "¥1,999"},
		{1234, "KWD", "KWD\u00a01.234"},
		{-150, "GBP", "-£1.50"},
		{100000, "CHF", "CHF\u00a01,000.00"},
		{math.MinInt64, "USD", "-$92,233,720,368,547,758.08"},
		{7, "???", "???\u00a07"},
	} {
		if got := price(tc.minor, tc.currency); got != tc.want {
			t.Errorf("%d %s: %q, want %q", tc.minor, tc.currency, got, tc.want)
		}
	}
}

// clock is a time that moves when a test says so.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestLimiter(t *testing.T) {
	c := &clock{at: time.Unix(1_800_000_000, 0)}
	l := newLimiter(5*time.Second, 3, c.now)
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range 3 {
		if d := l.wait(here); d != 0 {
			t.Fatalf("burst: wait %v", d)
		}
	}
	for range 5 { // waiting in vain costs nothing
		if d := l.wait(here); d != 5*time.Second {
			t.Fatalf("after the burst: wait %v", d)
		}
	}
	if d := l.wait(there); d != 0 {
		t.Errorf("another address waits %v", d)
	}
	if d := l.wait(netip.MustParseAddr("::ffff:192.0.2.1")); d == 0 {
		t.Error("the same address as IPv6 has a budget of its own")
	}
	c.at = c.at.Add(5 * time.Second)
	if d := l.wait(here); d != 0 {
		t.Errorf("later: wait %v", d)
	}
}

func TestLimiter_IPv6CountsByHousehold(t *testing.T) {
	l := newLimiter(time.Second, 1, time.Now)
	l.wait(netip.MustParseAddr("2001:db8:1:2::1"))
	if l.wait(netip.MustParseAddr("2001:db8:1:2:ffff::9")) == 0 {
		t.Error("the same /64 got a second budget")
	}
	if l.wait(netip.MustParseAddr("2001:db8:1:3::1")) != 0 {
		t.Error("another /64 has no budget")
	}
	if l.wait(netip.MustParseAddr("fe80::1%eth0")) != 0 || l.wait(netip.Addr{}) != 0 || l.wait(netip.Addr{}) == 0 {
		t.Error("zones or unknown addresses are counted wrongly")
	}
}

func TestLimiter_TableIsBounded(t *testing.T) {
	c := &clock{at: time.Unix(1_800_000_000, 0)}
	l := newLimiter(time.Second, 2, c.now)
	address := func(i int) netip.Addr {
		var raw [4]byte
		binary.BigEndian.PutUint32(raw[:], uint32(i))
		return netip.AddrFrom4(raw)
	}
	for i := range limiterSize + 10 {
		l.wait(address(i))
	}
	if len(l.peers) != limiterSize {
		t.Fatalf("%d addresses, want %d", len(l.peers), limiterSize)
	}
	if l.wait(address(limiterSize+99)) == 0 {
		t.Error("newcomers beyond the table have no common budget")
	}
	c.at = c.at.Add(3 * time.Second)
	if l.wait(address(limiterSize+100)) != 0 || len(l.peers) != 1 {
		t.Errorf("quiet addresses were not forgotten: %d left", len(l.peers))
	}
}

func TestLimiter_ManyAtOnce(t *testing.T) {
	l := newLimiter(time.Hour, 5, time.Now)
	var passed sync.Map
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if l.wait(netip.MustParseAddr("192.0.2.7")) == 0 {
				passed.Store(i, true)
			}
		})
	}
	wg.Wait()
	count := 0
	passed.Range(func(any, any) bool { count++; return true })
	if count != 5 {
		t.Errorf("%d passed, want 5", count)
	}
}

func TestDecodeJSON(t *testing.T) {
	long := `{"name":"` + strings.Repeat("a", bodyLimit) + `"}`
	for _, tc := range []struct {
		name, body string
		want       refusal.Code
		field      string
	}{
		{"good", `{"name":"a","password":"b"}`, "", ""},
		{"space after", `{"name":"a"}` + " \n", "", ""},
		{"empty", ``, refusal.CodeBadInput, ""},
		{"unknown field", `{"name":"a","distributor":"dst_1"}`, refusal.CodeBadInput, ""},
		{"two values", `{"name":"a"}{"name":"b"}`, refusal.CodeBadInput, ""},
		{"rubbish after", `{"name":"a"}}`, refusal.CodeBadInput, ""},
		{"array", `[]`, refusal.CodeBadInput, ""},
		{"wrong type", `{"name":7}`, refusal.CodeBadInput, "name"},
		{"huge number", `{"name":1e400}`, refusal.CodeBadInput, "name"},
		{"deep", strings.Repeat("[", 4000), refusal.CodeBadInput, ""},
		{"cut", `{"name":"a`, refusal.CodeBadInput, ""},
		{"long", long, refusal.CodeTooLarge, ""},
		{"long after", `{"name":"a"}` + strings.Repeat(" ", bodyLimit), refusal.CodeTooLarge, ""},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(tc.body))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		_, err := readJSON[signInBody](httptest.NewRecorder(), r)
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if got := shop.AsError(err); err == nil || got.Code != tc.want || got.Field != tc.field {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", ";;"} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(`{}`))
		r.Header.Set("Content-Type", kind)
		if _, err := readJSON[signInBody](httptest.NewRecorder(), r); shop.AsError(err).Code != refusal.CodeBadInput {
			t.Errorf("content type %q: %v", kind, err)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"token":"a","brand":"b"}`, `{"room":"r","token":"t"}`, `[[[`, "{\"name\":\"\xff\"}", `{"name":"\ud800"}`, `null`, `1e999`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		check := func(err error) {
			if err != nil && shop.AsError(err).Code == refusal.CodeInternal {
				t.Errorf("not an error people may see: %v", err)
			}
		}
		_, err := decodeJSON[signInBody](bytes.NewReader(body))
		check(err)
		_, err = decodeJSON[setupBody](bytes.NewReader(body))
		check(err)
		_, err = decodeJSON[visitBody](bytes.NewReader(body))
		check(err)
		_, err = decodeJSON[tokenBody](bytes.NewReader(body))
		check(err)
	})
}

func TestContentPolicy(t *testing.T) {
	policy := contentPolicy("live.example.com:8080")
	if !strings.Contains(policy, "connect-src 'self' ws://live.example.com:8080 wss://live.example.com:8080;") {
		t.Error(policy)
	}
	for _, host := range []string{"", "a;script-src *", "a b", "'unsafe-inline'", "a,b", "ä", strings.Repeat("a", 300)} {
		if policy := contentPolicy(host); !strings.Contains(policy, "connect-src 'self';") {
			t.Errorf("%q got into the policy: %s", host, policy)
		}
	}
}

func TestDrawQR(t *testing.T) {
	code, err := qr.Encode("https://live.example.com/r/lin/rt1.k.x.y", qr.M)
	if err != nil {
		t.Fatal(err)
	}
	svg := string(drawQR(code))
	if !strings.HasPrefix(svg, "<svg ") || !strings.HasSuffix(svg, "</svg>") || strings.Contains(svg, "<script") {
		t.Errorf("not a picture: %.100s", svg)
	}
	// Draw the runs back into modules: each must be where the code has it.
	black := make(map[[2]int]bool)
	data := svg[strings.Index(svg, ` d="`)+4 : strings.Index(svg, `"/></svg>`)]
	for run := range strings.SplitSeq(strings.TrimPrefix(data, "M"), "M") {
		var x, y, n, back int
		if _, err := sscan(run, &x, &y, &n, &back); err != nil || n != back {
			t.Fatalf("run %q: %v", run, err)
		}
		for i := range n {
			black[[2]int{x + i - 4, y - 4}] = true
		}
	}
	for y := range code.Size {
		for x := range code.Size {
			if black[[2]int{x, y}] != code.Black(x, y) {
				t.Fatalf("module %d,%d differs", x, y)
			}
		}
	}
}

// drawn is a 3 × 2 picture whose corners differ, scaled by n.
func drawn(n int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, 3*n, 2*n))
	for y := range 2 * n {
		for x := range 3 * n {
			img.SetNRGBA(x, y, color.NRGBA{R: uint8(x / n * 100), G: uint8(y / n * 200), A: 255})
		}
	}
	return img
}

func encoded(t *testing.T, kind string, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch kind {
	case "png":
		err = png.Encode(&b, img)
	case "jpeg":
		err = jpeg.Encode(&b, img, nil)
	case "gif":
		err = gif.Encode(&b, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRedraw(t *testing.T) {
	wide := image.NewGray(image.Rect(0, 0, 2*maxEdge, 100)) // few pixels: -race makes each dear
	for _, kind := range []string{"png", "jpeg", "gif"} {
		out, err := redraw(encoded(t, kind, wide))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		img, err := jpeg.Decode(bytes.NewReader(out))
		if err != nil || img.Bounds() != image.Rect(0, 0, maxEdge, 50) {
			t.Errorf("%s: %v %v", kind, img.Bounds(), err)
		}
	}
	small, err := redraw(encoded(t, "png", drawn(10)))
	if img, _ := jpeg.Decode(bytes.NewReader(small)); err != nil || img.Bounds() != image.Rect(0, 0, 30, 20) {
		t.Errorf("a small picture was scaled: %v", err)
	}
}

func TestRedraw_TransparentIsWhite(t *testing.T) {
	out, err := redraw(encoded(t, "png", image.NewNRGBA(image.Rect(0, 0, 8, 8))))
	if err != nil {
		t.Fatal(err)
	}
	img, _ := jpeg.Decode(bytes.NewReader(out))
	if r, g, b, _ := img.At(4, 4).RGBA(); r>>8 < 250 || g>>8 < 250 || b>>8 < 250 {
		t.Errorf("transparent became %d %d %d", r>>8, g>>8, b>>8)
	}
}

func TestRedraw_Refuses(t *testing.T) {
	whole := encoded(t, "png", drawn(10))
	for name, raw := range map[string][]byte{
		"nothing": nil,
		"svg":     []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
		"html":    []byte(`<!doctype html><script>alert(1)</script>`),
		"cut":     whole[:len(whole)/2],
		"bomb":    pngHeader(50_000, 50_000),
		"wide":    pngHeader(math.MaxInt32, 1),
		"header":  pngHeader(100, 100),
	} {
		s := &Site{pictures: make(chan struct{}, 1)}
		if _, err := s.redraw(t.Context(), raw); !errors.Is(err, errNotPicture) {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.pictures) != 0 {
			t.Errorf("%s: the slot was not given back", name)
		}
	}
}

func TestTurn(t *testing.T) {
	// What each orientation stores, read upright, must be the same picture.
	upright := scale(drawn(1))
	for orientation := 1; orientation <= 8; orientation++ {
		stored := stored(upright, orientation)
		got := turn(stored, orientation)
		if got.Rect != upright.Rect || !bytes.Equal(got.Pix, upright.Pix) {
			t.Errorf("orientation %d is turned wrongly", orientation)
		}
	}
	if turn(upright, 0) != upright || turn(upright, 9) != upright {
		t.Error("an unknown orientation turned the picture")
	}
}

// stored is what a camera writes for an upright picture. TIFF 6.0: the orientation
// names the sides at which the stored 0th row and 0th column are seen.
func stored(upright *image.RGBA, orientation int) *image.RGBA {
	w, h := upright.Rect.Dx(), upright.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(size)
	for row := range size.Dy() {
		for column := range size.Dx() {
			x, y := column, row
			switch orientation {
			case 2: // top, right
				x = w - 1 - column
			case 3: // bottom, right
				x, y = w-1-column, h-1-row
			case 4: // bottom, left
				y = h - 1 - row
			case 5: // left, top
				x, y = row, column
			case 6: // right, top
				x, y = w-1-row, column
			case 7: // right, bottom
				x, y = w-1-row, h-1-column
			case 8: // left, bottom
				x, y = row, h-1-column
			}
			out.SetRGBA(column, row, upright.RGBAAt(x, y))
		}
	}
	return out
}

func TestExifOrientation(t *testing.T) {
	plain := encoded(t, "jpeg", drawn(20))
	for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
		raw := withOrientation(plain, order, 6)
		if got := exifOrientation(raw); got != 6 {
			t.Errorf("read %d, want 6", got)
		}
		out, err := redraw(raw)
		if err != nil {
			t.Fatal(err)
		}
		if size, _ := jpeg.DecodeConfig(bytes.NewReader(out)); size.Width != 40 || size.Height != 60 {
			t.Errorf("drawn %d × %d, want 40 × 60", size.Width, size.Height)
		}
	}
	if got := exifOrientation(plain); got != 0 {
		t.Errorf("no note read as %d", got)
	}
}

func FuzzExifOrientation(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08"))
	f.Add([]byte("\xff\xd8\xff\xe1\xff\xffExif\x00\x00II"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x18Exif\x00\x00II\x2a\x00\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(_ *testing.T, raw []byte) { exifOrientation(raw) })
}

// withOrientation puts an Exif segment behind the start of a JPEG.
func withOrientation(raw []byte, order binary.AppendByteOrder, orientation uint16) []byte {
	tiff := []byte("MM")
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		tiff = []byte("II")
	}
	tiff = order.AppendUint16(tiff, 42)
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, 274)
	tiff = order.AppendUint16(tiff, 3) // SHORT
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, orientation)
	tiff = order.AppendUint16(tiff, 0)
	body := append([]byte("Exif\x00\x00"), tiff...)
	segment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(body)+2))
	return bytes.Join([][]byte{raw[:2], segment, body, raw[2:]}, nil)
}
