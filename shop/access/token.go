package access

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// What a token of the REST API may be for.
const (
	ScopeReadCatalog       = "read:catalog"
	ScopeWriteCatalog      = "write:catalog"
	ScopeReadOrders        = "read:orders"
	ScopeWriteOrders       = "write:orders"
	ScopeRefund            = "refund"
	ScopeReadDistributors  = "read:distributors"
	ScopeWriteDistributors = "write:distributors"
	ScopeReadMoney         = "read:money"
	ScopeWriteMoney        = "write:money"
	ScopeReadEvents        = "read:events"
	ScopeHooks             = "hooks"
	ScopeExport            = "export"
)

// Scopes are all scopes there are. None includes another.
func Scopes() []string {
	return []string{
		ScopeReadCatalog, ScopeWriteCatalog, ScopeReadOrders, ScopeWriteOrders, ScopeRefund,
		ScopeReadDistributors, ScopeWriteDistributors, ScopeReadMoney, ScopeWriteMoney,
		ScopeReadEvents, ScopeHooks, ScopeExport,
	}
}

// MaxTokens bounds the tokens of the API that work at once.
const MaxTokens = 100

const (
	tokenPrefix = "sc_api_"
	useInterval = int64(time.Minute / time.Millisecond) // how exactly LastUsedAt is kept
)

// Token is a key of the REST API. Its slice must not be changed.
type Token struct {
	ID         id.TokenID `json:"id"`
	Label      string     `json:"label"`
	Scopes     []string   `json:"scopes"`                 // sorted, each once
	CreatedAt  int64      `json:"created_at"`             // Unix ms
	LastUsedAt int64      `json:"last_used_at,omitempty"` // Unix ms, to the minute; 0 = never
	ExpiresAt  int64      `json:"expires_at,omitempty"`   // Unix ms; 0 = never
	RevokedAt  int64      `json:"revoked_at,omitempty"`   // Unix ms; 0 = it works
	Version    int64      `json:"version"`                // 1 when made; using it is no change
}

// May says whether the token has a scope.
func (t Token) May(scope string) bool { return slices.Contains(t.Scopes, scope) }

// UseIsNews says whether a use at the given time (Unix ms) is worth storing with
// NoteTokenUse: a write for each request would cost more than most requests.
func (t Token) UseIsNews(at int64) bool { return at-t.LastUsedAt >= useInterval }

func (t Token) works(at int64) bool {
	return t.RevokedAt == 0 && (t.ExpiresAt == 0 || at < t.ExpiresAt)
}

// NewToken is what CreateToken needs to know.
type NewToken struct {
	Label     string
	Scopes    []string // at least one
	ExpiresAt int64    // Unix ms, later than now; 0 = never
}

// CreateToken makes a token and returns its secret, which is not stored. Refused
// with bad_input naming the field, and with too_large when MaxTokens work.
func CreateToken(tx *kv.Command, wish NewToken) (Token, string, error) {
	label, err := refusal.Name("label", wish.Label, maxNameRunes)
	if err != nil {
		return Token{}, "", err
	}
	scopes, err := cleanScopes(wish.Scopes)
	if err != nil {
		return Token{}, "", err
	}
	if wish.ExpiresAt != 0 && wish.ExpiresAt <= tx.At {
		return Token{}, "", refusal.Field(refusal.CodeBadInput, "expires_at", "this time is over")
	}
	others := slices.DeleteFunc(kv.All[Token](&tx.Records, bucketToken), func(t Token) bool { return !t.works(tx.At) })
	if len(others) >= MaxTokens {
		return Token{}, "", refusal.New(refusal.CodeTooLarge, "there are too many tokens")
	}
	made := Token{
		ID: id.Make[id.TokenID](tx.NextID()), Label: label, Scopes: scopes,
		CreatedAt: tx.At, ExpiresAt: wish.ExpiresAt, Version: 1,
	}
	note(tx, "token "+string(made.ID)+" made for "+strings.Join(scopes, " "))
	return made, mint(tx, bucketToken, tokenPrefix, made), nil
}

func cleanScopes(wished []string) ([]string, error) {
	scopes := slices.Compact(slices.Sorted(slices.Values(wished)))
	if len(scopes) == 0 {
		return nil, refusal.Field(refusal.CodeBadInput, "scopes", "say what the token is for")
	}
	for _, scope := range scopes {
		if !slices.Contains(Scopes(), scope) {
			return nil, refusal.Field(refusal.CodeBadInput, "scopes", "there is no such scope")
		}
	}
	return scopes, nil
}

// CheckToken returns the token of a secret at a given time (Unix ms). Refused with
// unauthorized, also when it was revoked, and with expired_token.
func CheckToken(r *kv.Records, secret string, at int64) (Token, error) {
	found, ok := find[Token](r, bucketToken, tokenPrefix, secret)
	switch {
	case !ok || found.RevokedAt != 0:
		return Token{}, refusal.New(refusal.CodeUnauthorized, "this token is not valid")
	case !found.works(at):
		return Token{}, refusal.New(refusal.CodeExpiredToken, "this token has run out")
	}
	return found, nil
}

// NoteTokenUse stores that a token was used now. It is not logged: no right changed.
func NoteTokenUse(tx *kv.Command, name id.TokenID) {
	key, found, ok := findBy(&tx.Records, bucketToken, func(t Token) bool { return t.ID == name })
	if ok && found.UseIsNews(tx.At) {
		found.LastUsedAt = tx.At
		kv.Put(tx, bucketToken, key, found)
	}
}

// Tokens are all tokens, oldest first, also those that ended of late.
func Tokens(r *kv.Records) []Token {
	tokens := kv.All[Token](r, bucketToken)
	slices.SortFunc(tokens, func(a, b Token) int { return compareIDs(a.ID, b.ID) })
	return tokens
}

// RevokeToken ends a token; revoking it again changes nothing. Refused with not_found
// when there is no such token.
func RevokeToken(tx *kv.Command, name id.TokenID) (Token, error) {
	key, found, ok := findBy(&tx.Records, bucketToken, func(t Token) bool { return t.ID == name })
	if !ok {
		return Token{}, refusal.New(refusal.CodeNotFound, "there is no such token")
	}
	if found.RevokedAt == 0 {
		found.RevokedAt = tx.At
		found.Version++
		kv.Put(tx, bucketToken, key, found)
		note(tx, "token "+string(name)+" revoked")
	}
	return found, nil
}

// findBy walks a bucket of secrets, which is small and has no index, for the one
// document that fits. What it finds is read again by its key, so that writes of this
// command count.
func findBy[T any](r *kv.Records, bucket string, fits func(T) bool) (key []byte, doc T, ok bool) {
	r.Scan(bucket, nil, nil, func(k, raw []byte) bool {
		seen, readable := kv.Decode[T](r, bucket, raw)
		if readable && fits(seen) {
			key = bytes.Clone(k)
		}
		return readable && key == nil
	})
	if key == nil {
		return nil, doc, false
	}
	doc, ok = kv.Load[T](r, bucket, key)
	return key, doc, ok
}

func compareIDs[T id.Kind](a, b T) int { return strings.Compare(string(a), string(b)) }
