package scenarios

import (
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// A poll sends a step's request again and again until its answer is as wanted.
type poll struct {
	until *expression
	every Range
	times int           // at most; 0: no limit but time
	time  time.Duration // since the first request; 0: no limit but times
	at    position
}

var pollKeys = []string{"until", "every", "limit"}

const (
	defaultEvery = time.Second
	maxPolls     = 100_000
)

// poll reads {until: EXPRESSION, every: 1s, limit: 3 or 30s}.
func (d *decoder) poll(n *yaml.Node) *poll {
	p := &poll{every: Range{defaultEvery, defaultEvery}, at: d.at(n)}
	seen := map[string]bool{}
	entries := d.mapping(n, "poll", pollKeys)
	for _, e := range entries {
		seen[e.name] = true
		switch e.name {
		case "until":
			p.until = d.expression(e.value, "until", useCheck)
			p.at = d.at(e.value)
		case "every":
			p.every = d.span(e.value, "every")
		case "limit":
			if r, ok := d.scalar(e.value, "the limit"); ok {
				if _, err := strconv.Atoi(strings.TrimSpace(r.Value)); err == nil {
					p.times = d.integer(e.value, "the limit", 1, maxPolls)
				} else {
					p.time = d.duration(e.value, "the limit", time.Millisecond)
				}
			}
		}
	}
	r := d.deref(n)
	if r == nil || r.Kind != yaml.MappingNode || 2*len(entries) != len(r.Content) {
		return nil // an unknown key may be a misspelt one
	}
	if !seen["until"] {
		d.add(n, "poll needs until: write `poll: {until: \"$.status == 'done'\", every: 1s, limit: 30s}`")
	}
	if !seen["limit"] {
		d.add(n, "poll needs a limit, in requests or in time: write `limit: 10` or `limit: 30s`")
	}
	if p.until == nil {
		return nil
	}
	return p
}
