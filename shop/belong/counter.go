package belong

import (
	"encoding/binary"
	"time"

	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// What bucketCounter counts; the first byte of its keys. A count of a period (of the
// minute, hour or day) is one number per key that starts again in the next period.
const (
	countNewcomers = 'v' // network → new viewers, of the minute
	countNetwork   = 'n' // network → bounties, of the hour
	countDay       = 'd' // sharer → bounties, of the day
	countShow      = 's' // sharer show → bounties
	countBrought   = 'b' // sharer → people they brought
	countGranted   = 'g' // sharer → bounties
	countReversed  = 'r' // sharer → bounties taken back
)

func counterKey(kind byte, parts ...[]byte) []byte {
	return join(append([][]byte{{kind}}, parts...)...)
}

func sharerCounter(kind byte, sharer id.SharerID) []byte {
	return counterKey(kind, id.Key(sharer))
}

// countOf reads a counter without a period.
func countOf(r *kv.Records, key []byte) int64 {
	raw := r.Get(bucketCounter, key)
	if len(raw) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(raw))
}

// count adds one to a counter without a period.
func count(tx *kv.Command, key []byte) {
	n := uint64(countOf(&tx.Records, key)) + 1
	tx.PutBytes(bucketCounter, key, binary.BigEndian.AppendUint64(nil, n))
}

// countOfPeriod reads a counter in the period that `at` (Unix ms) is in.
func countOfPeriod(r *kv.Records, key []byte, at int64, period time.Duration) int64 {
	raw := r.Get(bucketCounter, key)
	if len(raw) != 16 || int64(binary.BigEndian.Uint64(raw)) != at/period.Milliseconds() {
		return 0
	}
	return int64(binary.BigEndian.Uint64(raw[8:]))
}

// countIn adds one to a counter of a period and returns it.
func countIn(tx *kv.Command, key []byte, period time.Duration) int64 {
	n := countOfPeriod(&tx.Records, key, tx.At, period) + 1
	value := binary.BigEndian.AppendUint64(nil, uint64(tx.At/period.Milliseconds()))
	tx.PutBytes(bucketCounter, key, binary.BigEndian.AppendUint64(value, uint64(n)))
	return n
}
