package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Decision is what a review comes to.
type Decision string

// The decisions.
const (
	Go        Decision = "go"         // all that was asked was shown, or is waived
	NoGo      Decision = "no_go"      // something is broken, regressed or missing
	NotProven Decision = "not_proven" // nothing is broken, and not everything was shown
)

// The kinds of criteria.
const (
	KindEvidence   = "evidence"   // a run that the release needs, whole and labelled
	KindValidity   = "validity"   // the target was measured, not the generator
	KindThreshold  = "threshold"  // on a whole run
	KindEndpoint   = "endpoint"   // an endpoint, under load
	KindComparison = "comparison" // with the baseline
	KindContract   = "contract"   // a smoke's coverage
	KindBlocker    = "blocker"    // a smoke's
)

// A Criterion is one thing that a release needs, and what became of it. It is a
// row of review.json.
type Criterion struct {
	Name       string   `json:"name"`    // normal: p95 < 500ms; what a waiver names
	Kind       string   `json:"kind"`    // evidence, validity, threshold, endpoint, comparison, contract, blocker
	Subject    string   `json:"subject"` // the run or smoke that it is about, by its name in runs; empty: none was given
	Text       string   `json:"text"`    // without the subject: p95 < 500ms
	Value      *float64 `json:"value,omitempty"`
	Low        *float64 `json:"low,omitempty"`
	High       *float64 `json:"high,omitempty"`
	Limit      *float64 `json:"limit,omitempty"`
	Unit       string   `json:"unit,omitempty"`
	Share      *float64 `json:"share,omitempty"`
	ShareLimit *float64 `json:"share_limit,omitempty"`
	N          int64    `json:"n,omitempty"`
	Change     *float64 `json:"change,omitempty"` // against the baseline: new / base - 1; of error_rate new - base
	Verdict    Verdict  `json:"verdict"`
	Reason     string   `json:"reason"`
	Short      string   `json:"short"`            // of Reason, for the review's first line
	MoreS      float64  `json:"more_s,omitempty"` // inconclusive: so many seconds more would decide it
	Waived     bool     `json:"waived,omitempty"` // and so does not count

	// Firm: however slow the generator was, it cannot have made this failure.
	Firm     bool   `json:"-"`
	Endpoint string `json:"-"` // of a blocker or an endpoint
	Group    string `json:"-"` // of an endpoint: the expression, which it shares with others
	Failed   int64  `json:"-"` // of its requests
}

// A Waiver lets a release go although a criterion does not hold.
type Waiver struct {
	Criterion string    `json:"criterion"` // its Name
	Owner     string    `json:"owner"`
	Reason    string    `json:"reason"`
	Expires   time.Time `json:"expires"` // the last day, in UTC, on which it holds
	State     string    `json:"state"`   // applied, expired, refused (the run is invalid), unused (the criterion holds, or is none of this review)
}

// The states of waivers.
const (
	WaiverApplied = "applied"
	WaiverExpired = "expired"
	WaiverRefused = "refused"
	WaiverUnused  = "unused"
)

// Needs is what a release needs beside that nothing given may be broken. The zero
// value needs nothing more.
type Needs struct {
	Scenarios []NeededRun  `json:"scenarios,omitempty"`
	Labels    []string     `json:"labels,omitempty"`   // that every run carries, with one value
	Baseline  bool         `json:"baseline,omitempty"` // every run of a scenario was compared with a baseline
	Smoke     *NeededSmoke `json:"smoke,omitempty"`
}

// A NeededRun is a scenario of which a whole run is needed.
type NeededRun struct {
	Name       string   `json:"name"`
	DurationS  float64  `json:"duration_s,omitempty"` // at least
	Thresholds []string `json:"thresholds,omitempty"` // canonical, that it was judged by
}

// A NeededSmoke is what a smoke has to show.
type NeededSmoke struct {
	Coverage float64 `json:"coverage"` // 0 to 1, of the contract's operations
	MaxP0    int     `json:"max_p0"`
	MaxP1    int     `json:"max_p1"`
}

// A Review is the judgement of criteria.
type Review struct {
	Decision Decision    `json:"decision"`
	Lead     string      `json:"lead"`    // the first line: the decision with its reasons
	Parts    []string    `json:"-"`       // what follows the decision in Lead, a sentence each
	Reasons  []string    `json:"reasons"` // every criterion that stands in the way, most telling first
	Criteria []Criterion `json:"criteria"`
	Waivers  []Waiver    `json:"waivers"`
}

