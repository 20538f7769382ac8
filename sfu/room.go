package sfu

import (
	"maps"
	"slices"
)

// A room is an audience's name. It has no track, no goroutine and no timer; opening a hundred
// thousand of them makes a map larger and nothing slower.

// OpenRoom records a room; opening it twice is the same as once.
func (s *Stage) OpenRoom(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[name] = struct{}{}
}

// CloseRoom forgets a room. Its viewers stay until they are closed.
func (s *Stage) CloseRoom(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rooms, name)
}

// Viewer returns a watching session by its id.
func (s *Stage) Viewer(id string) (*Viewer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.viewers[id]
	return v, ok
}

// CloseViewers ends every viewer, with the reason "show_ended".
func (s *Stage) CloseViewers() { s.endViewers(ReasonShowEnded) }

func (s *Stage) endViewers(reason string) {
	s.mu.Lock()
	viewers := slices.Collect(maps.Values(s.viewers))
	s.mu.Unlock()
	for _, v := range viewers {
		v.end(reason)
	}
}

// full is a first look at the limit, before anything is spent on the viewer.
func (s *Stage) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.viewers) >= s.engine.cfg.MaxViewers
}

func (s *Stage) addViewer(v *Viewer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine.isClosed() { // endAll may have been here already
		return ErrClosed
	}
	if len(s.viewers) >= s.engine.cfg.MaxViewers {
		return ErrFull
	}
	s.viewers[v.id] = v
	s.audience[v.room]++
	return nil
}

// leave takes the viewer out of its shard and its room.
func (v *Viewer) leave() {
	v.feed.shard.do(order{kind: orderLeave, feed: v.feed})
	v.engine.log.Debug("viewer left", "viewer", v.name, "room", v.room, "reason", v.Reason())
	s := v.stage
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.viewers[v.id]; !ok {
		return
	}
	delete(s.viewers, v.id)
	if s.audience[v.room]--; s.audience[v.room] <= 0 {
		delete(s.audience, v.room)
	}
}
