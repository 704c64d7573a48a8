package scenarios

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/seed-42693903/lt/internal/verdict"
)

// ParseCriteria reads a criteria file: what a release needs. The error is
// [Mistakes], all of them.
//
//	scenarios:
//	  - light
//	  - {name: endurance, duration: 1h, thresholds: [p95 < 500ms]}
//	labels: [commit]
//	baseline: required
//	smoke: {coverage: 95%, max_p0: 0, max_p1: 0}
func ParseCriteria(file string, data []byte) (*verdict.Needs, error) {
	d := &decoder{file: file}
	needs := &verdict.Needs{}
	if root := d.filled(data, "a criteria file says what a release needs, as `scenarios: [light, peak]`"); root != nil {
		for _, e := range d.mapping(root, "a criteria file", []string{"scenarios", "labels", "baseline", "smoke"}) {
			switch e.name {
			case "scenarios":
				d.neededRuns(needs, e.value)
			case "labels":
				for item := range d.list(e.value, "labels") {
					if l := d.line(item, "a label"); l != "" {
						needs.Labels = append(needs.Labels, l)
					}
				}
			case "baseline":
				if n, ok := d.scalar(e.value, "baseline"); ok {
					if needs.Baseline = n.Value == "required"; !needs.Baseline && n.Value != "optional" {
						d.add(n, "baseline is required or optional, not `%s`", shorten(n.Value, 40))
					}
				}
			case "smoke":
				needs.Smoke = &verdict.NeededSmoke{Coverage: 1}
				for _, k := range d.mapping(e.value, "smoke", []string{"coverage", "max_p0", "max_p1"}) {
					switch k.name {
					case "coverage":
						needs.Smoke.Coverage = d.share(k.value, "coverage")
					case "max_p0":
						needs.Smoke.MaxP0 = d.integer(k.value, "max_p0", 0, 1000)
					case "max_p1":
						needs.Smoke.MaxP1 = d.integer(k.value, "max_p1", 0, 1000)
					}
				}
			}
		}
	}
	if ms := d.mistakes.ordered(); len(ms) > 0 {
		return nil, ms
	}
	return needs, nil
}

func (d *decoder) neededRuns(needs *verdict.Needs, n *yaml.Node) {
	for item := range d.list(n, "scenarios") {
		var run verdict.NeededRun
		at := item
		if v := d.deref(item); v != nil && v.Kind == yaml.ScalarNode {
			run.Name = d.line(item, "a scenario's name")
		} else {
			for _, e := range d.mapping(item, "a scenario", []string{"name", "duration", "thresholds"}) {
				switch e.name {
				case "name":
					run.Name, at = d.line(e.value, "a scenario's name"), e.value
				case "duration":
					run.DurationS = d.duration(e.value, "the duration", time.Second).Seconds()
				case "thresholds":
					for t := range d.list(e.value, "thresholds") {
						text := d.line(t, "a threshold")
						if text == "" {
							continue
						}
						parsed, err := verdict.ParseThreshold(text)
						if err != nil {
							d.add(t, "%v", err)
							continue
						}
						run.Thresholds = append(run.Thresholds, parsed.Expression)
					}
				}
			}
			if run.Name == "" {
				d.add(item, "a scenario needs a name")
			}
		}
		for _, other := range needs.Scenarios {
			if run.Name != "" && other.Name == run.Name {
				d.add(at, "the scenario `%s` stands here a second time", shorten(run.Name, 40))
			}
		}
		needs.Scenarios = append(needs.Scenarios, run)
	}
}

// share is a part of a whole: 95% or 0.95.
func (d *decoder) share(n *yaml.Node, what string) float64 {
	n, ok := d.scalar(n, what)
	if !ok {
		return 0
	}
	text, percent := strings.CutSuffix(n.Value, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		d.add(n, "%s is a share from 0 to 1 or from 0%% to 100%%, not `%s`", what, shorten(n.Value, 40))
		return 0
	}
	return v
}

// ParseWaivers reads a waiver file. The error is [Mistakes], all of them.
//
//	waivers:
//	  - criterion: "normal: p95 < 500ms"
//	    owner: ann@example.test
//	    reason: the report page is cached from 2.4 on
//	    expires: 2026-12-31
func ParseWaivers(file string, data []byte) ([]verdict.Waiver, error) {
	d := &decoder{file: file}
	var waivers []verdict.Waiver
	keys := []string{"criterion", "owner", "reason", "expires"}
	if root := d.filled(data, "a waiver file starts with `waivers:`"); root != nil {
		for _, top := range d.mapping(root, "a waiver file", []string{"waivers"}) {
			for item := range d.list(top.value, "waivers") {
				var w verdict.Waiver
				before := len(d.mistakes)
				seen := map[string]bool{}
				for _, e := range d.mapping(item, "a waiver", keys) {
					seen[e.name] = true
					if e.name == "expires" {
						w.Expires = d.date(e.value)
						continue
					}
					said := len(d.mistakes)
					text := d.line(e.value, e.name)
					if text == "" && len(d.mistakes) == said {
						d.add(e.value, "%s is empty: a waiver names its criterion, who answers for it, why, and until when", e.name)
					}
					switch e.name {
					case "criterion":
						w.Criterion = text
					case "owner":
						w.Owner = text
					case "reason":
						w.Reason = text
					}
				}
				var missing []string
				for _, k := range keys {
					if !seen[k] {
						missing = append(missing, k)
					}
				}
				if len(missing) > 0 && len(d.mistakes) == before {
					d.add(item, "the waiver has no %s", strings.Join(missing, ", no "))
				}
				waivers = append(waivers, w)
			}
		}
	}
	if ms := d.mistakes.ordered(); len(ms) > 0 {
		return nil, ms
	}
	return waivers, nil
}

// filled is the root of the document in data, which must not be empty.
func (d *decoder) filled(data []byte, hint string) *yaml.Node {
	if len(bytes.TrimSpace(data)) == 0 {
		d.mistakes = append(d.mistakes, position{file: d.file}.mistake("the file is empty; %s", hint))
		return nil
	}
	return d.document(data)
}

// date is a day, such as 2026-12-31.
func (d *decoder) date(n *yaml.Node) time.Time {
	n, ok := d.scalar(n, "expires")
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, n.Value)
	if err != nil {
		d.add(n, "expires is a day, as 2026-12-31, not `%s`", shorten(n.Value, 40))
	}
	return t
}