// Decide judges a release by its criteria on the day of at. A waiver takes a
// criterion out that failed or was not shown, until the day of its Expires has
// passed: then the criterion fails. No waiver takes out an invalid measurement.
func Decide(criteria []Criterion, waivers []Waiver, at time.Time) *Review {
	r := &Review{Criteria: slices.Clone(criteria), Waivers: slices.Clone(waivers)}
	day := at.UTC().Truncate(24 * time.Hour)
	expired := map[string]*Waiver{}
	for i := range r.Waivers {
		w := &r.Waivers[i]
		w.State = WaiverUnused
		for k := range r.Criteria {
			c := &r.Criteria[k]
			switch {
			case c.Name != w.Criterion || c.Verdict != Fail && c.Verdict != Inconclusive && c.Verdict != Invalid:
			case c.Verdict == Invalid:
				w.State = WaiverRefused
			case w.Expires.Before(day):
				w.State = WaiverExpired
				expired[c.Name] = w
			default:
				w.State, c.Waived = WaiverApplied, true
			}
		}
	}
	for i := range r.Criteria {
		c := &r.Criteria[i]
		if w := expired[c.Name]; w != nil && !c.Waived {
			c.Verdict, c.Firm = Fail, true
			ended := fmt.Sprintf(" (the waiver of %s expired on %s)", w.Owner, w.Expires.Format(time.DateOnly))
			c.Reason += ended
			c.Short += ended
		}
	}
	r.conclude()
	return r
}

// of are the criteria of a verdict that no waiver takes out, and that are of one of
// the kinds, or of any.
func (r *Review) of(v Verdict, kinds ...string) (out []*Criterion) {
	for i := range r.Criteria {
		if c := &r.Criteria[i]; c.Verdict == v && !c.Waived && (len(kinds) == 0 || slices.Contains(kinds, c.Kind)) {
			out = append(out, c)
		}
	}
	return out
}

// Failed, Open and Invalid are the criteria that stand in the way.
func (r *Review) Failed() []*Criterion { return r.of(Fail) }

// Open are the criteria that the data did not decide.
func (r *Review) Open() []*Criterion { return r.of(Inconclusive) }

// Invalid are the criteria of measurements that showed the generator.
func (r *Review) Invalid() []*Criterion { return r.of(Invalid) }

func (r *Review) conclude() {
	shown := slices.ContainsFunc(r.Criteria, func(c Criterion) bool {
		return c.Kind != KindEvidence && c.Kind != KindValidity && (c.Verdict == Pass || c.Waived)
	})
	word := "GO"
	switch {
	case len(r.Failed()) > 0:
		r.Decision, word = NoGo, "NO-GO"
	case len(r.Invalid()) > 0 || len(r.Open()) > 0 || !shown:
		r.Decision, word = NotProven, "NOT PROVEN"
	default:
		r.Decision = Go
	}
	var parts []string
	add := func(name string, cs []*Criterion) {
		if len(cs) > 0 {
			parts = append(parts, name+": "+listed(cs))
		}
	}
	if b := blockers(r.of(Fail, KindBlocker, KindEndpoint)); len(b) > 0 {
		parts = append(parts, plural(int64(len(b)), "blocker")+": "+listed(b))
	}
	add("Failed", r.of(Fail, KindThreshold, KindContract))
	add("Regressed", r.of(Fail, KindComparison))
	add("Missing", r.of(Fail, KindEvidence))
	add("Invalid", r.of(Invalid, KindValidity))
	add("Undecided", r.Open())
	if r.Decision == NotProven && !shown && len(parts) == 0 {
		parts = append(parts, "No criterion was judged: the runs were asked for nothing")
	}
	waived, held := 0, 0
	for i := range r.Criteria {
		switch c := &r.Criteria[i]; {
		case c.Waived:
			waived++
		case c.Verdict == Pass:
			held++
		}
	}
	if r.Decision == Go {
		words := "Each of " + plural(int64(held), "criterion") + " holds"
		words = strings.Replace(words, "criterions", "criteria", 1)
		parts = append(parts, words)
	}
	if waived > 0 {
		parts = append(parts, count(int64(waived))+" waived")
	}
	r.Parts = parts
	r.Lead = word + ". " + strings.Join(parts, ". ") + "."
	r.Reasons = []string{}
	for _, cs := range [][]*Criterion{r.Failed(), r.Invalid(), r.Open()} {
		for _, c := range cs {
			if !strings.HasPrefix(c.Reason, c.Subject+":") && c.Subject != "" {
				r.Reasons = append(r.Reasons, c.Subject+": "+c.Reason)
			} else {
				r.Reasons = append(r.Reasons, c.Reason)
			}
		}
	}
}

