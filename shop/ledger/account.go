package ledger

import "strings"

// Account is a path such as "hq/sales" or "dist/dst_01J…/pending".
type Account string

// The accounts of HQ.
const (
	Sales             Account = "hq/sales"
	Tax               Account = "hq/tax"
	Shipping          Account = "hq/shipping"
	CommissionExpense Account = "hq/commission_expense"
	PSPFees           Account = "hq/psp_fees"
	WriteOffs         Account = "hq/writeoff"
	Suspense          Account = "psp_suspense" // money that came and fits no order
)

// Part is one of the three accounts of an earner.
type Part string

// What an earner's accounts hold.
const (
	PartPending   Part = "pending"   // earned, and not yet a right
	PartAvailable Part = "available" // may be paid out; debit = a debt of theirs
	PartInPayout  Part = "in_payout" // on its way to their bank
)

// Where the accounts of earners begin.
const (
	distributorRoot = "dist/"
	sharerRoot      = "sharer/"
	sharerPrefix    = "shr_"
)

// PSP is the account of money that a payment provider holds for us.
func PSP(provider string) Account { return Account("psp/" + provider) }

// PaidOut is the account of money that left through a way to pay out.
func PaidOut(provider string) Account { return Account("payout/" + provider) }

// Pending is what a party ("dst_…" or "shr_…") has earned and not yet a right to.
func Pending(party string) Account { return accountOf(party, PartPending) }

// Available is what a party may be paid.
func Available(party string) Account { return accountOf(party, PartAvailable) }

// InPayout is what is on its way to a party.
func InPayout(party string) Account { return accountOf(party, PartInPayout) }

func accountOf(party string, part Part) Account {
	root := distributorRoot
	if strings.HasPrefix(party, sharerPrefix) {
		root = sharerRoot
	}
	return Account(root + party + "/" + string(part))
}

// Roots are the beginnings of all accounts that belong to earners.
func Roots() []string { return []string{distributorRoot, sharerRoot} }

// Party takes an earner's account apart; ok = false when it is not an earner's.
func (a Account) Party() (party string, part Part, ok bool) {
	rest, ok := strings.CutPrefix(string(a), distributorRoot)
	if !ok {
		rest, ok = strings.CutPrefix(string(a), sharerRoot)
	}
	if !ok {
		return "", "", false
	}
	party, last, ok := strings.Cut(rest, "/")
	return party, Part(last), ok
}

// valid accepts Suspense and paths of at least two parts, none empty. It runs for
// each posting of each paid order and therefore splits nothing.
func (a Account) valid() bool {
	path := string(a)
	return a == Suspense || (strings.Contains(path, "/") && !strings.Contains(path, "//") &&
		!strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "/"))
}
