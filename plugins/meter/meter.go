package meter

// The meter is one i64 global that holds three budgets, so that a function's
// entry subtracts from all with one instruction:
//
//	bits 0–31   fuel, signed
//	bits 32–47  frames left; bit 47 says that there are none
//	bits 48–63  frame bytes left, in units of 64; bit 63 says that there are none
//
// It is the sum of its parts, each shifted to its place: negative fuel borrows
// one frame until refill has paid it back.
const (
	framesShift = 32
	bytesShift  = 48
	frameUnit   = 64 // bytes
	partMax     = 1<<15 - 1
	meterSigns  = -1<<63 | 1<<47 | 1<<31
)

// MaxCharge is the most fuel that a host may grant or charge at once.
const MaxCharge = 1 << 30

// Fuel returns the fuel in a value of the meter; negative is a debt.
func Fuel(meter uint64) int64 { return int64(int32(meter)) }

// AddFuel returns the meter with n units of fuel more, or less when n is
// negative. The fuel must stay within 32 bits.
func AddFuel(meter uint64, n int64) uint64 { return meter + uint64(n) }

// stackPart is the meter's share of frames that take so many bytes.
func stackPart(bytes, frames int) int64 {
	units := min((bytes+frameUnit-1)/frameUnit, partMax)
	return int64(units)<<bytesShift + int64(min(frames, partMax))<<framesShift
}

// budget is the meter's value when no guest code runs, without fuel.
func (l Limits) budget() int64 {
	return stackPart(l.MaxStackBytes-slackBytes, l.MaxStackFrames-slackFrames)
}
