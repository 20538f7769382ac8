package signaling

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"shopcast/sfu"
	"shopcast/shop/refusal"
)

// layerChoice is what a player asks for (WHEP video layer selection). A layer has
// the name the "layers" event gave it, under the older key encodingId or the newer
// rid. Other keys of the extension are about codecs that are not forwarded here.
type layerChoice struct {
	EncodingID string `json:"encodingId"`
	RID        string `json:"rid"`
	MaxWidth   int    `json:"maxWidth"`
	MaxHeight  int    `json:"maxHeight"`
}

// chooseLayer caps a viewer at a layer, or lifts the cap when none is named.
func (s *Server) chooseLayer(w http.ResponseWriter, r *http.Request) {
	viewer, ok := s.pathViewer(w, r)
	if !ok {
		return
	}
	in, ok := readBody(w, r, maxJSONBytes, jsonType)
	if !ok {
		return
	}
	var choice layerChoice
	if err := json.Unmarshal([]byte(in.text), &choice); err != nil {
		problem(w, http.StatusBadRequest, string(refusal.CodeBadInput), "a choice is a JSON object such as {\"encodingId\": \"low\"}")
		return
	}
	id, err := choice.among(s.cfg.Stage.State().Layers)
	if err == nil {
		err = viewer.Prefer(id)
	}
	if err != nil {
		s.mediaProblem(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// among finds the layer's id, "" for automatic. Layers come best first; what has no
// known size yet counts as fitting.
func (c layerChoice) among(layers []sfu.Layer) (string, error) {
	if name := c.name(); name != "" {
		i := slices.IndexFunc(layers, func(l sfu.Layer) bool { return l.ID == name || l.RID == name })
		if i < 0 {
			return "", sfu.ErrNoLayer
		}
		return layers[i].ID, nil
	}
	if c.MaxWidth <= 0 && c.MaxHeight <= 0 || len(layers) == 0 {
		return "", nil
	}
	for _, l := range layers {
		if (c.MaxWidth <= 0 || l.Width <= c.MaxWidth) && (c.MaxHeight <= 0 || l.Height <= c.MaxHeight) {
			return l.ID, nil
		}
	}
	return layers[len(layers)-1].ID, nil // none is small enough: the smallest
}

func (c layerChoice) name() string {
	if c.EncodingID != "" {
		return c.EncodingID
	}
	return c.RID
}

// layerInfo is a layer in a "layers" event.
type layerInfo struct {
	EncodingID   string `json:"encodingId"`
	RID          string `json:"rid"`
	SimulcastIdx int    `json:"simulcastIdx"` // 0 is the smallest
	Bitrate      int64  `json:"bitrate,omitempty"`
	Width        int    `json:"width,omitempty"`
	Height       int    `json:"height,omitempty"`
}

// layersEvent is the data of a "layers" event for a player whose video is the given
// m-line. Our layers are called by our own names, which stay when the publisher changes.
func layersEvent(video int, layers []sfu.Layer) string {
	type infos = []layerInfo
	lists := map[string]infos{"active": {}, "inactive": {}, "layers": {}}
	for i, l := range layers {
		info := layerInfo{
			EncodingID: l.ID, RID: l.ID, SimulcastIdx: len(layers) - 1 - i,
			Bitrate: l.BitrateBPS, Width: l.Width, Height: l.Height,
		}
		if !l.Active {
			lists["inactive"] = append(lists["inactive"], info)
			continue
		}
		lists["active"] = append(lists["active"], info)
		lists["layers"] = append(lists["layers"], info)
	}
	data, err := json.Marshal(map[string]map[string]infos{strconv.Itoa(video): lists})
	if err != nil {
		panic("layers do not marshal: " + err.Error())
	}
	return string(data)
}
