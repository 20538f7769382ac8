package shop

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestShop_StartShow(t *testing.T) {
	b := newBench(t)
	_, err := b.EndShow(t.Context(), b.owner)
	wantCode(t, err, CodeShowNotStarted)
	_, err = b.StartShow(t.Context(), b.viewer(b.hqRoom()), "Mine")
	wantCode(t, err, CodeForbidden)
	_, err = b.StartShow(t.Context(), b.owner, strings.Repeat("x", MaxNameRunes+1))
	wantCode(t, err, CodeBadInput)
	draft := b.Show()
	first, err := b.StartShow(t.Context(), b.owner, "First")
	if err != nil || first.ID != draft.ID || first.State != ShowLive || first.Title != "First" || first.StartedAt == 0 {
		t.Errorf("show %+v, %v", first, err)
	}
	_, err = b.StartShow(t.Context(), b.owner, "")
	wantCode(t, err, CodeShowLive)
	p := b.product(100, 1)
	_, err = b.PinProduct(t.Context(), b.owner, p.ID)
	b.must(err)
	ended, err := b.EndShow(t.Context(), b.owner)
	if err != nil || ended.State != ShowEnded || ended.Pinned != "" || ended.EndedAt == 0 {
		t.Errorf("show %+v, %v", ended, err)
	}
	_, err = b.EndShow(t.Context(), b.owner)
	wantCode(t, err, CodeShowEnded)
	_, err = b.PinProduct(t.Context(), b.owner, p.ID)
	wantCode(t, err, CodeShowEnded)
	second, err := b.StartShow(t.Context(), b.owner, "")
	if err != nil || second.ID == first.ID || second.Title != "First" || b.Show() != second {
		t.Errorf("show %+v, %v", second, err)
	}
}

func TestShop_SaveProduct(t *testing.T) {
	b := newBench(t)
	good := ProductCmd{Key: newKey(), Title: " Tea ", Description: "Green\nand good", PriceMinor: 990, AddStock: 5}
	for name, c := range map[string]struct {
		code   Code
		change func(*ProductCmd)
	}{
		"no title":      {CodeBadInput, func(c *ProductCmd) { c.Title = " " }},
		"long title":    {CodeBadInput, func(c *ProductCmd) { c.Title = strings.Repeat("茶", MaxNameRunes+1) }},
		"long text":     {CodeBadInput, func(c *ProductCmd) { c.Description = strings.Repeat("茶", MaxTextRunes+1) }},
		"not UTF-8":     {CodeBadInput, func(c *ProductCmd) { c.Title = "\xff" }},
		"free":          {CodeBadInput, func(c *ProductCmd) { c.PriceMinor = 0 }},
		"negative":      {CodeBadInput, func(c *ProductCmd) { c.PriceMinor = -1 }},
		"too dear":      {CodeBadInput, func(c *ProductCmd) { c.PriceMinor = MaxPriceMinor + 1 }},
		"less stock":    {CodeBadInput, func(c *ProductCmd) { c.AddStock = -1 }},
		"endless stock": {CodeBadInput, func(c *ProductCmd) { c.AddStock = MaxStock + 1 }},
		"no picture":    {CodeBadInput, func(c *ProductCmd) { c.Picture = "../../etc/passwd" }},
		"no key":        {CodeBadInput, func(c *ProductCmd) { c.Key = "" }},
		"unknown":       {CodeNotFound, func(c *ProductCmd) { c.ID = "prd_x" }},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := good
			c.change(&cmd)
			_, err := b.SaveProduct(t.Context(), b.owner, cmd)
			wantCode(t, err, c.code)
		})
	}
	p, err := b.SaveProduct(t.Context(), b.owner, good)
	want := Stock{Available: 5, Initial: 5}
	if err != nil || p.Title != "Tea" || p.Number != 1 || !p.OnShelf || p.Stock != want {
		t.Fatalf("product %+v, %v", p, err)
	}
	again, err := b.SaveProduct(t.Context(), b.owner, good)
	if err != nil || again != p || len(b.Products()) != 1 {
		t.Errorf("again %+v, %v", again, err)
	}
	other := good
	other.PriceMinor++
	_, err = b.SaveProduct(t.Context(), b.owner, other)
	wantCode(t, err, CodeConflict)

	changed, err := b.SaveProduct(t.Context(), b.owner, ProductCmd{ID: p.ID, Title: "Tea", PriceMinor: 1_000, AddStock: 3})
	if want = (Stock{Available: 8, Initial: 5, Restocked: 3}); err != nil || changed.Stock != want || changed.Number != 1 {
		t.Errorf("changed %+v, %v", changed, err)
	}
	_, err = b.SaveProduct(t.Context(), b.owner, ProductCmd{ID: p.ID, Title: "Tea", PriceMinor: 1_000, AddStock: MaxStock})
	wantCode(t, err, CodeBadInput)
	if second := b.product(5, 0); second.Number != 2 {
		t.Errorf("number is %d", second.Number)
	}
}

