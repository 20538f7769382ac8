//go:build !linux || portable

package udp

import "net/netip"

// localSource is not chosen by anybody: here the kernel decides where a datagram leaves from.
const localSource = ""

// spokenTo adds nothing: an answer to a second address of one interface may leave from the first.
func spokenTo() []netip.Addr { return nil }
