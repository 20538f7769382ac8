package describe

import (
	"strings"
)

// maxRIDs is how many simulcast layers are read; OBS sends up to 4, browsers 3.
const maxRIDs = 16

// SimulcastRIDs returns the layers (RFC 8853) that the first video section of an offer sends, in the
// offered order, which is the offerer's preference: of alternatives the first, of paused layers ("~")
// the bare name. None without simulcast, or if the offer cannot be read; at most 16.
func SimulcastRIDs(offer string) []string {
	d, err := parse(offer)
	if err != nil {
		return nil
	}
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Media == "video" {
			line, _ := attribute(m.Attributes, "simulcast")
			return sendRIDs(line)
		}
	}
	return nil
}

// sendRIDs reads the send part of an a=simulcast line: "send 0;1,3;~2 recv …".
func sendRIDs(line string) []string {
	fields := strings.Fields(line)
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] != "send" {
			continue
		}
		var rids []string
		for alternatives := range strings.SplitSeq(fields[i+1], ";") {
			rid, _, _ := strings.Cut(alternatives, ",")
			if rid = strings.TrimPrefix(rid, "~"); rid != "" && len(rids) < maxRIDs {
				rids = append(rids, rid)
			}
		}
		return rids
	}
	return nil
}
