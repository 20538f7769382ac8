package lite

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// plainRecord is what anybody can write.
func plainRecord(kind byte, number uint64, body ...byte) []byte {
	out := []byte{kind, 0xfe, 0xfd}
	out = binary.BigEndian.AppendUint64(out, number) // epoch 0, if the number is below 2^48
	out = binary.BigEndian.AppendUint16(out, uint16(len(body)))
	return append(out, body...)
}

// cutHello is the first n bytes of a ClientHello's body, as a fragment.
func cutHello(n int) []byte {
	out := bytes.Clone(goodHello()[:helloHeader+n])
	binary.BigEndian.PutUint16(out[11:], uint16(12+n))
	out[helloHeader-1], out[helloHeader-2], out[helloHeader-3] = byte(n), byte(n>>8), 0
	return out
}

// forgeries is what somebody with the viewer's address but without keys would send, none of which
// begins or continues a handshake.
func forgeries() map[string][]byte {
	return map[string][]byte{
		"empty":                     {},
		"one byte":                  {22},
		"fatal alert":               plainRecord(typeAlert, 1, 2, 40),
		"close notify":              plainRecord(typeAlert, 2, 1, 0),
		"short alert":               plainRecord(typeAlert, 3, 2),
		"application data":          plainRecord(23, 4, 1, 2, 3),
		"broken change cipher":      plainRecord(typeChangeCipher, 5, 7, 7),
		"empty record":              plainRecord(typeHandshake, 6),
		"unknown type":              plainRecord(99, 7, 1),
		"connection id":             plainRecord(25, 8, 1, 2, 3, 4),
		"longer than the datagram":  append(plainRecord(typeHandshake, 9), 0)[:13],
		"number at the end of time": numberedHello(1<<48 - 1),
		"number far ahead":          numberedHello(plainWindow),
		"later epoch":               numberedHello(2<<48 + 1),
		"last epoch":                numberedHello(0xffff<<48 + 1),
		"undecryptable":             plainRecord(typeHandshake, 1<<48+5, make([]byte, 60)...),
		"undecryptable alert":       plainRecord(typeAlert, 1<<48+6, make([]byte, 30)...),
		"undecryptable, at the end": plainRecord(typeAlert, 2<<48-1, make([]byte, 30)...),
		"too large":                 make([]byte, maxDatagram+1),
		"other version":             {typeHandshake, 3, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1},
	}
}

func numberedHello(number uint64) []byte {
	out := bytes.Clone(goodHello())
	binary.BigEndian.PutUint64(out[3:], number)
	return out
}

// TestConn_Forgeries writes each forgery between all datagrams of a handshake, and after it.
func TestConn_Forgeries(t *testing.T) {
	goodHello()
	for name, forgery := range forgeries() {
		for _, client := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, client %v", name, client), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					h := newTestHandshaker(t, nil)
					p := newPeer(h, "192.0.2.1", func(p *Params) { p.Client = client })
					p.setFilter(func(out bool, datagram []byte) bool {
						p.conn.Receive(forgery, p.from)
						if out && isPlainAlert(datagram) {
							t.Error("we sent a plain alert")
						}
						return true
					})
					p.mustConnect(t, bothProfiles...)
					for range 40 { // more than the inbox holds
						p.conn.Receive(forgery, p.from)
					}
					synctest.Wait()
					if len(p.closed) != 0 {
						t.Fatal("a forgery closed the connection")
					}
					p.setFilter(nil)
					alive(t, p)
				})
			})
		}
	}
}

// alive lets the peer say goodbye and wants it to be heard; until then it must not have been told off.
func alive(t *testing.T, p *peer) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = p.dtls.Read(make([]byte, 100))
	}()
	synctest.Wait()
	select {
	case <-ended:
		t.Error("the peer was told to end")
	default:
	}
	_ = p.dtls.Close()
	p.mustClose(t, nil)
	<-ended
}

// TestConn_ForeignHellos is ASVS 17.2.6 from the same path: ClientHellos that only offer the NULL cipher,
// as many as there is room for and more, before the true one and beside it.
func TestConn_ForeignHellos(t *testing.T) {
	for _, n := range []int{1, 3, 4, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestHandshaker(t, nil)
				p := newPeer(h, "192.0.2.1", nil)
				for i := range n {
					p.conn.Receive(numbered(nullHello(), uint16(i)), p.from)
				}
				p.mustConnect(t, bothProfiles...)
				for i := range n {
					p.conn.Receive(numbered(nullHello(), uint16(i)), p.from)
				}
				synctest.Wait()
				alive(t, p)
			})
		})
	}
	t.Run("in the queue", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			h := newTestHandshaker(t, func(c *Config) { c.Handshakes = 1 })
			pull := plug(t, h)
			p := newPeer(h, "192.0.2.1", nil)
			var peers sync.WaitGroup
			p.conn.Receive(nullHello(), p.from)
			peers.Go(func() { p.mustConnect(t, bothProfiles...) })
			synctest.Wait()
			p.conn.Receive(nullHello(), p.from)
			pull()
			peers.Wait()
			alive(t, p)
		})
	})
}

