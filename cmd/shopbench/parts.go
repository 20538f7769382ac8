//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shopcast/shop"
)

// What is to be reached.
const (
	overUpdate    = 20.0 // times db.Update
	overBatch     = 3.0  // times db.Batch
	ofEmpty       = 0.75 // of the empty file's rate
	statementTime = time.Minute
	exportTime    = time.Minute
	openTime      = 5 * time.Second
	refusedWithin = 50 * time.Millisecond
	openWithin    = 50 * time.Millisecond
)

// unlucky: one order in so many wants what is sold out, where some do.
const unlucky = 100

// closed: callers that order again as soon as they are answered.
func (b *bench) closed(ctx context.Context) error {
	empty, err := b.shelf.empty(ctx, b.distributors)
	if err != nil {
		return err
	}
	title := "Closed loop, empty file"
	contenders := []contender{b.update(0), b.batch(0), b.ours(empty, 0), b.oursPaid(empty)}
	figures, err := b.closedTable(ctx, title, b.callers, contenders)
	if err != nil {
		return err
	}
	most := b.callers[len(b.callers)-1:]
	b.goalsOver(fmt.Sprintf("K = %d", most[0]), figures)
	title += fmt.Sprintf(", one order in %d wants what is sold out", unlucky)
	contenders = []contender{b.update(unlucky), b.batch(unlucky), b.ours(empty, unlucky)}
	if figures, err = b.closedTable(ctx, title, most, contenders); err != nil {
		return err
	}
	b.goalsOver(fmt.Sprintf("K = %d, one in %d sold out", most[0], unlucky), figures)
	return nil
}

// goalsOver compares the third with the first two.
func (b *bench) goalsOver(where string, figures []figure) {
	for i, c := range []struct {
		name  string
		reach float64
	}{{nameUpdate, overUpdate}, {nameBatch, overBatch}} {
		ratio := over(figures[2].rate, figures[i].rate)
		b.goal(fmt.Sprintf("orders/s over %s, %s", c.name, where), times(ratio), "≥ "+times(c.reach), ratio >= c.reach)
	}
}

// closedTable measures contenders with each number of callers, and returns the figures
// of the last.
func (b *bench) closedTable(ctx context.Context, title string, callers []int, contenders []contender) (figures []figure, err error) {
	var rows [][]string
	for _, k := range callers {
		if figures, err = b.closedRounds(ctx, k, contenders); err != nil {
			return nil, err
		}
		for i, f := range figures {
			rows = append(rows, append([]string{fmt.Sprint(k), contenders[i].name}, f.cells()...))
		}
	}
	b.table(title, figureHead("callers", "what"), rows)
	return figures, nil
}

// closedRounds are the rounds of so many callers, profiled when that is wanted.
func (b *bench) closedRounds(ctx context.Context, callers int, contenders []contender) ([]figure, error) {
	return interleave(ctx, b.rounds, b.round.jobs, contenders, func(name string, do func(int) error) (s sample, err error) {
		stop, err := b.profiled(fmt.Sprintf("%s %d", name, callers))
		if err != nil {
			return s, err
		}
		s, err = closedLoop(callers, b.round, do)
		return s, errors.Join(err, stop())
	})
}

// opened: orders that come when they come.
func (b *bench) opened(ctx context.Context) error {
	empty, err := b.shelf.empty(ctx, b.distributors)
	if err != nil {
		return err
	}
	contenders := []contender{b.batch(0), b.ours(empty, 0)}
	var rows [][]string
	for _, rate := range b.rates {
		moments := arrivals(b.seed, rate, b.open)
		figures, err := interleave(ctx, 1, len(moments), contenders, func(_ string, do func(int) error) (sample, error) {
			return openLoop(ctx, moments, do)
		})
		if err != nil {
			return err
		}
		for i, f := range figures {
			rows = append(rows, append(append([]string{fmt.Sprint(rate), contenders[i].name}, f.cells()...), fmt.Sprint(f.refused)))
		}
		if rate == 4000 {
			b.goal("p99 at 4,000 orders/s", ms(figures[1].p99)+" ms", "≤ "+ms(openWithin)+" ms", figures[1].p99 <= openWithin && figures[1].refused == 0)
		}
	}
	b.table("Open loop, empty file, delay from the intended moment", append(figureHead("arrivals/s", "what"), "refused"), rows)
	return nil
}

// big: the same with millions of orders in the file.
func (b *bench) big(ctx context.Context) (err error) {
	empty, err := b.shelf.empty(ctx, b.agents)
	if err != nil {
		return err
	}
	dir, err := b.shelf.full(ctx, b.agents, b.orders)
	if err != nil {
		return err
	}
	at := time.Now()
	s, err := openShop(dir)
	if err != nil {
		return err
	}
	took := time.Since(at)
	defer func() { err = errors.Join(err, s.Close(), b.shelf.drop(dir)) }()
	b.goal(fmt.Sprintf("open with %d orders", b.orders), seconds(took), "≤ "+seconds(openTime), took <= openTime)
	return b.compareBig(ctx, empty, newStall(s))
}

func (b *bench) compareBig(ctx context.Context, empty string, st *stall) error {
	contenders := []contender{b.ours(empty, 0), kept(fmt.Sprintf("ours, %d orders", b.orders), st)}
	title := fmt.Sprintf("Closed loop, %d distributors, empty and full file", b.agents)
	figures, err := b.closedTable(ctx, title, b.callers, contenders)
	if err != nil {
		return err
	}
	part := over(figures[1].rate, figures[0].rate)
	b.goal(fmt.Sprintf("rate with %d orders, of the empty file's", b.orders), fmt.Sprintf("%.0f %%", 100*part), fmt.Sprintf("≥ %.0f %%", 100*ofEmpty), part >= ofEmpty)
	return nil
}

// statements: a period is closed for every distributor.
func (b *bench) statements(ctx context.Context) (err error) {
	dir, err := b.shelf.full(ctx, b.agents, b.agents*b.perAgent)
	if err != nil {
		return err
	}
	st, err := openStall(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close(), b.shelf.drop(dir)) }()
	m := startMeter()
	closing, err := st.CloseStatements(ctx, shop.SystemActor(), st.Brand().Currency, 0, m.at.UnixMilli())
	if err != nil {
		return err
	}
	var s sample
	m.stop(&s)
	if closing.Statements != b.agents {
		return fmt.Errorf("%d statements were written for %d distributors", closing.Statements, b.agents)
	}
	b.table("Statements", []string{"distributors", "orders", "time", "CPU, µs/statement"}, [][]string{{
		fmt.Sprint(closing.Statements), fmt.Sprint(st.Counts().Orders), seconds(s.elapsed), fmt.Sprint((s.cpu / time.Duration(b.agents)).Microseconds()),
	}})
	b.goal(fmt.Sprintf("statements for %d distributors", b.agents), seconds(s.elapsed), "≤ "+seconds(statementTime), s.elapsed <= statementTime)
	return nil
}
