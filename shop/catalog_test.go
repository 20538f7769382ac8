package shop

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"shopcast/shop/belong"
	"shopcast/shop/catalog"
	"shopcast/shop/refusal"
)

func TestShop_StartShow(t *testing.T) {
	b := newBench(t)
	_, err := b.EndShow(t.Context(), b.owner)
	wantCode(t, err, refusal.CodeShowNotStarted)
	_, err = b.StartShow(t.Context(), b.viewer(b.hqRoom()), "Mine")
	wantCode(t, err, refusal.CodeForbidden)
	_, err = b.StartShow(t.Context(), b.owner, strings.Repeat("x", MaxNameRunes+1))
	wantCode(t, err, refusal.CodeBadInput)
	draft := b.Show()
	first, err := b.StartShow(t.Context(), b.owner, "First")
	if err != nil || first.ID != draft.ID || first.State != ShowLive || first.Title != "First" || first.StartedAt == 0 {
		t.Errorf("show %+v, %v", first, err)
	}
	_, err = b.StartShow(t.Context(), b.owner, "")
	wantCode(t, err, refusal.CodeShowLive)
	p := b.product(100, 1)
	_, err = b.PinProduct(t.Context(), b.owner, p.ID)
	b.must(err)
	ended, err := b.EndShow(t.Context(), b.owner)
	if err != nil || ended.State != ShowEnded || ended.Pinned != "" || ended.EndedAt == 0 {
		t.Errorf("show %+v, %v", ended, err)
	}
	_, err = b.EndShow(t.Context(), b.owner)
	wantCode(t, err, refusal.CodeShowEnded)
	_, err = b.PinProduct(t.Context(), b.owner, p.ID)
	wantCode(t, err, refusal.CodeShowEnded)
	second, err := b.StartShow(t.Context(), b.owner, "")
	if err != nil || second.ID == first.ID || second.Title != "First" || b.Show() != second {
		t.Errorf("show %+v, %v", second, err)
	}
}

func TestShop_SaveSimple(t *testing.T) {
	b := newBench(t)
	good := SimpleCmd{Key: b.key(), Title: " Tea ", Description: "Green\nand good", PriceMinor: 990, AddStock: 5}
	for name, c := range map[string]struct {
		code   refusal.Code
		change func(*SimpleCmd)
	}{
		"no title":      {refusal.CodeBadInput, func(c *SimpleCmd) { c.Title = " " }},
		"long title":    {refusal.CodeBadInput, func(c *SimpleCmd) { c.Title = strings.Repeat("茶", 201) }},
		"long text":     {refusal.CodeBadInput, func(c *SimpleCmd) { c.Description = strings.Repeat("茶", 5_001) }},
		"not UTF-8":     {refusal.CodeBadInput, func(c *SimpleCmd) { c.Title = "\xff" }},
		"free":          {refusal.CodeBadInput, func(c *SimpleCmd) { c.PriceMinor = 0 }},
		"negative":      {refusal.CodeBadInput, func(c *SimpleCmd) { c.PriceMinor = -1 }},
		"too dear":      {refusal.CodeBadInput, func(c *SimpleCmd) { c.PriceMinor = catalog.MaxPriceMinor + 1 }},
		"less stock":    {refusal.CodeBadInput, func(c *SimpleCmd) { c.AddStock = -1 }},
		"endless stock": {refusal.CodeBadInput, func(c *SimpleCmd) { c.AddStock = catalog.MaxStock + 1 }},
		"no picture":    {refusal.CodeBadInput, func(c *SimpleCmd) { c.Picture = "../../etc/passwd" }},
		"no key":        {refusal.CodeBadInput, func(c *SimpleCmd) { c.Key = "" }},
		"unknown":       {refusal.CodeNotFound, func(c *SimpleCmd) { c.ID = "prd_x" }},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := good
			c.change(&cmd)
			_, err := b.SaveSimple(t.Context(), b.owner, cmd)
			wantCode(t, err, c.code)
		})
	}
	p, err := b.SaveSimple(t.Context(), b.owner, good)
	want := catalog.Stock{Available: 5, Initial: 5}
	if err != nil || p.Title != "Tea" || p.Number != 1 || !p.OnShelf || p.First().Stock != want {
		t.Fatalf("product %+v, %v", p, err)
	}
	again, err := b.SaveSimple(t.Context(), b.owner, good)
	if err != nil || !reflect.DeepEqual(again, p) || len(b.Products()) != 1 {
		t.Errorf("again %+v, %v", again, err)
	}
	other := good
	other.PriceMinor++
	_, err = b.SaveSimple(t.Context(), b.owner, other)
	wantCode(t, err, refusal.CodeConflict)

	changed, err := b.SaveSimple(t.Context(), b.owner, SimpleCmd{ID: p.ID, Title: "Tea", PriceMinor: 1_000, AddStock: 3})
	if want = (catalog.Stock{Available: 8, Initial: 5, Restocked: 3}); err != nil || changed.First().Stock != want || changed.Number != 1 {
		t.Errorf("changed %+v, %v", changed, err)
	}
	_, err = b.SaveSimple(t.Context(), b.owner, SimpleCmd{ID: p.ID, Title: "Tea", PriceMinor: 1_000, AddStock: catalog.MaxStock})
	wantCode(t, err, refusal.CodeBadInput)
	if second := b.product(5, 0); second.Number != 2 {
		t.Errorf("number is %d", second.Number)
	}
}

