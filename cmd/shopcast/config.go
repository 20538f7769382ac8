package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
)

// config holds every knob of the server. Each comes from, weakest first: its
// default, the config file, the environment, the command line.
type config struct {
	data      string   // directory of the store and pictures
	listen    string   // TCP address of pages, socket and media doors
	udp       string   // the one UDP address of all media
	publicIPs []string // addresses viewers reach the UDP port at; empty = those of the interfaces
	demoPay   bool     // offer the demo payment provider
	mediaURL  string   // origin WHIP and WHEP clients are sent to; empty = served here
	metrics   string   // TCP address of Prometheus and pprof; empty = not served
	url       string   // origin of printed and shared links; empty = http://localhost:<port>

	hookPrivate    bool   // webhooks may go to private addresses
	stripeKeyFile  string // file with Stripe's secret key; empty = Stripe is not offered
	stripeHookFile string // file with the secret of Stripe's webhooks; empty = they are refused
	stripeURL      string // origin of Stripe's API; empty = Stripe's own
	fakeURL        string // origin of a fakepay; empty = not offered
	fakeSecretFile string // file with its secret
}

// knob is one setting under its one name: --public-ip, public-ip: and SHOPCAST_PUBLIC_IP.
type knob struct {
	name  string
	value string // default
	help  string
	set   func(*config, string) error
}

func (k knob) env() string {
	return "SHOPCAST_" + strings.ToUpper(strings.ReplaceAll(k.name, "-", "_"))
}

func knobs() []knob { return slices.Concat(placeKnobs(), hookKnobs(), payKnobs()) }

// placeKnobs say where the server keeps its things and where it is reached.
func placeKnobs() []knob {
	return []knob{
		{"data", "./data", "directory of the store and the pictures", func(c *config, v string) error {
			if v == "" {
				return errors.New("must name a directory")
			}
			c.data = v
			return nil
		}},
		{"listen", ":8080", "TCP address for pages, the socket and WHIP/WHEP", func(c *config, v string) error {
			c.listen = v
			return checkAddr(v)
		}},
		{"udp", ":8443", "address for all media, one port: UDP, and TCP of the same number", func(c *config, v string) error {
			c.udp = v
			return checkAddr(v)
		}},
		{"public-ip", "", "addresses viewers reach the UDP port at, comma separated (default: those of the interfaces)", func(c *config, v string) error {
			c.publicIPs = nil
			for text := range strings.SplitSeq(v, ",") {
				if text = strings.TrimSpace(text); text == "" {
					continue
				}
				if _, err := netip.ParseAddr(text); err != nil {
					return fmt.Errorf("%q is not an IP address", text)
				}
				c.publicIPs = append(c.publicIPs, text)
			}
			return nil
		}},
		{"url", "", "address people open, such as https://live.brand.com (default: http://localhost with the port of --listen)", func(c *config, v string) error {
			c.url = strings.TrimSuffix(v, "/")
			return checkOrigin(v)
		}},
		{"media-url", "", "origin of another machine that WHIP and WHEP clients are sent to, such as https://media.brand.com (default: this one)", func(c *config, v string) error {
			c.mediaURL = strings.TrimSuffix(v, "/")
			return checkOrigin(v)
		}},
		{"metrics", "", "TCP address for Prometheus (/metrics) and pprof, such as 127.0.0.1:9090 (default: not served)", func(c *config, v string) error {
			c.metrics = v
			if v == "" {
				return nil
			}
			host, _, err := net.SplitHostPort(v)
			if err != nil || host == "" { // they show memory and code: every address only on purpose
				return fmt.Errorf("%q is not address:port such as 127.0.0.1:9090", v)
			}
			return nil
		}},
	}
}

// setSwitch reads true or false.
func setSwitch(to *bool, v string) (err error) {
	if *to, err = strconv.ParseBool(v); err != nil {
		return fmt.Errorf("%q is neither true nor false", v)
	}
	return nil
}

func checkAddr(v string) error {
	if _, _, err := net.SplitHostPort(v); err != nil {
		return fmt.Errorf("%q is not host:port or :port", v)
	}
	return nil
}

