package web

import (
	"bytes"
	"net/http"
	"slices"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/books"
	"shopcast/shop/commission"
	"shopcast/shop/id"
	"shopcast/shop/money"
	"shopcast/shop/sheet"
)

func (s *Site) moneyOperations() []operation {
	const read, write = access.ScopeReadMoney, access.ScopeWriteMoney
	return []operation{
		{method: http.MethodGet, path: "/rules", scope: read, query: paging(), run: s.apiRules},
		{method: http.MethodPost, path: "/rules", scope: write, keyed: true, run: s.apiMakeRule},
		{method: http.MethodPut, path: "/rules/{rule}", scope: write, run: s.apiChangeRule},
		{method: http.MethodGet, path: "/earnings/{party}", scope: read, query: []string{"currency"}, run: s.apiEarnings},
		{method: http.MethodPost, path: "/statement-closings", scope: write, run: s.apiClose},
		{method: http.MethodGet, path: "/statements", scope: read, query: paging("party"), run: s.apiStatements},
		{method: http.MethodGet, path: "/statements/{statement}", scope: read, run: s.apiStatement},
		{method: http.MethodPost, path: "/payout-batches", scope: write, keyed: true, run: s.apiPrepare},
		{method: http.MethodGet, path: "/payout-batches/{batch}/payouts", scope: read, query: paging(), run: s.apiBatch},
		{method: http.MethodGet, path: "/payout-batches/{batch}/bank.csv", scope: read, query: []string{"bom"}, run: s.apiBankFile},
		{method: http.MethodGet, path: "/payouts", scope: read, query: paging("party"), run: s.apiPayouts},
		{method: http.MethodPost, path: "/payouts/{payout}/sent", scope: write, run: s.apiPayoutSent},
		{method: http.MethodPost, path: "/payouts/{payout}/failed", scope: write, run: s.apiPayoutFailed},
		{method: http.MethodPost, path: "/write-offs", scope: write, run: s.apiWriteOff},
	}
}

// apiRuleBody is what a back office says of a commission rule.
type apiRuleBody struct {
	Offer       id.OfferID         `json:"offer"`
	SKU         shop.SKU           `json:"sku"`
	Category    string             `json:"category"`
	Tier        string             `json:"tier"`
	Distributor shop.DistributorID `json:"distributor"`
	Role        commission.Role    `json:"role"`
	RateBP      int32              `json:"rate_bp"`
	FixedMinor  int64              `json:"fixed_minor"`
	Currency    string             `json:"currency"`
	ValidFrom   int64              `json:"valid_from"`
	ValidTo     int64              `json:"valid_to"`
	CapMinor    int64              `json:"cap_minor"`
	Withdrawn   bool               `json:"withdrawn"`
}

type apiRule struct {
	ID id.RuleID `json:"id"`
	apiRuleBody
	Version int64 `json:"version"`
}

func (b *apiRuleBody) rule(name id.RuleID) commission.Rule {
	return commission.Rule{
		ID: name, Offer: b.Offer, SKU: b.SKU, Category: b.Category, Tier: b.Tier, Distributor: b.Distributor,
		Role: b.Role, RateBP: b.RateBP, FixedMinor: b.FixedMinor, Currency: b.Currency,
		ValidFrom: b.ValidFrom, ValidTo: b.ValidTo, CapMinor: b.CapMinor, Withdrawn: b.Withdrawn,
	}
}

func wireRule(r *commission.Rule) apiRule {
	return apiRule{ID: r.ID, Version: r.Version, apiRuleBody: apiRuleBody{
		Offer: r.Offer, SKU: r.SKU, Category: r.Category, Tier: r.Tier, Distributor: r.Distributor,
		Role: r.Role, RateBP: r.RateBP, FixedMinor: r.FixedMinor, Currency: r.Currency,
		ValidFrom: r.ValidFrom, ValidTo: r.ValidTo, CapMinor: r.CapMinor, Withdrawn: r.Withdrawn,
	}}
}

func (s *Site) apiRules(c *apiCall) (reply, error) {
	return pageOf(c, s.shop.Rules(), func(r *commission.Rule) id.RuleID { return r.ID }, wireRule)
}

func (s *Site) apiMakeRule(c *apiCall) (reply, error) {
	body, err := apiBody[apiRuleBody](c)
	if err != nil {
		return reply{}, err
	}
	rule, err := s.shop.SaveRule(c.ctx(), c.actor, c.key, body.rule(""), 0)
	return made(wireRule(&rule), rule.Version), err
}

func (s *Site) apiChangeRule(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[id.RuleID, apiRuleBody](c, "rule")
	if err != nil {
		return reply{}, err
	}
	rule, err := s.shop.SaveRule(c.ctx(), c.actor, "", body.rule(name), c.version)
	return reply{body: wireRule(&rule), version: rule.Version}, err
}

