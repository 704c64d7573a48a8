package client

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"sync"
)

// AcceptEncoding is what a request says whose answer may come compressed.
const AcceptEncoding = "gzip, deflate"

// Limits of a compressed answer: a few kilobytes could unfold into gigabytes.
const (
	maxEncoded = 16 << 20 // on the wire
	maxDecoded = 16 << 20
	maxRatio   = 100     // decoded to encoded bytes,
	freeOfRule = 1 << 20 // once there are more than these
)

var gzipReaders sync.Pool // of *gzip.Reader

// decode undoes the Content-Encoding of the body. The error is a protocolError,
// or wraps errTooLarge.
func (r *Response) decode(encoding string) error {
	var from io.Reader
	switch encoding {
	case "identity", "":
		return nil
	case "gzip", "x-gzip":
		z, _ := gzipReaders.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		defer gzipReaders.Put(z)
		if err := z.Reset(bytes.NewReader(r.Body)); err != nil {
			if len(r.Body) == 0 {
				return nil // HEAD, 204 and 304 name an encoding and have no body
			}
			return protocolError("the body is not gzip, which Content-Encoding says it is")
		}
		from = z
	case "deflate":
		if len(r.Body) == 0 {
			return nil
		}
		// The standard means zlib; some servers send the bare stream.
		z, err := zlib.NewReader(bytes.NewReader(r.Body))
		if err != nil {
			z = flate.NewReader(bytes.NewReader(r.Body))
		}
		defer z.Close()
		from = z
	default:
		return protocolError(fmt.Sprintf("Content-Encoding %.40q, which the request did not accept", encoding))
	}
	limit := int64(min(maxDecoded, max(freeOfRule, maxRatio*len(r.Body))))
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(from, limit+1))
	switch {
	case n > limit:
		return fmt.Errorf("%w: more than %d bytes unfold from the %d of the body", errTooLarge, limit, len(r.Body))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return protocolError("the compressed body ends too early")
	case err != nil:
		return protocolError("the compressed body is damaged")
	}
	r.Body = out.Bytes()
	return nil
}
