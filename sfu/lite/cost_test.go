package lite

import (
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestConn_Cost measures what an established Conn holds, the peer's end not counted.
func TestConn_Cost(t *testing.T) {
	const conns = 500
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, nil)
		settle := func() (heap, stack, goroutines int) {
			synctest.Wait()
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc), int(m.StackInuse), runtime.NumGoroutine()
		}
		connect := func() *Conn {
			var path atomic.Pointer[peer] // cut when the peer has gone, so that nothing of it stays
			p := newPeer(h, "192.0.2.1", func(p *Params) {
				p.Write = func(d []byte) error {
					if p := path.Load(); p != nil {
						return p.fromUs(d)
					}
					return nil
				}
				p.Closed = func(error) {}
				ready := p.Ready
				p.Ready = func(k Keys) { ready(k); ready = nil }
			})
			path.Store(p)
			p.mustConnect(t, bothProfiles...)
			path.Store(nil)
			p.hangUp()
			return p.conn
		}
		connect().Close() // whatever is made once
		heap, stack, goroutines := settle()
		held := make([]*Conn, 0, conns)
		for range conns {
			held = append(held, connect())
		}
		heap2, stack2, goroutines2 := settle()
		heap, stack = (heap2-heap)/conns, (stack2-stack)/conns
		t.Logf("an established Conn holds %d bytes of heap, %d of stack, %.2f goroutines", heap, stack, float64(goroutines2-goroutines)/conns)
		if goroutines2-goroutines > 3*conns || heap > 30<<10 {
			t.Error("that is too much")
		}
		for _, c := range held {
			c.Close()
		}
	})
}

// TestConn_WaitingCost measures what one in the queue holds.
func TestConn_WaitingCost(t *testing.T) {
	const conns = 1000
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, func(c *Config) { c.Handshakes, c.PerAddress = 1, conns })
		pull := plug(t, h)
		defer pull()
		before := runtime.NumGoroutine()
		for range conns {
			newPeer(h, "192.0.2.1", nil).sendHello(t)
		}
		synctest.Wait()
		if n := h.Counts(); n.Waiting != conns || runtime.NumGoroutine() > before {
			t.Errorf("counts %+v, %d goroutines more", n, runtime.NumGoroutine()-before)
		}
	})
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkHandshake does whole handshakes, both ends; the CPU time per handshake is of both.
func BenchmarkHandshake(b *testing.B) {
	for _, client := range []bool{false, true} {
		b.Run("client="+strconv.FormatBool(client), func(b *testing.B) {
			h := newTestHandshaker(b, nil)
			b.ReportAllocs()
			begin := cpu(b)
			for b.Loop() {
				p := newPeer(h, "192.0.2.1", func(p *Params) { p.Client = client })
				p.mustConnect(b, bothProfiles...)
				p.conn.Close()
				p.mustClose(b, nil)
				p.hangUp()
			}
			b.ReportMetric(float64((cpu(b)-begin).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}
