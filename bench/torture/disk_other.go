//go:build !linux

package torture

func mountDisk(string, int) (*disk, error) { return nil, errNoDisk }

func isFull(error) bool { return false }
