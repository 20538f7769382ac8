package shop

import (
	"bytes"
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"shopcast/shop/money"
	"shopcast/shop/seal"
)

const (
	setupLife   = 30 * time.Minute
	linkLife    = 7 * 24 * time.Hour
	sessionLife = 30 * 24 * time.Hour
	maxStaff    = 100

	minPasswordRunes = 10
	maxPasswordBytes = 200

	setupPrefix   = "sc_set_"
	linkPrefix    = "sc_lnk_"
	sessionPrefix = "sc_ses_"
)

// SetupCmd is the answer to the setup page.
type SetupCmd struct {
	Token    string // of CreateSetupLink
	Brand    string
	Currency string // ISO 4217; empty = as configured
	Name     string // of the first person of HQ
	Password string
}

// Who is the one a sign-in link is for: exactly one field is set.
type Who struct {
	Distributor DistributorID `json:"distributor,omitempty"`
	Staff       StaffID       `json:"staff,omitempty"`
}

// actor is who signs in.
func (w Who) actor() Actor {
	if w.Staff != "" {
		return Actor{Role: RoleOwner, Staff: w.Staff}
	}
	return Actor{Role: RoleDistributor, Distributor: w.Distributor}
}

// staff is somebody of HQ. An empty Hash = signs in by link only.
type staff struct {
	ID   StaffID `json:"id"`
	Name string  `json:"name"`
	Hash string  `json:"hash"`
}

// link is a one-time link, stored under the hash of its token.
type link struct {
	Setup     bool  `json:"setup,omitempty"`
	Who       Who   `json:"who"`
	Used      bool  `json:"used"`
	ExpiresAt int64 `json:"expires_at"` // Unix ms
}

// session is somebody signed in, stored under the hash of its token.
type session struct {
	Who       Who   `json:"who"`
	ExpiresAt int64 `json:"expires_at"` // Unix ms
}

// NeedsSetup says that nobody of HQ can sign in yet.
func (s *Shop) NeedsSetup() (yes bool) {
	s.view(func(r *records) { yes = r.counter(metaStaff) == 0 })
	return yes
}

// StaffName is the name of somebody of HQ, or empty.
func (s *Shop) StaffName(id StaffID) (name string) {
	s.view(func(r *records) {
		who, _ := load[staff](r, bucketStaff, idKey(id))
		name = who.Name
	})
	return name
}

// CreateSetupLink makes the token of a one-time setup link, good for 30 minutes.
// It is for whoever runs the program: holding one means becoming HQ, also where
// somebody is HQ already and has lost their password.
func (s *Shop) CreateSetupLink(ctx context.Context) (string, error) {
	return s.createLink(ctx, SystemActor(), setupPrefix, link{Setup: true}, setupLife)
}

