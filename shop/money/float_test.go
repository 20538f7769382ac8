package money

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// packing is the one fraction below shop: how full the store makes its pages.
const packing = "../kv/chain.go"

// Nothing below shop may compute in floating point, nor take every currency for one
// of two digits by multiplying or dividing by 100.
func TestNoFloats(t *testing.T) {
	files := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		for _, fault := range inexact(t, path, nil) {
			t.Error(fault)
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Fatalf("read %d files: %v", files, err)
	}
}

// What the check is worth is what it finds.
func TestNoFloats_finds(t *testing.T) {
	for _, line := range []string{
		"var x float64", "var x []float32", "const c = 0.5", "const c = 1e9", "x := price * 100", "x := 100 * price", "x := price / 100",
		"x := price % 100", "price *= 100", "price /= 1_00", "x := price * (0x64)", "x, _ := strconv.ParseFloat(s, 64)", "x := rand.Float64()",
	} {
		if found := inexact(t, "sample.go", "package p\nfunc f() {\n"+line+"\n}\n"); len(found) != 1 {
			t.Errorf("%s: %v", line, found)
		}
	}
	for _, line := range []string{"const most = 100", "x := y + 100", "x := y * 1000", "x := 100 * time.Millisecond", "x := 1_000_000 / y", "s := `0.5 * 100`"} {
		if found := inexact(t, "sample.go", "package p\nfunc f() {\n"+line+"\n}\n"); len(found) != 0 {
			t.Errorf("%s: %v", line, found)
		}
	}
}

// inexact lists what a file must not do. The source is read from the path when nil.
func inexact(t *testing.T, path string, source any) []string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var faults []string
	found := func(n ast.Node, what string) {
		faults = append(faults, set.Position(n.Pos()).String()+": "+what)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			switch n.Name {
			case "float32", "float64", "Float32", "Float64", "ParseFloat", "FormatFloat", "AppendFloat":
				found(n, n.Name)
			}
		case *ast.BasicLit:
			if (n.Kind == token.FLOAT && filepath.ToSlash(path) != packing) || n.Kind == token.IMAG {
				found(n, "floating-point literal "+n.Value)
			}
		case *ast.BinaryExpr:
			if scales(n.Op) && (isHundred(n.X) || isHundred(n.Y)) && !isTime(n.X) && !isTime(n.Y) {
				found(n, n.Op.String()+" 100")
			}
		case *ast.AssignStmt:
			if scales(n.Tok) && isHundred(n.Rhs[0]) {
				found(n, n.Tok.String()+" 100")
			}
		}
		return true
	})
	return faults
}

func scales(op token.Token) bool {
	switch op {
	case token.MUL, token.QUO, token.REM, token.MUL_ASSIGN, token.QUO_ASSIGN, token.REM_ASSIGN:
		return true
	}
	return false
}

// isTime reports whether the expression is a unit of time, like time.Millisecond.
func isTime(e ast.Expr) bool {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := selector.X.(*ast.Ident)
	return ok && from.Name == "time"
}

// isHundred reports whether the expression is the number 100, however it is written.
func isHundred(e ast.Expr) bool {
	literal, ok := ast.Unparen(e).(*ast.BasicLit)
	if !ok || literal.Kind != token.INT {
		return false
	}
	value, exact := constant.Int64Val(constant.MakeFromLiteral(literal.Value, token.INT, 0))
	return exact && value == 100
}
