package belong

import (
	"fmt"
	"reflect"
	"testing"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// lived is a world in which most things have happened.
func lived(t *testing.T) (*world, *buyer, Sharer) {
	w := newWorld(t, ModeTwoStage)
	w.set(w.a, func(d *Distributor) { d.Parent = w.b.ID })
	s := w.sharer(w.buyer(), w.roomA)
	li := w.buyer()
	li.sharer = s.ID
	w.pay(li.buy(w.roomA))
	w.days(366)
	li.sharer = ""
	w.pay(li.buy(w.roomB))
	return w, li, s
}

func TestVerify_finds(t *testing.T) {
	for name, damage := range map[string]func(tx *kv.Command, w *world, li *buyer, s Sharer){
		"lost list of a distributor": func(tx *kv.Command, w *world, li *buyer, _ Sharer) {
			b := BindingOf(&tx.Records, li.known(), tx.At)
			tx.Delete(bucketBoundTo, join(id.Key(b.Distributor), id.Key(b.ID)))
		},
		"second binding in a list": func(tx *kv.Command, w *world, li *buyer, _ Sharer) {
			tx.PutBytes(bucketBoundTo, join(id.Key(w.a.ID), id.Key(mint[id.BindingID](w))), li.known().key())
		},
		"binding under another": func(tx *kv.Command, w *world, li *buyer, _ Sharer) {
			b := BindingOf(&tx.Records, li.known(), tx.At)
			kv.Put(tx, bucketBinding, Person{Customer: mint[id.CustomerID](w)}.key(), *b)
		},
		"ended binding in force": func(tx *kv.Command, _ *world, li *buyer, _ Sharer) {
			b := *BindingOf(&tx.Records, li.known(), tx.At)
			b.EndedAt, b.EndReason = tx.At, EndReleased
			kv.Put(tx, bucketBinding, li.known().key(), b)
		},
		"lost distributor": func(tx *kv.Command, w *world, _ *buyer, _ Sharer) { tx.Delete(bucketDistributor, id.Key(w.b.ID)) },
		"chain of parents": func(tx *kv.Command, w *world, _ *buyer, _ Sharer) {
			b, _ := DistributorOf(&tx.Records, w.b.ID)
			b.Parent = w.a.ID
			kv.Put(tx, bucketDistributor, id.Key(b.ID), b)
		},
		"lost room":    func(tx *kv.Command, w *world, _ *buyer, _ Sharer) { tx.Delete(bucketRoom, id.Key(w.roomA.ID)) },
		"lost address": func(tx *kv.Command, _ *world, _ *buyer, _ Sharer) { tx.Delete(bucketSlug, []byte("room-a")) },
		"address of another": func(tx *kv.Command, w *world, _ *buyer, _ Sharer) {
			tx.PutBytes(bucketSlug, []byte("room-a"), id.Key(w.roomB.ID))
		},
		"room not counted": func(tx *kv.Command, _ *world, _ *buyer, _ Sharer) { tx.Delete(bucketMeta, []byte(keyRooms)) },
		"touch of another's room": func(tx *kv.Command, w *world, li *buyer, _ Sharer) {
			touch := *latestTouch(&tx.Records, li.known())
			touch.Distributor = w.a.ID
			kv.Put(tx, bucketTouch, id.Key(touch.ID), touch)
		},
		"touch that does not count": func(tx *kv.Command, _ *world, li *buyer, _ Sharer) {
			touch := *latestTouch(&tx.Records, li.known())
			touch.Suspect = true
			kv.Put(tx, bucketTouch, id.Key(touch.ID), touch)
		},
		"history without an end": func(tx *kv.Command, _ *world, li *buyer, _ Sharer) {
			b := History(&tx.Records, li.known())[0]
			b.EndedAt = 0
			kv.Put(tx, bucketEnded, id.Key(b.ID), b)
		},
		"lost history": func(tx *kv.Command, _ *world, li *buyer, _ Sharer) {
			tx.Delete(bucketEnded, id.Key(History(&tx.Records, li.known())[0].ID))
		},
		"code of another sharer": func(tx *kv.Command, w *world, _ *buyer, s Sharer) {
			tx.PutBytes(bucketShareCode, []byte(s.Code), id.Key(mint[id.SharerID](w)))
		},
		"code nobody has": func(tx *kv.Command, _ *world, _ *buyer, s Sharer) {
			tx.PutBytes(bucketShareCode, []byte("000x00"), id.Key(s.ID))
		},
		"lost link of a sharer": func(tx *kv.Command, _ *world, _ *buyer, s Sharer) {
			tx.Delete(bucketShareCode, refKey(id.Key(s.ID)))
		},
		"second referral of a customer": func(tx *kv.Command, w *world, li *buyer, _ Sharer) {
			ref, _ := ReferralOfCustomer(&tx.Records, li.customer)
			ref.ID = mint[id.ReferralID](w)
			kv.Put(tx, bucketReferral, id.Key(ref.ID), ref)
		},
		"bounty not counted": func(tx *kv.Command, _ *world, _ *buyer, s Sharer) {
			tx.Delete(bucketCounter, sharerCounter(countGranted, s.ID))
		},
		"rejected with a bounty": func(tx *kv.Command, _ *world, li *buyer, _ Sharer) {
			ref, _ := ReferralOfCustomer(&tx.Records, li.customer)
			ref.State = ReferralRejected
			kv.Put(tx, bucketReferral, id.Key(ref.ID), ref)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, li, s := lived(t)
			w.verify(func(format string, args ...any) { t.Errorf("before: "+format, args...) })
			saved := w.snapshot()
			w.do(func(tx *kv.Command) error { damage(tx, w, li, s); return nil })
			var faults []string
			w.verify(func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) })
			if len(faults) == 0 {
				t.Error("not seen")
			}
			w.restore(saved)
		})
	}
}

