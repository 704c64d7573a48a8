package metric

import (
	"fmt"
	"strconv"
	"strings"
)

// An Outcome is the class of an answer: what became of one attempted request.
// Every Outcome but OK is a failure.
type Outcome uint8

// The outcomes, in the order in which reports list them.
const (
	OK          Outcome = iota // the expected status, the whole body, every check held, within the timeout
	Status                     // a complete answer with another status than expected; its key names the status
	Check                      // a check of the step did not hold
	Extract                    // a value that the step should have saved was not in the answer
	Timeout                    // no complete answer within the timeout, counted from sent
	Refused                    // the connection was refused
	Unreachable                // no route, or no answer to the connection attempt
	Reset                      // the connection was reset by the peer
	ConnDropped                // the connection was closed after the first byte of the request, before the answer
	Truncated                  // the connection ended inside the answer
	TooLarge                   // headers or body over the limit
	TLS                        // the TLS handshake or the certificate failed
	DNS                        // the name did not resolve
	Protocol                   // the answer was not HTTP
	Generator                  // lt's own machine was at fault: no ports, no descriptors
	Aborted                    // still in flight when the run was stopped
	numOutcomes
)

var outcomeNames = [numOutcomes]string{
	"ok", "status", "check", "extract", "timeout", "refused", "unreachable", "reset", "conn_dropped",
	"truncated", "too_large", "tls", "dns", "protocol", "generator", "aborted",
}

// String is the outcome's name as it stands in reports; Status alone is "status".
func (o Outcome) String() string {
	if o < numOutcomes {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// Failed reports whether the outcome is a failure.
func (o Outcome) Failed() bool { return o != OK }

// A Class is an outcome with the status that names it: Status is 0 for all but
// the outcome Status.
type Class struct {
	Outcome Outcome
	Status  int
}

// Key is the class as it stands in result.json: "ok", "timeout", "status_503".
func (c Class) Key() string {
	if c.Outcome == Status {
		return "status_" + strconv.Itoa(c.Status)
	}
	return c.Outcome.String()
}

// ParseClass reads a Key back.
func ParseClass(key string) (Class, error) {
	if digits, ok := strings.CutPrefix(key, "status_"); ok {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 0 || strconv.Itoa(n) != digits {
			return Class{}, fmt.Errorf("outcome %q: bad status", key)
		}
		return Class{Status, n}, nil
	}
	for o, name := range outcomeNames {
		if name == key && Outcome(o) != Status {
			return Class{Outcome: Outcome(o)}, nil
		}
	}
	return Class{}, fmt.Errorf("unknown outcome %q", key)
}

// TargetsOwn reports whether only the target (or the network before it) can
// have made the failure: a slow or broken generator cannot cause these.
func (c Class) TargetsOwn() bool {
	switch c.Outcome {
	case Status:
		return c.Status >= 500
	case Refused, Reset, ConnDropped, Truncated, Protocol:
		return true
	}
	return false
}

// A Phase is the part of an exchange in which it ended.
type Phase uint8

// The phases of an exchange, in order.
const (
	PhaseNone Phase = iota
	PhaseDNS
	PhaseDial
	PhaseTLS
	PhaseWrite
	PhaseHeaders
	PhaseBody
)

var phaseNames = [...]string{"", "dns", "dial", "tls", "write", "headers", "body"}

// String is the phase's name; PhaseNone is empty.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("phase(%d)", uint8(p))
}
