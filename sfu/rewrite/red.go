package rewrite

// Limits of a redundant block's header (RFC 2198 section 3), and of a packet.
const (
	maxREDTicks = 1<<14 - 1
	maxREDBlock = 1<<10 - 1
	// maxREDBytes makes a packet, its block headers included, no larger than 1200 bytes: what video
	// is cut to and every path carries.
	maxREDBytes = 1195
)

// RED makes redundant audio (RFC 2198) of a stream: each packet carries the one before once more,
// so that a single loss is repaired without asking. It is made once for all viewers. One goroutine
// at a time.
type RED struct {
	sn      uint64
	ts      uint32
	payload []byte // of the newest packet
}

// REDPayload is a packet's redundant form. The payload type in its headers is the receiver's own,
// so a viewer gets Header and, behind it, Blocks, which all viewers share.
type REDPayload struct {
	Blocks []byte // the redundant block if there is one, then the packet's own payload; not to be changed
	ticks  uint16 // by which the redundant block is older
	size   uint16 // bytes of the redundant block, 0 = there is none
}

// Add returns the redundant form of a packet. The block before is left out when it is not the
// packet with the number before, is empty, or does not fit. Add keeps payload until the next call,
// and Blocks is payload itself where it goes alone: nobody may change it.
func (r *RED) Add(sn uint64, ts uint32, payload []byte) REDPayload {
	before := *r
	if sn >= r.sn { // a late packet changes nothing for the next one
		*r = RED{sn: sn, ts: ts, payload: payload}
	}
	ticks, size := ts-before.ts, len(before.payload)
	if sn != before.sn+1 || ticks == 0 || ticks > maxREDTicks ||
		size == 0 || size > maxREDBlock || len(payload) == 0 || size+len(payload) > maxREDBytes {
		return REDPayload{Blocks: payload}
	}
	blocks := make([]byte, 0, size+len(payload))
	blocks = append(append(blocks, before.payload...), payload...)
	return REDPayload{Blocks: blocks, ticks: uint16(ticks), size: uint16(size)}
}

// Header appends the block headers for a receiver whose payload type of Opus is opus: five bytes,
// or one where there is no redundant block.
func (p REDPayload) Header(dst []byte, opus uint8) []byte {
	opus &= 0x7f
	if p.size > 0 {
		dst = append(dst, 0x80|opus, byte(p.ticks>>6), byte(p.ticks<<2)|byte(p.size>>8), byte(p.size))
	}
	return append(dst, opus)
}