func TestShop_PinProduct(t *testing.T) {
	b := newBench(t)
	p := b.product(100, 1)
	_, err := b.PinProduct(t.Context(), b.owner, "prd_x")
	wantCode(t, err, CodeNotFound)
	show, err := b.PinProduct(t.Context(), b.owner, p.ID)
	if err != nil || show.Pinned != p.ID {
		t.Errorf("show %+v, %v", show, err)
	}
	_, err = b.SetShelf(t.Context(), b.owner, p.ID, false)
	if err != nil || b.Show().Pinned != "" {
		t.Errorf("pinned %q, %v", b.Show().Pinned, err)
	}
	_, err = b.PinProduct(t.Context(), b.owner, p.ID)
	wantCode(t, err, CodeOffShelf)
	_, err = b.PinProduct(t.Context(), b.owner, "")
	b.must(err)
	_, err = b.SetShelf(t.Context(), b.owner, "prd_x", true)
	wantCode(t, err, CodeNotFound)
}

func TestShop_CreateDistributor(t *testing.T) {
	b := newBench(t)
	cmd := DistributorCmd{Key: newKey(), Name: "花店", Slug: "flowers"}
	d, room, err := b.CreateDistributor(t.Context(), b.owner, cmd)
	if err != nil || d.RateBP != defaultRateBP || d.State != DistributorActive || room.Distributor != d.ID || room.Slug != "flowers" {
		t.Fatalf("%+v, %+v, %v", d, room, err)
	}
	sameD, sameRoom, err := b.CreateDistributor(t.Context(), b.owner, cmd)
	if err != nil || sameD != d || sameRoom != room {
		t.Errorf("again %+v, %+v, %v", sameD, sameRoom, err)
	}
	made, another, err := b.CreateDistributor(t.Context(), b.owner, DistributorCmd{Key: newKey(), Name: "Café Zoë 24"})
	if err != nil || made.ID == d.ID || !isSlug(another.Slug) || !strings.HasPrefix(another.Slug, "caf-zo-24-") {
		t.Errorf("slug is %q, %v", another.Slug, err)
	}
	for name, c := range map[string]struct {
		code   Code
		change func(*DistributorCmd)
	}{
		"taken":     {CodeTaken, func(c *DistributorCmd) { c.Slug = "flowers" }},
		"HQ's":      {CodeTaken, func(c *DistributorCmd) { c.Slug = hqSlug }},
		"odd slug":  {CodeBadInput, func(c *DistributorCmd) { c.Slug = "Flowers!" }},
		"short":     {CodeBadInput, func(c *DistributorCmd) { c.Slug = "f" }},
		"long":      {CodeBadInput, func(c *DistributorCmd) { c.Slug = strings.Repeat("f", 41) }},
		"no name":   {CodeBadInput, func(c *DistributorCmd) { c.Name = "" }},
		"too much":  {CodeBadInput, func(c *DistributorCmd) { c.RateBP = 3_001 }},
		"negative":  {CodeBadInput, func(c *DistributorCmd) { c.RateBP = -1 }},
		"same key":  {CodeConflict, func(c *DistributorCmd) { c.Key = cmd.Key }},
		"wrong key": {CodeBadInput, func(c *DistributorCmd) { c.Key = "x" }},
	} {
		t.Run(name, func(t *testing.T) {
			before := b.Counts()
			bad := DistributorCmd{Key: newKey(), Name: "B", Slug: "room-b"}
			c.change(&bad)
			_, _, err := b.CreateDistributor(t.Context(), b.owner, bad)
			wantCode(t, err, c.code)
			if after := b.Counts(); after != before {
				t.Errorf("%+v became %+v", before, after)
			}
		})
	}
	_, err = b.SetDistributor(t.Context(), b.owner, d.ID, "retired", 0)
	wantCode(t, err, CodeBadInput)
	_, err = b.SetDistributor(t.Context(), b.owner, d.ID, DistributorActive, 3_001)
	wantCode(t, err, CodeBadInput)
	_, err = b.SetDistributor(t.Context(), b.owner, "dst_x", DistributorActive, 0)
	wantCode(t, err, CodeNotFound)
	if got, ok := b.DistributorByID(d.ID); !ok || got != d || len(b.Distributors()) != 2 {
		t.Errorf("distributor is %+v", got)
	}
}

