package host

import (
	"context"
	"errors"
	"log/slog"
)

// Open makes a Server that listens, but does not serve yet. ctx bounds the
// opening alone.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b, err := openBackend(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	s, err := newServer(ctx, cfg, b, log)
	if err != nil {
		return nil, errors.Join(err, b.close(context.WithoutCancel(ctx)))
	}
	return s, nil
}
