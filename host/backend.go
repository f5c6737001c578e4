package host

import (
	"context"

	"sluice/engine"
)

// backend is what a Server stands on.
type backend struct {
	records engine.Records
	tables  tables
	engine  *engine.Engine
	close   func(ctx context.Context) error
}
