package scenarios

// A pool holds what a user made and may act on: the ids of its orders. It keeps
// the newest poolSize of them, so that a long run does not grow.
type pool struct {
	members []member
	next    int // the oldest, once the pool is full
}

const poolSize = 100

// A member is one value of a pool.
type member struct {
	text string
	kind slotKind
}

func (p *pool) push(m member) {
	if len(p.members) < poolSize {
		p.members = append(p.members, m)
		return
	}
	p.members[p.next] = m
	p.next = (p.next + 1) % poolSize
}

// take removes and returns member i; another takes its place.
func (p *pool) take(i int) member {
	m := p.members[i]
	last := len(p.members) - 1
	p.members[i] = p.members[last]
	p.members[last] = member{}
	p.members = p.members[:last]
	p.next = 0
	return m
}
