//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// shelf keeps stores that took long to fill. A store of it is called by what is in it.
type shelf struct {
	dir  string // of the stores
	work string // of those in use; removed at the end
	keep bool   // the stores are for the next run too: what is used is a copy
	tell func(format string, args ...any)
}

// openShelf makes the directories. With keep empty, all of it is gone afterwards.
func openShelf(keep string, tell func(string, ...any)) (*shelf, error) {
	s := &shelf{dir: keep, keep: keep != "", tell: tell}
	if s.keep {
		if err := os.MkdirAll(keep, 0o700); err != nil {
			return nil, fmt.Errorf("make shelf: %w", err)
		}
	}
	// Next to what is kept, so that both are on the same disk.
	work, err := os.MkdirTemp(keep, "shopbench-")
	if err != nil {
		return nil, fmt.Errorf("make work directory: %w", err)
	}
	s.work = work
	if !s.keep {
		s.dir = work
	}
	return s, nil
}

func (s *shelf) close() error { return os.RemoveAll(s.work) }

// name is where a store with so many distributors and orders is.
func (s *shelf) name(distributors, orders int) string {
	return filepath.Join(s.dir, fmt.Sprintf("store-%d-%d", distributors, orders))
}

// empty returns a shop with distributors and no orders. It is not to be changed.
func (s *shelf) empty(ctx context.Context, distributors int) (string, error) {
	dir := s.name(distributors, 0)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	s.tell("founding a shop with %d distributors", distributors)
	half := filepath.Join(s.work, "half")
	if err := found(ctx, half, distributors, manyProducts); err != nil {
		return "", err
	}
	return dir, os.Rename(half, dir)
}

// full returns a shop with distributors and orders that may be changed: what the shelf
// has of it is filled up, and put back for the next run when the shelf is kept.
func (s *shelf) full(ctx context.Context, distributors, orders int) (string, error) {
	dir := s.name(distributors, orders)
	if _, err := os.Stat(dir); err != nil {
		if err := s.grow(ctx, distributors, orders, dir); err != nil {
			return "", err
		}
	}
	if !s.keep {
		return dir, nil
	}
	return s.copy(dir)
}

// grow makes a store out of the fullest one that has not too much.
func (s *shelf) grow(ctx context.Context, distributors, orders int, dir string) error {
	from, has, err := s.fullest(distributors, orders)
	if err != nil {
		return err
	}
	if has < 0 {
		has = 0
		if from, err = s.empty(ctx, distributors); err != nil {
			return err
		}
	}
	half := filepath.Join(s.work, "half")
	if s.keep || has == 0 {
		err = copyDir(half, from)
	} else {
		err = os.Rename(from, half)
	}
	if err != nil {
		return fmt.Errorf("take store: %w", err)
	}
	st, err := openStall(half)
	if err != nil {
		return err
	}
	err = st.fill(ctx, orders, func(done int) { s.tell("filling: %d of %d orders", done, orders) })
	if err := errors.Join(err, st.Close()); err != nil {
		return err
	}
	return os.Rename(half, dir)
}

// fullest finds the store with the most orders up to a number; has is -1 without one.
func (s *shelf) fullest(distributors, orders int) (dir string, has int, err error) {
	prefix := strings.TrimSuffix(s.name(distributors, 0), "0")
	found, err := filepath.Glob(prefix + "*")
	has = -1
	for _, path := range found {
		n, err := strconv.Atoi(strings.TrimPrefix(path, prefix))
		if err == nil && n <= orders && n > has {
			dir, has = path, n
		}
	}
	return dir, has, err
}

// scratchName is how directories begin that drop removes.
const scratchName = "scratch-"

// scratch makes an empty directory.
func (s *shelf) scratch() (string, error) {
	dir, err := os.MkdirTemp(s.work, scratchName)
	if err != nil {
		return "", fmt.Errorf("make directory: %w", err)
	}
	return dir, nil
}

// copy makes a copy of a store that may be changed.
func (s *shelf) copy(dir string) (string, error) {
	into, err := s.scratch()
	if err != nil {
		return "", err
	}
	return into, copyDir(into, dir)
}

// drop removes a directory that is not needed any more. What stands on the shelf
// stays: the next store grows out of it.
func (s *shelf) drop(dir string) error {
	if !strings.HasPrefix(filepath.Base(dir), scratchName) {
		return nil
	}
	return os.RemoveAll(dir)
}

func copyDir(into, from string) error {
	if err := os.CopyFS(into, os.DirFS(from)); err != nil {
		return fmt.Errorf("copy store: %w", err)
	}
	return nil
}
