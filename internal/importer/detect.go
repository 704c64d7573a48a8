package importer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A shape is what one file looks like.
type shape int

const (
	noShape shape = iota
	k6Shape
	k6SummaryShape
	vegetaJSONShape
	vegetaCSVShape
	jtlShape
	hlogShape
	locustStats
	locustHistory
	locustFailures
	locustExceptions
)

// format is the name of the format that the shape belongs to.
func (s shape) format() string {
	switch s {
	case k6Shape:
		return "k6"
	case k6SummaryShape:
		return "k6-summary"
	case vegetaJSONShape, vegetaCSVShape:
		return "vegeta"
	case jtlShape:
		return "jmeter"
	case hlogShape:
		return "hdr"
	}
	return "locust"
}

var (
	hlogStart   = regexp.MustCompile(`^(Tag=[^,]*,)?\d+(\.\d+)?,\d+(\.\d+)?,[\d.E+-]+,HISTF`)
	vegetaStart = regexp.MustCompile(`^\d{15,19},\d{1,3},\d+,\d+,\d+,`)
)

// detect tells the shape of a file from its content; format, if it is not empty,
// says which format it must be of.
func detect(f *file, format string) (shape, error) {
	head, err := f.head()
	if err != nil {
		return noShape, err
	}
	s, why := shapeOf(head)
	switch {
	case s != noShape && (format == "" || format == s.format()):
		return s, nil
	case s != noShape:
		return noShape, &Mistake{File: f.name, Text: fmt.Sprintf("it looks like %s, not like %s (--format)", s.format(), format)}
	case format != "" && why == "":
		// What cannot be told apart is believed; its reader says what is wrong, and where.
		switch format {
		case "k6":
			return k6Shape, nil
		case "k6-summary":
			return k6SummaryShape, nil
		case "jmeter":
			return jtlShape, nil
		case "hdr":
			return hlogShape, nil
		case "vegeta":
			if bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")) {
				return vegetaJSONShape, nil
			}
			return vegetaCSVShape, nil
		}
		why = "none of Locust's CSV files (stats, stats_history, failures)"
	case why == "":
		why = "in none of the formats that lt can read: " + formatNames()
	}
	return noShape, &Mistake{File: f.name, Line: 1, Text: why}
}

func formatNames() string {
	var out []string
	for _, f := range formats {
		out = append(out, f.Name)
	}
	return strings.Join(out, ", ")
}

// shapeOf tells what a file is by its start; why says what else it is, that cannot
// be read.
func shapeOf(head []byte) (s shape, why string) {
	head = bytes.TrimLeft(head, " \t\r\n")
	line, _, _ := bytes.Cut(head, []byte("\n"))
	first := strings.TrimSpace(string(line))
	switch {
	case len(head) == 0:
		return noShape, "it is empty"
	case head[0] == '{':
		return jsonShape(head, line)
	case strings.HasPrefix(first, "<"):
		return noShape, "JTL in XML cannot be read: let JMeter write CSV (jmeter.save.saveservice.output_format=csv)"
	case strings.HasPrefix(first, "Type,Name,Request Count,"), strings.HasPrefix(first, `"Type","Name","Request Count"`):
		return locustStats, ""
	case strings.HasPrefix(first, "Timestamp,User Count,"), strings.HasPrefix(first, `"Timestamp","User Count"`):
		return locustHistory, ""
	case strings.HasPrefix(first, "Method,Name,Error,Occurrences"), strings.HasPrefix(first, `"Method","Name","Error","Occurrences"`):
		return locustFailures, ""
	case strings.HasPrefix(first, "Count,Message,Traceback"):
		return locustExceptions, ""
	case strings.Contains(first, "timeStamp") && strings.Contains(first, "elapsed"):
		return jtlShape, ""
	case vegetaStart.MatchString(first):
		return vegetaCSVShape, ""
	case hlogStart.MatchString(first):
		return hlogShape, ""
	case strings.HasPrefix(first, "#") || strings.HasPrefix(first, `"StartTimestamp"`):
		for l := range bytes.Lines(head) {
			if hlogStart.Match(l) || bytes.HasPrefix(l, []byte(`"StartTimestamp"`)) {
				return hlogShape, ""
			}
		}
	case jtlHeadless.MatchString(first):
		return noShape, "JTL without the line of column names cannot be read: set jmeter.save.saveservice.print_field_names=true"
	case bytes.Contains(head[:min(len(head), 4096)], []byte("BytesOut")):
		return noShape, "vegeta's binary results cannot be read: vegeta encode --to json FILE"
	}
	return noShape, ""
}

var jtlHeadless = regexp.MustCompile(`^\d{13},\d+,[^,]*,`)

func jsonShape(head, line []byte) (shape, string) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(line, &keys) == nil {
		has := func(names ...string) bool {
			return !slices.ContainsFunc(names, func(n string) bool { _, ok := keys[n]; return !ok })
		}
		switch {
		case has("metrics"):
			return k6SummaryShape, ""
		case has("type", "metric", "data"):
			return k6Shape, ""
		case has("code", "timestamp", "latency"):
			return vegetaJSONShape, ""
		case has("latencies", "status_codes"):
			return noShape, "a report of vegeta's has no times of single requests: vegeta encode --to json of the results themselves"
		}
		return noShape, ""
	}
	at := func(key string) bool { return bytes.Contains(head, []byte(`"`+key+`"`)) }
	switch {
	case at("metrics") || at("root_group") || at("http_reqs") && !at("Point"):
		return k6SummaryShape, ""
	case at("Point") || at("Metric"):
		return k6Shape, ""
	case at("latency") && at("timestamp"):
		return vegetaJSONShape, ""
	}
	return noShape, ""
}

// delimiter is what stands between the columns of a JTL file.
func delimiter(f *file) byte {
	head, _ := f.head()
	line, _, _ := bytes.Cut(head, []byte("\n"))
	best := byte(',')
	for _, c := range []byte{';', '\t', '|'} {
		if bytes.Count(line, []byte{c}) > bytes.Count(line, []byte{best}) {
			best = c
		}
	}
	return best
}
