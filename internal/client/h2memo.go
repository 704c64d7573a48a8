package client

import (
	"bytes"

	"github.com/seed-42693903/lt/internal/metric"
)

// A headMemo is the header block of an answer and what it said. Most answers of a
// run have the block of the one before but for the date, which changes once a
// second, and unpacking one of literals is up to two fifths of the cost. A server that
// enters a literal into the table with each answer (nginx 1.22) gains nothing by it.
//
// A block means the same again only if it changed nothing in the table of HPACK,
// and nothing has changed that since.
type headMemo struct {
	block  []byte
	tables int // changes of the table before it
	status int
	length int64
	size   int // of the list
}

// recall gives st what a block says without unpacking it. It can where nobody wants
// more of the headers than that.
func (r *h2reader) recall(st *stream, block []byte) bool {
	m := &r.memo
	if st.final || st.problem != nil || m.tables != r.tables || !st.terse() || !bytes.Equal(block, m.block) ||
		!st.req.expects(m.status) || m.length > st.maxBody {
		return false
	}
	st.status, st.length, st.listSize = m.status, m.length, m.size
	st.final, st.phase = true, metric.PhaseBody
	return true
}

// remember notes what a block has said, which st has taken from it.
func (r *h2reader) remember(st *stream, block []byte) {
	if !st.final && st.problem == nil && st.status >= 200 && st.terse() {
		r.memo = headMemo{append(r.memo.block[:0], block...), r.tables, st.status, st.length, st.listSize}
	}
}

// terse reports whether a request wants nothing of the headers but the status and
// where the body ends.
func (st *stream) terse() bool {
	return !st.req.Keep && !st.req.Cookies && !st.req.Decode && !st.req.NoBody
}

// changesTable reports whether a header block, which has been decoded without an
// error, changes the table of HPACK: RFC 7541, 6.
func changesTable(b []byte) bool {
	for len(b) > 0 {
		switch c := b[0]; {
		case c&0x80 != 0: // an entry
			b = skipInt(b, 7)
		case c&0xe0 != 0: // a literal with an entry for it; a new size of the table
			return true
		default: // a literal without
			named := c&0x0f != 0
			if b = skipInt(b, 4); !named {
				b = skipString(b)
			}
			b = skipString(b)
		}
	}
	return false
}

// skipInt is b after an integer whose first byte has so many bits of it.
func skipInt(b []byte, bits uint) []byte {
	mask := byte(1)<<bits - 1
	more := b[0]&mask == mask
	b = b[1:]
	for more && len(b) > 0 {
		more = b[0]&0x80 != 0
		b = b[1:]
	}
	return b
}

// skipString is b after a string.
func skipString(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	n, shift := int(b[0]&0x7f), 0
	long := n == 0x7f
	b = b[1:]
	for long && len(b) > 0 && shift < 28 {
		n += int(b[0]&0x7f) << shift
		shift += 7
		long = b[0]&0x80 != 0
		b = b[1:]
	}
	return b[min(n, len(b)):]
}
