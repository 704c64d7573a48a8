package report

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/run"
)

var csvHead = []string{
	"time", "t_s", "length_s", "period", "users", "requests", "failed", "error_rate", "throughput_per_s", "dropped",
	"p50_ms", "p95_ms", "p99_ms", "max_ms", "start_delay_p99_ms", "cpu_percent",
}

// CSV writes the timeline, one line for each of its points (RFC 4180). What was
// not measured is empty.
func CSV(w io.Writer, r *run.Result, _ Options) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	head, known := csvHead, true
	means := r.Imported != nil && r.Imported.SummaryOnly // all that is known of response times over time
	if means {
		head = append(slices.Clone(head), "mean_ms")
	}
	if r.Imported != nil {
		known = r.Imported.Users > 0
	}
	if err := c.Write(head); err != nil {
		return err
	}
	figure := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	measured := func(v *float64) string {
		if v == nil {
			return ""
		}
		return figure(*v)
	}
	for i := range r.Timeline {
		p := &r.Timeline[i]
		rate := ""
		if p.Requests > 0 {
			rate = figure(round(float64(p.Failed) / float64(p.Requests)))
		}
		at, users, dropped := "", "", ""
		if !r.StartedAt.IsZero() {
			at = r.StartedAt.Add(time.Duration(p.T * float64(time.Second))).UTC().Format("2006-01-02T15:04:05.000Z")
		}
		if known {
			users = strconv.Itoa(p.Users)
		}
		if r.Imported == nil || p.Dropped > 0 {
			dropped = strconv.FormatInt(p.Dropped, 10)
		}
		row := []string{
			at, figure(p.T), figure(p.Length), csvText(string(p.Period)), users,
			strconv.FormatInt(p.Requests, 10), strconv.FormatInt(p.Failed, 10), rate, figure(p.Throughput), dropped,
			measured(p.P50), measured(p.P95), measured(p.P99), measured(p.Max), measured(p.StartDelay), measured(p.CPU),
		}
		if means {
			row = append(row, measured(p.Mean))
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// round keeps six decimals of a ratio.
func round(v float64) float64 {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'f', 6, 64), 64)
	return v
}

// csvText is a text that no spreadsheet takes for a formula.
func csvText(s string) string {
	s = clean(s, maxName)
	if t := strings.TrimLeft(s, " '\""); t != "" && strings.ContainsRune("=+-@|%", rune(t[0])) {
		return "'" + s
	}
	return s
}