func TestShop_CreateRoom(t *testing.T) {
	b := newBench(t)
	d, first := b.distributor("room-a", 1_000)
	cmd := RoomCmd{Key: newKey(), Distributor: d.ID, Name: "Second", Slug: "room-a2"}
	room, err := b.CreateRoom(t.Context(), b.owner, cmd)
	if err != nil || room.Distributor != d.ID || room == first {
		t.Errorf("room %+v, %v", room, err)
	}
	if again, err := b.CreateRoom(t.Context(), b.owner, cmd); err != nil || again != room {
		t.Errorf("again %+v, %v", again, err)
	}
	_, err = b.CreateRoom(t.Context(), b.owner, RoomCmd{Key: newKey(), Distributor: "dst_x", Name: "X"})
	wantCode(t, err, CodeNotFound)
	_, err = b.CreateRoom(t.Context(), Actor{Role: RoleDistributor, Distributor: d.ID}, RoomCmd{Key: newKey(), Name: "X"})
	wantCode(t, err, CodeForbidden)
	hq, err := b.CreateRoom(t.Context(), b.owner, RoomCmd{Key: newKey(), Name: "HQ 2", Slug: "hq-2"})
	if err != nil || hq.Distributor != "" {
		t.Errorf("room %+v, %v", hq, err)
	}
	if rooms := b.Rooms(); len(rooms) != 4 {
		t.Errorf("%d rooms", len(rooms))
	}
	if got, ok := b.RoomByID(room.ID); !ok || got != room {
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
		_, err := b.SetCart(t.Context(), viewer, p.SKU, qty)
		wantCode(t, err, CodeBadQuantity)
	}
	_, err := b.SetCart(t.Context(), viewer, "sku_x", 1)
	wantCode(t, err, CodeNotFound)
	_, err = b.SetCart(t.Context(), b.owner, p.SKU, 1)
	wantCode(t, err, CodeForbidden)
	cart, err := b.SetCart(t.Context(), viewer, p.SKU, 5) // a wish, more than there is
	if err != nil || len(cart.Lines) != 1 || cart.Lines[0].Qty != 5 {
		t.Errorf("bag %+v, %v", cart, err)
	}
	cart, err = b.SetCart(t.Context(), viewer, p.SKU, 2)
	if err != nil || len(cart.Lines) != 1 || b.Cart(viewer).Lines[0].Qty != 2 {
		t.Errorf("bag %+v, %v", cart, err)
	}
	for range MaxCartLines - 1 {
		_, err = b.SetCart(t.Context(), viewer, b.product(1, 1).SKU, 1)
		b.must(err)
	}
	_, err = b.SetCart(t.Context(), viewer, b.product(1, 1).SKU, 1)
	wantCode(t, err, CodeCartFull)
	cart, err = b.RemoveFromCart(t.Context(), viewer, p.SKU)
	if err != nil || len(cart.Lines) != MaxCartLines-1 {
		t.Errorf("%d lines, %v", len(cart.Lines), err)
	}
	if other := b.Cart(b.viewer(b.hqRoom())); len(other.Lines) != 0 || len(b.Cart(b.owner).Lines) != 0 {
		t.Errorf("somebody else's bag holds %v", other.Lines)
	}
	_, err = b.SetShelf(t.Context(), b.owner, p.ID, false)
	b.must(err)
	_, err = b.SetCart(t.Context(), viewer, p.SKU, 1)
	wantCode(t, err, CodeOffShelf)
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
		wantCode(t, err, CodeNotFound)
	}
	_, err = b.SavePicture(t.Context(), b.owner, []byte("<svg/>"))
	wantCode(t, err, CodeBadInput)
	_, err = b.SavePicture(t.Context(), b.owner, append(jpeg, make([]byte, MaxPictureBytes)...))
	wantCode(t, err, CodeTooLarge)
	_, err = b.SavePicture(t.Context(), b.viewer(b.hqRoom()), jpeg)
	wantCode(t, err, CodeForbidden)
	p, err := b.SaveProduct(t.Context(), b.owner, ProductCmd{Key: newKey(), Title: "Tea", PriceMinor: 1, Picture: id})
	if err != nil || p.Picture != id {
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
	if got := b.Providers(); len(got) != 2 || got[0] != "manual" || got[1] != "demo" {
		t.Errorf("providers %v", got)
	}
	if c := b.Counts(); c.Orders != 6 || c.Rooms != 2 || c.Distributors != 1 || c.Products != 1 || c.Events == 0 {
		t.Errorf("counts %+v", c)
	}
}

