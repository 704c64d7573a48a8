package metric

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

func manyRows(n int) []Row {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{"persona", fmt.Sprint("step ", i), Endpoint{"GET", fmt.Sprint("/", i)}}
	}
	return rows
}

// spread is a table of samples like those of a real run: most take a few
// milliseconds, some far longer.
func spread() []*Sample {
	out := make([]*Sample, 1024)
	for i := range out {
		d := time.Millisecond + time.Duration(i*i)*50*time.Microsecond
		out[i] = okSample(d, d)
	}
	return out
}

func BenchmarkRecord(b *testing.B) {
	samples := spread()
	for _, model := range []Model{Closed, Open} {
		for _, shards := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/shards=%d", model, shards), func(b *testing.B) {
				rs := NewRecorders(model, manyRows(13), shards)
				var users atomic.Int64
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					user := int(users.Add(1)) - 1
					r := rs.Shard(user)
					for i := user * 511; pb.Next(); i++ {
						r.Record(i%13, samples[i%len(samples)])
					}
				})
			})
		}
	}
}

// BenchmarkBegin is what counting requests in flight costs each of them: Begin,
// with and without the clock that tells it the time.
func BenchmarkBegin(b *testing.B) {
	rs := NewRecorders(Closed, manyRows(13), 1)
	r, clock := rs.Shard(0), NewClock()
	b.Run("clock=read", func(b *testing.B) {
		for b.Loop() {
			r.Begin(clock.Now())
		}
	})
	b.Run("clock=given", func(b *testing.B) {
		for b.Loop() {
			r.Begin(time.Second)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	samples := spread()
	for _, endpoints := range []int{13, 200} {
		for _, perEndpoint := range []int{40, 2000} {
			b.Run(fmt.Sprintf("endpoints=%d/requests=%d", endpoints, perEndpoint*endpoints), func(b *testing.B) {
				rs := NewRecorders(Open, manyRows(endpoints), 2)
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					for i := range perEndpoint * endpoints {
						rs.Shard(i/endpoints).Record(i%endpoints, samples[i%len(samples)])
					}
					b.StartTimer()
					rs.Take()
				}
			})
		}
	}
}
