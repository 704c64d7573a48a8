package run

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-42693903/lt/internal/metric"
)

// The HdrHistogram V2 wire format: a header of 40 bytes, then the counts as
// ZigZag LEB128, a run of n empty buckets as -n; compressed by zlib behind a
// header of 8 bytes. See the HdrHistogram project's EncodableHistogram.
const (
	v2Cookie           = 0x1c849303 | 0x10
	v2CompressedCookie = 0x1c849304 | 0x10
	v2HeaderSize       = 40
)

// An hlogEncoder writes histograms in the V2 format. The library's own encoder
// makes a zlib.Writer (800 KB) for each histogram, which an hour of a line each
// second for each of hundreds of endpoints cannot afford; this one keeps it.
type hlogEncoder struct {
	payload bytes.Buffer
	packed  bytes.Buffer
	zip     *zlib.Writer
}

// encode is h, in base64.
func (e *hlogEncoder) encode(h *hdr.PackedHistogram) (string, error) {
	e.payload.Reset()
	e.payload.Write(make([]byte, v2HeaderSize))
	unit := uint(bits.Len64(uint64(h.LowestTrackableValue())) - 1)
	// Half of the sub-buckets of a bucket, as a power of 2: 2048 in all for 3 digits.
	halfMagnitude := uint(bits.Len64(uint64(2*math.Pow10(int(h.SignificantFigures())))-1) - 1)
	mask := uint64(1<<(halfMagnitude+1)-1) << unit
	var scratch [binary.MaxVarintLen64]byte
	next := int64(0)
	for value, count := range h.ForEachBucket {
		v := uint64(value)
		bucket := uint(bits.Len64(v|mask)) - unit - (halfMagnitude + 1)
		sub := int64(v >> (bucket + unit))
		index := int64(bucket+1)<<halfMagnitude + sub - 1<<halfMagnitude
		if gap := index - next; gap > 0 {
			e.payload.Write(scratch[:binary.PutVarint(scratch[:], -gap)])
		}
		e.payload.Write(scratch[:binary.PutVarint(scratch[:], count)])
		next = index + 1
	}
	b := e.payload.Bytes()
	binary.BigEndian.PutUint32(b[0:], v2Cookie)
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)-v2HeaderSize))
	binary.BigEndian.PutUint32(b[8:], 0) // normalizing index offset
	binary.BigEndian.PutUint32(b[12:], uint32(h.SignificantFigures()))
	binary.BigEndian.PutUint64(b[16:], uint64(h.LowestTrackableValue()))
	binary.BigEndian.PutUint64(b[24:], uint64(h.HighestTrackableValue()))
	binary.BigEndian.PutUint64(b[32:], 0x3ff0000000000000) // conversion ratio 1.0

	e.packed.Reset()
	e.packed.Write(make([]byte, 8))
	if e.zip == nil {
		e.zip = zlib.NewWriter(&e.packed)
	} else {
		e.zip.Reset(&e.packed)
	}
	if _, err := e.zip.Write(b); err != nil {
		return "", err
	}
	if err := e.zip.Close(); err != nil {
		return "", err
	}
	z := e.packed.Bytes()
	binary.BigEndian.PutUint32(z[0:], v2CompressedCookie)
	binary.BigEndian.PutUint32(z[4:], uint32(len(z)-8))
	return base64.StdEncoding.EncodeToString(z), nil
}

// keep encodes d, to be had again from [wholeBlock.dist].
func (e *hlogEncoder) keep(d *metric.Dist) wholeBlock {
	w := wholeBlock{exact: HistogramEntry{Count: d.Count, Sum: d.Sum, Min: d.Min, Max: d.Max}}
	if d.Count > 0 {
		text, err := e.encode(d.Packed())
		if err != nil {
			panic(err) // compressing to memory cannot fail
		}
		w.histogram = text
	}
	return w
}

// dist is the distribution that was kept.
func (w *wholeBlock) dist() metric.Dist {
	if w.exact.Count == 0 {
		return metric.Dist{}
	}
	h, err := hdr.DecodePacked([]byte(w.histogram))
	if err != nil {
		panic(err) // it is what encode made
	}
	return metric.FromPacked(h, w.exact.Count, w.exact.Sum, w.exact.Min, w.exact.Max)
}

// hlogHeader is the head of a histogram log. Values are nanoseconds; by the
// log's custom, the readable maximum of a line is in milliseconds.
func hlogHeader(w io.Writer, start time.Time) error {
	lw := hdr.NewHistogramLogWriter(w)
	for _, err := range []error{
		lw.OutputComment("[lt: histograms of nanoseconds; Interval_Max is in milliseconds]"),
		lw.OutputLogFormatVersion(),
		lw.OutputStartTime(start.UnixMilli()),
		lw.OutputLegend(),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// hlogTag names a line: "GET:/api/v1/agents/{id}:ok". Characters that the log's
// readers split at are percent-encoded.
func hlogTag(endpoints []metric.Endpoint, e HistogramEntry) string {
	if e.Persona != "" {
		return hlogEscape.Replace("persona:" + e.Persona + ":" + e.Kind)
	}
	if e.Endpoint < 0 {
		return e.Kind
	}
	ep := endpoints[e.Endpoint]
	return hlogEscape.Replace(ep.Method + ":" + ep.Path + ":" + e.Kind)
}

var hlogEscape = strings.NewReplacer("%", "%25", " ", "%20", ",", "%2C", "\n", "%0A", "\r", "%0D", "\t", "%09")

// hlogLine is one interval of one tag.
func (e *hlogEncoder) line(w *bytes.Buffer, tag string, offset, length time.Duration, d *metric.Dist) error {
	payload, err := e.encode(d.Packed())
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Tag=%s,%.3f,%.3f,%.3f,%s\n", tag, offset.Seconds(), length.Seconds(), float64(d.Max)/1e6, payload)
	return nil
}

// parseHlogLine reads a line of the log; ok is false for comments, the legend
// and lines that are torn or of another form.
func parseHlogLine(line string) (tag string, offset float64, h *hdr.PackedHistogram, ok bool) {
	rest, tagged := strings.CutPrefix(line, "Tag=")
	if !tagged {
		return "", 0, nil, false
	}
	f := strings.Split(rest, ",")
	if len(f) != 5 {
		return "", 0, nil, false
	}
	offset, err := strconv.ParseFloat(f[1], 64)
	if err != nil {
		return "", 0, nil, false
	}
	h, err = hdr.DecodePacked([]byte(f[4]))
	if err != nil {
		return "", 0, nil, false
	}
	return f[0], offset, h, true
}
