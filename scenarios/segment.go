package scenarios

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

// A segment is a piece of a request that users append to it one after another:
// constant bytes, or a value. Segments are compiled so that appending looks no
// name up and formats nothing that is constant.
type segment struct {
	op      op
	enc     encoding
	slot    int
	text    []byte   // of opText, encoded
	choices [][]byte // of opPick, encoded
	fake    fake
	lo      int64
	width   uint64 // of opInt: how many numbers there are; 0: all of them
	from    float64
	span    float64

	column int
	inner  []segment // of opRepeat: the item
	expr   *boundExpression
	source string // of opExpression
	typed  []any  // of opPick inside an expression
}

type op uint8

const (
	opText op = iota
	opSlot
	opUUID
	opInt
	opFloat
	opPick
	opFake
	opNow
	opNowUnix
	opNowUnixMS
	opCounter
	opUser
	opFeed
	opRequest
	opExpression
	opRepeat
	opEndList
	opToken
	opCookie // a whole header, left out while there are none
	opTrace
)

// constant reports whether all segments are constant text, or patched into it.
func constant(segs []segment) bool {
	for _, s := range segs {
		if s.op != opText && s.op != opTrace && s.op != opCookie {
			return false
		}
	}
	return true
}

// join appends constant text, to the last segment if that is constant too.
func join(segs []segment, text []byte) []segment {
	if len(text) == 0 {
		return segs
	}
	if n := len(segs); n > 0 && segs[n-1].op == opText {
		segs[n-1].text = append(segs[n-1].text, text...)
		return segs
	}
	return append(segs, segment{op: opText, text: append([]byte(nil), text...)})
}

// append appends what the segments say for this user to dst.
func (u *session) append(dst []byte, segs []segment) []byte {
	for i := range segs {
		s := &segs[i]
		switch s.op {
		case opText:
			dst = append(dst, s.text...)
		case opSlot:
			dst = u.slots[s.slot].append(dst, s.enc)
		case opPick:
			dst = append(dst, s.choices[u.random.Uint64N(uint64(len(s.choices)))]...)
		case opInt:
			n := s.lo + int64(u.random.Uint64())
			if s.width > 0 {
				n = s.lo + int64(u.random.Uint64N(s.width))
			}
			dst = strconv.AppendInt(dst, n, 10)
		case opFloat:
			dst = strconv.AppendFloat(dst, s.from+u.random.Float64()*s.span, 'f', 4, 64)
		case opFake:
			dst = appendEncoded(dst, s.fake(u.fakes()), s.enc)
		case opCounter:
			u.counter++
			dst = strconv.AppendInt(dst, u.counter, 10)
		case opUser:
			dst = strconv.AppendInt(dst, int64(u.id), 10)
		case opFeed:
			m := &u.script.feeds[s.slot].rows[u.feedRow(s.slot)][s.column]
			if m.kind == slotJSON && s.enc == asJSON {
				dst = append(dst, m.text...)
			} else {
				dst = appendEncoded(dst, m.text, s.enc)
			}
		case opRepeat:
			for range s.lo + int64(u.random.Uint64N(s.width)) {
				dst = u.append(dst, s.inner)
			}
		case opEndList:
			if dst[len(dst)-1] == ',' {
				dst = dst[:len(dst)-1]
			}
			dst = append(dst, ']')
		case opRequest:
			dst = appendEncoded(dst, u.request[s.slot], s.enc)
		case opExpression:
			dst = u.appendExpression(dst, s)
		case opToken:
			if u.token != nil {
				dst = append(dst, u.token.value...)
			}
		case opTrace:
			dst = append(dst, traceZero...)
			u.trace.write(dst[len(dst)-len(traceZero):])
		case opCookie:
		default:
			dst = u.appendText(dst, s)
		}
	}
	return dst
}

// appendExpression appends the value of an expression. One that has none is noted:
// the request cannot be made.
func (u *session) appendExpression(dst []byte, s *segment) []byte {
	v, err := u.evaluate(s.expr, nil)
	if err != nil {
		u.unmade = fmt.Errorf("${%s} has no value: %w", shorten(s.source, 80), err)
		return dst
	}
	if text, ok := v.(string); ok || s.enc != asJSON {
		if !ok {
			text = textOf(v)
		}
		return appendEncoded(dst, text, s.enc)
	}
	j, err := json.Marshal(v)
	if err != nil {
		u.unmade = fmt.Errorf("${%s} is nothing that JSON can hold", shorten(s.source, 80))
	}
	return append(dst, j...)
}

// plain is a plain value as expressions see it.
func (u *session) plain(s *segment) any {
	switch s.op {
	case opInt, opCounter, opUser, opNowUnix, opNowUnixMS:
		n, _ := strconv.Atoi(string(u.append(nil, []segment{*s})))
		return n
	case opFloat:
		return s.from + u.random.Float64()*s.span
	case opPick:
		return s.typed[u.random.Uint64N(uint64(len(s.typed)))]
	case opFeed:
		m := u.script.feeds[s.slot].rows[u.feedRow(s.slot)][s.column]
		if m.kind == slotJSON {
			return decoded(gjson.Parse(m.text))
		}
		return m.text
	}
	return string(u.append(nil, []segment{*s}))
}

// appendText appends values that are text of plain characters: only JSON puts
// something around them, and only a URL would escape the time's colons.
func (u *session) appendText(dst []byte, s *segment) []byte {
	switch s.op {
	case opNowUnix:
		return strconv.AppendInt(dst, time.Now().Unix(), 10)
	case opNowUnixMS:
		return strconv.AppendInt(dst, time.Now().UnixMilli(), 10)
	}
	if s.enc == asJSON {
		dst = append(dst, '"')
	}
	if s.op == opUUID {
		dst = appendUUID(dst, u.random.Uint64(), u.random.Uint64())
	} else {
		dst = time.Now().UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
	if s.enc == asJSON {
		dst = append(dst, '"')
	}
	return dst
}

// appendUUID appends a UUID of version 4 made of these random bits.
func appendUUID(dst []byte, hi, lo uint64) []byte {
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	for i := 60; i >= 0; i -= 4 {
		dst = append(dst, hexDigits[hi>>i&15])
		if i == 32 || i == 16 {
			dst = append(dst, '-')
		}
	}
	dst = append(dst, '-')
	for i := 60; i >= 0; i -= 4 {
		dst = append(dst, hexDigits[lo>>i&15])
		if i == 48 {
			dst = append(dst, '-')
		}
	}
	return dst
}

// A slot holds a user's variable.
type slot struct {
	kind slotKind
	text []byte // reused from value to value
}

type slotKind uint8

const (
	slotEmpty slotKind = iota
	slotText
	slotJSON // a number, a boolean, a list or an object
	slotHole // of a preview: not known yet, and written as it is
)

func (v *slot) append(dst []byte, enc encoding) []byte {
	if v.kind == slotJSON && enc == asJSON || v.kind == slotHole {
		return append(dst, v.text...)
	}
	return appendEncoded(dst, view(v.text), enc)
}

// value is the variable as expressions see it.
func (v *slot) value() any {
	switch v.kind {
	case slotText, slotHole:
		return string(v.text)
	case slotJSON:
		return decoded(gjson.ParseBytes(v.text))
	}
	return nil
}
