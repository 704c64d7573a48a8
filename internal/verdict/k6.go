package verdict

import (
	"regexp"
	"strings"
)

// K6Differences are the ways in which a threshold in k6's spelling is judged
// otherwise here than there.
var K6Differences = []string{
	"a failed request is slower than any limit: k6 times it like the others, so that fast errors flatter http_req_duration",
	"connecting is part of the time that a user waits: k6 leaves it out of http_req_duration",
	"a limit must be shown to hold: no data is no pass, too little is NOT PROVEN, where k6 compares one figure of whatever there is",
}

var k6Spelled = regexp.MustCompile(`^(p|med|avg|rate)\s*[(<>=]|===`)

// K6Spelled reports whether s, a threshold, is written as k6 writes it.
func K6Spelled(s string) bool {
	s = strings.TrimSpace(s)
	name := s
	if i := strings.IndexAny(s, ":{<>="); i >= 0 {
		name = strings.TrimSpace(s[:i])
	}
	if _, ok := k6Metrics[name]; ok && (strings.HasPrefix(name, "http_") || strings.HasPrefix(name, "dropped_") || strings.Contains(s, ":")) {
		return true
	}
	return k6Spelled.MatchString(s)
}
