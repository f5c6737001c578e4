package badgerkv

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// logger hands Badger's log on, a level lower where it only tells what it does.
//
// It also listens: when the fsync of a value log fails, Badger writes a line to
// its log and reports the commit as done.
type logger struct {
	to         *slog.Logger
	syncFailed atomic.Bool
}

func newLogger(to *slog.Logger) *logger { return &logger{to: to.With("part", "badger")} }

// syncFailure begins the line that Badger logs.
const syncFailure = "Error while curlf sync"

// Errorf implements badger.Logger.
func (l *logger) Errorf(format string, args ...any) {
	if strings.HasPrefix(format, syncFailure) {
		l.syncFailed.Store(true)
	}
	l.to.Error(line(format, args))
}

// Warningf implements badger.Logger.
func (l *logger) Warningf(format string, args ...any) { l.to.Warn(line(format, args)) }

// Infof implements badger.Logger.
func (l *logger) Infof(format string, args ...any) { l.to.Debug(line(format, args)) }

// Debugf implements badger.Logger; it is called for every commit.
func (l *logger) Debugf(string, ...any) {}

func line(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
