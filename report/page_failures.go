package report

import (
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// How much of the failures a page holds, so that it stays small.
const (
	maxFailures    = 200
	openFailures   = 1         // shown with their exchange from the start
	exemplarBudget = 256 << 10 // bytes of all exchanges together, escaped
)

// A failureView is one class of failures of one endpoint.
type failureView struct {
	Open            bool
	Count, Class    string
	Endpoint        string
	Share, When, At string
	Message, Hop    string
	Blocks          []block
	Absent          string         // why there is no exchange
	Others          []exchangeView // that failed alike, and say something else
}

// An exchangeView is one exchange that failed.
type exchangeView struct {
	At, Message string
	Blocks      []block
}

type block struct{ Title, Text string }

func (p *page) failures(r *run.Result) {
	left := exemplarBudget
	for i, f := range byCount(r.Failures) {
		if i == maxFailures {
			p.FailuresCut = "and " + count(int64(len(r.Failures)-i)) + " more, in result.json."
			break
		}
		v := failureView{
			Open: i < openFailures, Count: count(f.Count), Class: clean(f.Class, 60), Endpoint: clean(f.Endpoint, maxName), Share: percent(f.Share) + " %",
			Hop: hopText(&f), When: "from " + clock(math.Floor(f.FirstSeenS)) + " to " + clock(math.Ceil(f.LastSeenS)), Absent: "No exchange of this kind was kept.",
		}
		for i := range f.Exemplars {
			e := &f.Exemplars[i]
			x := exchangeView{Message: clean(e.Message, maxMessage), Blocks: exchange(e, r.Target)}
			for _, b := range x.Blocks {
				left -= len(template.HTMLEscapeString(b.Text))
			}
			if left < 0 && len(x.Blocks) > 0 {
				x.Blocks, v.Absent = nil, "Its exchange stands in failures.json."
			}
			x.At = "at " + clock(e.At.Seconds()) + ", took " + decimal(float64(e.ServiceTime)/float64(time.Millisecond)) + " ms"
			if e.Phase != "" {
				x.At += "; it ended in phase " + clean(e.Phase, 24)
			}
			if id := traceID(e); id != "" {
				x.At += "; trace " + id
			}
			if i == 0 {
				v.Message, v.Blocks, v.At = x.Message, x.Blocks, "One of them, "+x.At+"."
			} else {
				x.At = "Another, " + x.At + "."
				v.Others = append(v.Others, x)
			}
		}
		p.Failures = append(p.Failures, v)
	}
}

// hopText is whom a failure is attributed to, and why; "": nobody knows.
func hopText(f *run.Failure) string {
	if f.Hop == "" {
		return ""
	}
	text := "hop " + clean(string(f.Hop), 24)
	if len(f.HopEvidence) > 0 {
		text += ": " + clean(strings.Join(f.HopEvidence, "; "), maxMessage)
	}
	return text
}

// exchange is what went over the wire, as blocks of text.
func exchange(e *metric.Exemplar, target string) []block {
	var bs []block
	add := func(title, head, body string) {
		text := strings.TrimRight(cleanBlock(head, maxBody), "\n")
		if body != "" {
			if text != "" {
				text += "\n\n"
			}
			text += cleanBlock(body, maxBody)
		}
		if text != "" {
			bs = append(bs, block{title, text})
		}
	}
	add("Request", e.Request, e.RequestBody)
	add("Response", e.Response, e.ResponseBody)
	if c := curl(e, target); c != "" {
		bs = append(bs, block{"Again with curl", c})
	}
	return bs
}
