package web

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"shopcast/shop"
	"shopcast/shop/id"
)

// hooks is a back office that is told of stock, loses some of it, and asks again.
func (s *stall) hooks() {
	key, body := s.newKey(), map[string]any{"url": "https://erp.example/in", "types": []string{"stock.changed"}}
	first, tag := want[apiHookSecret](s.office, 201, ask{method: "POST", path: "/hooks", body: body, key: key})
	again, _ := want[apiHookSecret](s.office, 201, ask{method: "POST", path: "/hooks", body: body, key: key})
	if first.Hook.ID != again.Hook.ID || first.Secret != again.Secret || !strings.HasPrefix(first.Secret, "whsec_") || tag != `"1"` {
		s.t.Errorf("made %+v, then %+v, tag %s", first, again, tag)
	}
	path := "/hooks/" + string(first.Hook.ID)
	if hooks := walk[apiHook](s.office, "/hooks", "1"); len(hooks) != 1 || hooks[0].URL != "https://erp.example/in" {
		s.t.Errorf("hooks %+v", hooks)
	}
	s.adjustStock()
	seq := s.giveUp(first.Hook.ID)
	letters := walk[apiDeadLetter](s.office, path+"/dead-letters", "1")
	if now := read[apiHook](s.office, path); len(letters) != 1 || letters[0].Seq != seq || now.Dead != 1 || now.FailingSince == 0 {
		s.t.Errorf("dead letters %+v, hook %+v", letters, now)
	}
	replayed, _ := want[apiHook](s.office, 200, ask{method: "POST", path: path + "/replays", body: map[string]any{"from": seq, "only": true}})
	if replayed.Waiting != 1 || replayed.Dead != 0 {
		s.t.Errorf("replayed %+v", replayed)
	}
	s.refused(404, "not_found", ask{method: "POST", path: path + "/replays", body: map[string]any{"from": 1, "only": true}})

	rotated, _ := want[apiHookSecret](s.office, 201, ask{method: "POST", path: path + "/secrets"})
	if rotated.Secret == first.Secret {
		s.t.Error("the secret is as before")
	}
	change := map[string]any{"url": "https://erp.example/in2", "types": []string{"*"}, "state": "paused"}
	s.refused(412, "stale", ask{method: "PUT", path: path, body: change, match: tag})
	changed, _ := want[apiHook](s.office, 200, ask{method: "PUT", path: path, body: change, match: `"` + strconv.FormatInt(rotated.Hook.Version, 10) + `"`})
	if changed.State != shop.HookPaused || changed.URL != "https://erp.example/in2" {
		s.t.Errorf("changed %+v", changed)
	}
	for _, url := range []string{"http://erp.example/in", "ftp://erp.example", ""} {
		s.refused(400, "bad_input", ask{method: "POST", path: "/hooks", body: map[string]any{"url": url, "types": []string{"*"}}})
	}
	if w := s.do(ask{method: "DELETE", path: path}); w.Code != 204 {
		s.t.Errorf("deleted: %d %s", w.Code, w.Body)
	}
	s.refused(404, "not_found", ask{method: "GET", path: path})
}

// adjustStock makes an event that the hook wants.
func (s *stall) adjustStock() {
	s.t.Helper()
	sku := string(s.product.Variants[0].SKU)
	s.do(ask{method: "POST", path: "/stock/" + sku + "/adjustments", body: map[string]any{"units": 1}})
}

// giveUp lets every try of the hook's deliveries fail, and returns the last event.
func (s *stall) giveUp(name id.HookID) (seq uint64) {
	s.t.Helper()
	for range 10 {
		due, err := s.shop.DueDeliveries(s.t.Context(), 100, func(other id.HookID) bool { return other != name })
		if err != nil || len(due) == 0 {
			s.t.Fatalf("%d due, %v", len(due), err)
		}
		for _, d := range due {
			if err := s.shop.DeliveryFailed(s.t.Context(), d, "it answered 500"); err != nil {
				s.t.Fatal(err)
			}
			seq = d.Seq
		}
		s.clock.add(24 * time.Hour)
	}
	return seq
}

func TestAPI_hooksOfNobody(t *testing.T) {
	o := newOffice(t)
	for _, path := range []string{"/hooks/hok_1", "/hooks/hok_01ARZ3NDEKTSV4RRFFQ69G5FAV", "/hooks/hok_1/dead-letters"} {
		o.refused(404, "not_found", ask{method: "GET", path: path})
	}
	o.refused(400, "bad_input", ask{method: "POST", path: "/hooks", body: map[string]any{"url": "https://erp.example", "types": []string{"entry.posted"}}})
}
