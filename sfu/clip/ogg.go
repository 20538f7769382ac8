package clip

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// opusPackets reads the Opus packets of an Ogg file (RFC 3533, RFC 7845). Pion's reader returns
// pages, but ffmpeg puts a second of packets into each.
func opusPackets(file []byte) ([][]byte, error) {
	var packets [][]byte
	var partial []byte
	for len(file) > 0 {
		page, rest, err := oggPage(file)
		if err != nil {
			return nil, err
		}
		file = rest
		for len(page.lengths) > 0 {
			size, used, whole := lace(page.lengths)
			partial = append(partial, page.data[:size]...)
			page.lengths, page.data = page.lengths[used:], page.data[size:]
			if whole {
				packets = append(packets, partial)
				partial = nil
			}
		}
	}
	if len(packets) == 0 {
		return nil, nil
	}
	if len(packets) < 3 || !bytes.HasPrefix(packets[0], []byte("OpusHead")) {
		return nil, errors.New("clip: the ogg file holds no opus")
	}
	return packets[2:], nil // behind the two header packets
}

type page struct {
	lengths []byte // lacing values
	data    []byte
}

func oggPage(file []byte) (page, []byte, error) {
	const fixed = 27
	if len(file) < fixed || !bytes.HasPrefix(file, []byte("OggS")) {
		return page{}, nil, errors.New("clip: broken ogg page")
	}
	segments := int(file[fixed-1])
	if len(file) < fixed+segments {
		return page{}, nil, errors.New("clip: broken ogg page")
	}
	p := page{lengths: file[fixed : fixed+segments]}
	size := 0
	for _, n := range p.lengths {
		size += int(n)
	}
	file = file[fixed+segments:]
	if len(file) < size {
		return page{}, nil, fmt.Errorf("clip: ogg page of %d bytes is cut off", size)
	}
	p.data = file[:size]
	return p, file[size:], nil
}

// lace adds up the lacing values of one packet; a value of 255 continues it, at the end of the
// page into the next page.
func lace(lengths []byte) (size, used int, whole bool) {
	for _, n := range lengths {
		size += int(n)
		used++
		if n < 255 {
			return size, used, true
		}
	}
	return size, used, false
}

// opusDuration reads a packet's playing time from its first bytes (RFC 6716 section 3.1).
func opusDuration(packet []byte) time.Duration {
	if len(packet) == 0 {
		return 20 * time.Millisecond
	}
	frame := frameDuration(packet[0] >> 3)
	frames := 1
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) > 1 {
			frames = int(packet[1] & 0x3f)
		}
	}
	return min(max(frame*time.Duration(frames), frame), 120*time.Millisecond)
}

func frameDuration(config byte) time.Duration {
	switch {
	case config < 12: // SILK
		return [...]time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16: // hybrid
		return [...]time.Duration{10, 20}[config&1] * time.Millisecond
	default: // CELT
		return [...]time.Duration{2500, 5000, 10_000, 20_000}[config&3] * time.Microsecond
	}
}
