package web

import (
	"bytes"
	"fmt"
	"net/http"

	"rsc.io/qr"

	"shopcast/shop"
)

// qr draws a room's link as an SVG. Only links that belong are drawn: a poster with
// a mistyped one would send its distributor's customers to HQ.
func (s *Site) qr(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	visit, err := s.shop.OpenVisit(shop.VisitRequest{Slug: r.PathValue("slug"), RoomToken: token, Origin: s.Origin(r)})
	if err != nil || (visit.Token != shop.TokenOK && visit.Token != shop.TokenSuspended) {
		s.reject(w, r, false, http.StatusNotFound)
		return
	}
	code, err := qr.Encode(s.link(r, "/r/"+visit.Room.Slug+"/"+token), qr.M)
	if err != nil {
		s.reject(w, r, false, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(drawQR(code))
}

// drawQR writes the code as one path of horizontal runs, with the four modules of
// quiet border that ISO/IEC 18004 asks for.
func drawQR(code *qr.Code) []byte {
	const quiet = 4
	side := code.Size + 2*quiet
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, side, side)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="`, side, side)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			start := x
			for code.Black(x, y) { // outside the code nothing is black
				x++
			}
			if x > start {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", start+quiet, y+quiet, x-start, x-start)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes()
}
