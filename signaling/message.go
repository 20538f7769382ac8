package signaling

import "encoding/json"

// Limits of the socket. A message beyond one is answered with an error or, where
// the peer is plainly not ours, ends the connection with CloseProtocol.
const (
	MaxMessageBytes = 64 << 10 // one frame from a client; SDP is the largest
	MaxChatRunes    = 200
	MaxNickRunes    = 24
	ChatHistory     = 60 // lines a room remembers for those who join
)

// Close codes tell a client whether to come back.
const (
	CloseComeBack = 4000 // the server restarts, or the client read too slowly: reconnect and resume
	CloseSignIn   = 4001 // the ticket or session is no longer good: load the page again
	CloseProtocol = 4002 // the client broke the protocol: do not come back
)

// Face is the kind of page behind a socket.
type Face string

// The faces.
const (
	FaceRoom   Face = "room"
	FaceStudio Face = "studio"
	FaceDesk   Face = "desk"
)

// Request is a client's envelope. ID is the client's own and comes back in the Reply.
type Request struct {
	T  string          `json:"t"`
	ID string          `json:"id"`
	D  json.RawMessage `json:"d"`
}

// Reply answers one Request. T is "ok" or "error".
type Reply struct {
	T  string `json:"t"`
	ID string `json:"id"`
	D  any    `json:"d"`
}

// Push is what the server says unasked.
type Push struct {
	T string `json:"t"`
	D any    `json:"d"`
}

// Failure is D of an "error" reply. Code is one of the shop's codes, or
// "bad_message", "unknown_type", "hello_first", "no_media".
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

// Nothing is the payload of a message that carries none.
type Nothing struct{}

// Hello opens every connection. Room pages bring the visit ticket their page was
// rendered with; studio and desk are known by their session cookie.
type Hello struct {
	Face   Face   `json:"face"`
	Ticket string `json:"ticket,omitempty"`
	Nick   string `json:"nick,omitempty"`
	Since  int64  `json:"since,omitempty"` // seq of the last chat line already shown
}

// Welcome answers Hello with all a page needs to draw itself: a snapshot, so that
// a resumed connection and a first one are the same thing.
type Welcome struct {
	ServerMS int64       `json:"server_ms"` // Unix ms of the server's clock
	Brand    BrandInfo   `json:"brand"`
	Show     ShowInfo    `json:"show"`
	Stage    StageInfo   `json:"stage"`
	Products []Product   `json:"products"`  // room: on the shelf only
	Chat     []ChatLine  `json:"chat"`      // after Hello.Since; studio: of all rooms
	ChatGone []string    `json:"chat_gone"` // ids of lines removed lately, for pages that still show them
	Orders   []Order     `json:"orders"`    // newest first; room: the viewer's own, desk: theirs, studio: the latest 200
	Room     *RoomState  `json:"room,omitempty"`
	Studio   *StudioInfo `json:"studio,omitempty"`
	Desk     *DeskInfo   `json:"desk,omitempty"`
}

// BrandInfo is what every page knows of the brand.
type BrandInfo struct {
	Name      string   `json:"name"`
	Currency  string   `json:"currency"`  // ISO 4217
	Exponent  int      `json:"exponent"`  // digits after the point
	Providers []string `json:"providers"` // payment providers on offer: "manual", "demo"
}

// ShowInfo is the show as pages see it. Times are Unix ms, 0 = not yet.
type ShowInfo struct {
	ID        string `json:"id"`
	Title     string `json:"title"`
	State     string `json:"state"` // draft, live, ended
	StartedMS int64  `json:"started_ms"`
	EndedMS   int64  `json:"ended_ms"`
	Pinned    string `json:"pinned"` // product id or empty
}

// StageInfo says whether HQ's picture is arriving.
type StageInfo struct {
	Live     bool        `json:"live"`
	Away     bool        `json:"away"`  // live, but nothing has come for a second
	Video    string      `json:"video"` // codec, "" when no video arrives
	Audio    string      `json:"audio"`
	SinceMS  int64       `json:"since_ms"` // Unix ms when the present publisher came
	Source   string      `json:"source"`   // studio only: the key's label
	Bitrate  int64       `json:"bitrate"`  // studio only: bits/s over the last second or two
	Standby  bool        `json:"standby"`  // studio only: a hot standby is connected
	Warnings []string    `json:"warnings"` // studio only: what is wrong with the broadcast
	Layers   []LayerInfo `json:"layers"`   // studio only: best first
}

