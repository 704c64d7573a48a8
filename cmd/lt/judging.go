package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// mostExtension is how many times its duration a run may go on to.
const mostExtension = 10

// parseExtend lengthens the load's last stage, which must be a hold: it goes on
// without a gap, and is stopped at the first look if the run is decided then.
func (o *runOptions) parseExtend(s *settings) {
	text := s.str("extend")
	if text == "" {
		return
	}
	factor, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	switch {
	case err != nil || !strings.HasSuffix(text, "x") || math.IsNaN(factor):
		s.mistake("%s %q: want how many times the duration, such as 2x", s.origin("extend"), text)
		return
	case factor <= 1 || factor > mostExtension:
		s.mistake("%s %q: want more than 1x and at most %dx", s.origin("extend"), text, mostExtension)
		return
	case o.profile.Staged:
		s.mistakes = append(s.mistakes, hintf(usageErrorf("%s: stages have no hold that could go on", s.origin("extend")), "add a --stage"))
		return
	case len(o.profile.Stages) == 0: // its mistake has been told
		return
	}
	o.firstLook = o.profile.Duration()
	o.profile.Stages = slices.Clone(o.profile.Stages)
	last := &o.profile.Stages[len(o.profile.Stages)-1]
	last.Duration += time.Duration(math.Round((factor-1)*o.firstLook.Seconds())) * time.Second
	if o.profile.Duration() <= o.firstLook {
		s.mistake("%s %q: %v times that is not a second longer", s.origin("extend"), text, o.firstLook)
	}
}

// noteK6 says once what k6 judges otherwise, where a threshold is in its spelling.
func (o *runOptions) noteK6(s *settings) {
	texts := slices.Concat(o.scenario.Thresholds, s.flag("threshold").values)
	if s.env.warned["k6"] || s.boolean("quiet") || !slices.ContainsFunc(texts, verdict.K6Spelled) {
		return
	}
	if s.env.warned == nil {
		s.env.warned = map[string]bool{}
	}
	s.env.warned["k6"] = true
	fmt.Fprintf(s.env.Stderr, "lt: note: thresholds in k6's spelling are judged as lt judges (lt help thresholds):\n")
	for i, d := range verdict.K6Differences {
		fmt.Fprintf(s.env.Stderr, "    %d. %s\n", i+1, d)
	}
}

// A judge looks at a run while it goes on: it stops one that broke a threshold
// with abort, and one that may go on at its first look if it is decided. It runs
// on the journal's goroutine, after each interval.
type judge struct {
	plan    *run.Plan
	journal *run.Journal
	engine  interface {
		Stop(reason string, grace time.Duration)
		Note(kind, text string)
	}
	looked, stopped bool
}

// observing is the journal's observer with the judge after it.
func (j *judge) observing(observe func(*metric.Snapshot) error) func(*metric.Snapshot) error {
	return func(s *metric.Snapshot) error {
		err := observe(s)
		if err == nil && !s.Final && s.Period != metric.Drain && !j.stopped {
			j.look(s.Offset + s.Length)
		}
		return err
	}
}

func (j *judge) look(now time.Duration) {
	if t, how, broken := j.journal.Broken(); broken {
		j.stopped = true
		j.engine.Note(run.EventBroken, t.Expression+": "+how)
		j.engine.Stop(run.StoppedByThreshold, interruptGrace)
		return
	}
	if j.plan.FirstLook == 0 || j.looked || now < j.plan.FirstLook {
		return
	}
	j.looked = true
	v := j.journal.Judge()
	if v.Verdict != verdict.Inconclusive {
		j.stopped = true
		j.engine.Stop("end", j.plan.Profile.GracefulStop)
		return
	}
	j.engine.Note(run.EventExtended, fmt.Sprintf("not proven after %s, going on to %s: %s", short(j.plan.FirstLook), short(j.plan.Profile.Duration()), v.Reasons[0]))
}
