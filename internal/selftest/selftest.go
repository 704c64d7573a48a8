// Package selftest measures how often the verdicts of lt are right, on simulated
// runs whose truth is known: `lt selftest stats`.
package selftest

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-42693903/lt/internal/verdict"
)

// Options are how much is repeated.
type Options struct {
	Seed        uint64 // the same seed gives the same tables
	Repetitions int    // of each hour of drift
	Runs        int    // of each cell of the tables of thresholds
	Pairs       int    // of runs, or of groups of five, that are compared
}

// Standard are the options of the tables in docs/statistics.md.
func Standard() Options { return Options{Seed: 1, Repetitions: 100, Runs: 1000, Pairs: 1000} }

// Short are options that take about half a minute of two cores.
func Short() Options { return Options{Seed: 1, Repetitions: 20, Runs: 100, Pairs: 100} }

// A Table is what was measured, ready to be printed.
type Table struct {
	Title, About string
	Head         []string
	Rows         [][]string
	Broken       []string // what is not as lt promises; empty: all is
}

// Stats measures everything. progress, which may be nil, is told of each table
// before it is made.
func Stats(o Options, progress func(title string)) []Table {
	var out []Table
	for _, part := range []struct {
		title string
		make  func(Options) []Table
	}{
		{"thresholds and intervals", thresholdTables},
		{"comparisons", pairTables},
		{"drift", func(o Options) []Table { return []Table{driftTable(o)} }},
	} {
		if progress != nil {
			progress(part.title)
		}
		out = append(out, part.make(o)...)
	}
	return out
}

// Markdown writes tables.
func Markdown(w io.Writer, tables []Table) error {
	var b strings.Builder
	for i, t := range tables {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "### %s\n\n%s\n\n| %s |\n|---%s|\n", t.Title, t.About, strings.Join(t.Head, " | "), strings.Repeat("|--:", len(t.Head)-1))
		for _, row := range t.Rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
		for _, s := range t.Broken {
			fmt.Fprintf(&b, "\nNot as promised: %s\n", s)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// count calls f for 0 to n-1 on all cores, and counts what it returns. f must
// depend on its argument alone.
func count[T comparable](n int, f func(i uint64) T) map[T]int {
	out := map[T]int{}
	var mu sync.Mutex
	var next atomic.Uint64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= uint64(n) {
					return
				}
				v := f(i)
				mu.Lock()
				out[v]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return out
}

func percent(k, n int) string { return fmt.Sprintf("%.1f %%", 100*float64(k)/float64(n)) }

// atLeast is the fewest of n that agree with a true share of p: more than two
// standard errors below it are no chance.
func atLeast(n int, p float64) int {
	m := float64(n)
	return int(math.Floor(m*p - 2*math.Sqrt(m*p*(1-p))*slack(n)))
}

// atMost is the most of n that agree with a true share of p.
func atMost(n int, p float64) int { return n - atLeast(n, 1-p) }

// chance is the most of n that agree with a true share of p: more would come in
// less than 1 of 1,000 repetitions.
func chance(n int, p float64) int {
	k := int(float64(n) * p)
	for ; verdict.AtLeast(float64(k+1), float64(n), p) >= .001; k++ {
	}
	return k
}

// slack is 0 for the full tables, whose bounds are those that lt promises, and 1
// for shorter ones, which allow for chance.
func slack(n int) float64 {
	if n >= 100 {
		return 0
	}
	return 1
}
