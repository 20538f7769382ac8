package sfu

import (
	"maps"
	"slices"
	"time"
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

// Viewers counts the viewers of a room.
func (s *Stage) Viewers(room string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.audience[room]
}

// full is a first look at the limits, before anything is spent on the viewer.
func (s *Stage) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.viewers) >= s.engine.cfg.MaxViewers || s.halfOpen >= maxHalfOpen
}

func (s *Stage) addViewer(v *Viewer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine.isClosed() { // endAll may have been here already
		return ErrClosed
	}
	if len(s.viewers) >= s.engine.cfg.MaxViewers || s.halfOpen >= maxHalfOpen {
		return ErrFull
	}
	s.viewers[v.id] = v
	s.audience[v.room]++
	s.halfOpen++
	return nil
}

// noteJoined says that a viewer is no longer half open.
func (s *Stage) noteJoined(v *Viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.viewers[v.id]; ok && !v.joined {
		v.joined = true
		s.halfOpen--
	}
}

// dropViewer takes a viewer out of its room.
func (s *Stage) dropViewer(v *Viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.viewers[v.id]; !ok {
		return
	}
	delete(s.viewers, v.id)
	if !v.joined {
		s.halfOpen--
	}
	if s.audience[v.room]--; s.audience[v.room] <= 0 {
		delete(s.audience, v.room)
	}
}

// reapViewers ends the viewers nothing has come from for long.
func (s *Stage) reapViewers(now time.Time) {
	deadline := now.Add(-viewerSilence).UnixNano()
	s.mu.Lock()
	var silent []*Viewer
	for _, v := range s.viewers {
		if v.joined && v.heard.Load() < deadline {
			silent = append(silent, v)
		}
	}
	s.mu.Unlock()
	for _, v := range silent {
		v.end(ReasonFailed)
	}
}
