package run

import (
	"fmt"

	"github.com/seed-42693903/lt/internal/verdict"
)

// An Errand is what setup or teardown sent: requests that come once per run,
// apart from the load. totals + warmup + preflight + setup + teardown = what the
// server saw.
type Errand struct {
	verdict.Count
	Created int64  `json:"created"` // successful POST requests
	Deleted int64  `json:"deleted"` // successful DELETE requests
	Failure string `json:"failure,omitempty"`
}

// sentence says what the errand did.
func (e *Errand) sentence(name string) string {
	s := fmt.Sprintf("%s sent %d requests, which no figure counts", name, e.Requests)
	if e.Failed > 0 {
		s += fmt.Sprintf("; %d failed: %s", e.Failed, e.Failure)
	}
	return s
}

// TearDown adds what teardown did after the load. The verdict stays: a resource
// left behind says nothing about the target's speed.
func (r *Result) TearDown(e *Errand) {
	r.Teardown = e
	r.Notes = append(r.Notes, e.sentence("teardown"))
	if e.Created+e.Deleted == 0 {
		return
	}
	if r.Rows == nil {
		r.Rows = &Rows{}
	}
	r.Rows.Created += e.Created
	r.Rows.Deleted += e.Deleted
	r.Rows.Left = max(r.Rows.Created-r.Rows.Deleted, 0)
}
