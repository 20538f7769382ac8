package shop

import (
	"context"

	"shopcast/shop/belong"
	"shopcast/shop/catalog"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/refusal"
)

// saveShow stores the show as the present one.
func (t *txn) saveShow(show Show) {
	put(t, bucketShow, id.Key(show.ID), show)
	put(t, bucketMeta, []byte(metaShow), show.ID)
	t.log(event.ShowChanged, &show, "")
}

// hqSlug is where HQ's own room is.
const hqSlug = "hq"

func (t *txn) saveBrand(b Brand) {
	b.Version++
	put(t, bucketMeta, []byte(metaBrand), b)
	t.log(event.BrandChanged, &b, "")
}

// found makes the installation: its brand, HQ's own room and a first draft show.
func (t *txn) found(b Brand) error {
	b.InstallID = "ins_" + t.tx.NextID().String()
	t.saveBrand(b)
	if _, err := belong.CreateRoom(t.tx, belong.Room{Name: b.Name, Slug: hqSlug}); err != nil {
		return err
	}
	t.saveShow(Show{ID: mint[ShowID](t), Title: b.Name, State: ShowDraft})
	return nil
}

// StartShow opens the doors: the draft becomes live, or a new show begins after
// the last has ended. An empty title keeps the present one.
func (s *Shop) StartShow(ctx context.Context, actor Actor, title string) (Show, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return Show{}, err
	}
	title, err := refusal.Text("title", title, MaxNameRunes, "")
	if err != nil {
		return Show{}, err
	}
	var show Show
	err = s.do(ctx, actor, func(t *txn) error {
		show = t.show()
		if show.State == ShowLive {
			return refusal.New(refusal.CodeShowLive, "the show is already live")
		}
		if show.State != ShowDraft {
			show = Show{ID: mint[ShowID](t), Title: show.Title}
		}
		if title != "" {
			show.Title = title
		}
		show.State, show.StartedAt = ShowLive, t.at
		t.saveShow(show)
		return nil
	})
	return show, err
}

// EndShow closes the doors for every room. What is reserved can still be paid.
func (s *Shop) EndShow(ctx context.Context, actor Actor) (Show, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return Show{}, err
	}
	var show Show
	err := s.do(ctx, actor, func(t *txn) error {
		show = t.show()
		if err := mustBeLive(show); err != nil {
			return err
		}
		show.State, show.EndedAt, show.Pinned = ShowEnded, t.at, ""
		t.saveShow(show)
		return nil
	})
	return show, err
}

func mustBeLive(show Show) error {
	switch show.State {
	case ShowLive:
		return nil
	case ShowEnded:
		return refusal.New(refusal.CodeShowEnded, "the show is over")
	case ShowDraft:
	}
	return refusal.New(refusal.CodeShowNotStarted, "the show has not begun")
}

// PinProduct shows a product as being explained now; an empty id unpins. It may
// be done before the show begins.
func (s *Shop) PinProduct(ctx context.Context, actor Actor, name ProductID) (Show, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return Show{}, err
	}
	var show Show
	err := s.do(ctx, actor, func(t *txn) error {
		show = t.show()
		if show.State == ShowEnded {
			return mustBeLive(show)
		}
		if name != "" {
			p, ok := catalog.Get(t.Records, name)
			if !ok {
				return refusal.New(refusal.CodeNotFound, "there is no such product")
			}
			if !p.OnShelf {
				return refusal.New(refusal.CodeOffShelf, "this product is not on the shelf")
			}
		}
		if show.Pinned != name {
			show.Pinned = name
			t.saveShow(show)
		}
		return nil
	})
	return show, err
}
