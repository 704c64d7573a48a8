package scenarios

import (
	"encoding/json"
	"slices"
	"strings"
)

func (c *compiler) target(s *Step) []segment {
	segs := join(nil, []byte(c.prefix))
	query := false
	for _, p := range s.path.parts {
		if p.value == nil {
			segs = join(segs, escapeHigh(p.text))
			query = query || strings.Contains(p.text, "?")
			continue
		}
		enc := asPath
		if query {
			enc = asQuery
		}
		segs = c.value(segs, p.value, enc)
	}
	for i, q := range s.query {
		sep := "&"
		if i == 0 && !query {
			sep = "?"
		}
		segs = join(segs, appendEncoded([]byte(sep), q.name, asQuery))
		segs = join(segs, []byte("="))
		segs = c.template(segs, &s.query[i].value, asQuery)
	}
	return segs
}

// escapeHigh percent-encodes the bytes of a path that HTTP does not allow as
// they are: letters beyond ASCII.
func escapeHigh(s string) []byte {
	var b []byte
	for i := range len(s) {
		if s[i] >= 0x80 {
			b = appendEscaped(b, s[i:i+1], asPath)
		} else {
			b = append(b, s[i])
		}
	}
	return b
}

// template appends the segments of a template.
func (c *compiler) template(segs []segment, t *template, enc encoding) []segment {
	for _, p := range t.parts {
		if p.value != nil {
			segs = c.value(segs, p.value, enc)
		} else {
			segs = join(segs, appendEncoded(nil, p.text, enc))
		}
	}
	return segs
}

// json appends the segments of a JSON body.
func (c *compiler) json(segs []segment, v *jsonValue) []segment {
	switch v.kind {
	case jsonRaw:
		return join(segs, []byte(v.raw))
	case jsonText:
		if alone := v.text.alone(); alone != nil {
			return c.value(segs, alone, asJSON)
		}
		segs = join(segs, []byte(`"`))
		segs = c.template(segs, &v.text, asJSONText)
		return join(segs, []byte(`"`))
	case jsonArray:
		return c.jsonArray(segs, v.items)
	}
	segs = join(segs, []byte("{"))
	for i := range v.keys {
		if i > 0 {
			segs = join(segs, []byte(","))
		}
		segs = join(segs, append(appendJSONString(nil, v.keys[i].name), ':'))
		segs = c.json(segs, &v.keys[i].value)
	}
	return join(segs, []byte("}"))
}

// jsonArray appends the segments of a list, in which ${repeat(1, 3)} repeats the
// item after it.
func (c *compiler) jsonArray(segs []segment, items []jsonValue) []segment {
	segs = join(segs, []byte("["))
	if !slices.ContainsFunc(items, func(v jsonValue) bool { return v.repeats() != nil }) {
		for i := range items {
			if i > 0 {
				segs = join(segs, []byte(","))
			}
			segs = c.json(segs, &items[i])
		}
		return join(segs, []byte("]"))
	}
	// Each item brings its comma; the end of the list takes the last one away.
	for i := 0; i < len(items); i++ {
		r := items[i].repeats()
		if r == nil || i+1 == len(items) {
			segs = join(c.json(segs, &items[i]), []byte(","))
			continue
		}
		i++
		segs = append(segs, segment{
			op: opRepeat, lo: r.lo, width: uint64(r.hi-r.lo) + 1, inner: join(c.json(nil, &items[i]), []byte(",")),
		})
	}
	return append(segs, segment{op: opEndList})
}

// value appends the segment of a value.
func (c *compiler) value(segs []segment, v *value, enc encoding) []segment {
	s := segment{enc: enc}
	encoded := func(x choice) []byte {
		if enc == asJSON {
			return []byte(x.json)
		}
		return appendEncoded(nil, x.text, enc)
	}
	switch v.kind {
	case valueEnv:
		x, _ := c.env(v)
		return join(segs, encoded(x))
	case valueExpression:
		if v.constant() {
			x, _ := c.folded(v)
			return join(segs, encoded(x))
		}
		b := c.bind(v.expr)
		s.op, s.expr, s.source = opExpression, &b, v.source
	case valueFeed:
		s.op = opFeed
		s.slot, s.column = c.column(v)
	case valueRequest:
		s.op, s.slot = opRequest, slices.Index(requestParts, v.name)
	case valueVariable:
		s.op, s.slot = opSlot, number(c.slots, v.name)
	case valueFake:
		s.op, s.fake = opFake, fakes[v.name]
	case valueUUID:
		s.op = opUUID
	case valueNow:
		s.op = map[string]op{"": opNow, "unix": opNowUnix, "unix_ms": opNowUnixMS}[v.name]
	case valueCounter:
		s.op = opCounter
	case valueUser:
		s.op = opUser
	case valuePick:
		s.op = opPick
		for _, x := range v.choices {
			s.choices = append(s.choices, encoded(x))
		}
	case valueInt:
		s.op, s.lo = opInt, v.lo
		s.width = uint64(v.hi) - uint64(v.lo) + 1
	case valueFloat:
		s.op, s.from, s.span = opFloat, v.from, v.to-v.from
	}
	return append(segs, s)
}

// bind gives an expression the slots and values of the persona under way.
func (c *compiler) bind(x *expression) boundExpression {
	b := boundExpression{expression: x}
	for _, name := range x.variables {
		b.slots = append(b.slots, number(c.slots, name))
	}
	for _, v := range x.values {
		s := segment{op: opText} // of an empty variable of the environment
		if segs := c.value(nil, v, asText); len(segs) > 0 {
			s = segs[0]
		}
		for _, choice := range v.choices {
			var typed any
			_ = json.Unmarshal([]byte(choice.json), &typed)
			s.typed = append(s.typed, typed)
		}
		b.inputs = append(b.inputs, s)
	}
	return b
}

// folded is the value of an expression that is known before the run.
func (c *compiler) folded(v *value) (choice, bool) {
	before := len(c.mistakes)
	b := c.bind(v.expr)
	if len(c.mistakes) > before {
		return choice{}, false
	}
	x, err := c.probe.evaluate(&b, nil)
	if err != nil {
		c.add(v.at, "`${%s}` has no value: %v", shorten(v.source, 60), err)
		return choice{}, false
	}
	if text, ok := x.(string); ok {
		return choice{text, string(appendJSONString(nil, text))}, true
	}
	text := textOf(x)
	return choice{text, text}, true
}

// column is the feed and the column that a value means.
func (c *compiler) column(v *value) (feed, column int) {
	feed = slices.IndexFunc(c.scenario.feeds, func(f *feedTable) bool { return f.name == v.name })
	if feed < 0 || len(c.scenario.feeds[feed].rows) == 0 {
		c.add(v.at, "the feed `%s` has not been read", v.name)
		return 0, 0
	}
	return feed, max(slices.Index(c.scenario.feeds[feed].columns, v.column), 0)
}
