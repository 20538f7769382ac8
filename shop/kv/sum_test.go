package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"testing"

	"pgregory.net/rapid"
)

var errRefused = errors.New("refused")

// addition is one Add of a command.
type addition struct {
	key   string
	delta int64
}

// adding is a command that adds, checks each sum against want on the way, and ends as
// it is told to. want is a map of what came before; the command's own additions are
// only kept there when it is accepted.
func adding(rt *rapid.T, want map[string]int64, adds []addition, end string) func(*Command) error {
	return func(t *Command) error {
		trial := maps.Clone(want)
		for _, a := range adds {
			fits := (a.delta >= 0) == (trial[a.key]+a.delta >= trial[a.key])
			if err := t.Add("sums", []byte(a.key), a.delta); fits != (err == nil) {
				rt.Errorf("%d + %d: %v", trial[a.key], a.delta, err)
			}
			if fits {
				trial[a.key] += a.delta
			}
			if got := t.Sum("sums", []byte(a.key)); got != trial[a.key] {
				rt.Errorf("sum is %d, want %d", got, trial[a.key])
			}
		}
		switch end {
		case "refused":
			return errRefused
		case "panics":
			panic("a slip")
		}
		maps.Copy(want, trial)
		return nil
	}
}

// Any history of groups with refusals leaves what a map would hold, and what is on
// the disk is the same.
func TestCommand_Add_model(t *testing.T) {
	b := newJournal(t)
	want := map[string]int64{}
	delta := rapid.OneOf(rapid.Int64Range(-100, 100), rapid.Int64())
	rapid.Check(t, func(rt *rapid.T) {
		var group []func(*Command) error
		for range rapid.IntRange(1, 12).Draw(rt, "commands") {
			var adds []addition
			for range rapid.IntRange(0, 30).Draw(rt, "additions") {
				adds = append(adds, addition{fmt.Sprint(rapid.IntRange(0, 40).Draw(rt, "account")), delta.Draw(rt, "delta")})
			}
			end := rapid.SampledFrom([]string{"good", "good", "refused", "panics"}).Draw(rt, "end")
			group = append(group, adding(rt, want, adds, end))
		}
		b.together(group...)
		b.read(func(r *Records) {
			stored := map[string]int64{}
			r.Scan("sums", nil, nil, func(key, value []byte) bool {
				stored[string(key)] = int64(binary.BigEndian.Uint64(value))
				return true
			})
			if !maps.Equal(stored, want) {
				rt.Fatalf("stored %v, want %v", stored, want)
			}
			for key, sum := range want {
				if got := r.Sum("sums", []byte(key)); got != sum {
					rt.Fatalf("sum of %s is %d, want %d", key, got, sum)
				}
			}
		})
	})
}

// lilishop added the running sum inside its loop, so that 10 and 5 became 25.
func TestLilishop_commissionIsNotARunningSum(t *testing.T) {
	b := newJournal(t)
	add := func(t *Command) error {
		return errors.Join(t.Add("sums", []byte("dst"), 10), t.Add("sums", []byte("dst"), 5))
	}
	for _, err := range b.together(add, add) {
		if err != nil {
			t.Error(err)
		}
	}
	b.read(func(r *Records) {
		if got := r.Sum("sums", []byte("dst")); got != 30 {
			t.Errorf("the sum is %d", got)
		}
	})
}

func TestCommand_Add_range(t *testing.T) {
	b := newJournal(t)
	key := []byte("n")
	results := b.together(
		func(t *Command) error { return t.Add("sums", key, math.MaxInt64) },
		func(t *Command) error { return t.Add("sums", key, 1) },
		func(t *Command) error {
			return errors.Join(t.Add("sums", key, -math.MaxInt64), t.Add("sums", key, math.MinInt64))
		},
		func(t *Command) error { return t.Add("sums", key, -1) },
	)
	for i, err := range results {
		if errors.Is(err, ErrRange) != (i%2 == 1) || i%2 == 0 && err != nil {
			t.Errorf("command %d: %v", i, err)
		}
	}
	b.read(func(r *Records) {
		if got := r.Sum("sums", key); got != math.MinInt64 || r.Sum("sums", []byte("none")) != 0 {
			t.Errorf("the sum is %d", got)
		}
	})
}

func TestRecords_Sum_notACounter(t *testing.T) {
	b := newJournal(t)
	err := b.Do(t.Context(), "test", func(t *Command) error { t.PutBytes("sums", []byte("n"), []byte("x")); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err = b.Do(t.Context(), "test", func(t *Command) error { return t.Add("sums", []byte("n"), 1) }); err == nil {
		t.Error("something was added to what is no counter")
	}
}
