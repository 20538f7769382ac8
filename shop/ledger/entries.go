package ledger

// Head is what an entry says beside its postings. Whoever stores the entry gives
// it its id and time.
type Head struct {
	Ref      string // what it is about: an order, payment, payout or party
	Currency string // ISO 4217
	Note     string // see Txn
}

// txn leaves out postings of zero, so that a constructor need not look.
func (h Head) txn(kind Kind, postings ...Posting) Txn {
	kept := postings[:0]
	for _, p := range postings {
		if p.AmountMinor != 0 {
			kept = append(kept, p)
		}
	}
	return Txn{Kind: kind, Ref: h.Ref, Currency: h.Currency, Postings: kept, Note: h.Note}
}

// Share is what one party ("dst_…" or "shr_…") earns, loses or is paid.
type Share struct {
	Party       string
	AmountMinor int64
}

// Sale is what E1 books.
type Sale struct {
	ID            string // of the entry; may be empty, as At, when whoever stores it fills it in
	Order         string
	Currency      string
	At            int64 // Unix ms
	Provider      string
	TotalMinor    int64   // what the buyer paid
	TaxMinor      int64   // the part of it that is tax, inside prices or on top
	ShippingMinor int64   // the part of it that is shipping
	Shares        []Share // one per party
}

// Paid makes E1: the provider holds the money, HQ has sold, shipped and collected
// tax, and each commission is an expense of HQ that is pending for its earner.
func Paid(sale Sale) Txn {
	postings := append(make([]Posting, 0, 5+len(sale.Shares)),
		Posting{PSP(sale.Provider), sale.TotalMinor},
		Posting{Sales, -(sale.TotalMinor - sale.TaxMinor - sale.ShippingMinor)},
		Posting{Tax, -sale.TaxMinor},
		Posting{Shipping, -sale.ShippingMinor})
	var expense int64
	for _, s := range sale.Shares {
		expense += s.AmountMinor // a sum that does not fit fails Check
		postings = append(postings, Posting{Pending(s.Party), -s.AmountMinor})
	}
	postings = append(postings, Posting{CommissionExpense, expense})
	entry := Head{Ref: sale.Order, Currency: sale.Currency}.txn(KindPaid, postings...)
	entry.ID, entry.At = sale.ID, sale.At
	return entry
}

// Vested makes E2: what was pending may be paid out.
func Vested(h Head, shares []Share) Txn {
	return h.txn(KindVested, between(shares, Pending, Available)...)
}

// Held undoes E2: what could be paid out is pending again.
func Held(h Head, shares []Share) Txn {
	return h.txn(KindHeld, between(shares, Available, Pending)...)
}

// between moves what we owe each party from one of its accounts to another.
func between(shares []Share, from, to func(string) Account) []Posting {
	postings := make([]Posting, 0, 2*len(shares))
	for _, s := range shares {
		postings = append(postings, Posting{from(s.Party), s.AmountMinor}, Posting{to(s.Party), -s.AmountMinor})
	}
	return postings
}

// Refund is what E3 books: what the buyer gets back, and what comes off the
// earners' accounts. SalesMinor, TaxMinor and ShippingMinor sum to TotalMinor.
type Refund struct {
	Provider      string
	TotalMinor    int64
	SalesMinor    int64
	TaxMinor      int64
	ShippingMinor int64
	FeeMinor      int64 // what the provider charges for it, E6
	Reversed      []Share
	From          Part // where the earners' shares are: PartPending or PartAvailable
}

// Refunded makes E3, with E6 when the provider charges a fee.
func Refunded(h Head, r Refund) Txn {
	postings := []Posting{
		{Sales, r.SalesMinor},
		{Tax, r.TaxMinor},
		{Shipping, r.ShippingMinor},
		{PSP(r.Provider), -r.TotalMinor},
		{PSPFees, r.FeeMinor},
		{PSP(r.Provider), -r.FeeMinor},
	}
	return h.txn(KindRefunded, append(postings, accrual(r.Reversed, r.From, -1)...)...)
}

// accrual is an expense of HQ for each share (sign 1), or takes it back (sign -1).
func accrual(shares []Share, part Part, sign int64) []Posting {
	postings := make([]Posting, 0, len(shares)+1)
	var expense int64
	for _, s := range shares {
		expense += sign * s.AmountMinor
		postings = append(postings, Posting{accountOf(s.Party, part), -sign * s.AmountMinor})
	}
	return append(postings, Posting{CommissionExpense, expense})
}

// Reassigned gives shares of an order to other parties. Each change is what a
// party gains, or loses when negative, on the account where the order's shares are.
func Reassigned(h Head, part Part, changes []Share) Txn {
	return h.txn(KindReassigned, accrual(changes, part, 1)...)
}

// PayoutPrepared makes E4: the amount is set aside for a payout.
func PayoutPrepared(h Head, s Share) Txn {
	return h.txn(KindPayoutPrepared, between([]Share{s}, Available, InPayout)...)
}

// PayoutSent makes E5: the amount has left through the provider.
func PayoutSent(h Head, provider string, s Share) Txn {
	return h.txn(KindPayoutSent, Posting{InPayout(s.Party), s.AmountMinor}, Posting{PaidOut(provider), -s.AmountMinor})
}

// PayoutFailed undoes E4: the amount may be paid out again.
func PayoutFailed(h Head, s Share) Txn {
	return h.txn(KindPayoutFailed, between([]Share{s}, InPayout, Available)...)
}

// Fee makes E6: the provider kept a fee for itself.
func Fee(h Head, provider string, minor int64) Txn {
	return h.txn(KindFee, Posting{PSPFees, minor}, Posting{PSP(provider), -minor})
}

// WrittenOff makes E7: HQ gives up what a party owes it.
func WrittenOff(h Head, s Share) Txn {
	return h.txn(KindWrittenOff, Posting{WriteOffs, s.AmountMinor}, Posting{Available(s.Party), -s.AmountMinor})
}

// Parked books money that came and fits no order.
func Parked(h Head, provider string, minor int64) Txn {
	return h.txn(KindParked, Posting{PSP(provider), minor}, Posting{Suspense, -minor})
}

// Unparked undoes Parked: the money went back, or was given to the order it is for.
func Unparked(h Head, provider string, minor int64) Txn {
	return h.txn(KindUnparked, Posting{Suspense, minor}, Posting{PSP(provider), -minor})
}
