//go:build !linux

package badgerkv

import "io/fs"

func bytesOnDisk(info fs.FileInfo) int64 { return info.Size() }
