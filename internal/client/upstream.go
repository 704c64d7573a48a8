package client

import "time"

// The headers in which a gateway says how long it waited for what is behind it.
const (
	headerTiming = "server-timing"                 // upstream;dur=12.3
	headerKong   = "x-kong-upstream-latency"       // milliseconds
	headerEnvoy  = "x-envoy-upstream-service-time" // milliseconds
)

// underMillisecond is a time that was told as 0: it was measured, by a clock that
// is no finer.
const underMillisecond = time.Nanosecond

// maybeUpstream is false of nearly all other headers, at next to no cost.
func maybeUpstream(name []byte) bool {
	n, first := len(name), name[0]|0x20
	return first == 's' && n == len(headerTiming) || first == 'x' && (n == len(headerKong) || n == len(headerEnvoy))
}

// upstreamTime is what a header whose name is none of the client's own says of the
// upstream; 0: nothing.
func upstreamTime(name, value []byte) time.Duration {
	switch len(name) {
	case len(headerTiming):
		if equalFold(name, headerTiming) {
			return timingOf(value)
		}
	case len(headerKong):
		if equalFold(name, headerKong) {
			return millis(value)
		}
	case len(headerEnvoy):
		if equalFold(name, headerEnvoy) {
			return millis(value)
		}
	}
	return 0
}

// timingOf is the duration of the metric "upstream" of a Server-Timing
// (https://www.w3.org/TR/server-timing/); 0: it has none.
func timingOf[T []byte | string](value T) time.Duration {
	for len(value) > 0 {
		var metric T
		metric, value = cut(value, ',')
		name, params := cut(metric, ';')
		if !isWord(name, "upstream") {
			continue
		}
		for len(params) > 0 {
			var param T
			param, params = cut(params, ';')
			if key, v := cut(param, '='); isWord(key, "dur") {
				return millis(v)
			}
		}
	}
	return 0
}

// cut is what stands before the first sep that is not in quotes, and after it.
func cut[T []byte | string](s T, sep byte) (before, after T) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, s[len(s):]
}

// bare is s without spaces around it.
func bare[T []byte | string](s T) T {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// isWord reports whether s is a word, given in lower case, in any case.
func isWord[T []byte | string](s T, word string) bool {
	s = bare(s)
	if len(s) != len(word) {
		return false
	}
	for i := range len(word) {
		if s[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// millis is a decimal number of milliseconds, under 12 days; 0: it is none.
func millis[T []byte | string](s T) time.Duration {
	s = bare(s)
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	d, unit, digits := time.Duration(0), time.Millisecond, 0
	fraction := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && !fraction:
			fraction = true
		case c < '0' || c > '9' || digits > 9 && !fraction:
			return 0
		case fraction:
			unit /= 10
			d += time.Duration(c-'0') * unit
			digits++
		default:
			d = d*10 + time.Duration(c-'0')*time.Millisecond
			digits++
		}
	}
	if digits == 0 {
		return 0
	}
	return max(d, underMillisecond)
}