type apiBalance struct {
	Party          string `json:"party"`
	Currency       string `json:"currency"`
	PendingMinor   int64  `json:"pending_minor"`
	AvailableMinor int64  `json:"available_minor"` // negative = the party owes us
	InPayoutMinor  int64  `json:"in_payout_minor"`
	PaidMinor      int64  `json:"paid_minor"`
}

// isParty says whether text could name somebody who earns.
func isParty(text string) bool {
	_, distributor := id.Parse[shop.DistributorID](text)
	_, sharer := id.Parse[shop.SharerID](text)
	return distributor || sharer
}

// currency is the one asked for, or the brand's.
func (s *Site) currency(asked string) (string, error) {
	if asked == "" {
		return s.shop.Brand().Currency, nil
	}
	if _, known := money.Exponent(asked); !known {
		return "", wrongField("currency", "this currency is not known")
	}
	return asked, nil
}

func (s *Site) apiEarnings(c *apiCall) (reply, error) {
	party := c.r.PathValue("party")
	if !isParty(party) {
		return reply{}, missing("party")
	}
	currency, err := s.currency(c.query("currency"))
	return reply{body: apiBalance(s.shop.Earnings(party, currency))}, err
}

type apiCloseBody struct {
	Currency string `json:"currency"` // empty = the brand's
	From     int64  `json:"from"`
	To       int64  `json:"to"`
}

type apiClosing struct {
	Currency   string `json:"currency"`
	From       int64  `json:"from"`
	To         int64  `json:"to"`
	Statements int    `json:"statements"`
	Hash       string `json:"hash"`
}

func (s *Site) apiClose(c *apiCall) (reply, error) {
	body, err := apiBody[apiCloseBody](c)
	if err != nil {
		return reply{}, err
	}
	currency, err := s.currency(body.Currency)
	if err != nil {
		return reply{}, err
	}
	closing, err := s.shop.CloseStatements(c.ctx(), c.actor, currency, body.From, body.To)
	return made(apiClosing(closing), 0), err
}

type apiStatement struct {
	ID              id.StatementID `json:"id"`
	Party           string         `json:"party"`
	Currency        string         `json:"currency"`
	From            int64          `json:"from"`
	To              int64          `json:"to"`
	OpeningMinor    int64          `json:"opening_minor"`
	AccruedMinor    int64          `json:"accrued_minor"`
	VestedMinor     int64          `json:"vested_minor"`
	ReversedMinor   int64          `json:"reversed_minor"`
	PaidOutMinor    int64          `json:"paid_out_minor"`
	WrittenOffMinor int64          `json:"written_off_minor"`
	ClosingMinor    int64          `json:"closing_minor"`
	PendingMinor    int64          `json:"pending_minor"`
	Entries         int            `json:"entries"`
	Hash            string         `json:"hash"`
	At              int64          `json:"at"`
}

type apiStatementLine struct {
	Entry       id.EntryID `json:"entry"`
	At          int64      `json:"at"`
	Kind        string     `json:"kind"`
	Ref         string     `json:"ref"`
	Part        string     `json:"part"`
	AmountMinor int64      `json:"amount_minor"`
}

type apiStatementWithLines struct {
	apiStatement
	Lines []apiStatementLine `json:"lines"`
}

// maxStatements bounds the statements of one party that are looked at.
const maxStatements = 10_000

func (s *Site) apiStatements(c *apiCall) (reply, error) {
	party := c.query("party")
	if !isParty(party) {
		return reply{}, wrongField("party", "say whose statements")
	}
	return pageOf(c, s.shop.StatementsOf(party, maxStatements), func(st *books.Statement) id.StatementID { return st.ID },
		func(st *books.Statement) apiStatement { return apiStatement(*st) })
}

func (s *Site) apiStatement(c *apiCall) (reply, error) {
	name, err := pathID[id.StatementID](c, "statement")
	if err != nil {
		return reply{}, err
	}
	st, lines, ok := s.shop.StatementOf(name)
	if !ok {
		return reply{}, missing("statement")
	}
	return reply{body: apiStatementWithLines{
		apiStatement: apiStatement(st),
		Lines: wired(lines, func(l *books.Line) apiStatementLine {
			return apiStatementLine{
				Entry: l.Entry, At: l.At, Kind: string(l.Kind), Ref: l.Ref, Part: string(l.Part), AmountMinor: l.AmountMinor,
			}
		}),
	}}, nil
}

type apiPayout struct {
	ID          id.PayoutID       `json:"id"`
	Batch       id.BatchID        `json:"batch"`
	Party       string            `json:"party"`
	Currency    string            `json:"currency"`
	AmountMinor int64             `json:"amount_minor"`
	Method      string            `json:"method"`
	State       books.PayoutState `json:"state"`
	Ref         string            `json:"ref"`
	Problem     string            `json:"problem"`
	PreparedAt  int64             `json:"prepared_at"`
	DoneAt      int64             `json:"done_at"`
}

