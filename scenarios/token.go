package scenarios

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A token proves who sends a request. It does not change.
type token struct {
	value   []byte // of the header
	secret  string // without the scheme
	got     time.Duration
	refresh time.Duration // when to ask for the next; 0: never
	expires time.Duration // when it is of no use any more; 0: never
}

// tokens are where users take their token from, one user's own or the run's: one
// login at a time, and no more of them than there is need for.
type tokens struct {
	now    atomic.Pointer[token]
	turn   chan struct{} // holds a value while somebody logs in
	refuse atomic.Int64  // when the target last refused the token, on the run's clock; 0: it did not
	again  atomic.Int64  // before that time of the run's clock nobody tries a login that failed
	failed atomic.Int64  // logins in a row
}

func newTokens() *tokens { return &tokens{turn: make(chan struct{}, 1)} }

const (
	// refreshHold is how long after a login a 401 leads to no other: a token just
	// given that is refused lacks rights, not time.
	refreshHold = 10 * time.Second

	// After a failed login users wait, twice as long each time.
	firstRetry = 500 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// need says whether a login is due: it must be made before the next request, or
// should be made by somebody.
func (k *tokens) need(now time.Duration) (t *token, must, should bool) {
	t = k.now.Load()
	if t == nil {
		return nil, true, true
	}
	refused := time.Duration(k.refuse.Load())
	stale := refused > t.got && refused-t.got >= refreshHold
	must = stale || t.expires > 0 && now >= t.expires
	return t, must, must || t.refresh > 0 && now >= t.refresh
}

// A taker takes samples of requests; the load's is a [metric.Recorder].
type taker interface {
	Begin(now time.Duration)
	Record(row int, s *metric.Sample)
	Exemplar(row int, class metric.Class) bool
	KeepExemplar(e metric.Exemplar)
}

// authorize sees to it that the user has a token. It returns when the request
// after it is due, and whether it can be sent.
func (u *session) authorize(ctx context.Context, due time.Duration, rec taker) (time.Duration, bool) {
	k := u.tokens
	clock := u.script.clock
	t, must, should := k.need(clock.Now())
	if !should {
		u.token = t
		return due, true
	}
	if !must {
		// The old one is still good: whoever comes first gets the next one.
		select {
		case k.turn <- struct{}{}:
		default:
			u.token = t
			return due, true
		}
	} else {
		select {
		case k.turn <- struct{}{}:
		case <-ctx.Done():
			return due, false
		}
	}
	defer func() { <-k.turn }()
	now := clock.Now()
	if t, must, should = k.need(now); !should {
		// Somebody else has logged in: this user's request is due now.
		u.token = t
		return max(due, now), true
	}
	if again := time.Duration(k.again.Load()); now < again {
		if !must {
			u.token = t
			return due, true
		}
		if !u.wait(ctx, again) {
			return due, false
		}
		due = clock.Now()
	}
	end, ok := u.logIn(ctx, due, rec)
	if !ok {
		if !must { // a refresh that failed: the old token has some time left
			u.token = t
			return end, true
		}
		return end, false
	}
	return end, true
}

// logIn sends the login.
func (u *session) logIn(ctx context.Context, due time.Duration, rec taker) (time.Duration, bool) {
	k, l := u.tokens, u.script.login
	s, t := u.tryLogin(ctx, due, rec)
	if t != nil {
		k.now.Store(t)
		k.refuse.Store(0)
		k.failed.Store(0)
		u.token = t
	} else {
		n := k.failed.Add(1) - 1
		k.again.Store(int64(s.End + min(firstRetry<<min(n, 10), lastRetry)))
	}
	u.finish(&l.request, s, rec)
	return s.End, t != nil
}

func (u *session) tryLogin(ctx context.Context, due time.Duration, rec taker) (*metric.Sample, *token) {
	l := u.script.login
	s := u.exchange(ctx, &l.request, due, rec)
	if s.Outcome != metric.OK {
		return s, nil
	}
	t := l.takeToken(&u.resp, s.End)
	if t == nil {
		s.Outcome, u.failed = metric.Extract, failure{token: true}
	}
	return s, t
}

// refused notes that the target refused the token that the last request carried.
func (u *session) refused(at time.Duration) {
	if k := u.tokens; u.token != nil && k.now.Load() == u.token {
		k.refuse.Store(int64(at))
	}
}
