package importer

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-42693903/lt/internal/metric"
)

// hlog reads an HdrHistogram log: lines of [Tag=NAME,]start,length,max,histogram,
// the start in seconds, the histogram in the V2 encoding, compressed, in base64.
// Its comments give the time that the starts count from, as the log readers of the
// HdrHistogram project understand them.
type hlog struct {
	*lines
	unit    time.Duration // of the histograms' values
	own     bool          // lt's own log: tags are METHOD:path:kind
	started float64       // seconds since 1970; 0: no comment tells
	base    float64
	based   bool
	untimed *bool // set where nothing tells when the log's time starts
	step    *time.Duration
	count   float64
}

// untimedStart stands for the start of a log that does not tell it.
const untimedStart = 946684800 // 2000-01-01

func (h *hlog) next(e *event) bool {
	for {
		line, ok := h.lines.next()
		if !ok {
			return false
		}
		text := string(bytes.TrimSpace(line))
		switch {
		case text == "" || strings.HasPrefix(text, `"StartTimestamp"`):
			continue
		case strings.HasPrefix(text, "#"):
			h.comment(text)
			continue
		}
		if h.line(e, text) {
			return true
		}
	}
}

func (h *hlog) comment(text string) {
	seconds := func(key string) (float64, bool) {
		_, rest, ok := strings.Cut(text, key)
		if !ok {
			return 0, false
		}
		number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		v, err := strconv.ParseFloat(strings.TrimRight(number, "]"), 64)
		return v, err == nil && v >= 0 && v < float64(latest)/1e9
	}
	if v, ok := seconds("[StartTime:"); ok {
		h.started = v
	}
	if v, ok := seconds("[BaseTime:"); ok {
		h.base, h.based = v, true
	}
	if strings.HasPrefix(text, "#[lt: histograms of nanoseconds") {
		h.own, h.unit = true, time.Nanosecond
	}
}

func (h *hlog) line(e *event, text string) bool {
	column := 1
	tag := ""
	if rest, ok := strings.CutPrefix(text, "Tag="); ok {
		var found bool
		if tag, rest, found = strings.Cut(rest, ","); !found {
			if !h.dropTorn() {
				h.f.mistake(h.n, column, "nothing follows the tag")
			}
			return false
		}
		column += len(text) - len(rest)
		text = rest
	}
	parts := strings.Split(text, ",")
	if len(parts) != 4 {
		if !h.dropTorn() {
			h.f.mistake(h.n, column, "%d fields: want start, length, maximum and histogram", len(parts))
		}
		return false
	}
	var number [2]float64
	for i := range number {
		v, err := strconv.ParseFloat(strings.TrimSpace(parts[i]), 64)
		if err != nil || !(v >= 0 && v < float64(latest)/1e9) || i == 1 && v > 86400 {
			h.f.mistake(h.n, column, "%q: want seconds", brief(parts[i]))
			return false
		}
		number[i] = v
		column += len(parts[i]) + 1
	}
	column += len(parts[2]) + 1
	packed, err := hdr.DecodePacked([]byte(parts[3]))
	if err != nil {
		if !h.dropTorn() {
			h.f.mistake(h.n, column, "no histogram of the V2 encoding: %v", err)
		}
		return false
	}
	start := number[0]
	switch {
	case h.based:
		start += h.base
	case h.started > 0 && start < h.started-365*86400:
		start += h.started
	case h.started == 0 && start < float64(earliest)/1e9:
		start += untimedStart
		*h.untimed = true
	}
	length := time.Duration(number[1] * 1e9)
	*h.step = max(*h.step, length)
	*e = event{kind: histogram, at: int64((start + number[1]) * 1e9), took: length, line: h.n, column: column, dist: &metric.Dist{}}
	var wrong error
	packed.ForEachBucket(func(value, count int64) bool {
		d, ok := duration(float64(value), h.unit)
		if !ok || count < 0 || count > maxCount {
			wrong = fmt.Errorf("%d values of %d: want 0 to 24 h in units of %v (--unit), at most 10^12 times", count, value, h.unit)
			return false
		}
		if h.count += float64(count) * float64(d); h.count > 8e18 {
			wrong = fmt.Errorf("the values add up to more than 250 years (--unit says what they are in)")
			return false
		}
		e.dist.RecordN(d, count)
		return true
	})
	if wrong != nil {
		h.f.mistake(h.n, column, "%v", wrong)
		return false
	}
	return h.name(e, tag)
}

// name gives the line's histogram to an endpoint; false: it is not one of requests.
func (h *hlog) name(e *event, tag string) bool {
	if tag == "" {
		e.endpoint = metric.Endpoint{Path: "all"}
		return true
	}
	if !h.own {
		e.endpoint = endpoint("", tag)
		return true
	}
	tag = unescape.Replace(tag)
	at := strings.LastIndexByte(tag, ':')
	method, path, ok := strings.Cut(tag[:max(at, 0)], ":")
	if !ok {
		return false // of the generator
	}
	switch tag[at+1:] {
	case "ok":
	case "failed":
		e.class = unknownFailure
	default:
		return false // another time of requests that are counted already
	}
	e.endpoint = metric.Endpoint{Method: method, Path: path}
	return true
}

// unescape undoes what lt escapes in a tag.
var unescape = strings.NewReplacer("%25", "%", "%20", " ", "%2C", ",", "%0A", "\n", "%0D", "\r", "%09", "\t")
