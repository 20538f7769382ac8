package web

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/access"
)

// office is a back office that calls the API of a house, and holds every request and
// every answer against openapi.yaml.
type office struct {
	*house
	spec   *openapi3.T
	secret string
	used   map[string]bool // operations that answered well, by operationId
}

func loadSpec(t testing.TB) *openapi3.T {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err == nil {
		err = spec.Validate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// newOffice has a token with every scope.
func newOffice(t testing.TB) *office {
	h := newHouse(t, options{})
	o := &office{house: h, spec: loadSpec(t), used: map[string]bool{}}
	o.secret = o.token(access.Scopes()...)
	return o
}

func (o *office) token(scopes ...string) string {
	o.t.Helper()
	_, secret, err := o.shop.CreateToken(o.t.Context(), shop.SystemActor(), access.NewToken{Label: "office", Scopes: scopes})
	if err != nil {
		o.t.Fatal(err)
	}
	return secret
}

// newKey is an Idempotency-Key of now.
func (o *office) newKey() string {
	return ulid.MustNew(ulid.Timestamp(o.clock.now()), ulid.DefaultEntropy()).String()
}

// ask is one request of the office.
type ask struct {
	method, path string
	body         any    // nil = none; a string goes as it is
	key, match   string // headers Idempotency-Key and If-Match; "-" = none, empty = a good one
	wrong        bool   // the request is not as openapi.yaml wants it
}

// do sends a request and checks it and the answer.
func (o *office) do(a ask) *httptest.ResponseRecorder {
	o.t.Helper()
	var body []byte
	switch held := a.body.(type) {
	case nil:
	case string:
		body = []byte(held)
	default:
		var err error
		if body, err = json.Marshal(held); err != nil {
			o.t.Fatal(err)
		}
	}
	o.clock.add(50 * time.Millisecond) // within what one token may do
	r := httptest.NewRequest(a.method, apiRoot+a.path, bytes.NewReader(body))
	r.Host = "live.example.com"
	r.Header.Set("Authorization", "Bearer "+o.secret)
	if a.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	setHeader(r, "Idempotency-Key", a.key, o.newKey())
	setHeader(r, "If-Match", a.match, "*")
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	o.check(a, r, body, w)
	return w
}

func setHeader(r *http.Request, name, value, usual string) {
	switch value {
	case "-":
	case "":
		r.Header.Set(name, usual)
	default:
		r.Header.Set(name, value)
	}
}

// check holds a request and its answer against the operation in openapi.yaml.
func (o *office) check(a ask, r *http.Request, body []byte, w *httptest.ResponseRecorder) {
	o.t.Helper()
	path := strings.TrimPrefix(r.Pattern, apiRoot)
	item := o.spec.Paths.Value(path)
	if item == nil || item.GetOperation(a.method) == nil {
		o.t.Errorf("%s %s is not in openapi.yaml", a.method, r.Pattern)
		return
	}
	operation := item.GetOperation(a.method)
	r.Body = io.NopCloser(bytes.NewReader(body))
	values := map[string]string{}
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			values[name] = r.PathValue(name)
		}
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: values,
		Route:   &routers.Route{Spec: o.spec, Path: path, PathItem: item, Method: a.method, Operation: operation},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(o.t.Context(), input); (err != nil) != a.wrong {
		o.t.Errorf("%s %s: request %s: %v", a.method, a.path, body, err)
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: w.Code, Header: w.Header()}
	answer.SetBodyBytes(w.Body.Bytes())
	if err := openapi3filter.ValidateResponse(o.t.Context(), answer); err != nil {
		o.t.Errorf("%s %s: answer %d %s: %v", a.method, a.path, w.Code, w.Body, err)
	}
	if w.Code < 300 {
		o.used[operation.OperationID] = true
	}
}

// want sends a request that must do well, and reads the answer.
func want[T any](o *office, status int, a ask) (T, string) {
	o.t.Helper()
	w := o.do(a)
	var got T
	if w.Code != status {
		o.t.Fatalf("%s %s: %d %s, want %d", a.method, a.path, w.Code, w.Body, status)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		o.t.Fatalf("%s %s: %v", a.method, a.path, err)
	}
	return got, w.Header().Get("ETag")
}

func read[T any](o *office, path string) T {
	o.t.Helper()
	got, _ := want[T](o, 200, ask{method: "GET", path: path})
	return got
}

// refused sends a request that must be refused with a code.
func (o *office) refused(status int, code string, a ask) {
	o.t.Helper()
	wantProblem(o.t, a.method+" "+a.path, o.do(a), status, code)
}

// walk reads a list page by page.
func walk[T any](o *office, path, limit string) (all []T) {
	o.t.Helper()
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	next := ""
	for range 100 {
		page := read[list[T]](o, path+mark+"limit="+limit+next)
		all = append(all, page.Items...)
		if page.Next == "" {
			return all
		}
		next = "&after=" + page.Next
	}
	o.t.Fatalf("%s has no end", path)
	return nil
}

// TestAPI_RoutesAreThoseOfTheFile wants every operation in openapi.yaml and every one
// there answered, under the same scope and with the same parameters.
func TestAPI_RoutesAreThoseOfTheFile(t *testing.T) {
	h := newHouse(t, options{})
	spec := loadSpec(t)
	told := map[string]*openapi3.Operation{}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			told[method+" "+path] = op
		}
	}
	delete(told, "GET /openapi.yaml")
	for _, op := range h.site.operations() {
		name := op.method + " " + op.path
		doc := told[name]
		if doc == nil {
			t.Errorf("%s is not in openapi.yaml", name)
			continue
		}
		delete(told, name)
		if scope, _ := doc.Extensions["x-scope"].(string); scope != op.scope {
			t.Errorf("%s: scope %q in the file, %q in the code", name, scope, op.scope)
		}
		query, keyed := []string{}, false
		for _, p := range doc.Parameters {
			if p.Value.In == "query" {
				query = append(query, p.Value.Name)
			}
			keyed = keyed || p.Value.Name == "Idempotency-Key"
		}
		if slices.Sort(query); !slices.Equal(query, slices.Sorted(slices.Values(op.query))) || keyed != op.keyed {
			t.Errorf("%s: the file has %v keyed %v, the code %v keyed %v", name, query, keyed, op.query, op.keyed)
		}
	}
	for name := range told {
		t.Errorf("%s is only in openapi.yaml", name)
	}
	w := h.browser().get(apiRoot + "/openapi.yaml")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/yaml" || !bytes.Equal(w.Body.Bytes(), openAPI) {
		t.Errorf("the file is not served: %d %s", w.Code, w.Header().Get("Content-Type"))
	}
}

// wantAllUsed says which operations of openapi.yaml nobody has called well.
func (o *office) wantAllUsed() {
	o.t.Helper()
	left := map[string]bool{}
	for _, item := range o.spec.Paths.Map() {
		for _, op := range item.Operations() {
			left[op.OperationID] = true
		}
	}
	for name := range o.used {
		delete(left, name)
	}
	delete(left, "openAPIFile") // TestAPI_RoutesAreThoseOfTheFile
	if len(left) > 0 {
		o.t.Errorf("nobody has called %v", slices.Sorted(maps.Keys(left)))
	}
}