// TestConn_Fragments delivers a ClientHello in pieces, in any order, before the handshake is admitted.
func TestConn_Fragments(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, func(c *Config) { c.Handshakes = 1 })
		pull := plug(t, h)
		p := newPeer(h, "192.0.2.1", nil)
		whole := goodHello()[helloHeader:]
		size := len(whole)
		for _, cut := range [][2]int{{2 * size / 3, size}, {0, size / 3}, {size / 3, 2 * size / 3}, {0, size / 3}} {
			body := append(bytes.Clone(goodHello()[recordHeader:helloHeader]), whole[cut[0]:cut[1]]...)
			body[6], body[7], body[8] = 0, byte(cut[0]>>8), byte(cut[0])
			body[9], body[10], body[11] = 0, byte((cut[1]-cut[0])>>8), byte(cut[1]-cut[0])
			p.conn.Receive(plainRecord(typeHandshake, uint64(cut[1]), body...), p.from)
		}
		pull()
		synctest.Wait()
		if p.answers() == 0 {
			t.Error("no answer")
		}
	})
}

// TestConn_Budget lets an established peer's path flood us with plausible handshake fragments.
func TestConn_Budget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, nil)
		p := newPeer(h, "192.0.2.1", nil)
		p.mustConnect(t, bothProfiles...)
		synctest.Wait()
		before := p.answers()
		fragment := make([]byte, 12+500)
		for i := range 10_000 {
			fragment[0], fragment[3], fragment[11] = 1, 255, 0
			binary.BigEndian.PutUint16(fragment[4:], uint16(100+i)) // a message to come
			p.conn.Receive(plainRecord(typeHandshake, uint64(100+i%900), fragment...), p.from)
			synctest.Wait()
		}
		if n := p.answers() - before; n > handshakeBudget/len(fragment) {
			t.Errorf("%d answers", n)
		}
		alive(t, p)
	})
}

func TestScreen(t *testing.T) {
	hello := goodHello()
	cipher := plainRecord(typeChangeCipher, 1, 1)
	sealed := plainRecord(typeHandshake, 1<<48, make([]byte, 40)...)
	data := plainRecord(23, 1<<48+1, make([]byte, 40)...)
	alert := plainRecord(typeAlert, 1<<48+2, make([]byte, 30)...)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		name      string
		in, want  []byte
		handshake int
	}{
		{"flight", join(hello, cipher, sealed), join(hello, cipher, sealed), len(hello) + len(sealed)},
		{"data between", join(data, alert, data), alert, 0},
		{"plain alert before", join(plainRecord(typeAlert, 1, 2, 40), hello), hello, len(hello)},
		{"cut at the end", join(hello, sealed[:20]), hello, len(hello)},
		{"trailing header", join(hello, sealed[:13]), hello, len(hello)},
		{"nothing", nil, nil, 0},
	} {
		if got, n := screen(c.in); !bytes.Equal(got, c.want) || n != c.handshake {
			t.Errorf("%s: %d bytes, %d of handshake; want %d, %d", c.name, len(got), n, len(c.want), c.handshake)
		}
	}
}

func FuzzScreen(f *testing.F) {
	for _, forgery := range forgeries() {
		f.Add(forgery)
	}
	f.Add(append(goodHello(), goodHello()...))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		before := bytes.Clone(datagram)
		kept, handshake := screen(datagram)
		if len(kept) > len(datagram) || handshake > len(kept) || !bytes.Equal(before, datagram) {
			t.Errorf("%d bytes, %d of handshake, of %d", len(kept), handshake, len(datagram))
		}
		if again, _ := screen(kept); !bytes.Equal(again, kept) {
			t.Error("what was kept is not kept again")
		}
		if isHello(datagram) && isPlainAlert(datagram) {
			t.Error("hello and alert at once")
		}
	})
}

// FuzzConn_Receive puts a datagram before and into a handshake. If it holds no handshake record of the
// plain epoch, which nobody can tell from the peer's own, the handshake must succeed all the same; in any
// case everything must end.
func FuzzConn_Receive(f *testing.F) {
	for _, forgery := range forgeries() {
		f.Add(forgery, uint8(2))
	}
	f.Add(goodHello(), uint8(0))
	f.Add(nullHello(), uint8(1))
	f.Add(cutHello(20), uint8(3))
	f.Fuzz(func(t *testing.T, datagram []byte, when uint8) {
		bubble(t, func(t *testing.T) {
			h := newTestHandshaker(t, func(c *Config) { c.Timeout = 5 * time.Second })
			p := newPeer(h, "192.0.2.1", func(p *Params) { p.Client = when >= 128 })
			seen := uint8(0)
			p.setFilter(func(bool, []byte) bool {
				if seen == when%8 {
					p.conn.Receive(datagram, p.from)
				}
				seen++
				return true
			})
			p.conn.Receive(datagram, p.from)
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
			defer cancel()
			err := p.handshake(ctx, bothProfiles...)
			if _, handshake := screen(datagram); handshake == 0 && err != nil {
				t.Errorf("handshake failed: %v", err)
			}
			p.conn.Close()
			if err := <-p.closed; err != nil {
				t.Log(err)
			}
			p.hangUp()
		})
	})
}
