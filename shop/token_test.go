package shop

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"shopcast/shop/refusal"
)

func TestShop_RoomToken(t *testing.T) {
	b := newBench(t)
	_, room := b.distributor("room-a", 1_000)
	token, err := b.RoomToken(room.ID)
	b.must(err)
	if !strings.HasPrefix(token, "rt1.1.") || len(token) > 110 {
		t.Errorf("token of %d bytes: %s", len(token), token)
	}
	visit, err := b.OpenVisit(VisitRequest{Slug: room.Slug, RoomToken: token, Origin: testOrigin})
	if err != nil || visit.Token != TokenOK || visit.DistributorName != "ROOM-A" || visit.Room.ID != room.ID {
		t.Errorf("visit %+v, %v", visit, err)
	}
	if path := b.RoomPath(room); !strings.HasPrefix(path, "/r/room-a/rt1.1.") {
		t.Errorf("path is %s", path)
	}
	_, err = b.RoomToken("room_x")
	wantCode(t, err, refusal.CodeNotFound)
	_, err = b.OpenVisit(VisitRequest{Slug: "nowhere", RoomToken: token, Origin: testOrigin})
	wantCode(t, err, refusal.CodeNotFound)

	// A token of another installation, whose first key has the same name.
	foreign := newBench(t)
	_, twin := foreign.distributor("room-a", 1_000)
	theirs, err := foreign.RoomToken(twin.ID)
	b.must(err)
	visit, err = b.OpenVisit(VisitRequest{Slug: room.Slug, RoomToken: theirs, Origin: testOrigin})
	if err != nil || visit.Token != TokenForged {
		t.Errorf("a foreign token is %s, %v", visit.Token, err)
	}
}

// mutate changes a text somewhere, sometimes to what looks much like a token.
func mutate(r *rand.Rand, text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \x00\xff"
	raw := []byte(text)
	for range 1 + r.IntN(3) {
		i := r.IntN(len(raw))
		switch r.IntN(5) {
		case 0:
			raw[i] = alphabet[r.IntN(len(alphabet))]
		case 1:
			raw[i] ^= 1 << r.IntN(8)
		case 2:
			raw = append(raw[:i:i], raw[i+1:]...)
		case 3:
			raw = append(raw[:i:i], append([]byte{alphabet[r.IntN(len(alphabet))]}, raw[i:]...)...)
		case 4:
			j := r.IntN(len(raw))
			raw[i], raw[j] = raw[j], raw[i]
		}
		if len(raw) == 0 {
			return ""
		}
	}
	return string(raw)
}

func TestShop_mutatedTokensNeverVerify(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	token := b.signRoom(room, "", time.Time{})
	visit, err := b.OpenVisit(VisitRequest{Slug: room.Slug, RoomToken: token, Origin: testOrigin})
	b.must(err)
	stage, err := b.SignStageTicket(b.owner, true)
	b.must(err)
	stageKey, err := b.CreateStageKey(t.Context(), b.owner, "OBS")
	b.must(err)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		if text := mutate(r, token); text != token && text != "" {
			if state, _ := b.checkRoomToken(text, room, d); state != TokenForged {
				t.Fatalf("%q is %s", text, state)
			}
		}
		if text := mutate(r, visit.Ticket); text != visit.Ticket {
			if _, err := b.CheckVisit(text, testOrigin); err == nil {
				t.Fatalf("ticket %q is accepted", text)
			}
		}
		if text := mutate(r, visit.ViewerCookie); text != visit.ViewerCookie {
			if _, ok := b.viewerOf(text); ok {
				t.Fatalf("cookie %q is accepted", text)
			}
		}
		if text := mutate(r, stage); text != stage {
			if _, err := b.CheckPublisher(text); err == nil {
				t.Fatalf("stage ticket %q is accepted", text)
			}
		}
	}
	for range 200 { // these look into the store
		if text := mutate(r, stageKey); text != stageKey {
			if _, err := b.CheckPublisher(text); err == nil {
				t.Fatalf("stage key %q is accepted", text)
			}
		}
	}
}

func TestShop_CheckVisit(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	actor, cookie := b.enter(room, "")
	if actor.Role != RoleViewer || actor.Distributor != d.ID || actor.Room != room.ID || actor.Token != TokenOK {
		t.Errorf("actor is %+v", actor)
	}
	again, kept := b.enter(room, cookie)
	if again.Viewer != actor.Viewer || kept != cookie || again.Touch == actor.Touch {
		t.Errorf("the second visit is %+v after %+v", again, actor)
	}
	if stranger, _ := b.enter(room, cookie+"x"); stranger.Viewer == actor.Viewer {
		t.Error("a forged cookie is somebody")
	}
	visit, err := b.OpenVisit(VisitRequest{Slug: room.Slug, Origin: testOrigin})
	b.must(err)
	for _, origin := range []string{"", "https://evil.example", "http://shop.example", testOrigin + ".evil.example"} {
		_, err = b.CheckVisit(visit.Ticket, origin)
		wantCode(t, err, refusal.CodeBadToken)
	}
	_, err = b.CheckVisit(visit.ViewerCookie, testOrigin) // signed by us for another purpose
	wantCode(t, err, refusal.CodeBadToken)
	b.clock.advance(ticketLife - time.Millisecond)
	_, err = b.CheckVisit(visit.Ticket, testOrigin)
	b.must(err)
	b.clock.advance(time.Millisecond)
	_, err = b.CheckVisit(visit.Ticket, testOrigin)
	wantCode(t, err, refusal.CodeExpiredToken)
}

func TestShop_tokensOutliveTheProcess(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	b := openBench(t, dir, "CNY", c)
	_, room := b.distributor("room-a", 1_000)
	old := b.signRoom(room, "", time.Time{})
	kid, err := b.RotateRoomKey(t.Context(), b.owner)
	b.must(err)
	fresh := b.signRoom(room, "", time.Time{})
	visit, err := b.OpenVisit(VisitRequest{Slug: room.Slug, RoomToken: fresh, Origin: testOrigin})
	b.must(err)
	b.must(b.Close())
	b = openBench(t, dir, "CNY", c)
	for _, token := range []string{old, fresh} {
		if actor, _ := b.enterWith(room, token, ""); actor.Token != TokenOK {
			t.Errorf("token is %s after the restart", actor.Token)
		}
	}
	if _, err := b.CheckVisit(visit.Ticket, testOrigin); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(b.signRoom(room, "", time.Time{}), "rt1."+kid+".") {
		t.Error("the newest key does not sign after the restart")
	}
}
