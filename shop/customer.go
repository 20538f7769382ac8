package shop

import (
	"encoding/json"
	"fmt"

	"shopcast/shop/contact"
	"shopcast/shop/id"
	"shopcast/shop/order"
	"shopcast/shop/refusal"
	"shopcast/shop/seal"
)

// buyer is the part of an order that is about a person. It is kept apart from the
// order and out of the log, sealed, so that it can be erased.
type buyer struct {
	Contact Contact `json:"contact"`
	Address string  `json:"address"`
}

// person is a buyer as the committer gets it: everything costly is done.
type person struct {
	buyer
	sealed []byte   // what is stored
	keys   [][]byte // under which the customer is found again
}

// newPerson checks how a buyer is reached and where things go.
func (s *Shop) newPerson(c Contact, address string) (person, error) {
	clean, err := cleanContact(c)
	if err != nil {
		return person{}, err
	}
	address, err = cleanProse("address", address)
	if err != nil {
		return person{}, err
	}
	who := person{buyer: buyer{Contact: clean, Address: address}, keys: customerKeys(s.secret, clean)}
	raw, err := json.Marshal(who.buyer)
	if err != nil {
		return person{}, fmt.Errorf("encode buyer: %w", err)
	}
	who.sealed = s.secret.Encrypt(sealBuyer, raw)
	return who, nil
}

// customerKeys are the HMACs under which a contact is found again: the store
// recognises a phone number without holding it, and erasing the order's buyer
// leaves nothing that can be read.
func customerKeys(secret seal.Secret, c Contact) [][]byte {
	var keys [][]byte
	if c.Phone != "" {
		keys = append(keys, phoneHashKey(secret, phoneHash(c.Phone)))
	}
	if c.Email != "" {
		keys = append(keys, secret.Fingerprint(sealCustomer, "email:"+c.Email))
	}
	return keys
}

// customerOf returns the customer behind the keys of a contact, making one when
// none is known. When phone and e-mail belong to different customers the phone
// counts, because it is harder to borrow; the e-mail stays where it was.
func (t *txn) customerOf(keys [][]byte) CustomerID {
	var known CustomerID
	var fresh [][]byte
	for _, key := range keys {
		switch raw := t.Get(bucketCustomer, key); {
		case raw == nil:
			fresh = append(fresh, key)
		case known == "":
			known = id.FromKey[CustomerID](raw)
		}
	}
	if known == "" {
		known = mint[CustomerID](t)
	}
	for _, key := range fresh {
		t.tx.PutBytes(bucketCustomer, key, id.Key(known))
	}
	return known
}

// orderWithBuyer reads an order and who bought it.
func (s *Shop) orderWithBuyer(r *records, name OrderID) (Order, bool) {
	o, ok := order.Get(r.Records, name)
	if ok {
		who := s.buyerOf(r, name)
		o.Contact, o.Address = who.Contact, who.Address
	}
	return o, ok
}

// buyerOf unseals the buyer of an order; an erased one is empty.
func (s *Shop) buyerOf(r *records, name OrderID) (who buyer) {
	if raw, ok := s.secret.Decrypt(sealBuyer, r.Get(bucketPII, id.Key(name))); ok {
		_ = json.Unmarshal(raw, &who) //nolint:errcheck // sealed by us; what cannot be read is as good as erased
	}
	return who
}

// Masked is the order as a distributor may see it: enough of the buyer to speak of
// them, not enough to reach them, and no address.
func Masked(o Order) Order {
	o.Contact = Contact{
		Name:  contact.Mask(o.Contact.Name, 1, 0),
		Phone: contact.Mask(o.Contact.Phone, 0, 4),
		Email: contact.MaskEmail(o.Contact.Email),
	}
	o.Address = ""
	return o
}

// cleanContact checks how a buyer is reached and brings it into one spelling.
func cleanContact(c Contact) (Contact, error) {
	name, err := cleanName("name", c.Name)
	if err != nil {
		return Contact{}, err
	}
	phone, ok := contact.Phone(c.Phone)
	if !ok {
		return Contact{}, refusal.Field(refusal.CodeBadInput, "phone", "this is not a phone number")
	}
	email, ok := contact.Email(c.Email)
	if !ok {
		return Contact{}, refusal.Field(refusal.CodeBadInput, "email", "this is not an e-mail address")
	}
	if phone == "" && email == "" {
		return Contact{}, refusal.Field(refusal.CodeBadInput, "phone", "a phone number or an e-mail address is needed")
	}
	return Contact{Name: name, Phone: phone, Email: email}, nil
}
