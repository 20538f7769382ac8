package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"shopcast/shop"
	"shopcast/shop/office"
)

// exportCommand writes a whole store into one file.
func exportCommand() *cobra.Command {
	var wish office.ExportConfig
	c := &cobra.Command{
		Use:   "export",
		Short: "Write everything the store holds into one archive",
		Long: "Write everything the store holds into one archive, while the server runs or not.\n" +
			"Without --secrets it holds no keys and nobody's sealed data; without --with-buyers\n" +
			"no readable names, phones or addresses. What is left out stands in data/about.ndjson.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := loadConfig(c, os.Getenv)
			if err != nil {
				return err
			}
			return export(c, cfg, wish)
		},
	}
	c.Flags().StringVar(&wish.Path, "out", "", "file to write")
	c.Flags().BoolVar(&wish.BOM, "bom", false, "begin tables with a byte order mark, for Excel")
	c.Flags().BoolVar(&wish.Secrets, "secrets", false, "with keys and sealed data: all that a full restore needs")
	c.Flags().BoolVar(&wish.Buyers, "with-buyers", false, "with readable names, phones and addresses of buyers")
	c.Flags().BoolVar(&wish.Resume, "resume", false, "go on with an export that was stopped")
	_ = c.MarkFlagRequired("out") //nolint:errcheck // the flag exists
	addKnobs(c, "data")
	return c
}

func export(c *cobra.Command, cfg config, wish office.ExportConfig) error {
	if !shop.HasStore(cfg.data) {
		return fmt.Errorf("there is no store in %s", cfg.data)
	}
	path, err := exportCopy(c.Context(), cfg, &wish)
	if err != nil {
		return fmt.Errorf("copy store: %w", err)
	}
	if wish.Store, err = shop.OpenCopy(path, cfg.data, newLog()); err != nil {
		return fmt.Errorf("open copy: %w", err)
	}
	made, err := office.Export(c.Context(), wish)
	if err = errors.Join(err, wish.Store.Close()); err != nil {
		return fmt.Errorf("export: %w (go on with --resume)", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove copy: %w", err)
	}
	printManifest(c, "wrote "+wish.Path, made)
	for _, left := range wish.LeftOut() {
		fmt.Fprintln(c.OutOrStdout(), "left out:", left)
	}
	return nil
}

// exportCopy is the copy an export reads: a fresh one, or with Resume the one that an
// export to the same file with the same settings was stopped over.
func exportCopy(ctx context.Context, cfg config, wish *office.ExportConfig) (string, error) {
	out, err := filepath.Abs(wish.Path)
	if err != nil {
		return "", err
	}
	settings := sha256.Sum256(fmt.Appendf(nil, "%s %t %t %t", out, wish.Secrets, wish.Buyers, wish.BOM))
	name := "export-" + hex.EncodeToString(settings[:8]) + ".db"
	path := filepath.Join(cfg.data, name)
	if _, err := os.Stat(path); wish.Resume && err == nil {
		return path, nil
	}
	wish.Resume = false
	return copyStore(ctx, cfg, name)
}

func printManifest(c *cobra.Command, what string, m office.Manifest) {
	records := int64(0)
	for _, f := range m.Files {
		records += f.Records
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %d records in %d files\nlog: entry %d, %s\nstate: %s\n",
		what, records, len(m.Files), m.HeadSeq, m.HeadHash, m.StateHash)
}

// importCommand restores an archive; its children take in spreadsheets.
func importCommand() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "import",
		Short: "Restore an archive into an empty data directory, or take in a spreadsheet",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := loadConfig(c, os.Getenv)
			if err != nil {
				return err
			}
			done, err := office.Restore(c.Context(), from, cfg.data, newLog())
			if err != nil {
				return fmt.Errorf("import: %w", err)
			}
			printManifest(c, "restored into "+cfg.data, done.Manifest)
			for _, lost := range done.Lost() {
				fmt.Fprintln(c.OutOrStdout(), "not in the archive:", lost)
			}
			return nil
		},
	}
	c.Flags().StringVar(&from, "from", "", "archive that `shopcast export` wrote")
	_ = c.MarkFlagRequired("from") //nolint:errcheck // the flag exists
	addKnobs(c, "data")
	c.AddCommand(
		takeCommand("products", "Take in products from a CSV file of Shopify", true),
		takeCommand("stock", "Set the units to sell from an inventory CSV file of Shopify", false),
		takeCommand("bindings", "Take in whose customers people are from a CSV file", false),
	)
	return c
}

