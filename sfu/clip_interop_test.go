package sfu_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"shopcast/sfu"
	"shopcast/sfu/clip"
)

// tinyClip is one second of stream that looks like H.264 to anybody who does not decode it.
func tinyClip() clip.Media {
	var b bytes.Buffer
	for i := range 10 {
		if i == 0 {
			b.Write([]byte{0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0xaa, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65})
		} else {
			b.Write([]byte{0, 0, 0, 1, 0x41})
		}
		b.Write(append([]byte{0x88, byte(i + 1)}, bytes.Repeat([]byte{0x5a}, 2500)...))
	}
	return clip.Media{H264: b.Bytes(), FPS: 10}
}

func TestClip_PlaysToTheStage(t *testing.T) {
	e, err := sfu.New(sfu.Config{UDPAddr: "127.0.0.1:0", Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	c, err := clip.New(tinyClip())
	if err != nil {
		t.Fatal(err)
	}
	offer, err := c.Offer()
	if err != nil {
		t.Fatal(err)
	}
	p, answer, err := e.Stage().Publish(context.Background(), sfu.PublishRequest{Offer: offer, Key: "clip", Label: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Answer(answer); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	ended := make(chan error, 1)
	// Stopped by closing the publisher below.
	go func() { ended <- c.Run(ctx) }()

	deadline := time.Now().Add(15 * time.Second)
	for {
		s := e.Stage().Stats()
		if len(s.Tracks) == 1 && s.Tracks[0].PacketsIn > 45 && s.Tracks[0].Codec == "H264" { // into the second round
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing came: %+v", s)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if s := e.Stage().Stats(); s.Tracks[0].PacketsLost != 0 || s.KeyRequests != 0 || s.Dropped["before_key"] != 0 {
		t.Errorf("the clip's first key frame was missed: %+v", s)
	}
	p.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, clip.ErrDisconnected) {
			t.Errorf("run returned %v, want ErrDisconnected", err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("the clip did not notice the end")
	}
}
