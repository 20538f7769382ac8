package shop

import "shopcast/shop/contact"

// customerOf returns the customer behind a contact, making one when neither phone
// nor e-mail is known. When the two belong to different customers the phone
// counts, because it is harder to borrow; the e-mail stays where it was.
func (t *txn) customerOf(c Contact) CustomerID {
	keys := t.customerKeys(c)
	var id CustomerID
	for _, key := range keys {
		if known := CustomerID(t.Get(bucketCustomer, key)); id == "" {
			id = known
		}
	}
	if id == "" {
		id = mint[CustomerID](t, "cus")
	}
	for _, key := range keys {
		if t.Get(bucketCustomer, key) == nil {
			t.tx.PutBytes(bucketCustomer, key, []byte(id))
		}
	}
	return id
}

// customerKeys are the HMACs under which a contact is found again: the store
// recognises a phone number without holding it, and erasing the order's buyer
// leaves nothing that can be read.
func (t *txn) customerKeys(c Contact) [][]byte {
	var keys [][]byte
	if c.Phone != "" {
		keys = append(keys, t.secret.Fingerprint(sealCustomer, "phone:"+c.Phone))
	}
	if c.Email != "" {
		keys = append(keys, t.secret.Fingerprint(sealCustomer, "email:"+c.Email))
	}
	return keys
}

// Masked is the order as a distributor may see it: enough of the buyer to speak of
// them, not enough to reach them, and no address.
func (o Order) Masked() Order {
	o.Contact = Contact{
		Name:  contact.Mask(o.Contact.Name, 1, 0),
		Phone: contact.Mask(o.Contact.Phone, 0, 4),
		Email: contact.MaskEmail(o.Contact.Email),
	}
	o.Address = ""
	return o
}
