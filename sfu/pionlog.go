package sfu

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLogs sends what Pion has to say to our log, all of it at debug level: its warnings are about
// single packets and hostile peers, and what matters to people we log ourselves.
type pionLogs struct{ log *slog.Logger }

// NewLogger makes Pion's logger for one of its parts.
func (l pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{log: l.log.With("pion", scope)}
}

type pionLog struct{ log *slog.Logger }

func (l pionLog) note(msg string) {
	l.log.Debug("pion reported", "detail", msg)
}

func (l pionLog) notef(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.note(fmt.Sprintf(format, args...))
	}
}

// Trace drops the message: there is one per packet.
func (pionLog) Trace(string) {}

// Tracef drops the message: there is one per packet.
func (pionLog) Tracef(string, ...any) {}

// Debug drops the message: Pion's debug level is about its own inner life.
func (pionLog) Debug(string) {}

// Debugf drops the message.
func (pionLog) Debugf(string, ...any) {}

// Info drops the message.
func (pionLog) Info(string) {}

// Infof drops the message.
func (pionLog) Infof(string, ...any) {}

// Warn passes the message on.
func (l pionLog) Warn(msg string) { l.note(msg) }

// Warnf passes the message on.
func (l pionLog) Warnf(format string, args ...any) { l.notef(format, args...) }

// Error passes the message on.
func (l pionLog) Error(msg string) { l.note(msg) }

// Errorf passes the message on.
func (l pionLog) Errorf(format string, args ...any) { l.notef(format, args...) }
