//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

const (
	payloadSize = 1188 // of a full packet: 1200 bytes with its RTP header, as OBS and browsers cut
	soundStep   = 20 * time.Millisecond
	videoClock  = 90_000
	audioClock  = 48_000
)

// clip is a recording cut into packets, ready to be played again and again.
type clip struct {
	pictures []clipPicture
	sounds   [][]byte // Opus packets of 20 ms
	fps      float64
}

// clipPicture is one picture; its stamp is sent between head and tail.
type clipPicture struct {
	key  bool
	head [][]byte // parameter sets
	tail [][]byte // slices
}

// readClip reads an H.264 Annex B file and, if sound is not empty, an Ogg Opus file with one packet
// per page (ffmpeg -page_duration 20000).
func readClip(video, sound string, fps float64) (*clip, error) {
	if fps <= 0 {
		return nil, fmt.Errorf("%g pictures per second", fps)
	}
	c := &clip{fps: fps}
	if err := readFile(video, c.readVideo); err != nil {
		return nil, err
	}
	if len(c.pictures) == 0 || !c.pictures[0].key {
		return nil, fmt.Errorf("%s does not begin with a key frame", video)
	}
	if sound != "" {
		if err := readFile(sound, c.readSound); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func readFile(path string, read func(io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open clip: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	if err := read(file); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

func (c *clip) readVideo(file io.Reader) error {
	reader, err := h264reader.NewReader(file)
	if err != nil {
		return err
	}
	var parameters, slices [][]byte
	finish := func() {
		if len(slices) > 0 {
			c.pictures = append(c.pictures, cutPicture(parameters, slices))
			parameters, slices = nil, nil
		}
	}
	for {
		nal, err := reader.NextNAL()
		if errors.Is(err, io.EOF) {
			finish()
			return nil
		}
		if err != nil {
			return err
		}
		switch nal.UnitType {
		case nalSPS, nalPPS:
			finish()
			parameters = append(parameters, nal.Data)
		case nalSlice, nalIDR:
			if len(nal.Data) > 1 && nal.Data[1]&0x80 != 0 { // first_mb_in_slice is 0
				finish()
			}
			slices = append(slices, nal.Data)
		default: // delimiters and filler
		}
	}
}

// cutPicture makes packets of a picture's NAL units (RFC 6184).
func cutPicture(parameters, slices [][]byte) clipPicture {
	var cutter codecs.H264Payloader
	p := clipPicture{key: slices[0][0]&nalTypeBits == nalIDR}
	for _, nal := range parameters {
		p.head = append(p.head, cutter.Payload(payloadSize, nal)...)
	}
	// The cutter keeps parameter sets back until another unit comes: here a stamp, sent fresh each time.
	packets := cutter.Payload(payloadSize, stamp{}.nal(payloadSize))
	p.head = append(p.head, packets[:len(packets)-1]...)
	for _, nal := range slices {
		p.tail = append(p.tail, cutter.Payload(payloadSize, nal)...)
	}
	return p
}

func (c *clip) readSound(file io.Reader) error {
	reader, err := oggreader.NewWithOptions(file)
	if err != nil {
		return err
	}
	for {
		page, header, err := reader.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, isHeader := header.HeaderType(page); isHeader {
			continue
		}
		if len(page) > payloadSize {
			return errors.New("more than one packet in a page: write it with -page_duration 20000")
		}
		c.sounds = append(c.sounds, page)
	}
}

// packets appends the payloads of picture number i of the endless clip, stamped.
func (c *clip) packets(dst [][]byte, i int, s stamp) [][]byte {
	p := c.pictures[i%len(c.pictures)]
	dst = append(dst, p.head...)
	dst = append(dst, s.nal(payloadSize))
	return append(dst, p.tail...)
}

// nextKey returns the number of the first key frame at or after picture number i.
func (c *clip) nextKey(i int) int {
	for !c.pictures[i%len(c.pictures)].key {
		i++
	}
	return i
}
