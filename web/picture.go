package web

import (
	"bytes"
	"context"
	"errors"
	"image"
	_ "image/gif" // a format image.Decode knows
	"image/jpeg"
	_ "image/png" // a format image.Decode knows
	"io"
	"net/http"
	"time"

	"golang.org/x/image/draw"

	"shopcast/shop"
	"shopcast/shop/refusal"
)

const (
	maxPixels      = 40_000_000 // decoded 16-bit pictures take 8 bytes a pixel
	maxEdge        = 1200       // px, longer edge of what we keep
	pictureQuality = 85
	pictureWait    = 10 * time.Second // for a free slot
)

// errNotPicture is what everything but a whole PNG, JPEG or GIF gets.
var errNotPicture = errors.New("not a picture we read")

type pictureAnswer struct {
	Picture string `json:"picture"`
}

// upload takes a picture from HQ. It is always drawn anew: what is stored is pixels
// only, whatever else the file held.
func (s *Site) upload(w http.ResponseWriter, r *http.Request) {
	actor, ok := s.actor(r)
	if !ok {
		s.fail(w, r, &shop.Error{Code: refusal.CodeUnauthorized, Message: "sign in first"})
		return
	}
	if actor.Role != shop.RoleOwner {
		s.fail(w, r, &shop.Error{Code: refusal.CodeForbidden, Message: "only HQ uploads pictures"})
		return
	}
	arrived := hurry(w, pictureTime)
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, pictureLimit))
	arrived()
	if err != nil {
		s.fail(w, r, bodyError(err))
		return
	}
	drawn, err := s.redraw(r.Context(), raw)
	if errors.Is(err, errNotPicture) {
		p := plainProblem(http.StatusUnsupportedMediaType)
		p.Code, p.Detail = "bad_picture", "this is not a PNG, JPEG or GIF picture of up to 40 megapixels"
		writeProblem(w, p)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	id, err := s.shop.SavePicture(r.Context(), actor, drawn)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, pictureAnswer{Picture: string(id)})
}

// redraw waits for a slot, then decodes, scales and encodes.
func (s *Site) redraw(ctx context.Context, raw []byte) ([]byte, error) {
	header, _, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil || header.Width < 1 || header.Height < 1 ||
		int64(header.Width)*int64(header.Height) > maxPixels {
		return nil, errNotPicture
	}
	ctx, cancel := context.WithTimeout(ctx, pictureWait)
	defer cancel()
	select {
	case s.pictures <- struct{}{}:
		defer func() { <-s.pictures }()
	case <-ctx.Done():
		return nil, &shop.Error{Code: refusal.CodeBusy, Message: "other pictures are being read; try again"}
	}
	return redraw(raw)
}

func redraw(raw []byte) ([]byte, error) {
	src, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil || src.Bounds().Empty() {
		return nil, errNotPicture
	}
	small := turn(scale(src), exifOrientation(raw))
	var out bytes.Buffer
	if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: pictureQuality}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// scale fits a picture into maxEdge, on white where it is transparent: JPEG has no alpha.
func scale(src image.Image) *image.RGBA {
	from := src.Bounds()
	w, h := from.Dx(), from.Dy()
	if longest := max(w, h); longest > maxEdge {
		w, h = max(1, w*maxEdge/longest), max(1, h*maxEdge/longest)
	}
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(dst, dst.Bounds(), image.White, image.Point{}, draw.Src)
	if w == from.Dx() && h == from.Dy() {
		draw.Draw(dst, dst.Bounds(), src, from.Min, draw.Over)
		return dst
	}
	draw.CatmullRom.Scale(dst, dst.Bounds(), src, from, draw.Over, nil)
	return dst
}

// turn undoes the EXIF orientation a camera noted instead of turning the pixels:
// the note is gone after encoding.
func turn(src *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 || orientation > 8 {
		return src
	}
	w, h := src.Rect.Dx(), src.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	dst := image.NewRGBA(size)
	for y := range size.Dy() {
		for x := range size.Dx() {
			dst.SetRGBA(x, y, src.RGBAAt(source(orientation, x, y, w, h)))
		}
	}
	return dst
}

// source is where the pixel of an upright picture stands in the stored one of w × h.
// The numbers are those of TIFF 6.0, tag 274.
func source(orientation, x, y, w, h int) (int, int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8:
		return w - 1 - y, x
	}
	return x, y
}

// picture serves a stored picture. Its name is its content, so it never changes.
func (s *Site) picture(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	raw, err := s.shop.Picture(shop.PictureID(id))
	if err != nil {
		s.rejectFor(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "image/jpeg")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", `"`+id+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(raw))
}