func TestShop_PinProduct(t *testing.T) {
	b := newBench(t)
	p := b.product(100, 1)
	_, err := b.PinProduct(t.Context(), b.owner, "prd_x")
	wantCode(t, err, refusal.CodeNotFound)
	show, err := b.PinProduct(t.Context(), b.owner, p.ID)
	if err != nil || show.Pinned != p.ID {
		t.Errorf("show %+v, %v", show, err)
	}
	_, err = b.SetShelf(t.Context(), b.owner, p.ID, false)
	if err != nil || b.Show().Pinned != "" {
		t.Errorf("pinned %q, %v", b.Show().Pinned, err)
	}
	_, err = b.PinProduct(t.Context(), b.owner, p.ID)
	wantCode(t, err, refusal.CodeOffShelf)
	_, err = b.PinProduct(t.Context(), b.owner, "")
	b.must(err)
	_, err = b.SetShelf(t.Context(), b.owner, "prd_x", true)
	wantCode(t, err, refusal.CodeNotFound)
}

func TestShop_CreateDistributor(t *testing.T) {
	b := newBench(t)
	cmd := DistributorCmd{Key: b.key(), Name: "花店", Slug: "flowers"}
	d, room, err := b.CreateDistributor(t.Context(), b.owner, cmd)
	if err != nil || b.RateOf(d) != 1_000 || d.State != belong.DistributorActive || room.Distributor != d.ID || room.Slug != "flowers" {
		t.Fatalf("%+v, %+v, %v", d, room, err)
	}
	sameD, sameRoom, err := b.CreateDistributor(t.Context(), b.owner, cmd)
	if err != nil || sameD != d || !reflect.DeepEqual(sameRoom, room) {
		t.Errorf("again %+v, %+v, %v", sameD, sameRoom, err)
	}
	made, another, err := b.CreateDistributor(t.Context(), b.owner, DistributorCmd{Key: b.key(), Name: "Café Zoë 24"})
	if err != nil || made.ID == d.ID || !belong.IsSlug(another.Slug) || !strings.HasPrefix(another.Slug, "caf-zo-24-") {
		t.Errorf("slug is %q, %v", another.Slug, err)
	}
	for name, c := range map[string]struct {
		code   refusal.Code
		change func(*DistributorCmd)
	}{
		"taken":     {refusal.CodeTaken, func(c *DistributorCmd) { c.Slug = "flowers" }},
		"HQ's":      {refusal.CodeTaken, func(c *DistributorCmd) { c.Slug = hqSlug }},
		"odd slug":  {refusal.CodeBadInput, func(c *DistributorCmd) { c.Slug = "Flowers!" }},
		"short":     {refusal.CodeBadInput, func(c *DistributorCmd) { c.Slug = "f" }},
		"long":      {refusal.CodeBadInput, func(c *DistributorCmd) { c.Slug = strings.Repeat("f", 41) }},
		"no name":   {refusal.CodeBadInput, func(c *DistributorCmd) { c.Name = "" }},
		"too much":  {refusal.CodeBadInput, func(c *DistributorCmd) { c.RateBP = 3_001 }},
		"negative":  {refusal.CodeBadInput, func(c *DistributorCmd) { c.RateBP = -1 }},
		"same key":  {refusal.CodeConflict, func(c *DistributorCmd) { c.Key = cmd.Key }},
		"wrong key": {refusal.CodeBadInput, func(c *DistributorCmd) { c.Key = "x" }},
	} {
		t.Run(name, func(t *testing.T) {
			before := b.Counts()
			bad := DistributorCmd{Key: b.key(), Name: "B", Slug: "room-b"}
			c.change(&bad)
			_, _, err := b.CreateDistributor(t.Context(), b.owner, bad)
			wantCode(t, err, c.code)
			if after := b.Counts(); after != before {
				t.Errorf("%+v became %+v", before, after)
			}
		})
	}
	_, err = b.SetDistributor(t.Context(), b.owner, d.ID, "retired", 0)
	wantCode(t, err, refusal.CodeBadInput)
	_, err = b.SetDistributor(t.Context(), b.owner, d.ID, belong.DistributorActive, 3_001)
	wantCode(t, err, refusal.CodeBadInput)
	_, err = b.SetDistributor(t.Context(), b.owner, "dst_x", belong.DistributorActive, 0)
	wantCode(t, err, refusal.CodeNotFound)
	if got, ok := b.DistributorByID(d.ID); !ok || got != d || len(b.Distributors()) != 2 {
		t.Errorf("distributor is %+v", got)
	}
}

