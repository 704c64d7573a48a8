package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// lineEvery is how often progress is told where there is no terminal.
const lineEvery = 5 * time.Second

// A progress tells how a run goes, on stderr: a live bar on a terminal, a line
// every few seconds elsewhere. It is an observer of the run.
type progress struct {
	w       io.Writer
	total   time.Duration
	upTo    string // before the total: "at most " where the run may end earlier
	failed  int64
	dropped int64
	users   int // most since the last line
	last    time.Duration
	since   metric.Dist // of successful requests since the last line
	n       int64       // requests since the last line
	elapsed time.Duration

	bars *mpb.Progress
	bar  *mpb.Bar
	text atomic.Pointer[string]
	off  bool
}

func newProgress(env *environ, o *runOptions, plan *run.Plan) *progress {
	p := &progress{w: env.Stderr, total: plan.Profile.Duration(), off: o.quiet}
	if plan.FirstLook > 0 {
		p.upTo = "at most "
	}
	f, ok := env.terminal(env.Stderr)
	if p.off || !ok {
		return p
	}
	p.text.Store(new(""))
	width := terminalWidth(f)
	p.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(min(width, 100)), mpb.WithRefreshRate(200*time.Millisecond))
	p.bar = p.bars.New(p.total.Milliseconds(),
		mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]"),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Any(func(s decor.Statistics) string {
			elapsed := (time.Duration(s.Current) * time.Millisecond).Round(time.Second)
			return fmt.Sprintf("%s of %s%s ", short(elapsed), p.upTo, short(p.total))
		})),
		mpb.BarExtender(mpb.BarFillerFunc(func(w io.Writer, _ decor.Statistics) error {
			for _, line := range strings.Split(*p.text.Load(), "\n") {
				if _, err := fmt.Fprintf(w, "%s\n", cut(line, width-1)); err != nil {
					return err
				}
			}
			return nil
		}), false),
	)
	return p
}

// observe takes the snapshot of one interval.
func (p *progress) observe(s *metric.Snapshot) error {
	if p.off {
		return nil
	}
	p.tell(s.Events)
	t := s.Totals()
	p.failed += t.Failed
	p.dropped += s.Dropped
	p.users = max(p.users, s.Users)
	p.n += t.Requests
	p.since.Merge(&t.Response)
	p.elapsed = s.Offset + s.Length
	if p.bars == nil && p.elapsed-p.last < lineEvery-100*time.Millisecond && !s.Final {
		return nil
	}
	length := (p.elapsed - p.last).Seconds()
	if length < .5 { // the drain's last answers: too short for a rate
		return nil
	}
	counts, times := p.figures(length, s.Period)
	p.since, p.n, p.users, p.last = metric.Dist{}, 0, 0, p.elapsed
	if p.bars != nil {
		p.text.Store(new(counts + "\n" + times))                                  // two lines, for 80 columns
		p.bar.SetCurrent(min(p.elapsed, p.total-time.Millisecond).Milliseconds()) // whole, the bar would end
		return nil
	}
	_, err := fmt.Fprintf(p.w, "%6s of %s%s  %s\n", short(min(p.elapsed.Round(time.Second), p.total)), p.upTo, short(p.total), strings.TrimRight(counts+"  "+times, " "))
	return err
}

// figures are what happened since the last line: what was counted, and how long
// requests took; each fits 80 columns.
func (p *progress) figures(seconds float64, period metric.Period) (counts, times string) {
	counts = fmt.Sprintf("%d users  %.0f req/s  %d failed", p.users, float64(p.n)/seconds, p.failed)
	if p.dropped > 0 {
		counts += fmt.Sprintf("  %d dropped", p.dropped)
	}
	if period == metric.Warmup {
		counts += "  warm-up"
	}
	if p.since.Count > 0 {
		times = fmt.Sprintf("p50 %s  p95 %s  p99 %s", millis(p.since.Quantile(.5)), millis(p.since.Quantile(.95)), millis(p.since.Quantile(.99)))
	}
	return counts, times
}

// tell says what judging did to the run while it goes on.
func (p *progress) tell(events []metric.Event) {
	w := p.w
	if p.bars != nil {
		w = p.bars // above the bar
	}
	for _, e := range events {
		switch e.Kind {
		case run.EventBroken:
			fmt.Fprintf(w, "lt: stopping after %s: %s\n", short(e.At.Round(time.Second)), printable(e.Note))
		case run.EventExtended:
			fmt.Fprintf(w, "lt: %s\n", printable(e.Note))
		}
	}
}

// close takes the bar away, from a terminal that takes anything.
func (p *progress) close() {
	if p.bars == nil {
		return
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		p.bar.Abort(true)
		p.bars.Wait()
	}()
	select {
	case <-gone:
	case <-time.After(2 * time.Second):
	}
}

// millis is a time as progress shows it.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1fms", ms)
	case ms < 10_000:
		return fmt.Sprintf("%.0fms", ms)
	}
	return fmt.Sprintf("%.1fs", ms/1000)
}

func cut(s string, width int) string {
	if width > 0 && len(s) > width {
		return s[:width]
	}
	return s
}

// terminalWidth is the columns of a terminal; 80 when it does not say.
func terminalWidth(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return 80
}
