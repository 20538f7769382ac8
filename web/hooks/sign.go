package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"shopcast/shop"
)

// The headers of Standard Webhooks.
const (
	headerID        = "Webhook-Id"
	headerTime      = "Webhook-Timestamp" // Unix seconds of this try
	headerSignature = "Webhook-Signature"
)

// sign writes the headers by which a receiver knows that a delivery is ours and of
// now. While a secret is being changed there are two signatures.
func sign(header http.Header, d shop.Delivery, at time.Time) {
	event, seconds := strconv.FormatUint(d.Seq, 10), strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(d.Keys))
	for i, key := range d.Keys {
		signatures[i] = "v1," + signature(key, event, seconds, d.Body)
	}
	header.Set(headerID, event)
	header.Set(headerTime, seconds)
	header.Set(headerSignature, strings.Join(signatures, " "))
}

func signature(key []byte, event, seconds string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(event + "." + seconds + "."))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
