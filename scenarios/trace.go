package scenarios

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
)

// traceHeader carries a request's place in the target's traces: W3C Trace Context,
// level 1.
const (
	traceHeader = "traceparent"
	// 00-<trace id>-<parent id>-<flags>, sampled.
	traceZero = "00-00000000000000000000000000000000-0000000000000000-01"
	traceID   = len("00-")
	parentID  = traceID + 32 + len("-")
)

// A tracer makes the ids of a user's requests. Its randomness is its own, so that
// bodies are the same with and without it.
type tracer struct{ source rand.PCG }

func newTracer(seed uint64, id int) tracer {
	return tracer{*rand.NewPCG(seed^0x7472616365706172, uint64(id))}
}

// write makes new ids in dst, which holds a traceparent.
func (t *tracer) write(dst []byte) {
	hi, lo := t.source.Uint64(), t.source.Uint64()|1 // all zeros would be invalid
	putHex(dst[traceID:traceID+16], hi)
	putHex(dst[traceID+16:traceID+32], lo)
	putHex(dst[parentID:parentID+16], bits.RotateLeft64(hi, 32)^lo|1)
}

// hexPairs are the two digits of each byte.
var hexPairs = func() (t [256][2]byte) {
	for i := range t {
		t[i] = [2]byte{hexDigits[i>>4], hexDigits[i&15]}
	}
	return t
}()

func putHex(dst []byte, v uint64) {
	_ = dst[15]
	for i := range 8 {
		p := hexPairs[byte(v>>(56-8*i))]
		dst[2*i], dst[2*i+1] = p[0], p[1]
	}
}

// traceAt is where the value of the traceparent begins in a request; 0: it has
// none.
func traceAt(wire []byte) int {
	name := []byte("\r\n" + traceHeader + ": ")
	head, _, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
	i := bytes.Index(head, name)
	if i < 0 || len(head) < i+len(name)+len(traceZero) {
		return 0
	}
	return i + len(name)
}

// traceIDOf is the trace id that a request carries; empty: none.
func traceIDOf(wire []byte) string {
	if at := traceAt(wire); at > 0 {
		return string(wire[at+traceID : at+traceID+32])
	}
	return ""
}
