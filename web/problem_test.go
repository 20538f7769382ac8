package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"shopcast/shop/refusal"
)

// TestStatuses reads the codes out of the package's source: one that nobody gave a
// status would read as a fault of ours.
func TestStatuses(t *testing.T) {
	source, err := parser.ParseFile(token.NewFileSet(), "../shop/refusal/refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[refusal.Code]bool{}
	ast.Inspect(source, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes[refusal.Code(text)] = true
		}
		return true
	})
	for code := range codes {
		if _, ok := statuses[code]; !ok {
			t.Errorf("%s has no status", code)
		}
	}
	if len(codes) < 30 || len(statuses) != len(codes) {
		t.Errorf("%d codes and %d statuses", len(codes), len(statuses))
	}
	if got := statusOf("nonsense"); got != 500 {
		t.Errorf("unknown code is %d", got)
	}
}
