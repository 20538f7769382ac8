package sfu

import (
	"net/netip"
	"slices"
	"sync"

	"shopcast/sfu/udp"
)

const (
	// pathsPerViewer is how many verified paths a viewer may have at once: two networks in two
	// address families, over UDP and TCP.
	pathsPerViewer = 8
	// foreignPaths bounds the addresses that reach publishers' connections.
	foreignPaths = 256
)

// directory knows whose a datagram is. All sockets share it: what comes in on one may belong to a
// viewer of another's shard.
type directory struct {
	mu      sync.RWMutex // guarded by mu: everything below
	ufrags  map[string]*Viewer
	paths   map[udp.Peer]*Viewer
	foreign map[string]int              // publishers' ufrags, which Pion answers for
	peers   map[netip.AddrPort]udp.Peer // who has called a publisher's ufrag
	order   []netip.AddrPort            // of peers, oldest first
}

func newDirectory() *directory {
	return &directory{
		ufrags: make(map[string]*Viewer), paths: make(map[udp.Peer]*Viewer),
		foreign: make(map[string]int), peers: make(map[netip.AddrPort]udp.Peer),
	}
}

// viewerOf finds the viewer with a verified path.
func (d *directory) viewerOf(from udp.Peer) (*Viewer, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	v, ok := d.paths[from]
	return v, ok
}

// byUfrag finds whom a binding request is for: a viewer, or Pion.
func (d *directory) byUfrag(ufrag string) (v *Viewer, foreign bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.ufrags[ufrag], d.foreign[ufrag] > 0
}

func (d *directory) addUfrag(ufrag string, v *Viewer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ufrags[ufrag] = v
}

func (d *directory) dropUfrag(ufrag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.ufrags, ufrag)
}

// addPath makes from a path of v; whoever had it before has lost it, because the integrity of the
// request was verified. The oldest path of too many is no longer v's.
func (d *directory) addPath(from udp.Peer, v *Viewer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.paths[from] == v {
		return
	}
	d.paths[from] = v
	v.paths = append(v.paths, from)
	if len(v.paths) > pathsPerViewer {
		if oldest := v.paths[0]; d.paths[oldest] == v {
			delete(d.paths, oldest)
		}
		v.paths = v.paths[1:]
	}
}

// dropPath forgets a path whose connection has gone.
func (d *directory) dropPath(from udp.Peer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.paths, from)
	if _, known := d.peers[from.Remote]; known {
		delete(d.peers, from.Remote)
		d.order = slices.DeleteFunc(d.order, func(a netip.AddrPort) bool { return a == from.Remote })
	}
}

// remove forgets everything about v.
func (d *directory) remove(v *Viewer, ufrags []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ufrag := range ufrags {
		delete(d.ufrags, ufrag)
	}
	for _, path := range v.paths {
		if d.paths[path] == v {
			delete(d.paths, path)
		}
	}
	v.paths = nil
}

func (d *directory) addForeign(ufrag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.foreign[ufrag]++
}

func (d *directory) forgetForeign(ufrag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.foreign[ufrag]--; d.foreign[ufrag] <= 0 {
		delete(d.foreign, ufrag)
	}
}

// addPeer remembers the path to somebody who has called a publisher; the oldest gives way.
func (d *directory) addPeer(from udp.Peer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.peers[from.Remote]; !known {
		if len(d.order) == foreignPaths {
			delete(d.peers, d.order[0])
			d.order = d.order[1:]
		}
		d.order = append(d.order, from.Remote)
	}
	d.peers[from.Remote] = from
}

// peer finds the path to an address that Pion writes to.
func (d *directory) peer(to netip.AddrPort) (udp.Peer, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	from, ok := d.peers[to]
	return from, ok
}

// isPeer says whether a datagram that is no viewer's may go to Pion.
func (d *directory) isPeer(from udp.Peer) bool {
	known, ok := d.peer(from.Remote)
	return ok && known == from
}
