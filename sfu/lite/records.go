package lite

import "encoding/binary"

// DTLS 1.2 records (RFC 6347 section 4.1) as far as they can be told apart without keys.
const (
	recordHeader = 13
	helloHeader  = recordHeader + 12 // and the handshake header, section 4.2.2

	typeChangeCipher = 20
	typeAlert        = 21
	typeHandshake    = 22
	clientHello      = 1

	// plainWindow is how many records a peer may send before encryption begins, resent ones included.
	// It is Pion's replay window too: with that no forged number, however large, makes true records old.
	plainWindow = 1024
)

// isHello says whether a datagram begins with a ClientHello, or with a part of one.
func isHello(datagram []byte) bool {
	return len(datagram) > helloHeader && datagram[0] == typeHandshake && datagram[1] == 0xfe &&
		binary.BigEndian.Uint16(datagram[3:]) == 0 && datagram[recordHeader] == clientHello
}

// isPlainAlert says whether a datagram of ours is an alert that anybody on the way could have written.
func isPlainAlert(datagram []byte) bool {
	return len(datagram) >= recordHeader && datagram[0] == typeAlert && binary.BigEndian.Uint16(datagram[3:]) == 0
}

// screen copies the records of a datagram that can further a handshake or end a connection, and drops
// the rest: what is malformed, of a later epoch, application data, and plain alerts, which anybody can
// forge and nobody has to believe (RFC 6347 section 4.1.2.7). handshake counts the bytes of what Pion
// may have to keep.
func screen(datagram []byte) (kept []byte, handshake int) {
	for len(datagram) > recordHeader {
		end := recordHeader + int(binary.BigEndian.Uint16(datagram[11:]))
		if end > len(datagram) {
			break
		}
		record := datagram[:end]
		datagram = datagram[end:]
		if !isUseful(record) {
			continue
		}
		kept = append(kept, record...)
		if record[0] == typeHandshake {
			handshake += len(record)
		}
	}
	return kept, handshake
}

func isUseful(record []byte) bool {
	if len(record) == recordHeader || record[1] != 0xfe {
		return false
	}
	number := binary.BigEndian.Uint64(record[3:]) // epoch and sequence number
	switch epoch := number >> 48; {
	case epoch == 0 && number < plainWindow:
		return record[0] == typeHandshake || isChangeCipher(record)
	case epoch == 1:
		return record[0] == typeHandshake || record[0] == typeAlert
	default:
		return false
	}
}

func isChangeCipher(record []byte) bool {
	return record[0] == typeChangeCipher && len(record) == recordHeader+1 && record[recordHeader] == 1
}
