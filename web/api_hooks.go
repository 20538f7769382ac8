package web

import (
	"net/http"
	"strconv"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/event"
	"shopcast/shop/id"
)

// hookOperations are about the addresses that are told of events. Who delivers is
// package hooks.
func (s *Site) hookOperations() []operation {
	const scope = access.ScopeHooks
	return []operation{
		{method: http.MethodGet, path: "/hooks", scope: scope, query: paging(), run: s.apiHooks},
		{method: http.MethodPost, path: "/hooks", scope: scope, keyed: true, run: s.apiMakeHook},
		{method: http.MethodGet, path: "/hooks/{hook}", scope: scope, run: s.apiHook},
		{method: http.MethodPut, path: "/hooks/{hook}", scope: scope, run: s.apiChangeHook},
		{method: http.MethodDelete, path: "/hooks/{hook}", scope: scope, run: s.apiDeleteHook},
		{method: http.MethodPost, path: "/hooks/{hook}/secrets", scope: scope, run: s.apiRotateHook},
		{method: http.MethodPost, path: "/hooks/{hook}/replays", scope: scope, run: s.apiReplayHook},
		{method: http.MethodGet, path: "/hooks/{hook}/dead-letters", scope: scope, query: paging(), run: s.apiDeadLetters},
	}
}

// apiHook is a hook as it is told.
type apiHook struct {
	ID           id.HookID      `json:"id"`
	URL          string         `json:"url"`
	Types        []string       `json:"types"`
	State        shop.HookState `json:"state"`
	CreatedAt    int64          `json:"created_at"`
	Cursor       uint64         `json:"cursor"`
	Waiting      int            `json:"waiting"`
	Dead         int            `json:"dead"`
	FailingSince int64          `json:"failing_since"`
	Problem      string         `json:"problem"`
	Version      int64          `json:"version"`
}

func wireHook(h *shop.Hook) apiHook { return apiHook(*h) }

func (s *Site) apiHooks(c *apiCall) (reply, error) {
	return pageOf(c, s.shop.Hooks(), func(h *shop.Hook) id.HookID { return h.ID }, wireHook)
}

// findHook is the one the path names.
func (s *Site) findHook(c *apiCall) (shop.Hook, error) {
	name, err := pathID[id.HookID](c, "hook")
	if err != nil {
		return shop.Hook{}, err
	}
	h, ok := s.shop.HookByID(name)
	if !ok {
		return h, missing("hook")
	}
	return h, nil
}

func (s *Site) apiHook(c *apiCall) (reply, error) {
	h, err := s.findHook(c)
	return hookReply(h), err
}

func hookReply(h shop.Hook) reply { return reply{body: wireHook(&h), version: h.Version} }

type apiNewHook struct {
	URL   string   `json:"url"`
	Types []string `json:"types"`
}

// apiHookSecret is a hook with the secret that signs from now on.
type apiHookSecret struct {
	Hook   apiHook `json:"hook"`
	Secret string  `json:"secret"`
}

func (s *Site) apiMakeHook(c *apiCall) (reply, error) {
	body, err := apiBody[apiNewHook](c)
	if err != nil {
		return reply{}, err
	}
	h, secret, err := s.shop.CreateHook(c.ctx(), c.actor, shop.HookCmd{Key: c.key, URL: body.URL, Types: body.Types})
	return made(apiHookSecret{Hook: wireHook(&h), Secret: secret}, h.Version), err
}

type apiHookBody struct {
	apiNewHook
	State shop.HookState `json:"state"`
}

func (s *Site) apiChangeHook(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[id.HookID, apiHookBody](c, "hook")
	if err != nil {
		return reply{}, err
	}
	h, err := s.shop.ChangeHook(c.ctx(), c.actor, name, c.version, func(h *shop.Hook) {
		h.URL, h.Types, h.State = body.URL, body.Types, body.State
	})
	return hookReply(h), err
}

func (s *Site) apiDeleteHook(c *apiCall) (reply, error) {
	name, err := pathID[id.HookID](c, "hook")
	if err != nil {
		return reply{}, err
	}
	return reply{}, s.shop.DeleteHook(c.ctx(), c.actor, name)
}

// apiRotateHook makes a new secret. It is shown once, so a repeated call makes another.
func (s *Site) apiRotateHook(c *apiCall) (reply, error) {
	name, err := pathID[id.HookID](c, "hook")
	if err != nil {
		return reply{}, err
	}
	h, secret, err := s.shop.RotateHookSecret(c.ctx(), c.actor, name)
	return made(apiHookSecret{Hook: wireHook(&h), Secret: secret}, h.Version), err
}

type apiReplay struct {
	From uint64 `json:"from"`
	Only bool   `json:"only"`
}

func (s *Site) apiReplayHook(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[id.HookID, apiReplay](c, "hook")
	if err != nil {
		return reply{}, err
	}
	h, err := s.shop.ReplayHook(c.ctx(), c.actor, name, body.From, body.Only)
	return hookReply(h), err
}

// apiDeadLetter is a delivery that was given up.
type apiDeadLetter struct {
	Seq  uint64     `json:"seq"`
	Type event.Type `json:"type"`
	Why  string     `json:"why"`
	At   int64      `json:"at"`
}

func (s *Site) apiDeadLetters(c *apiCall) (reply, error) {
	h, err := s.findHook(c)
	if err != nil {
		return reply{}, err
	}
	limit, err := c.limit(apiMaxItems)
	if err != nil {
		return reply{}, err
	}
	var after uint64
	if text := c.query("after"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 63); err != nil {
			return reply{}, wrongField("after", "this is not the number of an event")
		}
	}
	page := list[apiDeadLetter]{Items: []apiDeadLetter{}}
	for _, letter := range s.shop.DeadLetters(h.ID, after, limit) {
		page.Items = append(page.Items, apiDeadLetter(letter))
	}
	if n := len(page.Items); n == limit {
		page.Next = strconv.FormatUint(page.Items[n-1].Seq, 10)
	}
	return reply{body: page}, nil
}
