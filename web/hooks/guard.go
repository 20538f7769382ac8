package hooks

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// guarded is a dialer that judges the address it is about to connect to, after the
// name was resolved.
func guarded(private bool) *net.Dialer {
	return &net.Dialer{Timeout: sendTime, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("read address: %w", err)
		}
		if !mayReach(to.Addr(), private) {
			return fmt.Errorf("%s is not an address of the public internet", to.Addr())
		}
		return nil
	}}
}

// mayReach says whether deliveries may go to an address: to public ones, and with
// private to this machine and the networks of a house too. What is of one link stays
// closed even then: there clouds keep the passwords of their machines.
func mayReach(to netip.Addr, private bool) bool {
	if private && (to.Unmap().IsLoopback() || to.Unmap().IsPrivate()) {
		return true
	}
	return to.IsGlobalUnicast() && !to.IsPrivate() && !to.Is4In6() && to.Zone() == "" &&
		!slices.ContainsFunc(reserved(), func(p netip.Prefix) bool { return p.Contains(to) })
}

// reserved are the blocks of special use that net/netip takes for global: shared by
// providers, kept for tests, or with an IPv4 address inside.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("192.88.99.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("::/96"),
		netip.MustParsePrefix("64:ff9b::/96"),
		netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("100::/64"),
		netip.MustParsePrefix("2001::/23"),
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("fec0::/10"),
	}
}
