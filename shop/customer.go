package shop

import "strings"

// customerOf returns the customer behind a contact, making one when neither phone
// nor e-mail is known. When the two belong to different customers the phone
// counts, because it is harder to borrow; the e-mail stays where it was.
func (t *txn) customerOf(c Contact) CustomerID {
	keys := t.customerKeys(c)
	var id CustomerID
	for _, key := range keys {
		if known := CustomerID(t.src.Get(bucketCustomer, key)); id == "" {
			id = known
		}
	}
	if id == "" {
		id = mint[CustomerID](t, "cus")
	}
	for _, key := range keys {
		if t.src.Get(bucketCustomer, key) == nil {
			t.draft.Put(bucketCustomer, key, []byte(id))
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
		keys = append(keys, t.secret.mac(sealCustomer, "phone:"+c.Phone)[:macBytes])
	}
	if c.Email != "" {
		keys = append(keys, t.secret.mac(sealCustomer, "email:"+c.Email)[:macBytes])
	}
	return keys
}

// Masked is the order as a distributor may see it: enough of the buyer to speak of
// them, not enough to reach them, and no address.
func (o Order) Masked() Order {
	o.Contact = Contact{
		Name:  maskText(o.Contact.Name, 1, 0),
		Phone: maskText(o.Contact.Phone, 0, 4),
		Email: maskEmail(o.Contact.Email),
	}
	o.Address = ""
	return o
}

// maskText keeps the first and last runes and hides how many are between. Text too
// short to hide anything in is hidden whole.
func maskText(text string, first, last int) string {
	runes := []rune(text)
	if len(runes) == 0 {
		return ""
	}
	if len(runes) < 2*(first+last) {
		return "***"
	}
	return string(runes[:first]) + "***" + string(runes[len(runes)-last:])
}

func maskEmail(email string) string {
	local, domain, ok := strings.Cut(email, "@")
	if !ok {
		return ""
	}
	return maskText(local, 1, 0) + "@" + domain
}