func wirePayout(p *books.Payout) apiPayout { return apiPayout(*p) }

type apiPrepareBody struct {
	Currency string `json:"currency"` // empty = the brand's
}

type apiBatch struct {
	ID         id.BatchID `json:"id"`
	Currency   string     `json:"currency"`
	Method     string     `json:"method"`
	Payouts    int        `json:"payouts"`
	TotalMinor int64      `json:"total_minor"`
	At         int64      `json:"at"`
}

// apiPrepare sets money aside.
func (s *Site) apiPrepare(c *apiCall) (reply, error) {
	body, err := apiBody[apiPrepareBody](c)
	if err != nil {
		return reply{}, err
	}
	currency, err := s.currency(body.Currency)
	if err != nil {
		return reply{}, err
	}
	batch, _, err := s.shop.PreparePayouts(c.ctx(), c.actor, c.key, currency)
	return made(apiBatch(batch), 0), err
}

// findBatch are the payouts of the batch the path names; there is none without.
func (s *Site) findBatch(c *apiCall) ([]books.Payout, error) {
	name, err := pathID[id.BatchID](c, "batch")
	if err != nil {
		return nil, err
	}
	payouts := s.shop.PayoutsIn(name)
	if len(payouts) == 0 {
		return nil, missing("batch")
	}
	return payouts, nil
}

func (s *Site) apiBatch(c *apiCall) (reply, error) {
	payouts, err := s.findBatch(c)
	if err != nil {
		return reply{}, err
	}
	return pageOf(c, payouts, func(p *books.Payout) id.PayoutID { return p.ID }, wirePayout)
}

// apiBankFile is the table that goes to the bank: what is prepared and not yet sent.
func (s *Site) apiBankFile(c *apiCall) (reply, error) {
	payouts, err := s.findBatch(c)
	if err != nil {
		return reply{}, err
	}
	payouts = slices.DeleteFunc(payouts, func(p books.Payout) bool { return p.State != books.PayoutPrepared })
	var out bytes.Buffer
	table := sheet.NewWriter(&out, c.query("bom") == "1")
	err = table.Write("payout", "party", "name", "account", "currency", "amount")
	for i := 0; i < len(payouts) && err == nil; i++ {
		p := payouts[i]
		d, _ := s.shop.DistributorByID(shop.DistributorID(p.Party)) // a sharer has neither name nor account here
		err = table.Write(string(p.ID), p.Party, d.Name, d.PayoutMethod, p.Currency, money.Format(p.AmountMinor, p.Currency))
	}
	if err == nil {
		err = table.Flush()
	}
	return reply{csv: out.Bytes()}, err
}

func (s *Site) apiPayouts(c *apiCall) (reply, error) {
	party := c.query("party")
	if !isParty(party) {
		return reply{}, wrongField("party", "say whose payouts")
	}
	return pageOf(c, s.shop.PayoutsOf(party), func(p *books.Payout) id.PayoutID { return p.ID }, wirePayout)
}

type apiSentBody struct {
	Ref string `json:"ref"` // the bank's name for it
}

func (s *Site) apiPayoutSent(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[id.PayoutID, apiSentBody](c, "payout")
	if err != nil {
		return reply{}, err
	}
	p, err := s.shop.PayoutSent(c.ctx(), c.actor, name, body.Ref)
	return reply{body: wirePayout(&p)}, err
}

type apiWhyBody struct {
	Why string `json:"why"`
}

func (s *Site) apiPayoutFailed(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[id.PayoutID, apiWhyBody](c, "payout")
	if err != nil {
		return reply{}, err
	}
	p, err := s.shop.PayoutFailed(c.ctx(), c.actor, name, body.Why)
	return reply{body: wirePayout(&p)}, err
}

type apiWriteOffBody struct {
	Party    string `json:"party"`
	Currency string `json:"currency"` // empty = the brand's
	Why      string `json:"why"`
}

type apiWriteOff struct {
	Party       string `json:"party"`
	Currency    string `json:"currency"`
	AmountMinor int64  `json:"amount_minor"`
}

func (s *Site) apiWriteOff(c *apiCall) (reply, error) {
	body, err := apiBody[apiWriteOffBody](c)
	if err != nil {
		return reply{}, err
	}
	currency, err := s.currency(body.Currency)
	if err != nil {
		return reply{}, err
	}
	if !isParty(body.Party) {
		return reply{}, wrongField("party", "there is no such party")
	}
	minor, err := s.shop.WriteOff(c.ctx(), c.actor, body.Party, currency, body.Why)
	return made(apiWriteOff{Party: body.Party, Currency: currency, AmountMinor: minor}, 0), err
}
