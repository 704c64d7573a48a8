package scenarios

import (
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
		segs = join(segs, []byte("["))
		for i := range v.items {
			if i > 0 {
				segs = join(segs, []byte(","))
			}
			segs = c.json(segs, &v.items[i])
		}
		return join(segs, []byte("]"))
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
