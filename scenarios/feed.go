package scenarios

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A feedTable is a table whose rows users take their data from: a file of CSV, with a
// line of names first, or of JSON lines.
type feedTable struct {
	name    string
	file    *fileRef
	order   string // of feedOrders
	at      position
	columns []string
	rows    [][]member // one for each column
}

// The orders in which a user takes rows, one each iteration.
const (
	feedSequential = "sequential" // user n begins with row n, and goes on row by row
	feedRandom     = "random"     // any row, each time
	feedUnique     = "unique"     // user n has row n, always
)

var (
	feedOrders = []string{feedSequential, feedRandom, feedUnique}
	feedKeys   = []string{"file", "order"}
)

const (
	maxFeeds    = 100
	maxFeedRows = 1_000_000
)

// feeds reads the feeds: a file's name, or {file: NAME, order: ORDER}.
func (d *decoder) feeds(n *yaml.Node) (l []*feedTable) {
	for _, e := range d.mapping(n, "feeds", nil) {
		f := &feedTable{name: e.name, order: feedSequential, at: d.at(e.key)}
		if !isWord(e.name) {
			d.add(e.key, "`%s` is no name of a feed: use letters, digits and _", shorten(e.name, 40))
			continue
		}
		if len(l) == maxFeeds {
			d.add(e.key, "a scenario has at most %d feeds", maxFeeds)
			return l
		}
		if r := d.deref(e.value); r != nil && r.Kind == yaml.ScalarNode {
			f.file = d.attachment(e.value)
		} else {
			keys := d.mapping(e.value, "a feed", feedKeys)
			named := r == nil || 2*len(keys) != len(r.Content) // an unknown key may be a misspelt one
			for _, k := range keys {
				switch k.name {
				case "file":
					named = true
					f.file = d.attachment(k.value)
				case "order":
					if f.order = d.line(k.value, "an order"); !slices.Contains(feedOrders, f.order) && f.order != "" {
						d.add(k.value, "`%s` is no order of a feed%s", shorten(f.order, 40), suggestion(f.order, "order", feedOrders))
					}
				}
			}
			if !named && r.Kind == yaml.MappingNode {
				d.add(e.key, "the feed `%s` has no file: write `%s: {file: %s.csv}`", e.name, e.name, e.name)
			}
		}
		l = append(l, f)
	}
	return l
}

// parse reads the feed's file.
func (f *feedTable) parse(data []byte) Mistakes {
	mistake := func(line int, format string, args ...any) Mistakes {
		return Mistakes{Mistake{File: f.file.name, Line: line, Column: 1, Message: fmt.Sprintf(format, args...)}}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if strings.HasSuffix(f.file.name, ".jsonl") || strings.HasSuffix(f.file.name, ".ndjson") {
		return f.parseLines(data, mistake)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.ReuseRecord = true
	for {
		record, err := r.Read()
		if err == io.EOF {
			break
		}
		line, _ := r.FieldPos(0)
		if e := (*csv.ParseError)(nil); errors.As(err, &e) {
			if errors.Is(e.Err, csv.ErrFieldCount) {
				return mistake(e.Line, "the row has %d fields; the first line names %d", len(record), len(f.columns))
			}
			return Mistakes{{f.file.name, e.Line, e.Column, "not CSV: " + e.Err.Error()}}
		} else if err != nil {
			return mistake(1, "not CSV: %v", err)
		}
		if f.columns == nil {
			f.columns = make([]string, len(record))
			for i, name := range record {
				f.columns[i] = strings.TrimSpace(name)
				if !isWord(f.columns[i]) {
					return mistake(line, "the first line names the columns, and `%s` is no name: use letters, digits and _", shorten(name, 40))
				}
				if slices.Contains(f.columns[:i], f.columns[i]) {
					return mistake(line, "two columns are called `%s`", f.columns[i])
				}
			}
			continue
		}
		row := make([]member, len(record))
		for i, v := range record {
			row[i] = member{v, slotText}
		}
		if f.rows = append(f.rows, row); len(f.rows) > maxFeedRows {
			return mistake(line, "a feed has at most %d rows", maxFeedRows)
		}
	}
	if len(f.rows) == 0 {
		return mistake(1, "the feed has no rows: the first line names the columns, each line after it is a row")
	}
	return nil
}

// parseLines reads JSON lines: an object each, all with the same names.
func (f *feedTable) parseLines(data []byte, mistake func(int, string, ...any) Mistakes) Mistakes {
	n := 0
	for line := range bytes.Lines(data) {
		if n++; len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(line, &doc); err != nil || doc == nil {
			return mistake(n, "each line is a JSON object, and this is none")
		}
		if f.columns == nil {
			for name := range doc {
				if !isWord(name) {
					return mistake(n, "`%s` is no name of a column: use letters, digits and _", shorten(name, 40))
				}
				f.columns = append(f.columns, name)
			}
			slices.Sort(f.columns)
		}
		row := make([]member, len(f.columns))
		for i, name := range f.columns {
			raw, ok := doc[name]
			if !ok || len(doc) != len(f.columns) {
				return mistake(n, "the row has other names than the first: those are %s", shorten(strings.Join(f.columns, ", "), 200))
			}
			var text string
			if json.Unmarshal(raw, &text) == nil && raw[0] == '"' {
				row[i] = member{text, slotText}
			} else {
				row[i] = member{string(raw), slotJSON}
			}
		}
		if f.rows = append(f.rows, row); len(f.rows) > maxFeedRows {
			return mistake(n, "a feed has at most %d rows", maxFeedRows)
		}
	}
	if len(f.rows) == 0 {
		return mistake(1, "the feed has no rows: each line is a JSON object")
	}
	return nil
}

// feedRow is the index of the row that the user takes in this iteration.
func (u *session) feedRow(i int) int {
	if u.rows[i] < 0 {
		f := u.script.feeds[i]
		n := len(f.rows)
		switch f.order {
		case feedRandom:
			u.rows[i] = int32(u.random.Uint64N(uint64(n)))
		case feedUnique:
			u.rows[i] = int32(u.id % n)
		default:
			u.rows[i] = int32((u.id + u.iterations) % n)
		}
	}
	return int(u.rows[i])
}

// turn lets the next iteration take other rows.
func (u *session) turn() {
	for i := range u.rows {
		u.rows[i] = -1
	}
}

// lintColumns finds columns that no feed has, once the feeds have been read.
func (s *Scenario) lintColumns() (ms Mistakes) {
	s.values(func(v *value) {
		if v.kind != valueFeed {
			return
		}
		for _, f := range s.feeds {
			if f.name == v.name && f.columns != nil && !slices.Contains(f.columns, v.column) {
				ms = append(ms, v.at.mistake("the feed `%s` has no column `%s`%s", f.name, v.column, suggestion(v.column, f.file.name, f.columns)))
			}
		}
	})
	return ms
}

// feeds refuses more users than a feed has rows for, where each is to have its
// own.
func (c *compiler) feeds() {
	for _, f := range c.scenario.feeds {
		if f.order == feedUnique && c.opts.Users > len(f.rows) {
			c.add(f.at, "the feed `%s` has %d rows, one for each user, and there are up to %d users: add rows, or use another order", f.name, len(f.rows), c.opts.Users)
		}
	}
}
