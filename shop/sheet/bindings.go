package sheet

import (
	"encoding/hex"
	"io"
	"strings"
	"time"

	"shopcast/shop/contact"
	"shopcast/shop/id"
)

// RefKind says what a Ref's text is.
type RefKind string

// The kinds of references.
const (
	RefID        RefKind = "id"         // ours
	RefPhoneHash RefKind = "phone_hash" // as our exports give it: 64 hexadecimal digits, lower case
	RefPhone     RefKind = "phone"      // in one spelling, as contact.Phone brings it
	RefEmail     RefKind = "email"      // in one spelling, as contact.Email brings it
	RefOpenID    RefKind = "openid"     // of a messenger, as it is
	RefSlug      RefKind = "slug"
	RefName      RefKind = "name"
)

// Ref is how a file names somebody.
type Ref struct {
	Kind RefKind
	Text string
}

// BindingRow is one customer and the distributor he belongs to.
type BindingRow struct {
	Row         int   // in the file; the header is row 1
	Customer    Ref   // an id, phone hash, phone, e-mail or openid
	Distributor Ref   // an id, slug or name
	BoundAt     int64 // Unix ms, 0 when the file does not say
}

// Columns of a list of bindings.
const (
	colCustomer    = "customer"
	colPhoneHash   = "phone_hash"
	colPhone       = "phone"
	colEmail       = "email"
	colOpenID      = "openid"
	colDistributor = "distributor"
	colSlug        = "slug"
	colName        = "name"
	colBoundAt     = "bound_at"
)

func bindingColumns() map[string]string {
	return keyed(map[string]string{
		"customer": colCustomer, "customer_id": colCustomer,
		"phone_hash": colPhoneHash,
		"phone":      colPhone, "mobile": colPhone, "手机": colPhone, "手机号": colPhone, "手机号码": colPhone,
		"email": colEmail, "邮箱": colEmail,
		"openid":      colOpenID,
		"distributor": colDistributor, "distributor_id": colDistributor,
		"slug": colSlug, "distributor_slug": colSlug, "room": colSlug,
		"name": colName, "distributor_name": colName, "分销员": colName, "渠道商": colName, "代理": colName,
		"bound_at": colBoundAt, "绑定时间": colBoundAt,
	})
}

// ReadBindings reads whose customer somebody is. Each row names the customer in one
// of the columns customer (our id), phone_hash, phone, email and openid, of which
// the first that is filled counts, and the distributor in one of distributor (our
// id, or a name), slug and name. Rows with a problem are left out, and a file with
// more rows than the limit gives none. The same customer twice is a problem of the
// later row: a conflict when the distributors differ.
func ReadBindings(r io.Reader, o Options) ([]BindingRow, []RowError) {
	t, ok := openTable(r, o, bindingColumns())
	if !ok || !t.needs(colPhone, colCustomer, colPhoneHash, colEmail, colOpenID) || !t.needs(colDistributor, colSlug, colName) {
		return nil, t.all()
	}
	var rows []BindingRow
	seen := map[Ref]Ref{}
	for r, ok := t.next(); ok; r, ok = t.next() {
		customer, column := r.customer()
		b := BindingRow{Row: r.number, Customer: customer, Distributor: r.distributor(), BoundAt: r.boundAt(o.Zone)}
		if before, twice := seen[customer]; twice && !r.bad {
			r.refuseTwice(column, before == b.Distributor)
		}
		if !r.bad {
			seen[customer] = b.Distributor
			rows = append(rows, b)
		}
	}
	if t.over {
		return nil, t.all()
	}
	return rows, t.all()
}

// needs reports whether the file has one of the columns, and says so if not.
func (t *table) needs(names ...string) bool {
	for _, name := range names {
		if t.has(name) {
			return true
		}
	}
	t.add(RowError{Row: 1, Column: names[0], Code: CodeColumn, Message: "one of these columns is needed: " + strings.Join(names, ", ")})
	return false
}

// customer is how the row names the customer, and in which column.
func (r *row) customer() (ref Ref, column string) {
	for _, column := range []string{colCustomer, colPhoneHash, colPhone, colEmail, colOpenID} {
		text := r.cell(column)
		if text == "" {
			continue
		}
		ref, message := customerRef(column, text)
		if message != "" {
			r.refuse(column, CodeContact, message)
		}
		return ref, column
	}
	r.refuse(colPhone, CodeMissing, "the row names no customer")
	return Ref{}, colPhone
}

func customerRef(column, text string) (Ref, string) {
	switch column {
	case colCustomer:
		_, ok := id.Parse[id.CustomerID](text)
		return Ref{RefID, text}, unless(ok, "this is not the id of a customer")
	case colPhoneHash:
		hash := strings.ToLower(text)
		sum, err := hex.DecodeString(hash)
		return Ref{RefPhoneHash, hash}, unless(err == nil && len(sum) == 32, "a phone's hash has 64 hexadecimal digits")
	case colPhone:
		phone, ok := contact.Phone(text)
		return Ref{RefPhone, phone}, unless(ok, "this is not a phone number")
	case colEmail:
		email, ok := contact.Email(text)
		return Ref{RefEmail, email}, unless(ok, "this is not an e-mail address")
	}
	return Ref{RefOpenID, text}, ""
}

// unless is the message, or nothing when all is well.
func unless(ok bool, message string) string {
	if ok {
		return ""
	}
	return message
}

// distributor is how the row names the distributor.
func (r *row) distributor() Ref {
	if text := r.cell(colDistributor); text != "" {
		if _, ok := id.Parse[id.DistributorID](text); ok {
			return Ref{RefID, text}
		}
		return Ref{RefName, text}
	}
	if text := r.cell(colSlug); text != "" {
		return Ref{RefSlug, text}
	}
	if text := r.cell(colName); text != "" {
		return Ref{RefName, text}
	}
	r.refuse(colDistributor, CodeMissing, "the row names no distributor")
	return Ref{}
}

// boundAt is since when, in Unix ms.
func (r *row) boundAt(zone *time.Location) int64 {
	text := r.cell(colBoundAt)
	if text == "" {
		return 0
	}
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range []string{
		time.RFC3339, "2006-1-2T15:04:05", "2006-1-2 15:04:05", "2006-1-2 15:04", "2006-1-2",
		"2006/1/2 15:04:05", "2006/1/2 15:04", "2006/1/2",
	} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil && at.Year() >= 1970 {
			return at.UnixMilli()
		}
	}
	r.refuse(colBoundAt, CodeDate, "a date is written like 2026-03-01 or 2026-03-01 20:15:00")
	return 0
}

func (r *row) refuseTwice(column string, same bool) {
	if same {
		r.refuse(column, CodeDuplicate, "this customer is there twice")
		return
	}
	r.refuse(column, CodeConflict, "this customer belongs to another distributor in an earlier row")
}
