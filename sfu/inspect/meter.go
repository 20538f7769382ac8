package inspect

import "time"

const (
	videoRate = 90_000 // ticks per second of every video codec

	slotTime   = 250 * time.Millisecond
	shortSlots = 8  // two seconds
	longSlots  = 40 // ten seconds

	// peakHold is how long a high ten-second mean is remembered.
	peakHold = 20 * time.Second
)

// meter counts bytes and frames in slots of a quarter second. Only whole slots are looked at.
type meter struct {
	slots [longSlots + 1]slot // by slot number
	slot  int64               // number of the slot that is being filled
	first int64               // number of the first slot since the last silence
	high  uint32              // newest timestamp
	bytes int64               // in all slots

	sustained int64 // see Facts.SustainedBPS
	peakAt    time.Duration
}

type slot struct {
	bytes  int64
	frames int
	high   uint32 // newest timestamp at its end
}

// restart makes the rates begin anew with this timestamp.
func (m *meter) restart(now time.Duration, ts uint32) {
	m.roll(now)
	m.first, m.high = m.slot, ts
}

// add counts a payload; last says that it is the last of its frame.
func (m *meter) add(now time.Duration, size int, ts uint32, last bool) {
	m.roll(now)
	s := &m.slots[m.slot%int64(len(m.slots))]
	s.bytes += int64(size)
	m.bytes += int64(size)
	if last {
		s.frames++
	}
	if int32(ts-m.high) > 0 {
		m.high = ts
	}
	s.high = m.high
}

// roll closes the slots that are over at the given time.
func (m *meter) roll(now time.Duration) {
	number := int64(now / slotTime)
	if number-m.slot > int64(len(m.slots)) { // a long silence: everything held is older than ten seconds
		m.slots = [longSlots + 1]slot{}
		m.bytes = 0
		m.slot = number - 1
	}
	for m.slot < number {
		m.slot++
		s := &m.slots[m.slot%int64(len(m.slots))]
		m.bytes -= s.bytes
		*s = slot{high: m.high}
		m.noteMean(now)
	}
}

// noteMean is called when a slot has become whole.
func (m *meter) noteMean(now time.Duration) {
	if m.slot-m.first < longSlots {
		return
	}
	mean := m.bytes * 8 * int64(time.Second) / int64(longSlots*slotTime)
	if mean >= m.sustained || now-m.peakAt > peakHold {
		m.sustained, m.peakAt = mean, now
	}
}

// bitrate is the mean of the last whole slots, two seconds of them if there are so many.
func (m *meter) bitrate() int64 {
	whole := min(m.slot-m.first, shortSlots)
	if whole < 1 {
		return 0
	}
	bytes := int64(0)
	for n := m.slot - whole; n < m.slot; n++ {
		bytes += m.slots[n%int64(len(m.slots))].bytes
	}
	return bytes * 8 * int64(time.Second) / (whole * int64(slotTime))
}

// fps divides the frames of two seconds by what the encoder's clock says has passed, so that a link
// that delivers in gusts changes nothing; a clock that cannot be true is replaced by ours.
func (m *meter) fps() float64 {
	if m.slot-m.first <= shortSlots {
		return 0
	}
	frames := 0
	for n := m.slot - shortSlots; n < m.slot; n++ {
		frames += m.slots[n%int64(len(m.slots))].frames
	}
	const whole = shortSlots * int64(slotTime) / int64(time.Second) * videoRate // ticks
	from := m.slots[(m.slot-shortSlots-1)%int64(len(m.slots))].high
	to := m.slots[(m.slot-1)%int64(len(m.slots))].high
	span := int64(int32(to - from))
	if span < whole/2 || span > whole*2 {
		span = whole
	}
	return float64(frames) * videoRate / float64(span)
}
