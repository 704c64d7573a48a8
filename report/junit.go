package report

import (
	"encoding/xml"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// The elements of JUnit's XML, as Jenkins and GitLab read it.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string           `xml:"name,attr"`
	Tests      int              `xml:"tests,attr"`
	Failures   int              `xml:"failures,attr"`
	Errors     int              `xml:"errors,attr"`
	Skipped    int              `xml:"skipped,attr"`
	Time       string           `xml:"time,attr"`
	Timestamp  string           `xml:"timestamp,attr,omitempty"`
	Hostname   string           `xml:"hostname,attr,omitempty"`
	Properties *junitProperties `xml:"properties,omitempty"`
	Cases      []junitCase      `xml:"testcase"`
	Out        string           `xml:"system-out,omitempty"`
}

type junitProperties struct {
	List []junitProperty `xml:"property"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	Time    string       `xml:"time,attr"`
	Failure *junitReason `xml:"failure,omitempty"`
	Error   *junitReason `xml:"error,omitempty"`
	Skipped *junitReason `xml:"skipped,omitempty"`
	Out     string       `xml:"system-out,omitempty"`
}

type junitReason struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the run as test cases: one for the measurement itself, one for
// each threshold on the run, and one for each endpoint with each threshold on it.
// A broken threshold is a failure. NOT PROVEN is an error while it fails the run
// and skipped where it only warns; what is INVALID is an error; what was not
// judged is skipped.
func JUnit(w io.Writer, r *run.Result, _ Options) error {
	j := junitRun{r: r, scenario: clean(r.Scenario, maxName)}
	all := junitSuites{Name: "lt " + j.scenario, Time: junitSeconds(r.DurationS), Suites: []junitSuite{j.thresholds(), j.endpoints()}}
	if r.Comparison != nil {
		all.Suites = append(all.Suites, j.comparison())
	}
	for i := range all.Suites {
		s := &all.Suites[i]
		for _, c := range s.Cases {
			s.Tests++
			switch {
			case c.Failure != nil:
				s.Failures++
			case c.Error != nil:
				s.Errors++
			case c.Skipped != nil:
				s.Skipped++
			}
		}
		all.Tests, all.Failures, all.Errors, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors, all.Skipped+s.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

type junitRun struct {
	r        *run.Result
	scenario string
}

func (j junitRun) suite(name string) junitSuite {
	return junitSuite{
		Name: "lt " + j.scenario + " " + name, Time: junitSeconds(j.r.DurationS), Hostname: clean(j.r.Environment.Host, maxName),
		Timestamp: junitTime(j.r.StartedAt), Cases: []junitCase{},
	}
}

// thresholds are the case of the measurement and those of the thresholds that
// are not on one endpoint.
func (j junitRun) thresholds() junitSuite {
	r, s := j.r, j.suite("thresholds")
	s.Properties = &junitProperties{}
	add := func(name, value string) {
		if value != "" {
			s.Properties.List = append(s.Properties.List, junitProperty{name, clean(value, maxMessage)})
		}
	}
	add("run_id", r.RunID)
	add("verdict", string(r.Verdict))
	add("target", r.Target)
	add("load", r.Load)
	add("command", r.Command)
	for i, k := range slices.Sorted(maps.Keys(r.Labels)) {
		if i == 40 {
			break
		}
		add("label."+clean(k, 60), r.Labels[k])
	}
	s.Cases = append(s.Cases, j.measurement())
	for i := range r.Thresholds {
		if t := &r.Thresholds[i]; !j.onEndpoint(t) {
			s.Cases = append(s.Cases, j.threshold("lt."+j.scenario+".thresholds", label(t), t, 0))
		}
	}
	s.Out = strings.Join(append([]string{headline(r).Word}, reasons(r)...), "\n")
	return s
}

// measurement is the case that fails where no threshold can: the run was invalid
// or cut short.
func (j junitRun) measurement() junitCase {
	c := junitCase{Class: "lt." + j.scenario, Name: "the measurement is whole and valid", Time: junitSeconds(j.r.DurationS)}
	var why []string
	for _, c := range cautions(j.r) {
		if c.Word != "INSECURE" && c.Word != "IMPORTED" {
			why = append(why, c.Word+": "+c.Text)
		}
	}
	if !j.r.Generator.Valid || j.r.Verdict == verdict.Invalid {
		text := "INVALID: the load generator, not the target, was measured."
		for _, s := range j.r.Generator.Validity {
			text += " " + clean(s, maxMessage)
		}
		why = append(why, text)
	}
	if j.r.Imported != nil {
		c.Skipped = &junitReason{Message: importedText(j.r.Imported)}
	}
	if len(why) > 0 {
		c.Skipped = nil
		c.Error = &junitReason{Type: "measurement", Message: why[0], Text: strings.Join(why, "\n")}
	}
	return c
}

// junitTime is a moment; empty where nobody knows it.
func junitTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}

// onEndpoint reports whether a threshold is on exactly one of the endpoints.
func (j junitRun) onEndpoint(t *verdict.Judged) bool {
	return t.Scope != "" && slices.ContainsFunc(j.r.Endpoints, func(e run.EndpointResult) bool { return e.Name == t.Scope })
}

func (j junitRun) endpoints() junitSuite {
	s := j.suite("endpoints")
	class := "lt." + j.scenario + ".endpoints"
	for i := range j.r.Endpoints {
		e := &j.r.Endpoints[i]
		mean := 0.0
		if e.Response != nil {
			mean = e.Response.Mean / 1000
		}
		name, judged := clean(e.Name, maxName), false
		for k := range j.r.Thresholds {
			t := &j.r.Thresholds[k]
			if t.Scope == "" || t.Scope != e.Name {
				continue
			}
			judged = true
			c := j.threshold(class, name+": "+clean(t.Expression, maxName), t, mean)
			if e.Failed > 0 {
				c.Out = outcomeList(e.Outcomes)
			}
			s.Cases = append(s.Cases, c)
		}
		if judged {
			continue
		}
		c := junitCase{Class: class, Name: name, Time: junitSeconds(mean), Skipped: &junitReason{Message: "no threshold was asked of it"}}
		if e.Requests == 0 {
			c.Skipped.Message = "not exercised"
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}

func (j junitRun) threshold(class, name string, t *verdict.Judged, seconds float64) junitCase {
	c := junitCase{Class: class, Name: name, Time: junitSeconds(seconds)}
	why := &junitReason{Type: clean(t.Metric, 40), Message: clean(t.Reason, maxMessage)}
	if t.Value != nil {
		why.Text = "measured " + quantity(*t.Value, t.Unit)
		if in := interval(t.Low, t.High, t.Unit); in != "" {
			why.Text += " (" + in + ")"
		}
		why.Text += ", n " + count(t.N)
	}
	switch t.Verdict {
	case verdict.Pass:
		c.Out = why.Message
	case verdict.Fail:
		c.Failure = why
	case verdict.Inconclusive:
		why.Message = "NOT PROVEN: " + why.Message
		if t.Scope == "" && j.r.ExitCode != nil && *j.r.ExitCode != 0 {
			c.Error = why
		} else {
			c.Skipped = why
		}
	case verdict.Invalid:
		why.Message = "INVALID: " + why.Message
		c.Error = why
	case verdict.Warn:
		why.Message = "WARN: " + why.Message
		c.Skipped = why
	default:
		if why.Message == "" {
			why.Message = "not judged"
		}
		c.Skipped = why
	}
	return c
}

func junitSeconds(s float64) string { return strconv.FormatFloat(s, 'f', 3, 64) }