// LayerInfo is one quality of the picture that arrives.
type LayerInfo struct {
	ID      string `json:"id"`    // high, mid, low
	Width   int    `json:"width"` // 0 while unknown
	Height  int    `json:"height"`
	Bitrate int64  `json:"bitrate"` // bits/s
	Active  bool   `json:"active"`
}

// RoomState is what a viewer's page knows beyond the show.
type RoomState struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Distributor string `json:"distributor"` // name; empty in HQ's room
	Viewers     int    `json:"viewers"`
	Nick        string `json:"nick"`
	Cart        Cart   `json:"cart"`
}

// StudioInfo is what HQ sees beyond the show.
type StudioInfo struct {
	Name         string            `json:"name"` // who is signed in
	Distributors []DistributorInfo `json:"distributors"`
	Rooms        []RoomInfo        `json:"rooms"`
	Totals       Totals            `json:"totals"`
	WhipURL      string            `json:"whip_url"`
}

// DeskInfo is what a distributor sees of their own.
type DeskInfo struct {
	Distributor DistributorInfo `json:"distributor"`
	Rooms       []RoomInfo      `json:"rooms"`
	Totals      Totals          `json:"totals"`
}

// DistributorInfo is a distributor on studio and on their own desk.
type DistributorInfo struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	State  string `json:"state"`
	RateBP int32  `json:"rate_bp"` // 1/10,000 of net
	Totals Totals `json:"totals"`
}

// RoomInfo is a room in a list. Link carries the signed room token; like every link
// of the protocol it is absolute, or a path below the page's own origin.
type RoomInfo struct {
	ID          string `json:"id"`
	Slug        string `json:"slug"`
	Name        string `json:"name"`
	Distributor string `json:"distributor"` // id; empty for HQ
	Viewers     int    `json:"viewers"`
	Link        string `json:"link"`
}

// Totals sums orders, in minor units. Studio: the brand's; desk: the distributor's.
type Totals struct {
	Orders          int   `json:"orders"` // paid
	SalesMinor      int64 `json:"sales_minor"`
	CommissionMinor int64 `json:"commission_minor"` // pending; studio: of all distributors
}

// ChatLine is one line of chat. From is "viewer", "brand" or "distributor".
type ChatLine struct {
	Seq    int64  `json:"seq"` // rises over the whole server's run; unix ms based, so also across restarts
	ID     string `json:"id"`
	Key    string `json:"key"` // the author's own key, so that their page finds its line again
	From   string `json:"from"`
	Nick   string `json:"nick"`
	Text   string `json:"text"`
	AtMS   int64  `json:"at_ms"`
	RoomID string `json:"room_id"` // empty = said to all rooms
	Room   string `json:"room"`    // name; studio only
}

// ---- media

// Offer carries the server's SDP offer for one media connection.
type Offer struct {
	Media string `json:"media"` // id of the connection
	SDP   string `json:"sdp"`
}

// Answer carries the browser's SDP answer.
type Answer struct {
	Media string `json:"media"`
	SDP   string `json:"sdp"`
}

// Candidate is one trickled ICE candidate of the browser ("" ends them).
type Candidate struct {
	Media     string `json:"media"`
	Candidate string `json:"candidate"`
	Mid       string `json:"mid"`
}

// MediaRef names a media connection.
type MediaRef struct {
	Media string `json:"media"`
}

// MediaWant says what picture a page wants: "auto", "low" (data saver) or "off"
// (sound only, as in a hidden tab).
type MediaWant struct {
	Media string `json:"media"`
	Video string `json:"video"`
}

// Playing reports that the browser has shown a frame; FirstFrameMS counts from the watch request.
type Playing struct {
	Media        string `json:"media"`
	FirstFrameMS int64  `json:"first_frame_ms"`
}

