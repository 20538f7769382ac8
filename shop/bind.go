package shop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/catalog"
	"shopcast/shop/contact"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/refusal"
	"shopcast/shop/seal"
)

// errRehearsal ends a command whose effects were only looked at.
var errRehearsal = errors.New("only a rehearsal")

// CustomerRef says who a customer of a list is. The first field that is set counts.
type CustomerRef struct {
	ID        CustomerID
	PhoneHash string // SHA-256 in hex of the phone number in our spelling
	Phone     string
	Email     string
	OpenID    string
}

// ImportedBinding is one customer of a list a distributor brings along.
type ImportedBinding struct {
	Row         int // of the file
	Customer    CustomerRef
	Distributor DistributorID
}

// BindResult is what became of an ImportedBinding.
type BindResult string

// The results of importing a binding.
const (
	BindMade     BindResult = "bound"
	BindSame     BindResult = "same"     // it was so already
	BindConflict BindResult = "conflict" // the customer is another distributor's, and stays theirs
)

// maxImported bounds one command of an import, so that buyers behind it do not wait.
const maxImported = 256

// BindImported makes customers of a list the distributors', in one command of at most
// 256 rows. A customer who is somebody else's stays theirs and is reported. A row is
// refused by the error at its place. With rehearse nothing is stored.
func (s *Shop) BindImported(ctx context.Context, actor Actor, rows []ImportedBinding, rehearse bool) ([]BindResult, []error, error) {
	if err := actor.mayFor(access.ScopeWriteDistributors); err != nil {
		return nil, nil, err
	}
	if len(rows) > maxImported {
		return nil, nil, refusal.New(refusal.CodeTooLarge, "these are too many rows at once")
	}
	results, refused := make([]BindResult, len(rows)), make([]error, len(rows))
	err := s.do(ctx, actor, func(t *txn) error {
		made := 0
		for i, row := range rows {
			if results[i], refused[i] = t.bindImported(row); refused[i] == nil && results[i] == BindMade {
				made++
			}
		}
		if rehearse {
			return errRehearsal
		}
		if made > 0 {
			t.log(event.Imported, nil, fmt.Sprintf("%d bindings", made))
		}
		return nil
	})
	if rehearse && errors.Is(err, errRehearsal) {
		err = nil
	}
	return results, refused, err
}

func (t *txn) bindImported(row ImportedBinding) (BindResult, error) {
	if d, ok := belong.DistributorOf(t.Records, row.Distributor); !ok || d.State == belong.DistributorClosed {
		return "", refusal.Field(refusal.CodeNotFound, "distributor", "there is no such distributor, or they are closed")
	}
	customer, err := t.importedCustomer(row.Customer)
	if err != nil {
		return "", err
	}
	who := belong.Person{Customer: customer}
	before := belong.BindingOf(t.Records, who, t.at)
	conflict, err := belong.BindImported(t.tx, t.brand().Program.Belonging, belong.Import{
		Customer: customer, Distributor: row.Distributor, Row: row.Row,
	})
	after := belong.BindingOf(t.Records, who, t.at)
	switch {
	case err != nil:
		return "", err
	case conflict:
		return BindConflict, nil
	case before != nil && after != nil && *before == *after:
		return BindSame, nil
	}
	return BindMade, nil
}

// importedCustomer finds the customer a row names, or makes one who will be
// recognised when they buy.
func (t *txn) importedCustomer(ref CustomerRef) (CustomerID, error) {
	if ref.ID != "" {
		if _, ok := id.Parse[CustomerID](string(ref.ID)); !ok {
			return "", refusal.Field(refusal.CodeNotFound, "customer", "there is no such customer")
		}
		return ref.ID, nil
	}
	phone, isPhone := contact.Phone(ref.Phone)
	email, isEmail := contact.Email(ref.Email)
	key := []byte(nil)
	switch {
	case ref.PhoneHash != "":
		key = phoneHashKey(t.secret, ref.PhoneHash)
	case phone != "" && isPhone:
		key = phoneHashKey(t.secret, phoneHash(phone))
	case email != "" && isEmail:
		key = t.secret.Fingerprint(sealCustomer, "email:"+email)
	case ref.OpenID != "":
		key = t.secret.Fingerprint(sealCustomer, "openid:"+ref.OpenID)
	default:
		return "", refusal.Field(refusal.CodeBadInput, "customer", "the row names no customer")
	}
	return t.customerOf([][]byte{key}), nil
}

// phoneHash is what lists call a phone number that do not want to show it.
func phoneHash(phone string) string {
	sum := sha256.Sum256([]byte(phone))
	return hex.EncodeToString(sum[:])
}

// phoneHashKey is the key of a customer's phone number. It is made from the number's
// hash, so that a list which gives only that finds the same customer.
func phoneHashKey(secret seal.Secret, hash string) []byte {
	return secret.Fingerprint(sealCustomer, "phone:"+hash)
}

// SetStock makes the units of a SKU that can be sold exactly so many: what a count in
// the warehouse says. Units that are reserved or sold are not among them.
func (s *Shop) SetStock(ctx context.Context, actor Actor, sku SKU, units int64) (catalog.Stock, error) {
	if err := actor.mayFor(access.ScopeWriteCatalog); err != nil {
		return catalog.Stock{}, err
	}
	var stock catalog.Stock
	err := s.do(ctx, actor, func(t *txn) error {
		if units < 0 || units > catalog.MaxStock {
			return refusal.Field(refusal.CodeBadInput, "units", "the stock is out of range")
		}
		var err error
		stock, err = catalog.AddStock(t.tx, sku, units-catalog.StockOf(t.Records, sku).Available)
		return err
	})
	return stock, err
}
