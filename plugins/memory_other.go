//go:build !unix

package plugins

import "github.com/tetratelabs/wazero/experimental"

func allocateMemory(_, most uint64) experimental.LinearMemory { return &heapMemory{most: most} }