// maxListed is how many criteria of one kind the first line names.
const maxListed = 3

func listed(cs []*Criterion) string {
	var words []string
	for i, c := range cs {
		if i == maxListed && len(cs) > maxListed+1 {
			words = append(words, count(int64(len(cs)-i))+" more")
			break
		}
		words = append(words, c.Short)
	}
	return strings.Join(words, "; ")
}

// blockers are the criteria without those of an endpoint that another one tells
// of: a smoke's blocker, or else the run in which most of its requests failed.
func blockers(cs []*Criterion) (out []*Criterion) {
	for _, c := range cs {
		if c.Kind == KindBlocker {
			out = append(out, c)
		}
	}
	for _, c := range cs {
		if c.Kind == KindBlocker {
			continue
		}
		i := slices.IndexFunc(out, func(o *Criterion) bool { return o.Endpoint == c.Endpoint })
		switch {
		case i < 0:
			out = append(out, c)
		case out[i].Kind == KindEndpoint && out[i].Failed < c.Failed:
			out[i] = c
		}
	}
	return out
}

// Criterion is the judged threshold as a criterion of a run called subject, whose
// own verdict is of.
func (j *Judged) Criterion(subject string, of Verdict) Criterion {
	c := Criterion{
		Kind: KindThreshold, Subject: subject, Text: j.Expression, Value: j.Value, Low: j.Low, High: j.High, Limit: ptr(j.Limit), Unit: j.Unit,
		Share: j.Share, ShareLimit: j.ShareLimit, N: j.N, Verdict: j.Verdict, Reason: j.Reason, MoreS: j.MoreS,
	}
	if j.Scope != "" {
		c.Text = j.Scope + ": " + j.Expression
		if !strings.HasPrefix(j.Scope, PersonaScope) && !strings.HasPrefix(j.Scope, HopScope) {
			c.Kind, c.Endpoint, c.Group = KindEndpoint, j.Scope, j.Expression
		}
	}
	c.Name = subject + ": " + c.Text
	m, _, _, _ := lookup(j.Metric)
	c.Firm = j.Verdict == Fail && of == Fail && !m.gated
	figure := "no data"
	switch {
	case j.Low != nil && j.High != nil && bare(*j.Low, j.Unit) != bare(*j.High, j.Unit):
		figure = bare(*j.Low, j.Unit) + "-" + amount(*j.High, j.Unit)
	case j.Value != nil:
		figure = amount(*j.Value, j.Unit)
	}
	what := j.Metric + " of " + subject
	if j.Scope != "" {
		what = j.Metric + " of " + j.Scope + " in " + subject
	}
	against := amount(j.Limit, j.Unit)
	if j.Unit == UnitMS {
		against = bare(j.Limit, j.Unit)
	}
	c.Short = what + " " + figure + " against " + against
	switch {
	case figure != "no data":
	case j.Share != nil:
		c.Short = what + ": " + amount(*j.Share, UnitRatio) + " failed or took over " + amount(j.Limit, j.Unit)
	default:
		c.Short = what + ": no data"
	}
	if j.Verdict == Inconclusive && j.MoreS > 0 {
		c.Short += "; about " + moreWords(j.MoreS) + " would decide it"
	}
	return c
}

// moreWords is "12 more minutes", rounded up.
func moreWords(s float64) string {
	d := time.Duration(s * float64(time.Second))
	n, unit := (d+time.Second-1)/time.Second, "second"
	switch {
	case d > 100*time.Minute:
		n, unit = (d+time.Hour-1)/time.Hour, "hour"
	case d > 90*time.Second:
		n, unit = (d+time.Minute-1)/time.Minute, "minute"
	}
	if n == 1 {
		return "1 more " + unit
	}
	return count(int64(n)) + " more " + unit + "s"
}
