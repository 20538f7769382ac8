package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

//go:embed locale/en.json locale/zh-CN.json
var localeFiles embed.FS

// languages are those there is a dictionary for; the first is the fallback.
var languages = [...]string{"en", "zh-CN"}

// words holds the dictionaries the pages' scripts use too; shells use the keys
// that begin with "shell.". Static after construction.
type words struct {
	byLanguage map[string]map[string]string
}

func loadWords() (*words, error) {
	w := &words{byLanguage: make(map[string]map[string]string)}
	for _, lang := range languages {
		raw, err := localeFiles.ReadFile("locale/" + lang + ".json")
		if err != nil {
			return nil, fmt.Errorf("read dictionary: %w", err)
		}
		var dictionary map[string]string
		if err := json.Unmarshal(raw, &dictionary); err != nil {
			return nil, fmt.Errorf("read dictionary %s: %w", lang, err)
		}
		w.byLanguage[lang] = dictionary
	}
	return w, nil
}

// say is the text of a key with its {name} places filled from name-value pairs. A
// key nobody translated shows itself rather than nothing.
func (w *words) say(lang, key string, pairs ...string) string {
	text, ok := w.byLanguage[lang][key]
	if !ok {
		text, ok = w.byLanguage[languages[0]][key]
	}
	if !ok {
		return key
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{"+pairs[i]+"}", pairs[i+1])
	}
	return text
}

// language is what the reader chose on one of our pages, else what their browser asks for.
func language(r *http.Request) string {
	if c, err := r.Cookie("lang"); err == nil {
		for _, lang := range languages {
			if c.Value == lang {
				return lang
			}
		}
	}
	return accepted(r.Header.Get("Accept-Language"))
}

// accepted picks the language with the highest weight of an Accept-Language header;
// among equals the first. Only the primary tag counts: every Chinese reads zh-CN
// before English.
func accepted(header string) string {
	best, bestWeight := languages[0], 0.0
	if len(header) > 1000 {
		return best
	}
	for part := range strings.SplitSeq(header, ",") {
		tag, parameter, _ := strings.Cut(strings.TrimSpace(part), ";")
		lang := dictionaryOf(tag)
		if weight := weightOf(parameter); lang != "" && weight > bestWeight {
			best, bestWeight = lang, weight
		}
	}
	return best
}

func dictionaryOf(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	for _, lang := range languages {
		if own, _, _ := strings.Cut(lang, "-"); own == primary {
			return lang
		}
	}
	return ""
}

// weightOf reads "q=0.8" (RFC 9110 §12.4.2); what is not a weight counts as none.
func weightOf(parameter string) float64 {
	name, value, found := strings.Cut(strings.TrimSpace(parameter), "=")
	if !found && name == "" {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if name != "q" || err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