func TestShop_CreateRoom(t *testing.T) {
	b := newBench(t)
	d, first := b.distributor("room-a", 1_000)
	cmd := RoomCmd{Key: b.key(), Distributor: d.ID, Name: "Second", Slug: "room-a2"}
	room, err := b.CreateRoom(t.Context(), b.owner, cmd)
	if err != nil || room.Distributor != d.ID || room.ID == first.ID {
		t.Errorf("room %+v, %v", room, err)
	}
	if again, err := b.CreateRoom(t.Context(), b.owner, cmd); err != nil || !reflect.DeepEqual(again, room) {
		t.Errorf("again %+v, %v", again, err)
	}
	_, err = b.CreateRoom(t.Context(), b.owner, RoomCmd{Key: b.key(), Distributor: "dst_x", Name: "X"})
	wantCode(t, err, refusal.CodeNotFound)
	_, err = b.CreateRoom(t.Context(), Actor{Role: RoleDistributor, Distributor: d.ID}, RoomCmd{Key: b.key(), Name: "X"})
	wantCode(t, err, refusal.CodeForbidden)
	hq, err := b.CreateRoom(t.Context(), b.owner, RoomCmd{Key: b.key(), Name: "HQ 2", Slug: "hq-2"})
	if err != nil || hq.Distributor != "" {
		t.Errorf("room %+v, %v", hq, err)
	}
	if rooms := b.Rooms(); len(rooms) != 4 {
		t.Errorf("%d rooms", len(rooms))
	}
	if got, ok := b.RoomByID(room.ID); !ok || !reflect.DeepEqual(got, room) {
		t.Errorf("room %+v", got)
	}
	if _, ok := b.RoomBySlug("../x"); ok {
		t.Error("there is a room ../x")
	}
}

func TestShop_SetCart(t *testing.T) {
	b := newBench(t)
	p := b.product(100, 1)
	viewer := b.viewer(b.hqRoom())
	for _, qty := range []int64{0, -1, MaxQuantity + 1, 1<<63 - 1, -1 << 63} {
		_, err := b.SetCart(t.Context(), viewer, p.First().SKU, qty)
		wantCode(t, err, refusal.CodeBadQuantity)
	}
	_, err := b.SetCart(t.Context(), viewer, "sku_x", 1)
	wantCode(t, err, refusal.CodeNotFound)
	_, err = b.SetCart(t.Context(), b.owner, p.First().SKU, 1)
	wantCode(t, err, refusal.CodeForbidden)
	cart, err := b.SetCart(t.Context(), viewer, p.First().SKU, 5) // a wish, more than there is
	if err != nil || len(cart.Lines) != 1 || cart.Lines[0].Qty != 5 {
		t.Errorf("bag %+v, %v", cart, err)
	}
	cart, err = b.SetCart(t.Context(), viewer, p.First().SKU, 2)
	if err != nil || len(cart.Lines) != 1 || b.Cart(viewer).Lines[0].Qty != 2 {
		t.Errorf("bag %+v, %v", cart, err)
	}
	for range MaxCartLines - 1 {
		_, err = b.SetCart(t.Context(), viewer, line(b.product(1, 1), 1).SKU, 1)
		b.must(err)
	}
	_, err = b.SetCart(t.Context(), viewer, line(b.product(1, 1), 1).SKU, 1)
	wantCode(t, err, refusal.CodeCartFull)
	cart, err = b.RemoveFromCart(t.Context(), viewer, p.First().SKU)
	if err != nil || len(cart.Lines) != MaxCartLines-1 {
		t.Errorf("%d lines, %v", len(cart.Lines), err)
	}
	if other := b.Cart(b.viewer(b.hqRoom())); len(other.Lines) != 0 || len(b.Cart(b.owner).Lines) != 0 {
		t.Errorf("somebody else's bag holds %v", other.Lines)
	}
	_, err = b.SetShelf(t.Context(), b.owner, p.ID, false)
	b.must(err)
	_, err = b.SetCart(t.Context(), viewer, p.First().SKU, 1)
	wantCode(t, err, refusal.CodeOffShelf)
}

