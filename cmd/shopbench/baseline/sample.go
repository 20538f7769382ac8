package baseline

import (
	"encoding/binary"
	"time"
)

// What every sample order costs and how long it may stay unpaid.
const (
	samplePrice = 19_900
	sampleShare = 500
	payWithin   = 15 * time.Minute
)

// Sample is an order of one unit whose three random keys are given; which distributors
// it moves follows from buyer.
func Sample(key, buyer, touch Key, sku uint64, distributors int) Order {
	now := time.Now()
	o := Order{
		Key: key, Buyer: buyer, Touch: touch, State: "reserved", Payment: "pending", Fulfillment: "unfulfilled",
		Name: "Li Lei", Phone: "+8613800138000", Email: "li.lei@example.com",
		Address:  "12 Garden Road, Building 3, Room 1204, Hangzhou, Zhejiang 310000",
		Currency: "CNY", TotalMinor: samplePrice,
		Lines:    []Line{{SKU: sku, Title: "Silk scarf, hand rolled, 90 × 90 cm, Suzhou edition", Qty: 1, UnitMinor: samplePrice, NetMinor: samplePrice}},
		PlacedAt: now.UnixMilli(), PayBy: now.Add(payWithin).UnixMilli(),
	}
	for i := range o.Parties {
		random := binary.BigEndian.Uint32(buyer[4*i:])
		o.Parties[i], o.ShareMinor[i] = uint64(random)%uint64(distributors), sampleShare
	}
	return o
}
