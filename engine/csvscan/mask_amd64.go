package csvscan

import "golang.org/x/sys/cpu"

// classify fills dst with the masks of as many blocks, the first of p.
func (n *needles) classify(dst []masks, p []byte) {
	if hasAVX2() {
		n.classifyVectors(dst, p)
	} else {
		n.classifyWords(dst, p)
	}
}

// hasAVX2 reports whether classifyVectors can run. GODEBUG=cpu.avx2=off denies it.
func hasAVX2() bool { return cpu.X86.HasAVX2 && cpu.X86.HasPCLMULQDQ }

// classifyVectors is classifyWords by 32 bytes at a time.
func (n *needles) classifyVectors(dst []masks, p []byte) {
	if len(dst) > 0 {
		p = p[:len(dst)*blockBytes]
		classifyAVX2(n, &dst[0], &p[0], len(dst))
	}
}

//go:noescape
func classifyAVX2(n *needles, dst *masks, p *byte, blocks int)
