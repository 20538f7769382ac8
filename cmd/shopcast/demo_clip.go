package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"shopcast/sfu/clip"
)

const clipFPS = 25 // of demo/clip.h264

// playClip publishes the bundled clip the way an encoder does, through POST /whip.
// When somebody else takes the stage it waits and comes back once it is free.
func (d *demoBrand) playClip(ctx context.Context) {
	every(ctx, 2*time.Second, func() {
		if err := d.publishClip(ctx); err != nil && ctx.Err() == nil {
			d.house.log.Debug("clip left the stage", "error", err)
		}
	})
}

// publishClip plays until ctx ends or the session does.
func (d *demoBrand) publishClip(ctx context.Context) error {
	video, err := demoFiles.ReadFile("demo/clip.h264")
	if err != nil {
		return fmt.Errorf("read clip: %w", err)
	}
	audio, err := demoFiles.ReadFile("demo/clip.ogg")
	if err != nil {
		return fmt.Errorf("read clip: %w", err)
	}
	player, err := clip.New(clip.Media{H264: video, Ogg: audio, FPS: clipFPS})
	if err != nil {
		return fmt.Errorf("open clip: %w", err)
	}
	offer, err := player.Offer()
	if err != nil {
		return fmt.Errorf("offer clip: %w", err)
	}
	session, answer, err := whipPost(ctx, d.links, offer)
	if err != nil {
		return err
	}
	defer whipDelete(d.links, session)
	if err := player.Answer(answer); err != nil {
		return fmt.Errorf("answer clip: %w", err)
	}
	return player.Run(ctx)
}

func whipPost(ctx context.Context, links demoLinks, offer string) (session, answer string, err error) {
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, links.WhipURL, strings.NewReader(offer))
	if err != nil {
		return "", "", err
	}
	post.Header.Set("Content-Type", "application/sdp")
	post.Header.Set("Authorization", "Bearer "+links.StageKey)
	response, err := http.DefaultClient.Do(post)
	if err != nil {
		return "", "", fmt.Errorf("publish clip: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // read whole
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return "", "", fmt.Errorf("publish clip: %w", err)
	}
	if response.StatusCode != http.StatusCreated {
		return "", "", fmt.Errorf("publish clip: %s: %s", response.Status, body)
	}
	return response.Header.Get("Location"), string(body), nil
}

// whipDelete ends the session politely; when the server is already gone there is
// nothing left to end.
func whipDelete(links demoLinks, session string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, links.URL+session, http.NoBody)
	if err != nil {
		return
	}
	request.Header.Set("Authorization", "Bearer "+links.StageKey)
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close() //nolint:errcheck // nothing is read
	}
}
