//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// tinySizes are enough to see that everything works.
func tinySizes() sizes {
	return sizes{
		callers: []int{2, 8}, rounds: 1, round: round{150 * time.Millisecond, 120}, distributors: 5,
		rates: []int{200}, open: 200 * time.Millisecond,
		agents: 6, orders: 60, perAgent: 4, exported: 40,
		sockets: 10, attempts: 80, units: 25, within: 300 * time.Millisecond,
	}
}

// serverProgram builds the server the flash sale is held on.
func serverProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shopcast")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "shopcast/cmd/shopcast").CombinedOutput(); err != nil {
		t.Fatalf("build server: %v\n%s", err, out)
	}
	return path
}

func TestRun_EveryPart(t *testing.T) {
	keep, profiles := t.TempDir(), t.TempDir()
	o := options{only: partNames(), keep: keep, profile: profiles, server: serverProgram(t), seed: 1}
	var out strings.Builder
	if err := run(t.Context(), o, tinySizes(), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 2 | db.Update |", "| 8 | db.Batch |", "| 8 | ours |", "| 8 | ours, place + pay |", "| 200 | ours |",
		"one order in 100 wants what is sold out\n",
		"| sold | 25 |", "| sold out | 55 |", "by stock | 25 and 25 | 25 | met |", "or sold out | 80 | 80 | met |",
		"verify | books are right | books are right | met |",
		"Statements\n\n| distributors | orders | time | CPU, µs/statement |\n|---|---|---|---|\n| 6 | 24 |",
		"export of 40 orders under load", "open with 60 orders", "rate with 60 orders, of the empty file's",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
	t.Run("keeps the stores and nothing else", func(t *testing.T) {
		entries, err := os.ReadDir(keep)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if got := strings.Join(names, " "); err != nil || got != "store-5-0 store-6-0 store-6-24 store-6-40 store-6-60" {
			t.Errorf("%s, %v", got, err)
		}
	})
	t.Run("profiles", func(t *testing.T) {
		info, err := os.Stat(filepath.Join(profiles, "ours-place-+-pay-8.pprof"))
		if err != nil || info.Size() == 0 {
			t.Errorf("%+v, %v", info, err)
		}
	})
	t.Run("uses copies of what is kept", func(t *testing.T) {
		s, err := openShop(filepath.Join(keep, "store-6-60"))
		if err != nil {
			t.Fatal(err)
		}
		if n := s.Counts().Orders; n != 60 {
			t.Errorf("%d orders", n)
		}
		if err := s.Verify(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Without --keep one store grows through the parts that need a full one.
func TestRun_WithoutKeep(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out strings.Builder
	if err := run(t.Context(), options{only: []string{"statements", "export"}}, tinySizes(), &out); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestCommand_Refuses(t *testing.T) {
	for want, args := range map[string][]string{
		"known are closed, open": {"--only", "closed,nonsense"},
		"unknown flag":           {"--nonsense"},
		"--rounds must be above": {"--rounds", "0"},
		"--callers must be":      {"--callers", "16,0"},
		"--within must be":       {"--within", "0s"},
		"unknown command":        {"nonsense"},
		"make shelf":             {"--keep", "/dev/null/x"},
		"start server":           {"--quick", "--only", "flash", "--server", "/nonexistent"},
	} {
		root := rootCommand()
		root.SetArgs(args)
		root.SetOut(&strings.Builder{})
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

func TestSizes_Change(t *testing.T) {
	root := rootCommand()
	if err := root.ParseFlags([]string{"--callers", "3,4", "--rounds", "7", "--within", "2s"}); err != nil {
		t.Fatal(err)
	}
	want := fullSizes()
	want.callers, want.rounds, want.within = []int{3, 4}, 7, 2*time.Second
	got := fullSizes()
	if err := got.change(root); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestShelf_Fullest(t *testing.T) {
	s, err := openShelf(t.TempDir(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	for _, orders := range []int{0, 50, 200} {
		if err := os.Mkdir(s.name(7, orders), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(s.name(70, 90), 0o700); err != nil {
		t.Fatal(err)
	}
	for orders, want := range map[int]int{10: 0, 50: 50, 199: 50, 1000: 200} {
		if dir, has, err := s.fullest(7, orders); err != nil || has != want || dir != s.name(7, want) {
			t.Errorf("up to %d: %s has %d, %v", orders, dir, has, err)
		}
	}
	if _, has, err := s.fullest(8, 100); err != nil || has != -1 {
		t.Errorf("a store nobody made has %d, %v", has, err)
	}
	if err := s.drop(s.name(7, 50)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.name(7, 50)); err != nil {
		t.Errorf("a store of the shelf was dropped: %v", err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}