// Every command against every role: who is nobody hears unauthorized, who is
// somebody else forbidden, and nothing changes.
func TestShop_roles(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	ctx := t.Context()
	viewer, desk := b.viewer(room), Actor{Role: RoleDistributor, Distributor: d.ID}
	before := b.Counts()
	for name, c := range map[string]struct {
		allowed []Role
		call    func(Actor) error
	}{
		"StartShow":      {[]Role{RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.StartShow(ctx, a, ""); return err }},
		"EndShow":        {[]Role{RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.EndShow(ctx, a); return err }},
		"PinProduct":     {[]Role{RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.PinProduct(ctx, a, "x"); return err }},
		"SaveProduct":    {[]Role{RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.SaveProduct(ctx, a, ProductCmd{}); return err }},
		"SetShelf":       {[]Role{RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.SetShelf(ctx, a, "x", true); return err }},
		"SavePicture":    {[]Role{RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.SavePicture(ctx, a, nil); return err }},
		"SetDistributor": {[]Role{RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.SetDistributor(ctx, a, "x", "", 0); return err }},
		"CreateRoom":     {[]Role{RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.CreateRoom(ctx, a, RoomCmd{}); return err }},
		"CreateDistributor": {[]Role{RoleOwner, RoleSystem}, func(a Actor) error {
			_, _, err := b.CreateDistributor(ctx, a, DistributorCmd{})
			return err
		}},
		"CreateStageKey":   {[]Role{RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.CreateStageKey(ctx, a, ""); return err }},
		"CreateSignInLink": {[]Role{RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.CreateSignInLink(ctx, a, Who{}); return err }},
		"CreateStaff":      {[]Role{RoleSystem}, func(a Actor) error { _, err := b.CreateStaff(ctx, a, ""); return err }},
		"SignStageTicket":  {[]Role{RoleOwner}, func(a Actor) error { _, err := b.SignStageTicket(a, false); return err }},
		"ConfirmPayment":   {[]Role{RoleOwner}, func(a Actor) error { _, err := b.ConfirmPayment(ctx, a, "x"); return err }},
		"SettlePayment":    {[]Role{RoleProvider}, func(a Actor) error { _, err := b.SettlePayment(ctx, a, Settlement{}); return err }},
		"SetCart":          {[]Role{RoleViewer}, func(a Actor) error { _, err := b.SetCart(ctx, a, "x", 1); return err }},
		"RemoveFromCart":   {[]Role{RoleViewer}, func(a Actor) error { _, err := b.RemoveFromCart(ctx, a, "x"); return err }},
		"PlaceOrder":       {[]Role{RoleViewer}, func(a Actor) error { _, err := b.PlaceOrder(ctx, a, PlaceCmd{}); return err }},
		"StartPayment":     {[]Role{RoleViewer, RoleOwner}, func(a Actor) error { _, err := b.StartPayment(ctx, a, "x", "demo"); return err }},
		"CancelOrder":      {[]Role{RoleViewer, RoleOwner, RoleSystem}, func(a Actor) error { _, err := b.CancelOrder(ctx, a, "x"); return err }},
	} {
		wantCode(t, c.call(Actor{}), CodeUnauthorized)
		for _, actor := range []Actor{viewer, desk, b.owner, SystemActor(), ProviderActor("demo")} {
			may := false
			for _, role := range c.allowed {
				may = may || role == actor.Role
			}
			if code := codeOf(c.call(actor)); (code == CodeForbidden) == may {
				t.Errorf("%s as %s: %q", name, actor.Role, code)
			}
		}
	}
	if after := b.Counts(); after.Rooms != before.Rooms || after.Products != before.Products || after.Orders != 0 {
		t.Errorf("%+v became %+v", before, after)
	}
}

func codeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}
