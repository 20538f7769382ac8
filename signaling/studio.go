package signaling

import (
	"context"

	"shopcast/shop"
	"shopcast/shop/belong"
)

func showStart(ctx context.Context, c *client, in ShowStart) (ShowInfo, error) {
	show, err := c.server.cfg.Shop.StartShow(ctx, c.actor, in.Title)
	return wireShow(&show), err
}

func showEnd(ctx context.Context, c *client, _ Nothing) (ShowInfo, error) {
	show, err := c.server.cfg.Shop.EndShow(ctx, c.actor)
	return wireShow(&show), err
}

func productSave(ctx context.Context, c *client, in ProductSave) (Product, error) {
	product, err := c.server.cfg.Shop.SaveSimple(ctx, c.actor, shop.SimpleCmd{
		ID: shop.ProductID(in.ID), Key: in.Key, Title: in.Title, Description: in.Description,
		Picture: shop.PictureID(in.Picture), PriceMinor: in.PriceMinor, AddStock: in.AddStock,
	})
	return wireProduct(&product, true), err
}

func productShelf(ctx context.Context, c *client, in ProductShelf) (Product, error) {
	product, err := c.server.cfg.Shop.SetShelf(ctx, c.actor, shop.ProductID(in.ID), in.On)
	return wireProduct(&product, true), err
}

func productPin(ctx context.Context, c *client, in ProductRef) (ShowInfo, error) {
	show, err := c.server.cfg.Shop.PinProduct(ctx, c.actor, shop.ProductID(in.ID))
	return wireShow(&show), err
}

func distributorCreate(ctx context.Context, c *client, in DistributorCreate) (DistributorCreated, error) {
	d, room, err := c.server.cfg.Shop.CreateDistributor(ctx, c.actor, shop.DistributorCmd{
		Key: in.Key, Name: in.Name, Slug: in.Slug, RateBP: in.RateBP,
	})
	if err != nil {
		return DistributorCreated{}, err
	}
	link, err := distributorLink(ctx, c, DistributorRef{ID: string(d.ID)})
	if err != nil {
		return DistributorCreated{}, err
	}
	views := c.server.views()
	return DistributorCreated{Distributor: views.distributor(&d), Room: views.room(&room), SignInURL: link.URL}, nil
}

func distributorSet(ctx context.Context, c *client, in DistributorSet) (DistributorInfo, error) {
	d, err := c.server.cfg.Shop.SetDistributor(ctx, c.actor, shop.DistributorID(in.ID), belong.DistributorState(in.State), in.RateBP)
	if err != nil {
		return DistributorInfo{}, err
	}
	return c.server.views().distributor(&d), nil
}

func distributorLink(ctx context.Context, c *client, in DistributorRef) (Link, error) {
	token, err := c.server.cfg.Shop.CreateSignInLink(ctx, c.actor, shop.Who{Distributor: shop.DistributorID(in.ID)})
	if err != nil {
		return Link{}, err
	}
	// The token stands in the fragment, so that no proxy or log sees it.
	return Link{URL: c.server.cfg.BaseURL + "/signin#" + token}, nil
}

func roomCreate(ctx context.Context, c *client, in RoomCreate) (RoomInfo, error) {
	room, err := c.server.cfg.Shop.CreateRoom(ctx, c.actor, shop.RoomCmd{
		Key: in.Key, Distributor: shop.DistributorID(in.DistributorID), Name: in.Name, Slug: in.Slug,
	})
	if err != nil {
		return RoomInfo{}, err
	}
	return c.server.views().room(&room), nil
}

func stageTicket(_ context.Context, c *client, in StageTicketAsk) (StageTicket, error) {
	bearer, err := c.server.cfg.Shop.SignStageTicket(c.actor, in.TakeOver)
	return StageTicket{Bearer: bearer}, err
}

func stageKey(ctx context.Context, c *client, in StageKeyCreate) (StageKey, error) {
	key, err := c.server.cfg.Shop.CreateStageKey(ctx, c.actor, in.Label)
	return StageKey{Key: key, WhipURL: c.server.whipURL()}, err
}
