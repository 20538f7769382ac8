package belong

import (
	"encoding/binary"
	"net/url"
	"slices"
	"strings"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Bounds of rooms.
const (
	MaxRooms     = 100_000
	maxOrigins   = 20
	minSlugBytes = 2
	maxSlugBytes = 40
)

// keyRooms counts the rooms, in bucketMeta.
const keyRooms = "rooms"

// The states of a room. The links of a suspended one bring nobody.
const (
	RoomOpen      = "open"
	RoomSuspended = "suspended"
)

// Room is a distributor's room, or HQ's own when Distributor is empty.
type Room struct {
	ID          id.RoomID        `json:"id"`
	Distributor id.DistributorID `json:"distributor"`
	Slug        string           `json:"slug"` // [a-z0-9-]{2,40}, unique
	Name        string           `json:"name"`
	Origins     []string         `json:"origins"` // pages that may embed it: scheme, host and port
	State       string           `json:"state"`   // open, suspended
	CreatedAt   int64            `json:"created_at"`
	Version     int64            `json:"version"` // 1, 2, 3 …
}

// CreateRoom makes a room out of everything but ID, CreatedAt and Version. An empty
// slug is made up, an empty state means open. taken when the slug is another's.
func CreateRoom(tx *kv.Command, room Room) (Room, error) {
	if _, ok := DistributorOf(&tx.Records, room.Distributor); room.Distributor != "" && !ok {
		return Room{}, refusal.Field(refusal.CodeNotFound, "distributor", "there is no such distributor")
	}
	n := countOfRooms(&tx.Records)
	if n >= MaxRooms {
		return Room{}, refusal.New(refusal.CodeTooLarge, "there are too many rooms")
	}
	room.ID, room.CreatedAt, room.Version = id.Make[id.RoomID](tx.NextID()), tx.At, 0
	saved, err := saveRoom(tx, room)
	if err != nil {
		return Room{}, err
	}
	tx.PutBytes(bucketMeta, []byte(keyRooms), binary.BigEndian.AppendUint64(nil, n+1))
	tx.PutBytes(bucketMeta, join(roomsPrefix(saved.Distributor), id.Key(saved.ID)), []byte{})
	return saved, nil
}

// ChangeRoom replaces a room by ID; whose it is cannot change. A slug that is given up
// still leads to the room, for posters are in print. stale when version is neither 0
// nor the present one.
func ChangeRoom(tx *kv.Command, room Room, version int64) (Room, error) {
	before, ok := RoomOf(&tx.Records, room.ID)
	if !ok {
		return Room{}, refusal.New(refusal.CodeNotFound, "there is no such room")
	}
	if version != 0 && version != before.Version {
		return Room{}, refusal.New(refusal.CodeStale, "somebody else changed this room")
	}
	room.Distributor, room.CreatedAt, room.Version = before.Distributor, before.CreatedAt, before.Version
	return saveRoom(tx, room)
}

func saveRoom(tx *kv.Command, room Room) (Room, error) {
	room, err := cleanRoom(room)
	if err != nil {
		return Room{}, err
	}
	if holder := tx.Get(bucketSlug, []byte(room.Slug)); holder != nil && id.FromKey[id.RoomID](holder) != room.ID {
		return Room{}, refusal.Field(refusal.CodeTaken, "slug", "another room has this address")
	}
	room.Version++
	tx.PutBytes(bucketSlug, []byte(room.Slug), id.Key(room.ID))
	put(tx, bucketRoom, id.Key(room.ID), room, event.RoomChanged)
	return room, nil
}

func cleanRoom(room Room) (Room, error) {
	var err error
	if room.Name, err = refusal.Text("name", room.Name, maxNameRunes, ""); err != nil {
		return room, err
	}
	if room.Name == "" {
		return room, refusal.Field(refusal.CodeBadInput, "name", "this must not be empty")
	}
	if room.State == "" {
		room.State = RoomOpen
	}
	if room.State != RoomOpen && room.State != RoomSuspended {
		return room, refusal.Field(refusal.CodeBadInput, "state", "a room is open or suspended")
	}
	if room.Slug == "" {
		room.Slug = slugOf(room)
	}
	if !IsSlug(room.Slug) {
		return room, refusal.Field(refusal.CodeBadInput, "slug", "use 2 to 40 letters a-z, digits and hyphens")
	}
	room.Origins, err = cleanOrigins(room.Origins)
	return room, err
}

// cleanOrigins brings the origins into one spelling and order.
func cleanOrigins(origins []string) ([]string, error) {
	if len(origins) > maxOrigins {
		return nil, refusal.Field(refusal.CodeBadInput, "origins", "these are too many pages")
	}
	clean := make([]string, 0, len(origins))
	for _, origin := range origins {
		page, err := url.Parse(strings.ToLower(strings.TrimSpace(origin)))
		if err != nil || page.Scheme != "https" && page.Scheme != "http" || page.Hostname() == "" || strings.ContainsAny(page.Host, " ;,*'\"") {
			return nil, refusal.Field(refusal.CodeBadInput, "origins", "this is not the address of a page")
		}
		clean = append(clean, page.Scheme+"://"+page.Host)
	}
	slices.Sort(clean)
	return slices.Compact(clean), nil
}

// IsSlug says whether text could be the address of a room.
func IsSlug(text string) bool {
	if len(text) < minSlugBytes || len(text) > maxSlugBytes {
		return false
	}
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// slugOf makes up an address: the letters and digits of the name that can stand in
// one, and the end of the id, which makes it unique.
func slugOf(room Room) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(strings.ToLower(room.Name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) {
		if b.Len()+len(word) < maxSlugBytes/2 {
			b.WriteString(word + "-")
		}
	}
	name := strings.ToLower(string(room.ID))
	return b.String() + name[len(name)-8:]
}

func roomsPrefix(d id.DistributorID) []byte { return join([]byte("room/"), id.Key(d)) }

func countOfRooms(r *kv.Records) uint64 {
	raw := r.Get(bucketMeta, []byte(keyRooms))
	if len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}

// RoomOf finds a room.
func RoomOf(r *kv.Records, name id.RoomID) (Room, bool) {
	return kv.Load[Room](r, bucketRoom, id.Key(name))
}

// RoomBySlug finds a room by its address, or by one it once had.
func RoomBySlug(r *kv.Records, slug string) (Room, bool) {
	if !IsSlug(slug) {
		return Room{}, false
	}
	return RoomOf(r, id.FromKey[id.RoomID](r.Get(bucketSlug, []byte(slug))))
}

// Rooms lists all rooms, the oldest first.
func Rooms(r *kv.Records) []Room { return kv.All[Room](r, bucketRoom) }

// RoomsOf lists the rooms of a distributor, or HQ's for the empty id, the oldest first.
func RoomsOf(r *kv.Records, d id.DistributorID) []Room {
	var rooms []Room
	prefix := roomsPrefix(d)
	r.Scan(bucketMeta, prefix, nil, func(key, _ []byte) bool {
		room, ok := RoomOf(r, id.FromKey[id.RoomID](key[len(prefix):]))
		rooms = append(rooms, room)
		return ok
	})
	return rooms
}
