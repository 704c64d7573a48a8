package run

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/hop"
	"github.com/seed-42693903/lt/internal/metric"
)

// maxExemplars is how many failures of one endpoint and class are kept whole.
const maxExemplars = 3

// A failure is one class of failures of one endpoint, as it is gathered.
type failure struct {
	endpoint  int
	class     string
	count     int64
	first     time.Duration
	last      time.Duration
	exemplars []metric.Exemplar
}

func (c *Collector) addFailure(endpoint int, class string, n int64, iv *Interval) {
	i := slices.IndexFunc(c.failures, func(f failure) bool { return f.endpoint == endpoint && f.class == class })
	if i < 0 {
		c.failures = append(c.failures, failure{endpoint: endpoint, class: class, first: iv.Offset})
		i = len(c.failures) - 1
	}
	c.failures[i].count += n
	c.failures[i].last = iv.Offset + iv.Length
}

// addExemplar keeps e unless its class has enough of them, or one that says the
// same.
func (c *Collector) addExemplar(e *metric.Exemplar) {
	for i := range c.failures {
		f := &c.failures[i]
		if f.class != e.Class || c.each[f.endpoint].Name != e.Endpoint {
			continue
		}
		same := func(kept metric.Exemplar) bool {
			return kept.Status == e.Status && Pattern(kept.Message) == Pattern(e.Message)
		}
		if len(f.exemplars) < maxExemplars && !slices.ContainsFunc(f.exemplars, same) {
			f.exemplars = append(f.exemplars, *e)
		}
		return
	}
}

// failureResults is the classes of failures, the most frequent first.
func (c *Collector) failureResults() []Failure {
	var out []Failure
	var traits hop.Traits
	for _, f := range c.failures {
		for i := range f.exemplars {
			traits.Learn(f.exemplars[i].Response)
		}
	}
	for _, f := range c.failures {
		s := &c.each[f.endpoint]
		share := 1.0
		if n := s.Requests + s.Warmup.Requests; n > 0 {
			share = min(float64(f.count)/float64(n), 1)
		}
		out = append(out, Failure{
			Endpoint: s.Name, Class: f.class, Count: f.count, Share: round(share, 6),
			FirstSeenS: seconds(f.first), LastSeenS: seconds(f.last), Exemplars: f.exemplars,
		})
		out[len(out)-1].attribute(traits)
	}
	slices.SortStableFunc(out, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Class, b.Class))
	})
	return out
}

// attribute says which hop made the failure, by its first exemplar.
func (f *Failure) attribute(traits hop.Traits) {
	e := f.First()
	if e == nil {
		return
	}
	v := hop.Attribute(hop.Answer{
		Class: e.Class, Phase: e.Phase, Status: e.Status, Head: e.Response, Body: e.ResponseBody, Traits: traits,
	})
	f.Hop, f.HopEvidence, f.UpstreamStatus = v.Hop, v.Evidence, v.UpstreamStatus
}

// What changes from one failure to the next though both say the same, in the
// order in which it is looked for.
var variable = []struct {
	find *regexp.Regexp
	mask string
}{
	{regexp.MustCompile(`[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`), "<id>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?`), "<time>"},
	{regexp.MustCompile(`\b\d\d?:\d\d(:\d\d(\.\d+)?)?\b`), "<time>"},
	{regexp.MustCompile(`\b(\d+(\.\d+)?(ns|us|µs|ms|h|m|s))+\b`), "<time>"},
	{regexp.MustCompile(`\b[0-9A-Za-z_-]{8,}\b`), "<id>"}, // if it has a digit: see Pattern
	{regexp.MustCompile(`\d+(\.\d+)?`), "<n>"},
}

// Pattern is a message with its ids, times and numbers masked: two failures of
// one cause have the same.
func Pattern(message string) string {
	for _, v := range variable {
		message = v.find.ReplaceAllStringFunc(message, func(found string) string {
			if v.mask == "<id>" && !strings.ContainsAny(found, "0123456789") {
				return found // a long word
			}
			return v.mask
		})
	}
	return message
}
