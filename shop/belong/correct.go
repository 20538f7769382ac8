package belong

import (
	"strconv"
	"strings"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Correction is what HQ changes about whose a person is.
type Correction struct {
	Person      Person
	Distributor id.DistributorID // ForceBind: whose they are from now on
	Actor       string           // who of HQ
	Why         string           // for the history; not empty
}

// Release ends a person's binding by HQ's word, so that the next visit may bind them;
// earlier visits count no more. not_found when there is none.
func Release(tx *kv.Command, c Correction) error {
	if err := c.check(); err != nil {
		return err
	}
	if BindingOf(&tx.Records, c.Person, tx.At) == nil {
		return refusal.New(refusal.CodeNotFound, "nobody has this customer")
	}
	retire(tx, c.Person, ending{EndReleased, c.Actor, c.Why})
	tx.Delete(bucketPersonTouch, c.Person.key())
	return nil
}

// ForceBind makes a person a distributor's customer by HQ's word, whosever they were.
func ForceBind(tx *kv.Command, policy Policy, c Correction) (Binding, error) {
	if err := c.check(); err != nil {
		return Binding{}, err
	}
	if err := mustTakeCustomers(&tx.Records, c.Distributor); err != nil {
		return Binding{}, err
	}
	b := replace(tx, c.Person, ending{EndRebound, c.Actor, c.Why}, Binding{
		Distributor: c.Distributor, Stage: StageCustomer, CustomerAt: tx.At,
		ExpiresAt: policy.customerEnd(tx.At), Actor: c.Actor, Why: c.Why,
	})
	return *b, nil
}

func (c Correction) check() error {
	if strings.TrimSpace(c.Why) == "" {
		return refusal.Field(refusal.CodeBadInput, "why", "a correction needs a reason")
	}
	if !c.Person.isSomebody() {
		return refusal.New(refusal.CodeNotFound, "there is no such customer")
	}
	return nil
}

// mustTakeCustomers refuses a distributor nobody can be given to.
func mustTakeCustomers(r *kv.Records, name id.DistributorID) error {
	d, ok := DistributorOf(r, name)
	if !ok {
		return refusal.Field(refusal.CodeNotFound, "distributor", "there is no such distributor")
	}
	if d.State == DistributorClosed {
		return refusal.Field(refusal.CodeConflict, "distributor", "this distributor is closed")
	}
	return nil
}

// Import is one customer of a list a distributor brings along.
type Import struct {
	Customer    id.CustomerID
	Distributor id.DistributorID
	Row         int // of the file, for the history
}

// BindImported makes an imported customer the distributor's. conflict = true when the
// customer has a binding to another distributor, which is left as it is. Importing the
// same row again changes nothing.
func BindImported(tx *kv.Command, policy Policy, im Import) (conflict bool, err error) {
	if err := mustTakeCustomers(&tx.Records, im.Distributor); err != nil {
		return false, err
	}
	person := Person{Customer: im.Customer}
	if !person.isSomebody() {
		return false, refusal.Field(refusal.CodeBadInput, "customer", "there is no such customer")
	}
	lock := Binding{
		Distributor: im.Distributor, Stage: StageCustomer, CustomerAt: tx.At,
		ExpiresAt: policy.customerEnd(tx.At), Actor: actorImport, Why: "row " + strconv.Itoa(im.Row),
	}
	current := BindingOf(&tx.Records, person, tx.At)
	switch {
	case current == nil:
		replace(tx, person, ending{reason: EndExpired}, lock)
	case current.Distributor != im.Distributor:
		return true, nil
	case current.Stage == StageTouch:
		lock.ID, lock.BoundAt, lock.SourceTouch = current.ID, current.BoundAt, current.SourceTouch
		file(tx, person, lock, event.BindingCreated)
	}
	return false, nil
}
