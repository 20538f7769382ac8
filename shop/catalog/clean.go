package catalog

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"shopcast/shop/money"
	"shopcast/shop/refusal"
)

// Bounds of one document.
const (
	maxNameRunes        = 80
	maxTitleRunes       = 200
	maxDescriptionRunes = 5_000
	maxCodeRunes        = 64
	maxHandleRunes      = 255
	maxPictures         = 20
	maxOptions          = 3
	maxOptionValues     = 50
	maxVariants         = 100
	maxVariantsEver     = 500 // with the retired
	maxPrices           = 10
	maxWeightG          = 100_000_000
)

// CleanProduct trims and checks what people or files say about a product, and
// returns a copy that shares no slice with it. Retired variants are left out, for
// Change keeps them by itself. ID, SKUs and the fields the catalogue fills are taken
// as they are. Refuses with bad_input; Field is the path of what is wrong, as
// "variants.2.code".
func CleanProduct(p Product) (Product, error) {
	var c cleaner
	p.Title = c.name("title", p.Title, maxTitleRunes)
	p.Description = c.text("description", p.Description, maxDescriptionRunes, "\n\r\t")
	p.Category = c.text("category", p.Category, maxNameRunes, "")
	p.Handle = c.handle(p.Handle)
	p.Pictures = c.pictures(p.Pictures)
	p.Options = c.options(p.Options)
	p.Variants = c.variants(p.Options, p.Variants)
	c.check(p.TaxClass == "" || p.TaxClass == TaxZero, "tax_class", "there is no such tax class")
	c.units("low_at", p.LowAt)
	if c.err != nil {
		return Product{}, c.err
	}
	return p, nil
}

// cleaner checks field by field; the first refusal sticks.
type cleaner struct{ err error }

func (c *cleaner) check(ok bool, field, message string) {
	if !ok && c.err == nil {
		c.err = refusal.Field(refusal.CodeBadInput, field, message)
	}
}

// text is refusal.Text.
func (c *cleaner) text(field, text string, limitRunes int, allowed string) string {
	text, err := refusal.Text(field, text, limitRunes, allowed)
	c.keep(err)
	return text
}

// name is refusal.Name.
func (c *cleaner) name(field, name string, limitRunes int) string {
	name, err := refusal.Name(field, name, limitRunes)
	c.keep(err)
	return name
}

// keep remembers the first refusal.
func (c *cleaner) keep(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *cleaner) handle(handle string) string {
	handle = strings.ToLower(c.text("handle", handle, maxHandleRunes, ""))
	foreign := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' }
	c.check(!strings.ContainsFunc(handle, foreign), "handle", "a handle is letters, digits, - and _")
	return handle
}

func (c *cleaner) currency(field, currency string) string {
	currency = strings.ToUpper(strings.TrimSpace(currency))
	_, known := money.Exponent(currency)
	c.check(known, field, "this currency is not known")
	return currency
}

func (c *cleaner) price(field string, minor int64) {
	c.check(minor > 0 && minor <= MaxPriceMinor, field, "the price is out of range")
}

func (c *cleaner) units(field string, units int64) {
	c.check(units >= 0 && units <= MaxStock, field, "this number of units is out of range")
}

// period checks opening and closing times; 0 is an open end.
func (c *cleaner) period(opensAt, closesAt int64) {
	c.check(opensAt >= 0, "opens_at", "this time is out of range")
	c.check(closesAt == 0 || closesAt > opensAt, "closes_at", "it would close before it opens")
}

func (c *cleaner) picture(field string, picture PictureID) {
	c.check(picture == "" || picture.IsValid(), field, "this is not the name of a picture")
}

func (c *cleaner) pictures(pictures []PictureID) []PictureID {
	c.check(len(pictures) <= maxPictures, "pictures", "these are too many pictures")
	c.check(!slices.Contains(pictures, ""), "pictures", "a picture has no name")
	for _, picture := range pictures {
		c.picture("pictures", picture)
	}
	return append([]PictureID{}, pictures...)
}

func (c *cleaner) options(options []Option) []Option {
	c.check(len(options) <= maxOptions, "options", "these are too many options")
	clean := make([]Option, 0, len(options))
	names := words{}
	for i, o := range options {
		field := fmt.Sprintf("options.%d", i)
		name := c.name(field, o.Name, maxNameRunes)
		c.check(names.add(name), field, "this option is there twice")
		c.check(len(o.Values) > 0 && len(o.Values) <= maxOptionValues, field, "an option has one to fifty values")
		clean = append(clean, Option{Name: name, Values: c.optionValues(field, o.Values)})
	}
	return clean
}

func (c *cleaner) optionValues(field string, values []string) []string {
	clean := make([]string, 0, len(values))
	seen := words{}
	for _, value := range values {
		value = c.name(field, value, maxNameRunes)
		c.check(seen.add(value), field, "this value is there twice")
		clean = append(clean, value)
	}
	return clean
}

func (c *cleaner) variants(options []Option, variants []Variant) []Variant {
	clean := make([]Variant, 0, len(variants))
	skus, codes, choices := words{}, words{}, words{}
	for i, v := range variants {
		if v.Retired {
			continue
		}
		field := fmt.Sprintf("variants.%d", i)
		v = c.variant(field, options, v)
		c.check(v.SKU == "" || skus.add(string(v.SKU)), field+".sku", "this SKU is there twice")
		c.check(v.Code == "" || codes.add(v.Code), field+".code", "this code is there twice")
		// values hold no control characters, so that joined ones are equal only when all are
		c.check(choices.add(strings.Join(v.Values, "\x00")), field+".values", "these values are there twice")
		clean = append(clean, v)
	}
	c.check(len(clean) > 0 && len(clean) <= maxVariants, "variants", "a product has one to a hundred variants")
	return clean
}

func (c *cleaner) variant(field string, options []Option, v Variant) Variant {
	v.Code = c.text(field+".code", v.Code, maxCodeRunes, "")
	v.Barcode = c.text(field+".barcode", v.Barcode, maxCodeRunes, "")
	v.Values = c.choice(field+".values", options, v.Values)
	v.Prices = c.prices(field+".prices", v.Prices)
	c.check(v.WeightG >= 0 && v.WeightG <= maxWeightG, field+".weight_g", "the weight is out of range")
	c.picture(field+".picture", v.Picture)
	return v
}

// choice checks one value per option.
func (c *cleaner) choice(field string, options []Option, values []string) []string {
	c.check(len(values) == len(options), field, "a variant has one value of each option")
	clean := make([]string, 0, len(values))
	for i, value := range values[:min(len(values), len(options))] {
		value = strings.TrimSpace(value)
		c.check(slices.Contains(options[i].Values, value), field, "the option has no such value")
		clean = append(clean, value)
	}
	return clean
}

func (c *cleaner) prices(field string, prices []Price) []Price {
	c.check(len(prices) > 0 && len(prices) <= maxPrices, field, "a variant has one to ten prices")
	clean := make([]Price, 0, len(prices))
	seen := words{}
	for _, p := range prices {
		p.Currency = c.currency(field, p.Currency)
		c.check(seen.add(p.Currency), field, "there are two prices in this currency")
		c.price(field, p.Minor)
		clean = append(clean, p)
	}
	return clean
}

// words is a set that tells whether a word is new.
type words map[string]struct{}

func (w words) add(word string) bool {
	_, seen := w[word]
	w[word] = struct{}{}
	return !seen
}
