package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The plan of the house, as ARCHITECTURE.md draws it. A new arrow or door is a
// decision: it is made here, in the commit that needs it.
var (
	// houseArrows says which of our packages a package may import.
	houseArrows = map[string][]string{
		"cmd/shopcast": {
			"web", "web/hooks", "signaling", "sfu", "sfu/clip", "shop", "shop/office", "shop/access",
			"shop/pay", "shop/pay/manual", "shop/pay/demo", "shop/pay/fake", "shop/pay/stripe",
			"shop/books", "shop/catalog", "shop/belong", "shop/order", "shop/commission", "shop/event", "shop/id", "shop/refusal", "shop/money",
		},
		"web": {
			"shop", "shop/money", "shop/access", "shop/belong", "shop/books", "shop/catalog", "shop/commission", "shop/order",
			"shop/event", "shop/id", "shop/refusal", "shop/pay", "shop/sheet",
		},
		"web/hooks": {"shop", "shop/id"},
		"signaling": {
			"shop", "shop/money", "shop/belong", "shop/catalog", "shop/order", "shop/event", "shop/id", "shop/refusal", "sfu",
		},
		"shop/office": {
			"shop", "shop/kv", "shop/archive", "shop/sheet", "shop/access", "shop/belong", "shop/books", "shop/catalog",
			"shop/order", "shop/event", "shop/id", "shop/ledger", "shop/money", "shop/pay", "shop/refusal", "shop/contact",
		},
		"shop": {
			"shop/access", "shop/belong", "shop/books", "shop/catalog", "shop/order",
			"shop/hook", "shop/commission", "shop/price", "shop/kv", "shop/ledger", "shop/money", "shop/seal", "shop/contact",
			"shop/event", "shop/id", "shop/refusal", "shop/pay",
		},
		"shop/access":      {"shop/kv", "shop/event", "shop/id", "shop/refusal", "shop/seal"},
		"shop/belong":      {"shop/kv", "shop/event", "shop/id", "shop/refusal"},
		"shop/books":       {"shop/kv", "shop/event", "shop/id", "shop/refusal", "shop/ledger", "shop/money"},
		"shop/catalog":     {"shop/kv", "shop/event", "shop/id", "shop/refusal", "shop/money"},
		"shop/hook":        {"shop/kv", "shop/event", "shop/id", "shop/refusal"},
		"shop/order":       {"shop/kv", "shop/event", "shop/id", "shop/refusal", "shop/money"},
		"shop/commission":  {"shop/id", "shop/refusal", "shop/money"},
		"shop/price":       {"shop/money"},
		"shop/sheet":       {"shop/contact", "shop/id", "shop/money"},
		"shop/archive":     {},
		"shop/event":       {},
		"shop/id":          {},
		"shop/refusal":     {},
		"shop/seal":        {},
		"shop/contact":     {},
		"shop/ledger":      {},
		"shop/money":       {},
		"shop/kv":          {},
		"shop/pay":         {},
		"shop/pay/manual":  {"shop/pay"},
		"shop/pay/demo":    {"shop/pay", "shop/pay/till"},
		"shop/pay/fake":    {"shop/pay", "shop/pay/till", "shop/money"},
		"shop/pay/stripe":  {"shop/pay", "shop/money"},
		"shop/pay/till":    {"shop/pay", "shop/money"},
		"shop/pay/paytest": {"shop/pay"},
		"cmd/fakepay":      {"shop/pay/fake"},
		"cmd/shopbench": {
			"cmd/shopbench/baseline", "shop", "shop/archive", "shop/catalog", "shop/office", "shop/order", "shop/pay",
			"shop/pay/manual", "shop/refusal",
		},
		"cmd/shopbench/baseline": {},
		"sfu": {
			"sfu/ring", "sfu/rewrite", "sfu/udp", "sfu/lite", "sfu/protect", "sfu/describe", "sfu/adapt", "sfu/inspect",
		},
		"sfu/ring":           {},
		"sfu/rewrite":        {},
		"sfu/udp":            {},
		"sfu/lite":           {},
		"sfu/protect":        {},
		"sfu/describe":       {},
		"sfu/adapt":          {},
		"sfu/inspect":        {},
		"sfu/clip":           {},
		"cmd/crowd":          {},
		"cmd/crowd/baseline": {},
	}
	// houseDoors says which package may import an outside module, by prefix.
	houseDoors = map[string][]string{
		"github.com/pion/":             {"sfu", "sfu/lite", "sfu/protect", "sfu/describe", "sfu/clip", "cmd/crowd", "cmd/crowd/baseline"},
		"golang.org/x/sys/":            {"sfu/udp", "cmd/crowd"},
		"github.com/prometheus/":       {"cmd/shopcast"},
		"github.com/gorilla/websocket": {"signaling", "cmd/shopbench"},
		"go.etcd.io/bbolt":             {"shop/kv", "cmd/shopbench/baseline"},
		"net/http":                     {"signaling", "web", "web/hooks", "cmd/shopcast", "cmd/crowd", "cmd/crowd/baseline", "cmd/fakepay", "cmd/shopbench", "shop/pay/fake", "shop/pay/stripe"},
		"github.com/spf13/cobra":       {"cmd/shopcast", "cmd/crowd", "cmd/shopbench"},
		"github.com/goccy/go-yaml":     {"cmd/shopcast"},
		"os/signal":                    {"cmd/shopcast", "cmd/crowd", "cmd/crowd/baseline", "cmd/fakepay", "cmd/shopbench"},
		"flag":                         {"cmd/shopcast", "cmd/crowd/baseline", "cmd/fakepay"},
		"github.com/stripe/":           {"shop/pay/stripe"},
	}
)

