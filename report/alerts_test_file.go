package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A testData is one series of a rule's test: so much more a minute.
type testData struct {
	series string
	minute int64
}

type (
	testFile struct {
		RuleFiles []string   `yaml:"rule_files"`
		Interval  string     `yaml:"evaluation_interval"`
		Tests     []ruleTest `yaml:"tests"`
	}
	ruleTest struct {
		Name     string       `yaml:"name"`
		Interval string       `yaml:"interval"`
		Input    []testSeries `yaml:"input_series"`
		Alerts   []alertTest  `yaml:"alert_rule_test"`
	}
	testSeries struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	}
	alertTest struct {
		At       string          `yaml:"eval_time"`
		Alert    string          `yaml:"alertname"`
		Expected []expectedAlert `yaml:"exp_alerts"`
	}
	expectedAlert struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	}
)

// tests rings each rule by traffic that breaks it, shows it silent before its
// time, and silent at baseline for as long.
func (a *alerts) tests() *testFile {
	// Several samples to each window and to each wait.
	step := max(min(a.o.Window, a.o.For)/5, time.Second).Truncate(time.Second)
	f := &testFile{RuleFiles: []string{AlertsFile}, Interval: promTime(step)}
	for i := range a.rules {
		r := &a.rules[i]
		name := r.Alert
		if r.about != "" {
			name += ", " + clean(r.about, maxName)
		}
		every := cmp.Or(r.every, step)
		steps := int(2*r.after/every) + 2
		series := func(data []testData) []testSeries {
			out := []testSeries{}
			for _, d := range data {
				out = append(out, testSeries{d.series, fmt.Sprintf("0+%sx%d", perStep(d.minute, every), steps)})
			}
			return out
		}
		at := promTime(r.after + 2*every)
		rings := alertTest{At: at, Alert: r.Alert, Expected: []expectedAlert{{r.fired(), r.told()}}}
		ring := ruleTest{name + ": rings", promTime(every), series(r.fires), []alertTest{rings}}
		if r.For != "" {
			ring.Alerts = slices.Insert(ring.Alerts, 0, alertTest{promTime(a.o.For / 2), r.Alert, []expectedAlert{}})
		}
		f.Tests = append(f.Tests, ring, ruleTest{name + ": silent at baseline", promTime(every), series(r.quiet), []alertTest{{at, r.Alert, []expectedAlert{}}}})
	}
	return f
}

// perStep is the increase in each step.
func perStep(minute int64, step time.Duration) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", float64(minute)*step.Minutes()), "0"), ".")
}

// fired are the labels that the alert carries when it rings.
func (r *rule) fired() map[string]string { return rendered(r.Labels) }

func (r *rule) told() map[string]string { return rendered(r.Annotations) }

// rendered undoes literal, as Prometheus does.
func rendered(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = strings.ReplaceAll(v, `{{"{{"}}`, "{{")
	}
	return out
}
