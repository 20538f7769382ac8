package shop

import "shopcast/shop/id"

// The ids that commands take and documents carry; package id says what each names.
type (
	// ShowID names one live broadcast ("shw_…").
	ShowID = id.ShowID
	// RoomID names a distributor's room, or HQ's own ("room_…").
	RoomID = id.RoomID
	// DistributorID names an agent, shop or reseller ("dst_…"); empty means HQ.
	DistributorID = id.DistributorID
	// ViewerID names an anonymous viewer ("vw_…").
	ViewerID = id.ViewerID
	// CustomerID names an identified buyer ("cus_…").
	CustomerID = id.CustomerID
	// TouchID names one visit of a viewer to a room ("tch_…").
	TouchID = id.TouchID
	// SharerID names a person who brings viewers into a distributor's room ("shr_…").
	SharerID = id.SharerID
	// ProductID names a product of the catalogue ("prd_…").
	ProductID = id.ProductID
	// SKU names the sellable unit, a variant of a product ("sku_…").
	SKU = id.SKU
	// OrderID names an order ("ord_…").
	OrderID = id.OrderID
	// PaymentID names one attempt to pay an order ("pay_…").
	PaymentID = id.PaymentID
	// RefundID names money given back ("rfd_…").
	RefundID = id.RefundID
	// StaffID names somebody of HQ who can sign in ("stf_…").
	StaffID = id.StaffID
)