// takeCommand takes in one kind of spreadsheet.
func takeCommand(what, short string, priced bool) *cobra.Command {
	var wish officeRequest
	c := &cobra.Command{
		Use:   what + " FILE",
		Short: short,
		Long:  short + ".\nA row with a problem is named and left out; the same file again changes nothing.",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if wish.File, err = readImport(args[0]); err != nil {
				return err
			}
			return printAdmin(c, adminRequest{Do: "import-" + what, Office: &wish})
		},
	}
	c.Flags().BoolVar(&wish.DryRun, "dry-run", false, "find every problem and store nothing")
	c.Flags().StringToStringVar(&wish.Columns, "map", nil, "a column of the file and what it is here, as 会员手机=phone")
	if priced {
		c.Flags().StringVar(&wish.Currency, "currency", "", "of the prices (default: the brand's)")
	}
	addKnobs(c, "data")
	return c
}

// explainCommand tells why something is as it is.
func explainCommand() *cobra.Command {
	parent := &cobra.Command{Use: "explain", Short: "Tell why something is as it is"}
	c := &cobra.Command{
		Use:   "order ID",
		Short: "Tell whose an order is and why, from the visit to the ledger",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return printAdmin(c, adminRequest{Do: "explain", Office: &officeRequest{Order: args[0]}})
		},
	}
	addKnobs(c, "data")
	parent.AddCommand(c)
	return parent
}

// reconcileCommand compares the books with a provider's account.
func reconcileCommand() *cobra.Command {
	var provider, from, to string
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare the books with a payment provider's account, line by line",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			wish := officeRequest{Provider: provider}
			var err error
			if wish.From, err = parseDay("from", from); err != nil {
				return err
			}
			if wish.To, err = parseDay("to", to); err != nil {
				return err
			}
			if !wish.From.Before(wish.To) {
				return errors.New("--from must be before --to")
			}
			return printAdmin(c, adminRequest{Do: "reconcile", Office: &wish})
		},
	}
	c.Flags().StringVar(&provider, "provider", "", "name of the payment provider")
	c.Flags().StringVar(&from, "from", "", "first day or instant, as 2026-11-11 or 2026-11-11T20:00:00+08:00")
	c.Flags().StringVar(&to, "to", "", "first day or instant after the period")
	for _, name := range []string{"provider", "from", "to"} {
		_ = c.MarkFlagRequired(name) //nolint:errcheck // the flag exists
	}
	names := []string{"data"}
	for _, k := range payKnobs() {
		names = append(names, k.name)
	}
	addKnobs(c, names...)
	return c
}

// parseDay reads a day, which begins at midnight UTC, or an instant.
func parseDay(flag, text string) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s: %q is neither a day as 2026-11-11 nor an instant as 2026-11-11T20:00:00Z", flag, text)
}

// verifyCommand checks a store or an archive without changing it.
func verifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "verify [ARCHIVE]",
		Short: "Check the books of a data directory, or a whole archive, and change nothing",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, _, err := loadConfig(c, os.Getenv)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return verifyArchive(c, args[0])
			}
			if err := verifyStore(c.Context(), cfg); err != nil {
				return fmt.Errorf("books of %s: %w", cfg.data, err)
			}
			fmt.Fprintln(c.OutOrStdout(), "books are right")
			return nil
		},
	}
	addKnobs(c, "data")
	return c
}

func verifyArchive(c *cobra.Command, path string) error {
	done, err := office.VerifyArchive(c.Context(), path, newLog())
	if err != nil {
		return fmt.Errorf("archive %s: %w", path, err)
	}
	printManifest(c, path+" is whole and its books are right", done.Manifest)
	return nil
}

// verifyStore checks a copy, so that neither a running server nor the store is touched.
func verifyStore(ctx context.Context, cfg config) (err error) {
	if !shop.HasStore(cfg.data) {
		return fmt.Errorf("there is no store in %s", cfg.data)
	}
	name := "verify-" + hex.EncodeToString(randomBytes(8)) + ".db"
	path, err := askServer(ctx, cfg, adminRequest{Do: "copy", Office: &officeRequest{Copy: name}})
	if errors.Is(err, errNoServer) {
		dir, made := os.MkdirTemp("", "shopcast-verify-")
		if made != nil {
			return made
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		path = filepath.Join(dir, name)
		err = shop.CopyStore(cfg.data, path)
	} else if err == nil {
		defer func() { err = errors.Join(err, os.Remove(path)) }()
	}
	if err != nil {
		return err
	}
	s, err := shop.OpenCopy(path, cfg.data, newLog())
	if err != nil {
		return err
	}
	return errors.Join(s.Verify(), s.Close())
}

func randomBytes(n int) []byte {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails: the runtime ends the program first
	return raw
}
