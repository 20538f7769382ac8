package shop

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"shopcast/shop/kv"
)

// The log is the journal, the outbox and the audit at once: bucket log, key = seq
// (8 bytes, big-endian), value = the hash of the value before (32 bytes, zero for
// the first) and the event as JSON. Changing one old entry breaks every hash after it.

// chain is the end of the log while a group is being written.
type chain struct {
	seq  uint64
	head [sha256.Size]byte
	grew bool
}

// readChain reads the end of the log. A damaged head gives an empty chain, which
// Open refuses before anything is written (see checkChain).
func readChain(src source) chain {
	var c chain
	if raw := src.Get(bucketMeta, []byte(metaHead)); len(raw) == 8+sha256.Size {
		c.seq = binary.BigEndian.Uint64(raw)
		copy(c.head[:], raw[8:])
	}
	return c
}

// add numbers an event and appends it.
func (c *chain) add(d *kv.Draft, e *Event) error {
	e.Seq = c.seq + 1
	doc, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	value := append(c.head[:len(c.head):len(c.head)], doc...)
	d.Put(bucketLog, seqKey(e.Seq), value)
	c.seq, c.head, c.grew = e.Seq, sha256.Sum256(value), true
	return nil
}

// save writes the new end of the log, once per group.
func (c *chain) save(tx *kv.Tx) error {
	if !c.grew {
		return nil
	}
	raw := append(seqKey(c.seq), c.head[:]...)
	return tx.Put(bucketMeta, []byte(metaHead), raw)
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// checkChain walks the log from the first entry and compares its end with the
// stored head. Each gets every event.
func checkChain(src source, each func(Event)) error {
	var last chain
	var fault error
	src.Scan(bucketLog, nil, nil, func(key, value []byte) bool {
		var e Event
		if e, fault = last.follow(key, value); fault != nil {
			return false
		}
		each(e)
		return true
	})
	if fault != nil {
		return fault
	}
	if stored := readChain(src); stored.seq != last.seq || stored.head != last.head {
		return fmt.Errorf("check log: ends at %d, head says %d", last.seq, stored.seq)
	}
	return nil
}

// follow checks that an entry is the one after the chain's end and moves there.
func (c *chain) follow(key, value []byte) (Event, error) {
	var e Event
	if len(key) != 8 || binary.BigEndian.Uint64(key) != c.seq+1 {
		return e, fmt.Errorf("check log: gap after %d", c.seq)
	}
	if len(value) < sha256.Size || [sha256.Size]byte(value[:sha256.Size]) != c.head {
		return e, fmt.Errorf("check log: entry %d does not follow the one before", c.seq+1)
	}
	if err := json.Unmarshal(value[sha256.Size:], &e); err != nil {
		return e, errors.Join(fmt.Errorf("check log: entry %d is unreadable", c.seq+1), err)
	}
	if e.Seq != c.seq+1 {
		return e, fmt.Errorf("check log: entry %d calls itself %d", c.seq+1, e.Seq)
	}
	c.seq, c.head = e.Seq, sha256.Sum256(value)
	return e, nil
}
