package importer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// maxLine is the longest line, or record of several lines, that is read.
const maxLine = 1 << 20

// maxMistakes is how many mistakes are told of at once.
const maxMistakes = 20

// A Mistake is something in a file that cannot be read, and where.
type Mistake struct {
	File         string
	Line, Column int // from 1; 0: of the file, of the line
	Text         string
}

// Error is "file:line:column: text".
func (m *Mistake) Error() string {
	at := m.File
	if m.Line > 0 {
		at += fmt.Sprintf(":%d", m.Line)
	}
	if m.Column > 0 {
		at += fmt.Sprintf(":%d", m.Column)
	}
	return at + ": " + m.Text
}

// A file is one of the files of an import. Reading notes its mistakes.
type file struct {
	path  string
	name  string // for messages: as it was given
	size  int64
	sum   string // SHA-256, once it has been read to its end
	notes []string

	mistakes []error
	more     int // mistakes that were not kept
}

func (f *file) mistake(line, column int, format string, args ...any) {
	if len(f.mistakes) == maxMistakes {
		f.more++
		return
	}
	f.mistakes = append(f.mistakes, &Mistake{f.name, line, column, fmt.Sprintf(format, args...)})
}

func (f *file) err() error {
	all := f.mistakes
	if f.more > 0 {
		all = append(all[:len(all):len(all)], &Mistake{File: f.name, Text: fmt.Sprintf("and %d more mistakes", f.more)})
	}
	return errors.Join(all...)
}

// lines reads a file line by line, which may be packed by gzip. Close ends it.
type lines struct {
	f      *file
	closer io.Closer
	r      *bufio.Reader
	hash   hash.Hash
	raw    io.Reader
	n      int // of the line that next gave last, from 1
	buf    []byte
	torn   bool // the file ends within the line that next gave last
}

func (f *file) open() (*lines, error) {
	in, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	l := &lines{f: f, closer: in, hash: sha256.New()}
	l.raw = io.TeeReader(in, l.hash)
	br := bufio.NewReaderSize(l.raw, 256<<10)
	if head, _ := br.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		zip, err := gzip.NewReader(br)
		if err != nil {
			in.Close()
			return nil, &Mistake{File: f.name, Text: "it starts as gzip does, and is none: " + err.Error()}
		}
		br = bufio.NewReaderSize(zip, 256<<10)
	}
	l.r = br
	if head, _ := br.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		_, _ = br.Discard(3)
	}
	return l, nil
}

func (l *lines) Close() error {
	if l.f.sum == "" {
		if _, err := io.Copy(io.Discard, l.raw); err == nil {
			l.f.sum = hex.EncodeToString(l.hash.Sum(nil))
		}
	}
	return l.closer.Close()
}

// next is the next line without its end, good until next is called again; false
// at the end of the file. Lines that are too long are mistakes and left out.
func (l *lines) next() ([]byte, bool) {
	for {
		l.buf = l.buf[:0]
		l.n++
		long := false
		for {
			part, err := l.r.ReadSlice('\n')
			if long = long || len(l.buf)+len(part) > maxLine; !long {
				l.buf = append(l.buf, part...)
			}
			if err == bufio.ErrBufferFull {
				continue
			}
			if err != nil && err != io.EOF {
				if errors.Is(err, io.ErrUnexpectedEOF) {
					l.f.notes = append(l.f.notes, fmt.Sprintf("%s: the gzip ends within line %d: what follows is missing", filepath.Base(l.f.name), l.n))
				} else {
					l.f.mistake(l.n, 0, "%v", err)
					return nil, false
				}
			}
			l.torn = err != nil
			break
		}
		switch {
		case long:
			l.f.mistake(l.n, 0, "longer than %d KiB: no line of a result is", maxLine>>10)
			if l.torn {
				return nil, false
			}
			continue
		case len(l.buf) == 0 && l.torn:
			return nil, false
		}
		return bytes.TrimRight(l.buf, "\r\n"), true
	}
}

// dropTorn notes that the file ends within its last line, which was left out; false:
// it does not.
func (l *lines) dropTorn() bool {
	if !l.torn {
		return false
	}
	l.f.notes = append(l.f.notes, fmt.Sprintf("%s: line %d, the last one, is torn and was left out: the tool was stopped while it wrote", filepath.Base(l.f.name), l.n))
	return true
}

// A field is a field of a CSV record, and where it starts.
type field struct {
	text         string
	line, column int
}

// A table reads records of delimited fields (RFC 4180), one of which may go over
// several lines in quotes.
type table struct {
	*lines
	comma  byte
	fields []field
}

// record is the next record; false at the end. Records that are torn at the end of
// the file, or whose quotes never end, are left out, the latter as mistakes.
func (t *table) record() ([]field, bool) {
	for {
		line, ok := t.next()
		if !ok {
			return nil, false
		}
		if len(line) == 0 {
			continue
		}
		if t.split(line) {
			return t.fields, true
		}
	}
}

// split cuts a line, and those after it that its quotes go over, into t.fields.
func (t *table) split(line []byte) bool {
	t.fields = t.fields[:0]
	start, total := t.n, len(line)
	for i := 0; ; {
		at := field{line: t.n, column: i + 1}
		if i < len(line) && line[i] == '"' {
			var b []byte
			for i++; ; {
				if i >= len(line) { // the quotes go on in the next line
					if t.torn {
						return !t.dropTorn()
					}
					var ok bool
					if line, ok = t.next(); !ok || total+len(line) > maxLine {
						t.f.mistake(start, at.column, "the quotes that start here do not end")
						return false
					}
					total += len(line)
					b = append(b, '\n')
					i = 0
					continue
				}
				if line[i] != '"' {
					b = append(b, line[i])
					i++
					continue
				}
				if i+1 < len(line) && line[i+1] == '"' {
					b = append(b, '"')
					i += 2
					continue
				}
				i++
				break
			}
			if i < len(line) && line[i] != t.comma {
				t.f.mistake(t.n, i+1, "a quoted field goes on after its quotes")
				return false
			}
			at.text = string(b)
		} else {
			end := bytes.IndexByte(line[i:], t.comma)
			if end < 0 {
				end = len(line) - i
			}
			at.text = string(line[i : i+end])
			i += end
		}
		t.fields = append(t.fields, at)
		if i >= len(line) {
			return true
		}
		i++ // the comma
	}
}
