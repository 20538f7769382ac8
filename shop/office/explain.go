package office

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"shopcast/shop"
	"shopcast/shop/id"
	"shopcast/shop/money"
)

// Lines tells why an order belongs to whom it does, in English, one line per step,
// times in UTC.
func Lines(x shop.Explanation) []string {
	lines := []string{fmt.Sprintf("order %s belongs to %s: %s", x.Order, whom(x.Distributor), x.Reason)}
	for _, step := range x.Steps {
		at := time.UnixMilli(step.At).UTC().Format(time.DateTime)
		lines = append(lines, at+"  "+sentence(x.Currency, &step))
	}
	return lines
}

func whom(distributor string) string { return cmp.Or(distributor, "HQ") }

func sentence(currency string, s *shop.Step) string {
	amount := money.Format(s.AmountMinor, currency) + " " + currency
	switch s.Kind {
	case shop.StepTouch:
		return fmt.Sprintf("the buyer came into %s, room of %s (link %s%s)", s.Room, whom(s.Distributor), s.Token, bySharer(s.Sharer))
	case shop.StepBound:
		return fmt.Sprintf("bound to %s, stage %s, %s (%s)", whom(s.Distributor), s.Stage, until(s.Until), s.Binding)
	case shop.StepUnbound:
		return fmt.Sprintf("no longer bound to %s: %s (%s)", whom(s.Distributor), s.Why, s.Binding)
	case shop.StepPlaced:
		return fmt.Sprintf("ordered for %s in %s; belongs to %s because %s%s", amount, s.Room, whom(s.Distributor), s.Why, bySharer(s.Sharer))
	case shop.StepRate:
		return fmt.Sprintf("line %d, %s: %s %s earns %s, %s of %s, %s", s.Line, s.Title, s.Role, cmp.Or(s.Distributor, s.Party),
			amount, rate(s, currency), money.Format(s.BaseMinor, currency), ruleOf(s.Rule))
	case shop.StepEntry:
		return fmt.Sprintf("ledger: %s, %s on %s of %s (%s)", s.Why, amount, s.Account, cmp.Or(s.Distributor, s.Party), s.Entry)
	case shop.StepPaid, shop.StepRefund, shop.StepReferral, shop.StepParkedMoney:
		return strings.TrimSuffix(fmt.Sprintf("%s %s: %s", strings.ReplaceAll(string(s.Kind), "_", " "), amount, s.Why), ": ")
	case shop.StepShipped, shop.StepDelivered, shop.StepVests, shop.StepHeld, shop.StepCorrected:
	}
	return strings.TrimSuffix(string(s.Kind)+": "+s.Why, ": ")
}

func bySharer(name id.SharerID) string {
	if name == "" {
		return ""
	}
	return ", brought by " + string(name)
}

func until(ms int64) string {
	if ms == 0 {
		return "for ever"
	}
	return "until " + time.UnixMilli(ms).UTC().Format(time.DateTime)
}

func rate(s *shop.Step, currency string) string {
	if s.RateBP == 0 && s.FixedMinor != 0 {
		return money.Format(s.FixedMinor, currency) + " each"
	}
	return money.Percent(s.RateBP)
}

func ruleOf(name id.RuleID) string {
	if name == "" {
		return "their own rate"
	}
	return "rule " + string(name)
}
