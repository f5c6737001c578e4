#include "go_asm.h"
#include "textflag.h"

// BITS sets dst to the top bits of the 64 bytes in lo and hi.
#define BITS(lo, hi, dst, tmp) \
	VPMOVMSKB lo, dst; \
	VPMOVMSKB hi, tmp; \
	SHLQ      $32, tmp; \
	ORQ       tmp, dst

// func classifyAVX2(n *needles, dst *masks, p *byte, blocks int)
TEXT ·classifyAVX2(SB), NOSPLIT, $0-32
	MOVQ n+0(FP), DX
	MOVQ dst+8(FP), DI
	MOVQ p+16(FP), SI
	MOVQ blocks+24(FP), CX

	VPBROADCASTQ needles_delims(DX), Y8
	VPBROADCASTQ needles_quotes(DX), Y9
	MOVQ         needles_keep(DX), R8
	MOVQ         $const_lfs, AX
	VMOVQ        AX, X10
	VPBROADCASTQ X10, Y10
	MOVQ         $const_crs, AX
	VMOVQ        AX, X11
	VPBROADCASTQ X11, Y11
	VPCMPEQD     X12, X12, X12

loop:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1

	VPCMPEQB Y0, Y8, Y2
	VPCMPEQB Y1, Y8, Y3
	BITS(Y2, Y3, AX, BX)
	MOVQ     AX, masks_delims(DI)

	VPCMPEQB Y0, Y10, Y2
	VPCMPEQB Y1, Y10, Y3
	VPCMPEQB Y0, Y11, Y4
	VPCMPEQB Y1, Y11, Y5
	VPOR     Y4, Y2, Y2
	VPOR     Y5, Y3, Y3
	BITS(Y2, Y3, AX, BX)
	MOVQ     AX, masks_ends(DI)

	VPCMPEQB Y0, Y9, Y2
	VPCMPEQB Y1, Y9, Y3
	BITS(Y2, Y3, AX, BX)
	ANDQ     R8, AX
	MOVQ     AX, masks_quotes(DI)

	// A product by all ones without carries is the parity of what is below.
	VMOVQ      AX, X2
	VPCLMULQDQ $0, X12, X2, X2
	VMOVQ      X2, masks_odd(DI)

	ADDQ $const_blockBytes, SI
	ADDQ $masks__size, DI
	DECQ CX
	JNZ  loop

	VZEROUPPER
	RET
