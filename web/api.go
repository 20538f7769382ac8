package web

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"shopcast/shop"
	"shopcast/shop/id"
	"shopcast/shop/refusal"
)

// The API for back offices. Whoever calls has a token that HQ made, in the header
// Authorization, and nothing else: cookies count for nothing here, and no other
// site's page may call. openapi.yaml says what there is to call.

// apiRoot is what the path of every call begins with.
const apiRoot = "/api/v1"

const (
	apiBodyLimit  = 256 << 10
	apiItems      = 50    // in a page of a list, when the caller names no limit
	apiMaxItems   = 200   // in a page of a list
	apiMaxEvents  = 1_000 // in a page of the feed
	apiTokenEvery = 20 * time.Millisecond
	apiTokenBurst = 200
	apiMaxTerm    = 200 // bytes of anything in a query or a path
)

//go:embed openapi.yaml
var openAPI []byte

// operation is one call of the API.
type operation struct {
	method, path string   // the path below apiRoot
	scope        string   // the token must have it; empty = any token will do
	query        []string // parameters it takes; any other is refused
	keyed        bool     // it makes something: the caller names an Idempotency-Key
	run          func(*apiCall) (reply, error)
}

// operations are all calls of the API.
func (s *Site) operations() []operation {
	return slices.Concat(
		s.catalogOperations(), s.orderOperations(), s.peopleOperations(), s.moneyOperations(), s.eventOperations(),
		s.hookOperations(), s.exportOperations(),
	)
}

// apiCall is one request that was admitted.
type apiCall struct {
	w       http.ResponseWriter
	r       *http.Request
	actor   shop.Actor
	key     string // the Idempotency-Key; empty when the operation needs none
	version int64  // of the document the caller saw, from If-Match; 0 = any
}

func (c *apiCall) ctx() context.Context { return c.r.Context() }

func (c *apiCall) query(name string) string { return c.r.URL.Query().Get(name) }

// reply is what an operation answers with.
type reply struct {
	status  int   // 0 = 200
	body    any   // nil = nothing
	version int64 // of the document in body, told as ETag; 0 = it has none
	csv     []byte
	sent    bool // the operation has answered by itself
}

// made is the answer to a call that has made something.
func made(body any, version int64) reply {
	return reply{status: http.StatusCreated, body: body, version: version}
}

func (a reply) send(w http.ResponseWriter) {
	if a.sent {
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if a.version != 0 {
		h.Set("ETag", `"`+strconv.FormatInt(a.version, 10)+`"`)
	}
	switch {
	case a.csv != nil:
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="payouts.csv"`)
		_, _ = w.Write(a.csv)
	case a.body == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Content-Type", "application/json")
		w.WriteHeader(cmp.Or(a.status, http.StatusOK))
		_ = json.NewEncoder(w).Encode(a.body)
	}
}

// apiRoutes are the routes of all operations, one per path.
func (s *Site) apiRoutes() []route {
	routes := []route{{path: apiRoot + "/openapi.yaml", forCode: true, methods: map[string]http.HandlerFunc{
		http.MethodGet: s.openAPIFile,
	}}}
	for _, op := range s.operations() {
		i := slices.IndexFunc(routes, func(rt route) bool { return rt.path == apiRoot+op.path })
		if i < 0 {
			i = len(routes)
			routes = append(routes, route{path: apiRoot + op.path, forCode: true, methods: map[string]http.HandlerFunc{}})
		}
		routes[i].methods[op.method] = s.operate(op)
	}
	return routes
}

func (s *Site) openAPIFile(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(openAPI)
}

// operate answers a request with an operation.
func (s *Site) operate(op operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := s.admit(w, r, op)
		var answer reply
		if err == nil {
			answer, err = op.run(c)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		answer.send(w)
	}
}

// admit looks at everything about a request but its body.
func (s *Site) admit(w http.ResponseWriter, r *http.Request, op operation) (*apiCall, error) {
	actor, err := s.machine(w, r)
	if err != nil {
		return nil, err
	}
	if delay := s.apiTokens.take(string(actor.Machine)); delay > 0 {
		return nil, slowDown(w, delay)
	}
	if op.scope != "" {
		if err := actor.May(op.scope); err != nil {
			return nil, err
		}
	}
	if err := checkTerms(r, op.query); err != nil {
		return nil, err
	}
	c := &apiCall{w: w, r: r, actor: actor}
	if op.keyed {
		if c.key = r.Header.Get("Idempotency-Key"); c.key == "" {
			return nil, wrongField("Idempotency-Key", "name the call with a ULID of your own")
		}
	}
	if op.method == http.MethodPut {
		c.version, err = seenVersion(r.Header.Get("If-Match"))
	}
	return c, err
}

// machine is who calls, by the bearer token and nothing else.
func (s *Site) machine(w http.ResponseWriter, r *http.Request) (shop.Actor, error) {
	kind, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		secret = ""
	}
	actor, err := s.shop.CheckToken(r.Context(), strings.TrimSpace(secret))
	if err == nil {
		return actor, nil
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="shopcast"`)
	if delay := s.links.wait(s.address(r)); delay > 0 {
		return actor, slowDown(w, delay)
	}
	return actor, err
}

// checkTerms refuses parameters nobody reads: a filter with a slip in its name would
// otherwise answer with everything.
func checkTerms(r *http.Request, known []string) error {
	for name, values := range r.URL.Query() {
		if !slices.Contains(known, name) || len(values) != 1 || len(values[0]) > apiMaxTerm {
			return wrongField(name, "this parameter is not known here, too long, or given twice")
		}
	}
	return nil
}

func wrongField(field, message string) error {
	return refusal.Field(refusal.CodeBadInput, field, message)
}

// seenVersion reads If-Match: the ETag of the document the caller saw, or "*" for
// whatever it is now. It must be given, for who changes what they have not seen
// undoes the work of others.
func seenVersion(header string) (int64, error) {
	if header == "*" {
		return 0, nil
	}
	text, ok := strings.CutPrefix(header, `"`)
	text, closed := strings.CutSuffix(text, `"`)
	version, err := strconv.ParseInt(text, 10, 64)
	if !ok || !closed || err != nil || version < 1 {
		return 0, wrongField("If-Match", "send the ETag of what you have read, or *")
	}
	return version, nil
}

// apiBody reads the JSON object of a call, and nothing else.
func apiBody[T any](c *apiCall) (T, error) {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		var none T
		return none, refusal.New(refusal.CodeBadInput, "the body must be application/json")
	}
	defer hurry(c.w, bodyTime)()
	return decodeJSON[T](http.MaxBytesReader(c.w, c.r.Body, apiBodyLimit))
}

