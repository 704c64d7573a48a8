package run

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

// StoppedByHand is why a run was stopped that somebody stopped in the live view.
const StoppedByHand = "stopped"

// editing are the kinds of events by which somebody changed the load: what was
// then run is not what was planned.
var editing = []string{"pause", "resume", "users", "rate"}

// editedWhy is why an edited run takes no part in comparisons.
const editedWhy = "its load was changed by hand while it ran"

// edits are the changes by hand so far.
func (c *Collector) edits() (out []metric.Event) {
	for _, e := range c.events {
		if slices.Contains(editing, e.Kind) {
			out = append(out, e)
		}
	}
	return out
}

// stampEdits says in a result what was changed by hand. What holds under another
// load than the planned one proves nothing of that: such a run does not pass.
func (r *Result) stampEdits(edits []metric.Event) {
	if len(edits) == 0 {
		return
	}
	const most = 5
	var said []string
	for i, e := range edits {
		if i == most {
			said = append(said, fmt.Sprintf("and %d more", len(edits)-most))
			break
		}
		what := e.Kind
		if e.Note != "" {
			what += " " + e.Note
		}
		said = append(said, fmt.Sprintf("%s at %s", what, brief(e.At)))
	}
	why := "the load was changed by hand (" + strings.Join(said, ", ") + "): the figures are not of the planned load, and the run takes no part in comparisons"
	r.Notes = append(r.Notes, why)
	switch r.Verdict {
	case verdict.Pass:
		r.Verdict = verdict.Inconclusive
		fallthrough
	case verdict.Fail, verdict.Inconclusive:
		r.Reasons = append([]string{why}, r.Reasons...)
	}
}