// ---- commands of a room

// ChatSay says a line. Key makes a retry harmless. RoomID is for the studio only
// (empty = all rooms); other faces speak in their own room.
type ChatSay struct {
	Key    string `json:"key"`
	Text   string `json:"text"`
	RoomID string `json:"room_id,omitempty"`
}

// ChatNick sets the name a viewer chats under.
type ChatNick struct {
	Nick string `json:"nick"`
}

// ChatRef names a chat line.
type ChatRef struct {
	ID string `json:"id"`
}

// ---- commands of the studio

// ShowStart begins a show (a new one when the last has ended).
type ShowStart struct {
	Title string `json:"title"`
}

// ProductSave makes a product (ID empty, Key set) or changes one. AddStock is added to
// what is there; a price of 0 leaves a product's prices as they are.
type ProductSave struct {
	ID          string `json:"id,omitempty"`
	Key         string `json:"key,omitempty"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Picture     string `json:"picture,omitempty"` // picture id from POST /api/pictures; empty keeps the old one
	PriceMinor  int64  `json:"price_minor"`
	AddStock    int64  `json:"add_stock"`
}

// ProductShelf puts a product on the shelf or takes it off.
type ProductShelf struct {
	ID string `json:"id"`
	On bool   `json:"on"`
}

// ProductRef names a product; an empty id unpins.
type ProductRef struct {
	ID string `json:"id"`
}

// DistributorCreate makes a distributor and their first room. Key is a ULID.
type DistributorCreate struct {
	Key    string `json:"key"`
	Name   string `json:"name"`
	RateBP int32  `json:"rate_bp"`
	Slug   string `json:"slug"`
}

// DistributorCreated hands over what the new distributor needs.
type DistributorCreated struct {
	Distributor DistributorInfo `json:"distributor"`
	Room        RoomInfo        `json:"room"`
	SignInURL   string          `json:"sign_in_url"` // one use, 7 days
}

// DistributorSet suspends or reactivates a distributor and sets their rate.
type DistributorSet struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	RateBP int32  `json:"rate_bp"`
}

// DistributorRef names a distributor.
type DistributorRef struct {
	ID string `json:"id"`
}

// RoomCreate makes one more room. DistributorID empty = HQ. Key is a ULID.
type RoomCreate struct {
	Key           string `json:"key"`
	DistributorID string `json:"distributor_id"`
	Name          string `json:"name"`
	Slug          string `json:"slug"`
}

// Link is a one-time link.
type Link struct {
	URL string `json:"url"`
}

// StageTicketAsk asks for the right to publish from this page. TakeOver pushes
// out a publisher that came with another key.
type StageTicketAsk struct {
	TakeOver bool `json:"take_over"`
}

// StageTicket is a bearer token for POST /whip, good for 12 hours.
type StageTicket struct {
	Bearer string `json:"bearer"`
}

// StageKeyCreate makes a stage key for OBS and other encoders.
type StageKeyCreate struct {
	Label string `json:"label"`
}

// StageKey is shown once.
type StageKey struct {
	Key     string `json:"key"`
	WhipURL string `json:"whip_url"`
}

// ---- pushes

// PinInfo says which product is being explained; empty = none.
type PinInfo struct {
	Product string `json:"product"`
}

// ProductGone takes a product off a room page.
type ProductGone struct {
	ID string `json:"id"`
}

// ChatLines carries one or more lines, oldest first.
type ChatLines struct {
	Lines []ChatLine `json:"lines"`
}

// Presence says how many viewers a room has; studio and desk get one per changed room.
type Presence struct {
	Rooms []RoomViewers `json:"rooms"`
}

// RoomViewers is one room's count.
type RoomViewers struct {
	RoomID  string `json:"room_id"`
	Viewers int    `json:"viewers"`
}

// MediaGone says that a media connection has ended; the page asks to watch again.
type MediaGone struct {
	Media  string `json:"media"`
	Reason string `json:"reason"` // failed, show_ended, server
}

// Pong answers a ping.
type Pong struct {
	ServerMS int64 `json:"server_ms"`
}
