package shop

import "context"

// brand reads the installation.
func (r *records) brand() Brand {
	b, _ := load[Brand](r, bucketMeta, []byte(metaBrand))
	return b
}

// show reads the present show.
func (r *records) show() Show {
	id := ShowID(r.Get(bucketMeta, []byte(metaShow)))
	show, _ := load[Show](r, bucketShow, idKey(id))
	return show
}

// saveShow stores the show as the present one.
func (t *txn) saveShow(show Show) {
	put(t, bucketShow, idKey(show.ID), show)
	t.tx.PutBytes(bucketMeta, []byte(metaShow), []byte(show.ID))
	t.log(Event{Type: EventShowChanged, Show: &show})
}

// found makes the installation: its brand, HQ's own room and a first draft show.
func (t *txn) found(b Brand) error {
	b.InstallID = mint[string](t, "ins")
	put(t, bucketMeta, []byte(metaBrand), b)
	if _, err := t.addRoom(RoomCmd{Name: b.Name, Slug: hqSlug}); err != nil {
		return err
	}
	t.saveShow(Show{ID: mint[ShowID](t, "shw"), Title: b.Name, State: ShowDraft})
	return nil
}

// StartShow opens the doors: the draft becomes live, or a new show begins after
// the last has ended. An empty title keeps the present one.
func (s *Shop) StartShow(ctx context.Context, actor Actor, title string) (Show, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return Show{}, err
	}
	title, err := cleanText("title", title, MaxNameRunes, "")
	if err != nil {
		return Show{}, err
	}
	var show Show
	err = s.do(ctx, actor, func(t *txn) error {
		show = t.show()
		if show.State == ShowLive {
			return fail(CodeShowLive, "the show is already live")
		}
		if show.State != ShowDraft {
			show = Show{ID: mint[ShowID](t, "shw"), Title: show.Title}
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
		return fail(CodeShowEnded, "the show is over")
	case ShowDraft:
	}
	return fail(CodeShowNotStarted, "the show has not begun")
}

// PinProduct shows a product as being explained now; an empty id unpins. It may
// be done before the show begins.
func (s *Shop) PinProduct(ctx context.Context, actor Actor, id ProductID) (Show, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return Show{}, err
	}
	var show Show
	err := s.do(ctx, actor, func(t *txn) error {
		show = t.show()
		if show.State == ShowEnded {
			return mustBeLive(show)
		}
		if id != "" {
			p, ok := t.product(id)
			if !ok {
				return fail(CodeNotFound, "there is no such product")
			}
			if !p.OnShelf {
				return fail(CodeOffShelf, "this product is not on the shelf")
			}
		}
		if show.Pinned != id {
			show.Pinned = id
			t.saveShow(show)
		}
		return nil
	})
	return show, err
}