// Bounds on size. A package is measured in lines of code: one that explains itself
// well must not look larger for it.
const (
	maxFuncLines    = 70
	p95FuncLines    = 45
	maxFileLines    = 500
	maxPackageLines = 3500
	maxMethods      = 5
	maxChain        = 4 // arrows: cmd → web → shop → a noun → kv
)

// roomy are packages that may be larger, and why.
var roomy = map[string]int{
	// The one floor on which commands compose the nouns. What can stand alone is a noun
	// or a leaf already; a second floor of commands would make the chain five long.
	"shop": 5200,
	// Pages, the REST API and payment calls share one table of problems, one reading of
	// bodies and one set of limits; apart, they would need a floor between.
	"web": 4000,
}

const houseModule = "shopcast/"

// houseFile is one parsed Go file of the product.
type houseFile struct {
	path, pkg string
	set       *token.FileSet
	ast       *ast.File
	lines     int // all of the file's
	code      int // without blank lines and comments
	test      bool
}

func TestHouse(t *testing.T) {
	files := readHouse(t)
	t.Run("arrows", func(t *testing.T) { checkArrows(t, files) })
	t.Run("doors", func(t *testing.T) { checkDoors(t, files) })
	t.Run("sizes", func(t *testing.T) { checkSizes(t, files) })
	t.Run("docs", func(t *testing.T) { checkDocs(t, files) })
	t.Run("goroutines", func(t *testing.T) { checkGoroutines(t, files) })
	t.Run("mutexes", func(t *testing.T) { checkMutexes(t, files) })
	t.Run("state", func(t *testing.T) { checkState(t, files) })
}

func readHouse(t *testing.T) []houseFile {
	t.Helper()
	var files []houseFile
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "testdata" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, filepath.Dir(path))
		files = append(files, houseFile{
			path: path, pkg: filepath.ToSlash(relative), set: set, ast: parsed,
			lines: set.File(parsed.Pos()).LineCount(), code: codeLines(set, parsed), test: strings.HasSuffix(path, "_test.go"),
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// codeLines counts the lines on which some code begins or ends.
func codeLines(set *token.FileSet, file *ast.File) int {
	lines := map[int]struct{}{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n.(type) {
		case nil, *ast.CommentGroup, *ast.Comment:
			return false
		}
		lines[set.Position(n.Pos()).Line] = struct{}{}
		lines[set.Position(n.End()-1).Line] = struct{}{}
		return true
	})
	return len(lines)
}

func checkArrows(t *testing.T, files []houseFile) {
	for _, f := range files {
		allowed, known := houseArrows[f.pkg]
		if !known {
			t.Errorf("%s: package %s is not in the plan of the house", f.path, f.pkg)
			continue
		}
		for _, path := range imports(f) {
			ours, ok := strings.CutPrefix(path, houseModule)
			if ok && ours != f.pkg && !slices.Contains(allowed, ours) && !f.test {
				t.Errorf("%s: %s may not import %s", f.path, f.pkg, ours)
			}
		}
	}
	for pkg := range houseArrows {
		if chain := longestChain(pkg); chain > maxChain {
			t.Errorf("the import chain from %s is %d long, %d is the most", pkg, chain, maxChain)
		}
	}
}

// longestChain counts the arrows on the longest way down from pkg.
func longestChain(pkg string) int {
	longest := 0
	for _, next := range houseArrows[pkg] {
		longest = max(longest, longestChain(next)+1)
	}
	return longest
}

func checkDoors(t *testing.T, files []houseFile) {
	for _, f := range files {
		for _, path := range imports(f) {
			for prefix, doors := range houseDoors {
				if strings.HasPrefix(path+"/", strings.TrimSuffix(prefix, "/")+"/") && !slices.Contains(doors, f.pkg) && !f.test {
					t.Errorf("%s: %s comes in through %v only", f.path, path, doors)
				}
			}
		}
	}
}

func imports(f houseFile) []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

func checkSizes(t *testing.T, files []houseFile) {
	packages := map[string]int{}
	var lengths []int
	for _, f := range files {
		if f.lines > maxFileLines && !f.test {
			t.Errorf("%s has %d lines, %d is the most", f.path, f.lines, maxFileLines)
		}
		if f.test {
			continue
		}
		packages[f.pkg] += f.code
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				n := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1
				lengths = append(lengths, n)
				if n > maxFuncLines {
					t.Errorf("%s: %s has %d lines, %d is the most", f.path, fn.Name.Name, n, maxFuncLines)
				}
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if i, ok := n.(*ast.InterfaceType); ok && i.Methods.NumFields() > maxMethods {
				t.Errorf("%s: an interface has %d methods, %d is the most", where(f, n), i.Methods.NumFields(), maxMethods)
			}
			return true
		})
	}
	for pkg, lines := range packages {
		if most := max(maxPackageLines, roomy[pkg]); lines > most {
			t.Errorf("package %s has %d lines of code, %d is the most", pkg, lines, most)
		}
	}
	slices.Sort(lengths)
	if p95 := lengths[len(lengths)*95/100]; p95 > p95FuncLines {
		t.Errorf("5%% of the functions have more than %d lines, %d is the most", p95, p95FuncLines)
	}
}

