//go:build !amd64

package csvscan

// classify fills dst with the masks of as many blocks, the first of p.
func (n *needles) classify(dst []masks, p []byte) { n.classifyWords(dst, p) }
