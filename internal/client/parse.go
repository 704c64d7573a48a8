package client

import (
	"bytes"
	"fmt"
	"strings"
)

// parse reads what it can of buf[pos:end] and reports whether the answer is
// complete. Its errors are a protocolError or wrap errTooLarge.
func (a *answer) parse() (done bool, err error) {
	b := (*a.buf)[:a.end]
	for a.state != complete {
		switch a.state {
		case inBody, inChunk:
			if a.pos == a.end && a.left != 0 {
				return false, nil
			}
			if err := a.takeBody(b); err != nil {
				return false, err
			}
			if a.left == 0 {
				if a.state == inChunk {
					a.state = inChunkEnd
				} else {
					a.state = complete
				}
			}
		default:
			if a.state == inHeader {
				if err := a.takeOrdinary(b); err != nil {
					return false, err
				}
			}
			line, ok, err := a.line(b)
			if !ok {
				return false, err
			}
			if err := a.takeLine(line); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// line is the next line without its CRLF, if it is there whole.
func (a *answer) line(b []byte) (line []byte, ok bool, err error) {
	from := max(a.scanned, a.pos)
	i := bytes.IndexByte(b[from:], '\n')
	n := len(b) - a.pos
	if i >= 0 {
		n = from + i + 1 - a.pos
	}
	if a.state == inChunkSize || a.state == inChunkEnd {
		if n > maxChunkLine {
			return nil, false, protocolError("chunk size line too long")
		}
	} else if limit := min(a.maxHeader-a.headSize, maxHeaderLine); n > limit {
		return nil, false, fmt.Errorf("%w: more than %d bytes of headers, or than %d in one line", errTooLarge, a.maxHeader, maxHeaderLine)
	}
	if i < 0 {
		a.scanned = len(b)
		return nil, false, a.early(b[a.pos:])
	}
	if n < 2 || b[from+i-1] != '\r' {
		return nil, false, protocolError("a line ends in a bare LF")
	}
	line = b[a.pos : from+i-1]
	a.pos += n
	if a.state != inChunkSize && a.state != inChunkEnd {
		a.headSize += n
	}
	return line, true, nil
}

// early refuses the beginning of a line that can become nothing, so that a peer
// that speaks first and otherwise (SSH, TLS, HTTP/2) is named at once and not by
// a timeout.
func (a *answer) early(line []byte) error {
	const version = "HTTP/1."
	if n := min(len(line), len(version)); a.state == inStatus && string(line[:n]) != version[:n] {
		return badStatus(line)
	}
	if a.state == inChunkEnd && len(line) > 1 {
		return protocolError("a chunk is longer than its size")
	}
	return nil
}

func badStatus(line []byte) error {
	return protocolError(fmt.Sprintf("the answer begins with %.40q", line))
}

func (a *answer) takeLine(line []byte) error {
	switch a.state {
	case inStatus:
		a.state = inHeader
		return a.takeStatus(line)
	case inHeader:
		if len(line) == 0 {
			return a.endHeader()
		}
		name, value, err := splitHeader(line)
		if err != nil {
			return err
		}
		return a.takeHeader(name, value)
	case inChunkSize:
		return a.takeChunkSize(line)
	case inChunkEnd:
		if len(line) > 0 {
			return protocolError("a chunk is longer than its size")
		}
		a.state = inChunkSize
	case inTrailer:
		if len(line) == 0 {
			a.state = complete
			return nil
		}
		_, _, err := splitHeader(line)
		return err
	}
	return nil
}

func (a *answer) takeStatus(line []byte) error {
	// "HTTP/1.1 200 OK"; the reason and the space before it may be missing.
	if len(line) < len("HTTP/1.1 200") || string(line[:7]) != "HTTP/1." || line[7] != '0' && line[7] != '1' || line[8] != ' ' {
		return badStatus(line)
	}
	a.minor = line[7] - '0'
	a.status = 0
	for _, d := range line[9:12] {
		if d < '0' || d > '9' {
			return badStatus(line)
		}
		a.status = a.status*10 + int(d-'0')
	}
	if a.status < 100 || len(line) > 12 && line[12] != ' ' || plainText(line[12:]) < len(line)-12 {
		return badStatus(line)
	}
	return nil
}

// splitHeader is a header line's name and value.
func splitHeader(line []byte) (name, value []byte, err error) {
	if line[0] == ' ' || line[0] == '\t' {
		return nil, nil, protocolError("a folded header line")
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 || !allBytes(line[:colon], tokenByte) {
		return nil, nil, protocolError(fmt.Sprintf("header line %.40q", line))
	}
	value = line[colon+1:]
	if plainText(value) < len(value) {
		return nil, nil, protocolError(fmt.Sprintf("a control character in header %.40q", line[:colon]))
	}
	return line[:colon], trim(value), nil
}

// takeOrdinary takes the header lines that are whole and as they should be, each
// in one pass over its bytes: nearly all. What it leaves is for line and
// splitHeader to refuse, or to wait for the rest of.
func (a *answer) takeOrdinary(b []byte) error {
	for {
		line := b[a.pos:]
		colon := 0
		for colon < len(line) && byteClass[line[colon]]&tokenByte != 0 {
			colon++
		}
		if colon == 0 || colon == len(line) || line[colon] != ':' {
			return nil
		}
		end := colon + 1 + plainText(line[colon+1:])
		n := end + 2
		if n > len(line) || line[end] != '\r' || line[end+1] != '\n' || n > maxHeaderLine || n > a.maxHeader-a.headSize {
			return nil
		}
		a.pos += n
		a.headSize += n
		if err := a.takeHeader(line[:colon], trim(line[colon+1:end])); err != nil {
			return err
		}
	}
}

// takeHeader takes what decides where the answer ends and whether the connection
// stays, and how long the target says it waited for its upstream.
func (a *answer) takeHeader(name, value []byte) error {
	switch {
	case len(name) < len("connection"):
	case equalFold(name, "content-length"):
		n, ok := parseLength(value)
		if !ok {
			return protocolError(fmt.Sprintf("Content-Length %.40q", value))
		}
		if a.length >= 0 && a.length != n {
			return protocolError("two different Content-Length")
		}
		a.length = n
	case equalFold(name, "transfer-encoding"):
		if a.te || !equalFold(value, "chunked") {
			return protocolError(fmt.Sprintf("Transfer-Encoding %.40q", value))
		}
		a.te = true
	case a.req.Cookies && equalFold(name, "set-cookie"):
		if len(a.cookies) < maxCookies && a.status >= 200 {
			a.cookies = append(a.cookies, string(value))
		}
	case a.req.Decode && equalFold(name, "content-encoding"):
		a.encoding = strings.ToLower(string(value))
	case equalFold(name, "connection"):
		for len(value) > 0 {
			option := value
			if comma := bytes.IndexByte(value, ','); comma >= 0 {
				option, value = value[:comma], value[comma+1:]
			} else {
				value = nil
			}
			option = trim(option)
			a.connClose = a.connClose || equalFold(option, "close")
			a.connKeep = a.connKeep || equalFold(option, "keep-alive")
		}
	case maybeUpstream(name):
		if d := upstreamTime(name, value); d > 0 {
			a.upstream = d
		}
	}
	return nil
}

// endHeader decides how long the body is, by RFC 9112, 6.3.
func (a *answer) endHeader() error {
	if a.te && (a.length >= 0 || a.minor == 0) {
		return protocolError("Transfer-Encoding beside Content-Length, or in HTTP/1.0")
	}
	if a.status < 200 {
		if a.interim++; a.status == 101 || a.interim > maxInterim {
			return protocolError(fmt.Sprintf("status %d without end or request", a.status))
		}
		a.state, a.headStart = inStatus, a.pos
		a.status, a.length, a.te, a.connClose, a.connKeep, a.upstream = 0, -1, false, false, false, 0
		return nil
	}
	a.keepHeader()
	switch {
	case a.req.NoBody || a.status == 204 || a.status == 304:
		a.state = complete
	case a.te:
		a.state = inChunkSize
	case a.length > a.maxBody:
		return fmt.Errorf("%w: Content-Length %d, the limit is %d", errTooLarge, a.length, a.maxBody)
	default:
		a.state, a.left = inBody, a.length
	}
	return nil
}

func (a *answer) takeChunkSize(line []byte) error {
	size, digits := int64(0), 0
	for digits < len(line) {
		d := hexDigit(line[digits])
		if d < 0 {
			break
		}
		if digits++; digits > 15 {
			return protocolError("chunk size too long")
		}
		size = size<<4 | int64(d)
	}
	rest := bytes.TrimLeft(line[digits:], " \t")
	if digits == 0 || len(rest) > 0 && rest[0] != ';' || indexNot(rest, valueByte) >= 0 {
		return protocolError(fmt.Sprintf("chunk size %.40q", line))
	}
	if size == 0 {
		a.state = inTrailer
		return nil
	}
	if size > a.maxBody-a.body {
		return a.bodyTooLarge()
	}
	a.state, a.left = inChunk, size
	return nil
}

func (a *answer) bodyTooLarge() error {
	return fmt.Errorf("%w: more than %d bytes of body", errTooLarge, a.maxBody)
}
