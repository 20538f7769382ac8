package signaling

import (
	"context"
	"errors"

	"shopcast/sfu"
	"shopcast/shop"
	"shopcast/shop/refusal"
)

// maxMediaPerClient allows a page to open its next connection before it closes the last.
const maxMediaPerClient = 2

// watch opens a media connection of this client. The studio may look before the
// show begins and after it ended; rooms may not.
func watch(ctx context.Context, c *client, _ Nothing) (Offer, error) {
	if c.face == FaceRoom {
		if err := c.server.mayWatch(); err != nil {
			return Offer{}, err
		}
		if !crowd(c.addr) && c.server.joins.wait(c.addr) > 0 {
			return Offer{}, &Failure{Code: string(refusal.CodeBusy), Message: "many join from your network, try again in a second"}
		}
	}
	c.dropOldMedia()
	viewer, sdp, err := c.server.cfg.Stage.Watch(ctx, c.room.Slug)
	if err != nil {
		return Offer{}, mediaFailure(err)
	}
	if !c.keepMedia(viewer) {
		viewer.Close()
		return Offer{}, &Failure{Code: "no_media", Message: "the connection is closing"}
	}
	// Ends when the viewer does, at the latest when the client leaves and closes it.
	c.server.running.Go(func() { c.reportMediaGone(viewer) })
	return Offer{Media: viewer.ID(), SDP: sdp}, nil
}

// mayWatch says whether the show is open to viewers.
func (s *Server) mayWatch() error {
	switch s.cfg.Shop.Show().State {
	case shop.ShowLive:
		return nil
	case shop.ShowEnded:
		return &Failure{Code: string(refusal.CodeShowEnded), Message: "the show is over"}
	default:
		return &Failure{Code: string(refusal.CodeShowNotStarted), Message: "the show has not begun"}
	}
}

// dropOldMedia makes place for one more connection.
func (c *client) dropOldMedia() {
	c.mu.Lock()
	var old []*sfu.Viewer
	for id, viewer := range c.media {
		if len(c.media) < maxMediaPerClient {
			break
		}
		delete(c.media, id)
		old = append(old, viewer)
	}
	c.mu.Unlock()
	for _, viewer := range old {
		viewer.Close()
	}
}

func (c *client) keepMedia(viewer *sfu.Viewer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.media == nil {
		return false
	}
	c.media[viewer.ID()] = viewer
	return true
}

// reportMediaGone tells the page when a connection ends that it did not end itself.
func (c *client) reportMediaGone(viewer *sfu.Viewer) {
	<-viewer.Done()
	c.mu.Lock()
	_, mine := c.media[viewer.ID()]
	if mine {
		delete(c.media, viewer.ID())
	}
	c.mu.Unlock()
	if mine {
		c.send(preparePush("media.gone", MediaGone{Media: viewer.ID(), Reason: viewer.Reason()}))
	}
}

func (c *client) viewer(id string) (*sfu.Viewer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if viewer, ok := c.media[id]; ok {
		return viewer, nil
	}
	return nil, &Failure{Code: string(refusal.CodeNotFound), Message: "there is no such media connection", Field: "media"}
}

func answer(_ context.Context, c *client, in Answer) (Nothing, error) {
	viewer, err := c.viewer(in.Media)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, mediaFailure(viewer.Answer(in.SDP))
}

func candidate(_ context.Context, c *client, in Candidate) (Nothing, error) {
	viewer, err := c.viewer(in.Media)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, mediaFailure(viewer.AddCandidate(in.Candidate, in.Mid))
}

func unwatch(_ context.Context, c *client, in MediaRef) (Nothing, error) {
	c.mu.Lock()
	viewer, ok := c.media[in.Media]
	delete(c.media, in.Media)
	c.mu.Unlock()
	if ok {
		viewer.Close()
	}
	return Nothing{}, nil
}

func mediaWant(_ context.Context, c *client, in MediaWant) (Nothing, error) {
	viewer, err := c.viewer(in.Media)
	if err != nil {
		return Nothing{}, err
	}
	wish := sfu.Wish(in.Video)
	if wish != sfu.WishAuto && wish != sfu.WishLow && wish != sfu.WishOff {
		return Nothing{}, &Failure{Code: string(refusal.CodeBadInput), Message: "the picture is auto, low or off", Field: "video"}
	}
	return Nothing{}, mediaFailure(viewer.SetWish(wish))
}

// playing starts the clock after which a visit counts as watched.
func playing(_ context.Context, c *client, in Playing) (Nothing, error) {
	if _, err := c.viewer(in.Media); err != nil {
		return Nothing{}, err
	}
	if c.face == FaceRoom {
		c.qualifyLater()
	}
	return Nothing{}, nil
}

// mediaFailure gives the engine's errors their words on the socket.
func mediaFailure(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sfu.ErrBadSDP):
		return &Failure{Code: string(refusal.CodeBadInput), Message: "this session description cannot be used", Field: "sdp"}
	case errors.Is(err, sfu.ErrNoCodec):
		return &Failure{Code: "no_media", Message: "no codec in common: H.264 or VP8 and Opus are needed"}
	case errors.Is(err, sfu.ErrFull):
		return &Failure{Code: string(refusal.CodeBusy), Message: "the show is full"}
	case errors.Is(err, sfu.ErrClosed):
		return &Failure{Code: "no_media", Message: "this media connection has ended"}
	default:
		return err
	}
}
