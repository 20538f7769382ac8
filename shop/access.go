package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/id"
	"shopcast/shop/money"
	"shopcast/shop/refusal"
	"shopcast/shop/seal"
)

// Who is the one a sign-in link is for: exactly one field is set.
type Who = access.Who

func actorOf(w Who) Actor {
	if w.Staff != "" {
		return Actor{Role: RoleOwner, Staff: w.Staff}
	}
	return Actor{Role: RoleDistributor, Distributor: w.Distributor}
}

// SetupCmd is the answer to the setup page.
type SetupCmd struct {
	Token    string // of CreateSetupLink
	Brand    string
	Currency string // ISO 4217; empty = as configured
	Name     string // of the first person of HQ
	Password string
}

// NeedsSetup says that nobody of HQ can sign in yet.
func (s *Shop) NeedsSetup() (yes bool) {
	s.view(func(r *records) { yes = !access.IsSetUp(r.Records) })
	return yes
}

// StaffName is the name of somebody of HQ, or empty.
func (s *Shop) StaffName(who StaffID) (name string) {
	s.view(func(r *records) { name = access.StaffName(r.Records, who) })
	return name
}

// CreateSetupLink makes the token of a one-time setup link, good for 30 minutes.
// It is for whoever runs the program: holding one means becoming HQ, also where
// somebody is HQ already and has lost their password.
func (s *Shop) CreateSetupLink(ctx context.Context) (token string, err error) {
	err = s.do(ctx, SystemActor(), func(t *txn) error {
		token = access.CreateSetupLink(t.tx)
		return nil
	})
	return token, err
}

// CompleteSetup uses a setup link: it founds the installation, or renames one
// nobody was HQ of, makes the person HQ and signs them in. Where HQ exists it only
// gives the person of that name, new or old, this password. Other setup links end.
func (s *Shop) CompleteSetup(ctx context.Context, cmd SetupCmd) (session string, err error) {
	s.view(func(r *records) { err = access.CheckSetupLink(r.Records, cmd.Token, s.now().UnixMilli()) })
	if err != nil {
		return "", err // before anything costly, and before the form is criticised
	}
	name, err := cleanName("name", cmd.Name)
	if err != nil {
		return "", err
	}
	if err := access.CheckPassword(cmd.Password); err != nil {
		return "", err
	}
	hash, err := s.hasher.Hash(ctx, cmd.Password)
	if err != nil {
		return "", err
	}
	err = s.do(ctx, SystemActor(), func(t *txn) error {
		if err := access.UseSetupLink(t.tx, cmd.Token); err != nil {
			return err
		}
		if !access.IsSetUp(t.Records) {
			if err := t.nameBrand(cmd, s.brandDefault); err != nil {
				return err
			}
		}
		who, err := access.SetPassword(t.tx, name, hash)
		if err == nil {
			session = access.OpenSession(t.tx, Who{Staff: who})
		}
		return err
	})
	return session, err
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
		return refusal.Field(refusal.CodeBadInput, "currency", "this currency is not known")
	}
	if isNew {
		return t.found(b)
	}
	t.saveBrand(b)
	return nil
}

// CreateStaff finds or adds somebody of HQ who signs in by link. It is for the
// command line; a person who exists is left as they are.
func (s *Shop) CreateStaff(ctx context.Context, actor Actor, name string) (who StaffID, err error) {
	if err := actor.mustBe(RoleSystem); err != nil {
		return "", err
	}
	err = s.do(ctx, actor, func(t *txn) (err error) {
		who, err = access.AddStaff(t.tx, name)
		return err
	})
	return who, err
}

// CreateSignInLink makes the token of a one-time sign-in link, good for 7 days.
func (s *Shop) CreateSignInLink(ctx context.Context, actor Actor, who Who) (token string, err error) {
	if err := actor.mayFor(access.ScopeWriteDistributors); err != nil {
		return "", err
	}
	if actor.Role == RoleMachine && who.Staff != "" {
		return "", refusal.New(refusal.CodeForbidden, "this is not yours to do")
	}
	err = s.do(ctx, actor, func(t *txn) (err error) {
		if _, ok := belong.DistributorOf(t.Records, who.Distributor); who.Staff == "" && !ok {
			return refusal.New(refusal.CodeNotFound, "there is no such person")
		}
		token, err = access.CreateLink(t.tx, who)
		return err
	})
	return token, err
}

// RedeemSignIn uses a sign-in link and opens a session.
func (s *Shop) RedeemSignIn(ctx context.Context, token string) (session string, actor Actor, err error) {
	err = s.do(ctx, SystemActor(), func(t *txn) error {
		who, err := access.UseLink(t.tx, token)
		if err == nil {
			session, actor = access.OpenSession(t.tx, who), actorOf(who)
		}
		return err
	})
	return session, actor, err
}

// SignIn opens a session for somebody of HQ. An unknown name and a wrong password
// give the same answer after the same work.
func (s *Shop) SignIn(ctx context.Context, name, password string) (session string, actor Actor, err error) {
	refused := refusal.New(refusal.CodeUnauthorized, "name or password is wrong")
	if len(password) > access.MaxPasswordBytes || len(name) > seal.MaxTokenBytes {
		return "", Actor{}, refused
	}
	var who StaffID
	var hash string
	s.view(func(r *records) { who, hash = access.FindStaff(r.Records, name) })
	ok, err := s.hasher.Matches(ctx, password, hash)
	if err != nil {
		return "", Actor{}, err
	}
	if !ok {
		return "", Actor{}, refused
	}
	actor = Actor{Role: RoleOwner, Staff: who}
	err = s.do(ctx, actor, func(t *txn) error {
		session = access.OpenSession(t.tx, Who{Staff: who})
		return nil
	})
	return session, actor, err
}