// pathID reads an id out of the path; what is no id of the kind names nothing.
func pathID[T id.Kind](c *apiCall, name string) (T, error) {
	parsed, ok := id.Parse[T](c.r.PathValue(name))
	if !ok {
		return "", missing(name)
	}
	return parsed, nil
}

// nameAndBody reads the id and the body of a call about one thing.
func nameAndBody[T id.Kind, B any](c *apiCall, name string) (T, B, error) {
	var body B
	of, err := pathID[T](c, name)
	if err == nil {
		body, err = apiBody[B](c)
	}
	return of, body, err
}

func missing(what string) error {
	return refusal.Field(refusal.CodeNotFound, what, "there is no such "+strings.ReplaceAll(what, "_", " "))
}

// limit is how many items the caller wants.
func (c *apiCall) limit(most int) (int, error) {
	text := c.query("limit")
	if text == "" {
		return min(apiItems, most), nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, wrongField("limit", "the limit is out of range")
	}
	return n, nil
}

// list is one page of a list. Next is the cursor of the page after, empty at the end.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// pageOf answers with the page of the documents behind the caller's cursor, in the
// order of their ids. Ids only grow, so nothing is told twice and nothing is missed,
// whatever is made between two calls.
func pageOf[D, W any, ID ~string](c *apiCall, docs []D, name func(*D) ID, wire func(*D) W) (reply, error) {
	limit, err := c.limit(apiMaxItems)
	if err != nil {
		return reply{}, err
	}
	after := ID(c.query("after"))
	docs = slices.DeleteFunc(slices.Clone(docs), func(d D) bool { return name(&d) <= after })
	slices.SortFunc(docs, func(a, b D) int { return cmp.Compare(name(&a), name(&b)) })
	page := list[W]{Items: []W{}}
	if len(docs) > limit {
		docs = docs[:limit]
		page.Next = string(name(&docs[limit-1]))
	}
	page.Items = wired(docs, wire)
	return reply{body: page}, nil
}

// wired is every document as it is told; never null.
func wired[D, W any](docs []D, wire func(*D) W) []W {
	out := make([]W, 0, len(docs))
	for i := range docs {
		out = append(out, wire(&docs[i]))
	}
	return out
}

// paging are the parameters of every list.
func paging(more ...string) []string { return append(more, "after", "limit") }
