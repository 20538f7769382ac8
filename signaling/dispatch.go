package signaling

import (
	"context"
	"encoding/json"
	"slices"
)

// handler is one row of the dispatch table.
type handler struct {
	faces []Face
	run   func(context.Context, *client, json.RawMessage) (any, error)
}

func (h handler) allows(face Face) bool { return slices.Contains(h.faces, face) }

// on decodes the payload strictly before it reaches fn.
func on[In, Out any](fn func(context.Context, *client, In) (Out, error)) func(context.Context, *client, json.RawMessage) (any, error) {
	return func(ctx context.Context, c *client, data json.RawMessage) (any, error) {
		var in In
		if len(data) > 0 {
			if err := strictJSON(data, &in); err != nil {
				return nil, &Failure{Code: "bad_message", Message: "the payload does not fit this type", Field: "d"}
			}
		}
		return fn(ctx, c, in)
	}
}

// handlers builds the dispatch table: every message of calls() and its handler.
func handlers() map[string]handler {
	table := map[string]func(context.Context, *client, json.RawMessage) (any, error){
		"hello":              on(hello),
		"ping":               on(ping),
		"watch":              on(watch),
		"answer":             on(answer),
		"candidate":          on(candidate),
		"unwatch":            on(unwatch),
		"media.want":         on(mediaWant),
		"playing":            on(playing),
		"chat.say":           on(chatSay),
		"chat.nick":          on(chatNick),
		"chat.delete":        on(chatDelete),
		"cart.set":           on(cartSet),
		"cart.remove":        on(cartRemove),
		"checkout.quote":     on(checkoutQuote),
		"checkout.place":     on(checkoutPlace),
		"order.pay":          on(orderPay),
		"order.cancel":       on(orderCancel),
		"order.confirm":      on(orderConfirm),
		"order.ship":         on(orderShip),
		"order.deliver":      on(orderDeliver),
		"order.refund":       on(orderRefund),
		"order.reassign":     on(orderReassign),
		"order.explain":      on(orderExplain),
		"share.join":         on(shareJoin),
		"show.start":         on(showStart),
		"show.end":           on(showEnd),
		"product.save":       on(productSave),
		"product.shelf":      on(productShelf),
		"product.pin":        on(productPin),
		"distributor.create": on(distributorCreate),
		"distributor.set":    on(distributorSet),
		"distributor.link":   on(distributorLink),
		"room.create":        on(roomCreate),
		"stage.ticket":       on(stageTicket),
		"stage.key":          on(stageKey),
	}
	out := make(map[string]handler, len(table))
	for _, c := range calls() {
		out[c.t] = handler{faces: c.faces, run: table[c.t]}
	}
	return out
}