// Session returns who is signed in with the token.
func (s *Shop) Session(token string) (actor Actor, err error) {
	s.view(func(r *records) {
		var who Who
		if who, err = access.SessionOf(r.Records, token, s.now().UnixMilli()); err == nil {
			actor = actorOf(who)
		}
	})
	return actor, err
}

// SignOut ends a session; one that is not open is no error.
func (s *Shop) SignOut(ctx context.Context, token string) error {
	actor, err := s.Session(token)
	if err != nil {
		return nil
	}
	return s.do(ctx, actor, func(t *txn) error {
		access.CloseSession(t.tx, token)
		return nil
	})
}

// CreateToken makes a key of the REST API. The secret is shown once.
func (s *Shop) CreateToken(ctx context.Context, actor Actor, wish access.NewToken) (token access.Token, secret string, err error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return token, "", err
	}
	err = s.do(ctx, actor, func(t *txn) (err error) {
		token, secret, err = access.CreateToken(t.tx, wish)
		return err
	})
	return token, secret, err
}

// RevokeToken ends a key of the REST API.
func (s *Shop) RevokeToken(ctx context.Context, actor Actor, name id.TokenID) (token access.Token, err error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return token, err
	}
	err = s.do(ctx, actor, func(t *txn) (err error) {
		token, err = access.RevokeToken(t.tx, name)
		return err
	})
	return token, err
}

// Tokens lists the keys of the REST API, revoked ones too.
func (s *Shop) Tokens() (tokens []access.Token) {
	s.view(func(r *records) { tokens = access.Tokens(r.Records) })
	return tokens
}

// CheckToken returns the actor of a key of the REST API.
func (s *Shop) CheckToken(ctx context.Context, secret string) (Actor, error) {
	var token access.Token
	var err error
	now := s.now().UnixMilli()
	s.view(func(r *records) { token, err = access.CheckToken(r.Records, secret, now) })
	if err != nil {
		return Actor{}, err
	}
	actor := Actor{Role: RoleMachine, Machine: token.ID, Scopes: token.Scopes}
	if now-token.LastUsedAt < time.Minute.Milliseconds() {
		return actor, nil
	}
	return actor, s.do(ctx, actor, func(t *txn) error {
		access.NoteTokenUse(t.tx, token.ID)
		return nil
	})
}

// Publisher is who may bring a picture to the stage. Publishers with the same Key
// may take over from each other.
type Publisher struct {
	Key      string // "studio:" and the staff id, or the id of a stage key
	Label    string // for people: a name or the key's label
	TakeOver bool   // may push out a publisher with another Key
}

// stageTicket is the right to publish from the studio page.
type stageTicket struct {
	Staff     StaffID `json:"s"`
	TakeOver  bool    `json:"o"`
	ExpiresAt int64   `json:"e"` // Unix ms
}

// CreateStageKey makes a key for an encoder such as OBS. It is shown once; only
// its hash is stored. It does not run out.
func (s *Shop) CreateStageKey(ctx context.Context, actor Actor, label string) (secret string, err error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return "", err
	}
	err = s.do(ctx, actor, func(t *txn) (err error) {
		_, secret, err = access.CreateStageKey(t.tx, label)
		return err
	})
	return secret, err
}

// StageKeys lists the keys of encoders.
func (s *Shop) StageKeys() (keys []access.StageKey) {
	s.view(func(r *records) { keys = access.StageKeys(r.Records) })
	return keys
}

// RevokeStageKey ends a key of an encoder: what it sends now goes on until it is
// taken over, and cannot come again.
func (s *Shop) RevokeStageKey(ctx context.Context, actor Actor, name id.StageKeyID) error {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return err
	}
	return s.do(ctx, actor, func(t *txn) error {
		_, err := access.RevokeStageKey(t.tx, name)
		return err
	})
}

// SignStageTicket gives somebody of HQ the right to publish from their page, for
// 12 hours.
func (s *Shop) SignStageTicket(actor Actor, takeOver bool) (string, error) {
	if err := actor.mustBe(RoleOwner); err != nil {
		return "", err
	}
	text, err := json.Marshal(stageTicket{
		Staff: actor.Staff, TakeOver: takeOver, ExpiresAt: s.now().Add(ticketLife).UnixMilli(),
	})
	if err != nil {
		return "", fmt.Errorf("encode stage ticket: %w", err)
	}
	return s.secret.Seal(sealStage, text), nil
}

// CheckPublisher returns who publishes with a bearer token, which is a stage key
// or a stage ticket: bad_token when it is neither, expired_token for an old ticket.
func (s *Shop) CheckPublisher(bearer string) (Publisher, error) {
	if access.IsStageKey(bearer) {
		var found access.StageKey
		var err error
		s.view(func(r *records) { found, err = access.CheckStageKey(r.Records, bearer) })
		return Publisher{Key: string(found.ID), Label: found.Label}, err
	}
	text, ok := s.secret.Unseal(sealStage, bearer)
	var says stageTicket
	if !ok || json.Unmarshal(text, &says) != nil {
		return Publisher{}, refusal.New(refusal.CodeBadToken, "this is not a stage key")
	}
	if s.now().UnixMilli() >= says.ExpiresAt {
		return Publisher{}, refusal.New(refusal.CodeExpiredToken, "this stage ticket has run out")
	}
	return Publisher{
		Key: "studio:" + string(says.Staff), Label: s.StaffName(says.Staff), TakeOver: says.TakeOver,
	}, nil
}
