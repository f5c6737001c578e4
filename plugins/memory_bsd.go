//go:build unix && !linux

package plugins

const mapNoReserve = 0

func adviseMemory([]byte) {}
