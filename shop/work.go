package shop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/catalog"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/order"
	"shopcast/shop/pay"
)

// What the shop does by itself: reservations run out, commissions vest, payments
// and refunds are asked about until they are settled. All of it can be done late and
// twice: each step looks at how things are before it acts.

const (
	workInterval = time.Second
	workBatch    = 256 // documents in one command, so that buyers behind it do not wait
	workPass     = 16 * workBatch
	askAtOnce    = 8 // questions to providers at the same time
	firstQuery   = time.Minute
	maxTries     = 20 // with the steps below, about three days
	closeGrace   = 5 * time.Minute
	maxRefBytes  = 255
)

// workKind is what is to be asked of a provider.
type workKind byte

const (
	workQuery  workKind = 'q' // what is this payment now?
	workClose  workKind = 'c' // it need not be paid any more
	workRefund workKind = 'r' // how is this refund?
	workDone   workKind = 'd' // not a question: this order's time to be sent back is over
	workNotice workKind = 'n' // which payment is this, that a call named only by the provider's name?
)

// task is one question that is due.
type task struct {
	key   []byte
	kind  workKind
	about []byte // id(16); of a notice provider "|" ref
	tries int
}

func workKey(kind workKind, about []byte, due int64) []byte {
	return append(append(numberKey(due), byte(kind)), about...)
}

// schedule puts a question on the list.
func (t *txn) schedule(kind workKind, about []byte, due int64, tries int) {
	t.tx.PutBytes(bucketWork, workKey(kind, about, due), []byte{byte(tries)})
}