func (s *Shop) createLink(ctx context.Context, actor Actor, prefix string, l link, life time.Duration) (string, error) {
	token, key := seal.Opaque(prefix)
	err := s.do(ctx, actor, func(t *txn) error {
		if err := t.mustExist(l); err != nil {
			return err
		}
		l.ExpiresAt = t.at + life.Milliseconds()
		put(t, bucketLink, key, l)
		t.log(Event{Type: EventAccess, Note: "link made for " + l.Who.actor().name()})
		return nil
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

func (r *records) mustExist(l link) error {
	_, isStaff := load[staff](r, bucketStaff, idKey(l.Who.Staff))
	_, isDistributor := r.distributor(l.Who.Distributor)
	if !l.Setup && isStaff == isDistributor {
		return fail(CodeNotFound, "there is no such person")
	}
	return nil
}

// link reads a link that may be used at the given time.
func (r *records) link(token, prefix string, at int64) (link, error) {
	if !seal.IsOpaque(token, prefix) {
		return link{}, fail(CodeBadToken, "this link is not valid")
	}
	l, ok := load[link](r, bucketLink, seal.OpaqueKey(token))
	switch {
	case !ok:
		return link{}, fail(CodeBadToken, "this link is not valid")
	case l.Used:
		return link{}, fail(CodeUsedToken, "this link was used before")
	case at >= l.ExpiresAt:
		return link{}, fail(CodeExpiredToken, "this link has run out")
	}
	return l, nil
}

// useLink takes a link out of circulation; it stays known until it would have run
// out, so that a second use hears why.
func (t *txn) useLink(token, prefix string) (link, error) {
	l, err := t.link(token, prefix, t.at)
	if err != nil {
		return link{}, err
	}
	l.Used = true
	put(t, bucketLink, seal.OpaqueKey(token), l)
	return l, nil
}

// CompleteSetup uses a setup link: it founds the installation, or renames one
// nobody was HQ of, makes the person HQ and signs them in. Where HQ exists it only
// gives the person of that name, new or old, this password. Other setup links end.
func (s *Shop) CompleteSetup(ctx context.Context, cmd SetupCmd) (string, error) {
	if err := s.checkSetupLink(cmd.Token); err != nil {
		return "", err // before anything costly, and before the form is criticised
	}
	name, err := cleanName("name", cmd.Name)
	if err != nil {
		return "", err
	}
	if err := checkPassword(cmd.Password); err != nil {
		return "", err
	}
	hash, err := s.hasher.Hash(ctx, cmd.Password)
	if err != nil {
		return "", err
	}
	token, key := seal.Opaque(sessionPrefix)
	err = s.do(ctx, SystemActor(), func(t *txn) error {
		if _, err := t.useLink(cmd.Token, setupPrefix); err != nil {
			return err
		}
		if t.counter(metaStaff) == 0 {
			if err := t.nameBrand(cmd, s.brandDefault); err != nil {
				return err
			}
		}
		id, err := t.setStaff(name, hash)
		if err != nil {
			return err
		}
		t.endSetupLinks(seal.OpaqueKey(cmd.Token))
		t.openSession(key, Who{Staff: id})
		return nil
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// checkSetupLink says early what useLink will say in the transaction.
func (s *Shop) checkSetupLink(token string) error {
	var err error
	s.view(func(r *records) { _, err = r.link(token, setupPrefix, s.now().UnixMilli()) })
	return err
}

// nameBrand writes what the setup page says over what was configured.
func (t *txn) nameBrand(cmd SetupCmd, configured Brand) error {
	name, err := cleanName("brand", cmd.Brand)
	if err != nil {
		return err
	}
	b := t.brand()
	isNew := b.InstallID == ""
	if isNew {
		b = configured
	}
	b.Name = name
	if cmd.Currency != "" {
		b.Currency = cmd.Currency
	}
	if _, ok := money.Exponent(b.Currency); !ok {
		return failField(CodeBadInput, "currency", "this currency is not known")
	}
	if isNew {
		return t.found(b)
	}
	put(t, bucketMeta, []byte(metaBrand), b)
	return nil
}

// setStaff gives the person of that name the password, making them when new.
func (t *txn) setStaff(name, hash string) (StaffID, error) {
	folded := []byte(strings.ToLower(name))
	who, ok := load[staff](&t.records, bucketStaff, idKey(StaffID(t.Get(bucketStaffName, folded))))
	if !ok {
		if t.counter(metaStaff) >= maxStaff {
			return "", fail(CodeTooLarge, "there are too many people")
		}
		t.count(metaStaff)
		who = staff{ID: mint[StaffID](t, "stf"), Name: name}
		t.tx.PutBytes(bucketStaffName, folded, []byte(who.ID))
	}
	who.Hash = hash
	put(t, bucketStaff, idKey(who.ID), who)
	t.log(Event{Type: EventAccess, Note: "staff " + string(who.ID) + " set"})
	return who.ID, nil
}

// endSetupLinks marks every other setup link used: the door is shut behind the
// first who enters.
func (t *txn) endSetupLinks(but []byte) {
	t.Scan(bucketLink, nil, nil, func(key, raw []byte) bool {
		l, ok := decode[link](&t.records, bucketLink, raw)
		if ok && l.Setup && !l.Used && !bytes.Equal(key, but) {
			l.Used = true
			put(t, bucketLink, key, l)
		}
		return ok
	})
}

// CreateStaff finds or adds somebody of HQ who signs in by link. It is for the
// command line; a person who exists is left as they are.
func (s *Shop) CreateStaff(ctx context.Context, actor Actor, name string) (StaffID, error) {
	if err := actor.mustBe(RoleSystem); err != nil {
		return "", err
	}
	name, err := cleanName("name", name)
	if err != nil {
		return "", err
	}
	var id StaffID
	err = s.do(ctx, actor, func(t *txn) error {
		id = StaffID(t.Get(bucketStaffName, []byte(strings.ToLower(name))))
		if id != "" {
			return nil
		}
		var err error
		id, err = t.setStaff(name, "")
		return err
	})
	return id, err
}

func checkPassword(password string) error {
	if utf8.RuneCountInString(password) < minPasswordRunes {
		return failField(CodeBadInput, "password", "use at least 10 characters")
	}
	if len(password) > maxPasswordBytes || !utf8.ValidString(password) {
		return failField(CodeBadInput, "password", "the password is too long or not UTF-8")
	}
	return nil
}
