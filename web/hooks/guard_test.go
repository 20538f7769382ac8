package hooks

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestMayReach(t *testing.T) {
	for text, want := range map[string]struct{ public, house bool }{
		"93.184.215.14":          {true, true},
		"2606:2800:21f:cb07::1":  {true, true},
		"127.0.0.1":              {false, true},
		"127.255.0.1":            {false, true},
		"::1":                    {false, true},
		"10.0.0.1":               {false, true},
		"172.16.0.1":             {false, true},
		"172.32.0.1":             {true, true},
		"192.168.255.255":        {false, true},
		"fd12::1":                {false, true},
		"::ffff:10.0.0.1":        {false, true},
		"::ffff:127.0.0.1":       {false, true},
		"::ffff:93.184.215.14":   {},
		"169.254.169.254":        {},
		"::ffff:169.254.169.254": {},
		"fe80::1":                {},
		"fe80::1%eth0":           {},
		"0.0.0.0":                {},
		"0.1.2.3":                {},
		"::":                     {},
		"::127.0.0.1":            {},
		"224.0.0.1":              {},
		"ff02::1":                {},
		"255.255.255.255":        {},
		"240.0.0.1":              {},
		"100.64.0.1":             {},
		"100.128.0.1":            {true, true},
		"198.18.0.1":             {},
		"192.0.0.192":            {},
		"64:ff9b::a00:1":         {},
		"2002:a00:1::":           {},
		"2001:0:a00:1::":         {},
		"fec0::1":                {},
	} {
		addr := netip.MustParseAddr(text)
		if public, house := mayReach(addr, false), mayReach(addr, true); public != want.public || house != want.house {
			t.Errorf("%s: public %t, with private %t; want %+v", text, public, house, want)
		}
	}
}

// A name may mean a public machine when it is looked at and this one when it is dialled.
func TestGuarded_judgesWhatANameResolvesTo(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		conn, err := guarded(false).DialContext(context.Background(), "tcp", net.JoinHostPort(host, port))
		if err == nil {
			_ = conn.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "public internet") {
			t.Errorf("%s: %v", host, err)
		}
		conn, err = guarded(true).DialContext(context.Background(), "tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Errorf("%s, with private: %v", host, err)
			continue
		}
		_ = conn.Close()
	}
}
