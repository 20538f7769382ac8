package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/commission"
	"shopcast/shop/event"
)

func (s *Site) eventOperations() []operation {
	return []operation{
		{method: http.MethodGet, path: "/events", scope: access.ScopeReadEvents, query: paging(), run: s.apiEvents},
	}
}

// isPublished says that the feed tells a type of event, as hooks are told; the others
// are ours alone.
func isPublished(what event.Type) bool { return slices.Contains(shop.PublishedTypes(), what) }

// apiFeed is a part of the log. Next is what to ask for after: the number of the last
// entry looked at, whether it was told or not.
type apiFeed struct {
	Items []json.RawMessage `json:"items"`
	Next  uint64            `json:"next"`
}

func (s *Site) apiEvents(c *apiCall) (reply, error) {
	limit, err := c.limit(apiMaxEvents)
	if err != nil {
		return reply{}, err
	}
	feed := apiFeed{Items: []json.RawMessage{}}
	if text := c.query("after"); text != "" {
		if feed.Next, err = strconv.ParseUint(text, 10, 63); err != nil {
			return reply{}, wrongField("after", "this is not the number of an event")
		}
	}
	s.shop.Events(feed.Next, maxLookedAt, func(seq uint64, entry []byte) bool {
		var e struct {
			Type event.Type `json:"type"`
		}
		if json.Unmarshal(entry, &e) == nil && isPublished(e.Type) {
			feed.Items = append(feed.Items, slices.Clone(entry))
		}
		feed.Next = seq
		return len(feed.Items) < limit
	})
	return reply{body: feed}, nil
}

// apiBrand is the installation and its rules.
type apiBrand struct {
	Name         string     `json:"name"`
	Currency     string     `json:"currency"`
	Exponent     int        `json:"exponent"` // digits after the point
	TaxBP        int32      `json:"tax_bp"`
	TaxInclusive bool       `json:"tax_inclusive"`
	Providers    []string   `json:"providers"`
	Program      apiProgram `json:"program"`
	Version      int64      `json:"version"`
}

type apiProgram struct {
	Mode             belong.Mode `json:"mode"`
	TouchLockDays    int         `json:"touch_lock_days"`
	CustomerLockDays int         `json:"customer_lock_days"`
	WindowDays       int         `json:"window_days"`
	ProtectDays      int         `json:"protect_days"`
	SelfPurchase     string      `json:"self_purchase"`
	RateBP           int32       `json:"rate_bp"`
	MaxTotalBP       int32       `json:"max_total_bp"`
	Levels           int         `json:"levels"`
	UplineBP         int32       `json:"upline_bp"`
	Base             string      `json:"base"`
	HoldDays         int         `json:"hold_days"`
	SharerBP         int32       `json:"sharer_bp"`
	SharerFixedMinor int64       `json:"sharer_fixed_minor"`
	SharerCurrency   string      `json:"sharer_currency"`
	SharerFunding    string      `json:"sharer_funding"`
	SharerPerShow    int         `json:"sharer_per_show"`
	SharerPerDay     int         `json:"sharer_per_day"`

	SharerPerNetworkHour int `json:"sharer_per_network_hour"`

	MinPayoutMinor int64 `json:"min_payout_minor"`
}

func wireProgram(program shop.Program) apiProgram {
	b, p := program.Belonging, program.Commission
	return apiProgram{
		Mode: b.Mode, TouchLockDays: b.TouchLockDays, CustomerLockDays: b.CustomerLockDays, WindowDays: b.WindowDays,
		ProtectDays: b.ProtectDays, SelfPurchase: b.SelfPurchase, RateBP: p.RateBP, MaxTotalBP: p.MaxTotalBP,
		Levels: p.Levels, UplineBP: p.UplineBP, Base: p.Base, HoldDays: p.HoldDays, SharerBP: p.SharerBP,
		SharerFixedMinor: p.SharerFixedMinor, SharerFunding: p.SharerFunding, MinPayoutMinor: program.MinPayoutMinor,
		SharerCurrency: p.SharerCurrency, SharerPerShow: p.SharerPerShow, SharerPerDay: p.SharerPerDay,
		SharerPerNetworkHour: p.SharerPerNetworkHour,
	}
}

// policies is wireProgram the other way. What is zero takes its usual value.
func (p *apiProgram) policies() shop.Program {
	return shop.Program{
		Belonging: belong.Policy{
			Mode: p.Mode, TouchLockDays: p.TouchLockDays, CustomerLockDays: p.CustomerLockDays, WindowDays: p.WindowDays,
			ProtectDays: p.ProtectDays, SelfPurchase: p.SelfPurchase,
		}.Defaults(),
		Commission: commission.Policy{
			RateBP: p.RateBP, MaxTotalBP: p.MaxTotalBP, Levels: p.Levels, UplineBP: p.UplineBP, Base: p.Base,
			HoldDays: p.HoldDays, SharerBP: p.SharerBP, SharerFixedMinor: p.SharerFixedMinor, SharerCurrency: p.SharerCurrency,
			SharerFunding: p.SharerFunding, SharerPerShow: p.SharerPerShow, SharerPerDay: p.SharerPerDay,
			SharerPerNetworkHour: p.SharerPerNetworkHour,
		}.Defaults(),
		MinPayoutMinor: p.MinPayoutMinor,
	}
}

// apiBrandBody is what a back office may change of the brand.
type apiBrandBody struct {
	Name         string     `json:"name"`
	TaxBP        int32      `json:"tax_bp"`
	TaxInclusive bool       `json:"tax_inclusive"`
	Program      apiProgram `json:"program"`
}

func (s *Site) apiBrand(*apiCall) (reply, error) { return s.wireBrand(s.shop.Brand()), nil }

func (s *Site) apiChangeBrand(c *apiCall) (reply, error) {
	body, err := apiBody[apiBrandBody](c)
	if err != nil {
		return reply{}, err
	}
	b, err := s.shop.SaveBrand(c.ctx(), c.actor, shop.BrandCmd{Version: c.version, Change: func(b *shop.Brand) {
		b.Name, b.Tax.BP, b.Tax.Inclusive, b.Program = body.Name, body.TaxBP, body.TaxInclusive, body.Program.policies()
	}})
	return s.wireBrand(b), err
}

func (s *Site) wireBrand(b shop.Brand) reply {
	return reply{version: b.Version, body: apiBrand{
		Name: b.Name, Currency: b.Currency, Exponent: b.Exponent(), TaxBP: b.Tax.BP, TaxInclusive: b.Tax.Inclusive,
		Providers: s.shop.Providers(), Program: wireProgram(b.Program), Version: b.Version,
	}}
}