// checkOrigin accepts nothing, or scheme and host alone.
func checkOrigin(v string) error {
	if v == "" {
		return nil
	}
	parsed, err := url.Parse(strings.TrimSuffix(v, "/"))
	if err != nil || parsed.Host == "" || parsed.Path != "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return fmt.Errorf("%q is not an origin such as https://live.brand.com", v)
	}
	return nil
}

// addKnobs gives a command the flags of the named knobs and --config.
func addKnobs(c *cobra.Command, names ...string) {
	for _, k := range knobs() {
		if slices.Contains(names, k.name) {
			c.Flags().String(k.name, k.value, fmt.Sprintf("%s [$%s]", k.help, k.env()))
			if k.value == "false" {
				c.Flags().Lookup(k.name).NoOptDefVal = "true"
			}
		}
	}
	c.Flags().String("config", "", "config file [$SHOPCAST_CONFIG] (default: shopcast.yaml when it exists)")
}

// setting is where a knob's value came from.
type setting struct{ value, origin string }

// loadConfig layers defaults, file, environment and the command's flags.
func loadConfig(c *cobra.Command, getenv func(string) string) (config, map[string]setting, error) {
	var cfg config
	fromFile, path, err := readConfigFile(c, getenv)
	if err != nil {
		return cfg, nil, err
	}
	origins := map[string]setting{}
	for _, k := range knobs() {
		s := setting{k.value, "default"}
		if v, ok := fromFile[k.name]; ok {
			s = setting{v, path}
		}
		if v := getenv(k.env()); v != "" {
			s = setting{v, "$" + k.env()}
		}
		if flag := c.Flags().Lookup(k.name); flag != nil && flag.Changed {
			s = setting{flag.Value.String(), "--" + k.name}
		}
		if err := k.set(&cfg, s.value); err != nil {
			return cfg, nil, fmt.Errorf("%s from %s: %w", k.name, s.origin, err)
		}
		origins[k.name] = s
	}
	return cfg, origins, nil
}

func readConfigFile(c *cobra.Command, getenv func(string) string) (values map[string]string, path string, err error) {
	path, wanted := getenv("SHOPCAST_CONFIG"), true
	if flag := c.Flags().Lookup("config"); flag != nil && flag.Changed {
		path = flag.Value.String()
	}
	if path == "" {
		path, wanted = "shopcast.yaml", false
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !wanted {
		return nil, path, nil
	}
	if err != nil {
		return nil, path, fmt.Errorf("read config: %w", err)
	}
	raw := map[string]any{}
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return nil, path, fmt.Errorf("read config %s: %s", path, yaml.FormatError(err, false, false))
	}
	values = map[string]string{}
	for name, v := range raw {
		if !slices.ContainsFunc(knobs(), func(k knob) bool { return k.name == name }) {
			return nil, path, fmt.Errorf("read config %s: there is no setting %q; known are %s", path, name, knobNames())
		}
		values[name] = yamlText(v)
	}
	return values, path, nil
}

// yamlText writes a YAML scalar or list the way the flag takes it.
func yamlText(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = fmt.Sprint(item)
	}
	return strings.Join(texts, ",")
}

func knobNames() string { return strings.Join(allKnobs(), ", ") }

func allKnobs() []string {
	var names []string
	for _, k := range knobs() {
		names = append(names, k.name)
	}
	return names
}

// configCommand prints the settings in force and where each comes from.
func configCommand() *cobra.Command {
	parent := &cobra.Command{Use: "config", Short: "Look at the settings"}
	show := &cobra.Command{
		Use:   "print",
		Short: "Print every setting, its value and where it comes from",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, origins, err := loadConfig(c, os.Getenv)
			if err != nil {
				return err
			}
			for _, k := range knobs() {
				s := origins[k.name]
				fmt.Fprintf(c.OutOrStdout(), "%s: %q  # %s\n", k.name, s.value, s.origin)
			}
			return nil
		},
	}
	addKnobs(show, allKnobs()...)
	parent.AddCommand(show)
	return parent
}