func checkDocs(t *testing.T, files []houseFile) {
	documented := map[string]bool{}
	for _, f := range files {
		if f.test {
			continue
		}
		documented[f.pkg] = documented[f.pkg] || f.ast.Doc != nil
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil {
					t.Errorf("%s: %s has no comment", where(f, d), d.Name.Name)
				}
			case *ast.GenDecl:
				checkSpecDocs(t, f, d)
			}
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s does not say what it is for", pkg)
		}
	}
}

func checkSpecDocs(t *testing.T, f houseFile, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				t.Errorf("%s: %s has no comment", where(f, s), s.Name.Name)
			}
		case *ast.ValueSpec:
			if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				t.Errorf("%s: %s has no comment", where(f, s), s.Names[0].Name)
			}
		}
	}
}

func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	name := ""
	ast.Inspect(fn.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return true
	})
	return ast.IsExported(name)
}

// checkGoroutines wants a comment on the line above each go statement and each
// call of a method named Go: who stops it.
func checkGoroutines(t *testing.T, files []houseFile) {
	for _, f := range files {
		if f.test {
			continue
		}
		ends := map[int]bool{}
		for _, group := range f.ast.Comments {
			ends[f.set.Position(group.End()).Line] = true
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			starts := false
			switch n := n.(type) {
			case *ast.GoStmt:
				starts = true
			case *ast.CallExpr:
				selector, ok := n.Fun.(*ast.SelectorExpr)
				starts = ok && selector.Sel.Name == "Go"
			}
			if starts && !ends[f.set.Position(n.Pos()).Line-1] {
				t.Errorf("%s: no line above says who stops this goroutine", where(f, n))
			}
			return true
		})
	}
}

// checkMutexes wants every mutex field to say what it guards.
func checkMutexes(t *testing.T, files []houseFile) {
	for _, f := range files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok || f.test {
				return true
			}
			for _, field := range s.Fields.List {
				selector, ok := field.Type.(*ast.SelectorExpr)
				if !ok || (selector.Sel.Name != "Mutex" && selector.Sel.Name != "RWMutex") {
					continue
				}
				if text := field.Doc.Text() + field.Comment.Text(); !strings.Contains(text, "guard") {
					t.Errorf("%s: the mutex does not say what it guards", where(f, field))
				}
			}
			return true
		})
	}
}

// checkState forbids init functions and package variables that change: two
// servers must be able to live in one process.
func checkState(t *testing.T, files []houseFile) {
	for _, f := range files {
		if f.test {
			continue
		}
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: init is not used here", where(f, fn))
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				assign, ok := n.(*ast.AssignStmt)
				if !ok || assign.Tok == token.DEFINE {
					return true
				}
				for _, left := range assign.Lhs {
					if id, ok := left.(*ast.Ident); ok && packageVariables(files, f.pkg)[id.Name] && id.Obj != nil && id.Obj.Decl != nil && topLevel(f, id) {
						t.Errorf("%s: package variable %s is changed", where(f, n), id.Name)
					}
				}
				return true
			})
		}
	}
}

func topLevel(f houseFile, id *ast.Ident) bool {
	spec, ok := id.Obj.Decl.(*ast.ValueSpec)
	if !ok {
		return false
	}
	for _, decl := range f.ast.Decls {
		if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.VAR && slices.Contains(d.Specs, ast.Spec(spec)) {
			return true
		}
	}
	return false
}

func packageVariables(files []houseFile, pkg string) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		if f.pkg != pkg || f.test {
			continue
		}
		for _, decl := range f.ast.Decls {
			if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
				for _, spec := range d.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						names[name.Name] = true
					}
				}
			}
		}
	}
	return names
}

func where(f houseFile, n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.set.Position(n.Pos()).Line)
}