func TestShop_SavePicture(t *testing.T) {
	b := newBench(t)
	jpeg := append([]byte{0xff, 0xd8, 0xff}, bytes.Repeat([]byte("x"), 100)...)
	id, err := b.SavePicture(t.Context(), b.owner, jpeg)
	b.must(err)
	again, err := b.SavePicture(t.Context(), b.owner, jpeg)
	if err != nil || again != id {
		t.Errorf("again %s, %v", again, err)
	}
	got, err := b.Picture(id)
	if err != nil || !bytes.Equal(got, jpeg) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	files, err := os.ReadDir(filepath.Join(b.dir, pictureDir))
	if err != nil || len(files) != 1 || files[0].Name() != string(id)+".jpg" {
		t.Errorf("files %v, %v", files, err)
	}
	for _, odd := range []PictureID{"", "x", "../shopcast", PictureID(strings.Repeat("0", 64)), PictureID(strings.ToUpper(string(id)))} {
		_, err = b.Picture(odd)
		wantCode(t, err, refusal.CodeNotFound)
	}
	_, err = b.SavePicture(t.Context(), b.owner, []byte("<svg/>"))
	wantCode(t, err, refusal.CodeBadInput)
	_, err = b.SavePicture(t.Context(), b.owner, append(jpeg, make([]byte, MaxPictureBytes)...))
	wantCode(t, err, refusal.CodeTooLarge)
	_, err = b.SavePicture(t.Context(), b.viewer(b.hqRoom()), jpeg)
	wantCode(t, err, refusal.CodeForbidden)
	p, err := b.SaveSimple(t.Context(), b.owner, SimpleCmd{Key: b.key(), Title: "Tea", PriceMinor: 1, Picture: id})
	if err != nil || !slices.Equal(p.Pictures, []PictureID{id}) {
		t.Errorf("product %+v, %v", p, err)
	}
}

func TestShop_lists(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	p := b.product(100, 100)
	b.live()
	viewer := b.viewer(room)
	contact := Contact{Name: "韩梅梅", Phone: "13912345678", Email: "han@example.com"}
	var last Order
	for range 5 {
		last = b.place(viewer, contact, line(p, 1))
	}
	b.place(b.viewer(b.hqRoom()), someContact(), line(p, 1))
	own, theirs, latest := b.OrdersOfViewer(viewer.Viewer, 3), b.OrdersOfDistributor(d.ID, 10), b.LatestOrders(100)
	if len(own) != 3 || own[0].ID != last.ID || own[0].Contact != contact || own[1].ID >= own[0].ID {
		t.Errorf("the viewer's orders are %+v", own)
	}
	masked := Contact{Name: "韩***", Phone: "***5678", Email: "h***@example.com"}
	if len(theirs) != 5 || theirs[0].Contact != masked || theirs[0].Address != "" {
		t.Errorf("the desk sees %+v", theirs[0].Contact)
	}
	if len(latest) != 6 || latest[0].Attribution.Distributor != "" || len(b.LatestOrders(-1)) != 0 {
		t.Errorf("%d orders", len(latest))
	}
	if got := b.Providers(); len(got) != 2 || got[0] != "manual" || got[1] != cardName {
		t.Errorf("providers %v", got)
	}
	if c := b.Counts(); c.Orders != 6 || c.Rooms != 2 || c.Distributors != 1 || c.Products != 1 || c.Events == 0 {
		t.Errorf("counts %+v", c)
	}
}