// snapshot is everything in the store's own buckets.
func (w *world) snapshot() map[string]map[string][]byte {
	all := make(map[string]map[string][]byte)
	w.read(func(r *kv.Records) {
		for _, bucket := range Buckets() {
			all[bucket] = make(map[string][]byte)
			r.Scan(bucket, nil, nil, func(k, v []byte) bool {
				all[bucket][string(k)] = append([]byte{}, v...)
				return true
			})
		}
	})
	return all
}

func (w *world) restore(saved map[string]map[string][]byte) {
	w.t.Helper()
	w.do(func(tx *kv.Command) error {
		for bucket, docs := range saved {
			tx.Scan(bucket, nil, nil, func(k, _ []byte) bool { tx.Delete(bucket, k); return true })
			for k, v := range docs {
				tx.PutBytes(bucket, []byte(k), v)
			}
		}
		return nil
	})
}

// The log alone gives back every document as it is now: bindings in force and ended,
// touches, sharers, referrals, rooms.
func TestLog_rebuildsDocuments(t *testing.T) {
	w, li, s := lived(t)
	bindings, sharers, referrals := map[id.BindingID]Binding{}, map[id.SharerID]Sharer{}, map[id.ReferralID]Referral{}
	touches, rooms := map[id.TouchID]Touch{}, map[id.RoomID]Room{}
	w.log(func(e event.Event) {
		switch e.Type {
		case event.BindingCreated, event.BindingRenewed, event.BindingMerged, event.BindingEnded:
			b, _ := event.DocOf[Binding](&e)
			bindings[b.ID] = b
		case event.SharerChanged:
			s, _ := event.DocOf[Sharer](&e)
			sharers[s.ID] = s
		case event.ReferralChanged:
			ref, _ := event.DocOf[Referral](&e)
			referrals[ref.ID] = ref
		case event.TouchQualified:
			touch, _ := event.DocOf[Touch](&e)
			touches[touch.ID] = touch
		case event.RoomChanged:
			room, _ := event.DocOf[Room](&e)
			rooms[room.ID] = room
		}
	})
	w.read(func(r *kv.Records) {
		for _, b := range History(r, li.known()) {
			if bindings[b.ID] != b {
				t.Errorf("the log says %+v, the store %+v", bindings[b.ID], b)
			}
		}
		for _, touch := range kv.All[Touch](r, bucketTouch) {
			if touches[touch.ID] != touch {
				t.Errorf("the log says %+v, the store %+v", touches[touch.ID], touch)
			}
		}
		for _, room := range Rooms(r) {
			if !reflect.DeepEqual(rooms[room.ID], room) {
				t.Errorf("the log says %+v, the store %+v", rooms[room.ID], room)
			}
		}
		if now, _ := SharerOf(r, s.ID); sharers[s.ID] != now {
			t.Errorf("the log says %+v, the store %+v", sharers[s.ID], now)
		}
		if ref, ok := ReferralOfCustomer(r, li.customer); !ok || referrals[ref.ID] != ref {
			t.Errorf("the log says %+v, the store %+v", referrals[ref.ID], ref)
		}
	})
}
