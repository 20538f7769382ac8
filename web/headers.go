package web

import (
	"net/http"
	"strings"
)

// Secure adds the headers every answer carries, whoever made it: only our own
// scripts run, nobody frames us, a link with a room token in it is not told to
// other sites, and camera and microphone are open to the studio page alone.
func (s *Site) Secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy(r.Host))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not no-referrer: that makes browsers send "Origin: null" with the pay form.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Permissions-Policy", permissions(r.URL.Path))
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// contentPolicy names the host's sockets beside 'self', which older Safari does not
// take to include them.
func contentPolicy(host string) string {
	sockets := ""
	if plainHost(host) {
		sockets = " ws://" + host + " wss://" + host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
		"media-src 'self' blob:; font-src 'self'; connect-src 'self'" + sockets + "; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

func permissions(path string) string {
	if path == "/studio" {
		return "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=()"
	}
	return "camera=(), microphone=(), display-capture=(), geolocation=(), payment=()"
}

// plainHost says whether a Host is made of nothing that could end a word of a
// header or of a policy. The standard library lets ';' and quotes through.
func plainHost(host string) bool {
	if host == "" || len(host) > 255 {
		return false
	}
	return strings.IndexFunc(host, func(c rune) bool {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			return false
		}
		return !strings.ContainsRune(".:-[]_", c)
	}) < 0
}
