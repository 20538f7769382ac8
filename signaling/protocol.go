package signaling

import "shopcast/shop"

// call is one row of the protocol: what a client may ask, on which faces, and what comes back.
type call struct {
	t     string
	faces []Face
	in    any
	out   any
	about string
}

// calls is the client's half of the protocol; protocol.ts and docs/protocol.md are made from it.
func calls() []call {
	room, studio, desk := FaceRoom, FaceStudio, FaceDesk
	everyone := []Face{room, studio, desk}
	viewer, hq := []Face{room}, []Face{studio}
	watchers := []Face{room, studio}
	return []call{
		{"hello", everyone, Hello{}, Welcome{}, "Opens the connection; must be first and only once."},
		{"ping", everyone, Nothing{}, Pong{}, "Every 10 s, so that a dead connection is noticed."},
		{"watch", watchers, Nothing{}, Offer{}, "Asks for HQ's picture and sound."},
		{"answer", watchers, Answer{}, Nothing{}, "The browser's SDP answer to an offer."},
		{"candidate", watchers, Candidate{}, Nothing{}, "A trickled ICE candidate."},
		{"unwatch", watchers, MediaRef{}, Nothing{}, "Ends a media connection."},
		{"media.want", watchers, MediaWant{}, Nothing{}, "Asks for less of a picture, or for all of it again."},
		{"playing", watchers, Playing{}, Nothing{}, "A frame is on the screen."},
		{"chat.say", everyone, ChatSay{}, ChatLine{}, "Says a line."},
		{"chat.nick", viewer, ChatNick{}, Nothing{}, "Sets the viewer's chat name."},
		{"chat.delete", []Face{studio, desk}, ChatRef{}, Nothing{}, "Removes a line everywhere; a desk only in its own rooms."},
		{"cart.set", viewer, CartSet{}, Cart{}, "Sets a quantity in the bag."},
		{"cart.remove", viewer, SKURef{}, Cart{}, "Takes a product out of the bag."},
		{"checkout.quote", viewer, QuoteAsk{}, Quote{}, "What the order would cost, and the ways to ship it."},
		{"checkout.place", viewer, CheckoutPlace{}, Order{}, "Places the order and reserves the stock for 15 minutes."},
		{"order.pay", viewer, OrderPay{}, Order{}, "Starts another payment of a reserved order."},
		{"order.cancel", watchers, OrderRef{}, Order{}, "Gives the reserved stock back."},
		{"order.confirm", hq, OrderRef{}, Order{}, "HQ has received a manual payment."},
		{"order.ship", hq, OrderShip{}, Order{}, "A parcel is on its way."},
		{"order.deliver", hq, OrderRef{}, Order{}, "All of the order has arrived; its commission waits out the hold."},
		{"order.refund", hq, OrderRefund{}, Order{}, "Gives money back, with the commission on it."},
		{"order.reassign", hq, OrderReassign{}, Order{}, "HQ's correction of whose the order is."},
		{"order.explain", []Face{studio, desk}, OrderRef{}, shop.Explanation{}, "Why the order is whose it is; a desk sees its own money only."},
		{"share.join", viewer, Nothing{}, Share{}, "Makes the viewer a sharer of the room."},
		{"show.start", hq, ShowStart{}, ShowInfo{}, "Opens the doors."},
		{"show.end", hq, Nothing{}, ShowInfo{}, "Ends the show for every room."},
		{"product.save", hq, ProductSave{}, Product{}, "Makes or changes a product."},
		{"product.shelf", hq, ProductShelf{}, Product{}, "Puts a product on the shelf or takes it off."},
		{"product.pin", hq, ProductRef{}, ShowInfo{}, "Shows a product as being explained now."},
		{"distributor.create", hq, DistributorCreate{}, DistributorCreated{}, "Makes a distributor with a room."},
		{"distributor.set", hq, DistributorSet{}, DistributorInfo{}, "Suspends, reactivates, sets the rate."},
		{"distributor.link", hq, DistributorRef{}, Link{}, "A new one-time sign-in link for a desk."},
		{"room.create", hq, RoomCreate{}, RoomInfo{}, "Makes one more room."},
		{"stage.ticket", hq, StageTicketAsk{}, StageTicket{}, "The right to publish from the studio page."},
		{"stage.key", hq, StageKeyCreate{}, StageKey{}, "A stage key for an encoder; shown once."},
	}
}

// push is one row of the server's half of the protocol.
type push struct {
	t     string
	faces []Face
	d     any
	about string
}

// pushes is the server's half of the protocol.
func pushes() []push {
	room, studio, desk := FaceRoom, FaceStudio, FaceDesk
	everyone := []Face{room, studio, desk}
	return []push{
		{"show", everyone, ShowInfo{}, "The show began, ended or was renamed."},
		{"stage", everyone, StageInfo{}, "HQ's picture came, went or stands still; the studio also hears its bit rate every 2 s."},
		{"product", everyone, Product{}, "A product is new or changed (price, stock, words)."},
		{"product.gone", []Face{room}, ProductGone{}, "A product left the shelf."},
		{"pin", everyone, PinInfo{}, "Another product is being explained."},
		{"chat", everyone, ChatLines{}, "Lines of chat."},
		{"chat.gone", everyone, ChatRef{}, "A line was removed."},
		{"presence", everyone, Presence{}, "Viewer counts; a room gets its own only."},
		{"cart", []Face{room}, Cart{}, "The bag changed, maybe in another tab."},
		{"order", everyone, Order{}, "An order is new or changed."},
		{"totals", []Face{studio, desk}, Totals{}, "Sums changed."},
		{"distributor", []Face{studio, desk}, DistributorInfo{}, "A distributor is new or changed."},
		{"room", []Face{studio, desk}, RoomInfo{}, "A room is new or changed."},
		{"media.gone", []Face{room, studio}, MediaGone{}, "A media connection has ended."},
	}
}