// workLoop does what is due, until ctx ends.
func (s *Shop) workLoop(ctx context.Context) {
	defer close(s.workEnded)
	tick := time.NewTicker(workInterval)
	defer tick.Stop()
	for {
		if err := s.WorkOff(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("work failed", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// WorkOff does all that is due by the clock of the configuration. The shop does it
// by itself each second; tests and tools with a clock of their own may call it.
func (s *Shop) WorkOff(ctx context.Context) error {
	_, expired := s.ExpireDue(ctx)
	return errors.Join(expired, s.vestDue(ctx), s.askDue(ctx), s.tellOffers(ctx), s.tidy(ctx))
}

// ExpireDue returns the stock of every reservation that has run out, and says how
// many there were. A payment that is open at a provider is closed first, and when it
// turns out to be paid, the order is paid instead.
func (s *Shop) ExpireDue(ctx context.Context) (int, error) {
	total := 0
	for {
		due, before := s.due(), total
		for slice := range slices.Chunk(due, workBatch) {
			s.closeOpen(ctx, slice)
			n := 0
			err := s.do(ctx, SystemActor(), func(t *txn) (err error) {
				n, err = s.expire(t, slice)
				return err
			})
			if total += n; err != nil {
				return total, err
			}
		}
		if len(due) < workPass || total == before {
			return total, nil
		}
	}
}

// due lists reserved orders whose time is over. Those whose provider is silent stand
// at the front until they are given up, so it looks far beyond them.
func (s *Shop) due() (due []OrderID) {
	s.view(func(r *records) { due = order.Due(r.Records, s.now().UnixMilli(), workPass) })
	return due
}

// closeOpen asks the providers about payments that the orders have open.
func (s *Shop) closeOpen(ctx context.Context, due []OrderID) {
	var open []order.Payment
	s.view(func(r *records) {
		for _, name := range due {
			o, _ := order.Get(r.Records, name)
			p, ok := order.PaymentOf(r.Records, o.Payment)
			if ok && p.State == order.PaymentPending && (p.Ref != "" || p.Path != "") {
				open = append(open, p)
			}
		}
	})
	s.inParallel(len(open), func(i int) { s.askPayment(ctx, open[i], true) })
}

// expire gives back the stock of those that are still reserved. Those whose provider
// does not answer keep it a little longer: they may have been paid.
func (s *Shop) expire(t *txn, due []OrderID) (expired int, err error) {
	for _, name := range due {
		o, ok := s.orderWithBuyer(&t.records, name)
		if !ok || o.State != order.Reserved {
			continue // paid meanwhile; Verify reports what is missing
		}
		p, open := order.PaymentOf(t.Records, o.Payment)
		silent := open && p.State == order.PaymentPending && p.Ref != "" && p.Provider != pay.Manual
		if silent && t.at < o.PayBy+closeGrace.Milliseconds() {
			continue
		}
		if err := t.giveBack(&o, order.Expired, event.OrderExpired); err != nil {
			return expired, err
		}
		expired++
	}
	return expired, nil
}

// askPayment asks a provider what a payment is now and writes the answer down.
func (s *Shop) askPayment(ctx context.Context, p order.Payment, shut bool) bool {
	provider := s.provider(p.Provider)
	if provider == nil || p.Provider == pay.Manual {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, providerPatience)
	defer cancel()
	ref := pay.Ref{Payment: string(p.ID), Ref: p.Ref, Currency: p.Currency}
	ask := provider.Query
	if shut {
		ask = provider.Close
	}
	status, err := ask(ctx, ref)
	if errors.Is(err, pay.ErrUnknown) && p.Ref == "" {
		// It was never made there, so nobody can have paid it. One that was made and is
		// not known now is another matter: keys may have been changed.
		status, err = pay.Status{State: pay.StateClosed}, nil
	}
	if err != nil {
		s.log.Warn("payment not asked", "payment", string(p.ID), "err", err)
		return false
	}
	if _, err := s.SettlePayment(ctx, ProviderActor(p.Provider), p.ID, status); err != nil {
		s.log.Info("payment settled otherwise", "payment", string(p.ID), "err", err)
	}
	return status.State != pay.StatePending
}

// askNamed asks a provider about a payment that is known only by the provider's own
// name for it.
func (s *Shop) askNamed(ctx context.Context, name, ref string) bool {
	provider := s.provider(name)
	if provider == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, providerPatience)
	defer cancel()
	status, err := provider.Query(ctx, pay.Ref{Ref: ref})
	if errors.Is(err, pay.ErrUnknown) {
		return true
	}
	if err == nil {
		_, err = s.SettlePayment(ctx, ProviderActor(name), PaymentID(status.Payment), status)
	}
	if err != nil {
		s.log.Warn("payment not asked", "provider", name, "ref", ref, "err", err)
	}
	return err == nil
}

// vestDue makes commissions available whose time to be taken back is over.
func (s *Shop) vestDue(ctx context.Context) error {
	for {
		var has bool
		s.view(func(r *records) { has = books.HasDue(r.Records, s.now().UnixMilli()) })
		if !has {
			return nil
		}
		n := 0
		err := s.do(ctx, SystemActor(), func(t *txn) error {
			vested, err := books.VestDue(t.tx, workBatch)
			if n = len(vested); err != nil {
				return err
			}
			return t.vested(vested)
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// vested lets bounties follow the commissions that have vested with them.
func (t *txn) vested(names []OrderID) error {
	for _, name := range names {
		o, ok := order.Get(t.Records, name)
		if !ok {
			continue // Verify reports it
		}
		if err := t.settleReferral(&o, belong.ReferralPaid); err != nil {
			return err
		}
	}
	return nil
}

// complete ends an order that was delivered and can be sent back no more. One in
// dispute waits.
func (s *Shop) complete(ctx context.Context, name OrderID) (settled bool) {
	err := s.do(ctx, SystemActor(), func(t *txn) error {
		o, ok := order.Get(t.Records, name)
		if settled = !ok || o.State != order.Paid || o.PaymentState != order.PaymentDisputed; !settled || o.State != order.Paid {
			return nil
		}
		o.State, o.EndedAt = order.Completed, t.at
		return order.Save(t.tx, &o, event.OrderChanged, "completed")
	})
	return settled && err == nil
}

// askDue works off the questions that are due.
func (s *Shop) askDue(ctx context.Context) error {
	tasks := s.dueTasks()
	if len(tasks) == 0 {
		return nil
	}
	settled := make([]bool, len(tasks))
	s.inParallel(len(tasks), func(i int) { settled[i] = s.ask(ctx, tasks[i]) })
	return s.do(ctx, SystemActor(), func(t *txn) error {
		for i, task := range tasks {
			t.tx.Delete(bucketWork, task.key)
			if !settled[i] && task.tries < maxTries {
				t.schedule(task.kind, task.about, t.at+patience(task.tries).Milliseconds(), task.tries+1)
			}
		}
		return nil
	})
}

// patience is how long to wait before asking again: a minute, doubling to six hours.
func patience(tries int) time.Duration {
	return min(time.Minute<<min(tries, 16), 6*time.Hour)
}

func (s *Shop) dueTasks() (tasks []task) {
	now := s.now().UnixMilli()
	s.view(func(r *records) {
		r.Scan(bucketWork, nil, nil, func(key, value []byte) bool {
			if number(key[:8]) > now {
				return false
			}
			tasks = append(tasks, task{
				key: append([]byte(nil), key...), kind: workKind(key[8]),
				about: append([]byte(nil), key[9:]...), tries: int(value[0]),
			})
			return len(tasks) < workBatch
		})
	})
	return tasks
}

// ask asks one question; true = it need not be asked again.
func (s *Shop) ask(ctx context.Context, t task) bool {
	if t.kind == workRefund {
		rf, err := s.pushRefund(ctx, id.FromKey[RefundID](t.about))
		return err == nil && (rf.State == order.RefundDone || rf.State == order.RefundFailed)
	}
	if t.kind == workDone {
		return s.complete(ctx, id.FromKey[OrderID](t.about))
	}
	if t.kind == workNotice {
		provider, ref, _ := strings.Cut(string(t.about), "|")
		return s.askNamed(ctx, provider, ref)
	}
	var p order.Payment
	s.view(func(r *records) { p, _ = order.PaymentOf(r.Records, id.FromKey[PaymentID](t.about)) })
	if p.ID == "" {
		return true
	}
	return s.askPayment(ctx, p, t.kind == workClose)
}

// inParallel calls fn for 0…n−1, a few at once, and waits for all.
func (s *Shop) inParallel(n int, fn func(i int)) {
	slots := make(chan struct{}, askAtOnce)
	var wg sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		// ends with fn, which has a deadline of its own; waited for below
		wg.Go(func() {
			defer func() { <-slots }()
			fn(i)
		})
	}
	wg.Wait()
}

// tidy does once an hour what nobody waits for: it forgets idempotency keys that would
// be refused anyway and holds sharers whose success is too good to be true.
func (s *Shop) tidy(ctx context.Context) error {
	if !s.isUntidy(s.now()) {
		return nil
	}
	if err := s.holdOutliers(ctx); err != nil {
		return err
	}
	for {
		n := 0
		err := s.do(ctx, SystemActor(), func(t *txn) error {
			n = t.pruneKeys(workBatch)
			return nil
		})
		if err != nil || n < workBatch {
			return err
		}
	}
}

// holdOutliers lets HQ look at sharers who convert far more people than the others.
func (s *Shop) holdOutliers(ctx context.Context) error {
	var names []SharerID
	s.view(func(r *records) { names = belong.Outliers(r.Records) })
	for _, name := range names {
		_, err := s.SetSharer(ctx, SystemActor(), name, belong.SharerHeld, "converts far more people than the others")
		if err != nil {
			return err
		}
	}
	return nil
}

// isUntidy says once an hour that there is something to tidy.
func (s *Shop) isUntidy(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.tidied) < time.Hour {
		return false
	}
	s.tidied = now
	return true
}

// TakeNotice is a verified call of a payment provider: it is noted once, and the
// payment it names is asked about, because a call is a hint and not the truth. It
// answers before anything is asked, so that providers are not kept waiting.
func (s *Shop) TakeNotice(ctx context.Context, provider string, n pay.Notice) error {
	if !isEventName(n.EventID) {
		return fmt.Errorf("take notice of %s: it has no name", provider)
	}
	return s.do(ctx, ProviderActor(provider), func(t *txn) error {
		key := []byte(provider + "|" + n.EventID)
		if t.Get(bucketNotice, key) != nil {
			return nil
		}
		t.tx.PutBytes(bucketNotice, key, numberKey(t.at))
		switch n.Kind {
		case pay.NoticeRefund:
			if rf, ok := order.RefundOf(t.Records, RefundID(n.Refund)); ok {
				t.schedule(workRefund, id.Key(rf.ID), t.at, 0)
				return nil
			}
		case pay.NoticePayment, pay.NoticeDispute:
		case pay.NoticePayout, pay.NoticeOther:
			return nil
		}
		p, ok := order.PaymentOf(t.Records, PaymentID(n.Payment))
		switch {
		case ok && p.Provider == provider:
			t.schedule(workQuery, id.Key(p.ID), t.at, 0)
		case n.Payment == "" && n.Ref != "" && len(n.Ref) <= maxRefBytes:
			t.schedule(workNotice, []byte(provider+"|"+n.Ref), t.at, 0)
		}
		return nil
	})
}

// settleReferral moves the bounty of an order on, when there is one.
func (t *txn) settleReferral(o *Order, state belong.ReferralState) error {
	ref, ok := belong.ReferralOfCustomer(t.Records, o.Customer)
	if !ok || ref.Order != o.ID || ref.State == state || ref.State == belong.ReferralRejected {
		return nil
	}
	_, err := belong.SetReferral(t.tx, ref.ID, state)
	return err
}

// tellOffers tells of the offers that have opened or closed since it looked last, so
// that pages show the price of now without asking. Nothing is written.
func (s *Shop) tellOffers(ctx context.Context) error {
	now := s.now().UnixMilli()
	s.mu.Lock()
	since := s.offersAt
	s.offersAt = now
	s.mu.Unlock()
	turned := func(at int64) bool { return at > since && at <= now }
	var offers []catalog.Offer
	s.view(func(r *records) { offers = catalog.OffersOf(r.Records, r.present()) })
	offers = slices.DeleteFunc(offers, func(o catalog.Offer) bool { return !turned(o.OpensAt) && !turned(o.ClosesAt) })
	if since == 0 || len(offers) == 0 {
		return nil
	}
	return s.do(ctx, SystemActor(), func(t *txn) error {
		for i := range offers {
			t.tell(event.OfferChanged, &offers[i])
		}
		return nil
	})
}
