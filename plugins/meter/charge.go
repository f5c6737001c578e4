package meter

// get and set use the place where this function keeps the meter.
func (e *emitter) get() {
	if e.local {
		e.opU32(0x20, e.meterAt)
	} else {
		e.opU32(0x23, e.global)
	}
}

func (e *emitter) set() {
	if e.local {
		e.opU32(0x21, e.meterAt)
	} else {
		e.opU32(0x24, e.global)
	}
}

func (e *emitter) sub(n int64) {
	e.get()
	e.constI64(n)
	e.op(0x7d) // i64.sub
	e.set()
}

// check calls refill when the fuel is below zero.
//
// wazero's register allocator lets a join begin with the registers of the arm
// that it meets first. That must be the arm without the call, which would leave
// all of them spilled: hence an empty then and the call in else. The wrong way
// round, a loop over memory takes twice the time.
func (e *emitter) check() {
	e.enough()
	e.out = append(e.out, 0x04, 0x40, 0x05) // if else
	e.callRefill()
	e.op(0x0b)
}

// checkLoop does the same at the start of a loop without parameters, but goes
// back to the loop's head when it has refilled, so that there's no join at all.
func (e *emitter) checkLoop() {
	e.enough()
	e.out = append(e.out, 0x04, 0x40, 0x05)
	e.callRefill()
	e.out = append(e.out, 0x0c, 0x01, 0x0b) // br 1, end
}

// enough asks whether the fuel, the lower half of the meter, is not negative.
func (e *emitter) enough() {
	e.get()
	e.op(0xa7) // i32.wrap_i64
	e.constI32(0)
	e.op(0x4e) // i32.ge_s
}

func (e *emitter) callRefill() {
	e.get()
	e.constI32(ReasonFuel)
	e.opU32(0x10, e.refill)
	e.set()
}

func (e *emitter) chargeSegment(s segment) {
	switch {
	case s.kind == segLoop:
		if s.takes {
			e.check()
		} else {
			e.checkLoop()
		}
		e.sub(int64(s.cost))
	case s.cost > 0:
		e.sub(int64(s.cost))
	}
	if s.check && s.kind == segNext {
		e.check()
	}
}

// chargeSize charges by the i32 on top of the operand stack and leaves it
// there. A size over most can't succeed: the instruction traps, or memory.grow
// answers -1, without doing any work, so it is free and the guest's mistake
// isn't taken for lack of fuel. scale turns units into fuel.
func (e *emitter) chargeSize(most uint32, scale func()) {
	e.opU32(0x22, e.sizeAt) // local.tee
	e.get()
	e.constI32(0)
	e.opU32(0x20, e.sizeAt)
	e.opU32(0x20, e.sizeAt)
	e.constI32(int32(most))
	e.op(0x4b) // i32.gt_u
	e.op(0x1b) // select
	e.op(0xad) // i64.extend_i32_u
	scale()
	e.op(0x7d) // i64.sub
	e.set()
	e.check()
}

// enter charges the entry: fuel, and stack where the function is counted, with
// one subtraction and one comparison.
func (e *emitter) enter(s segment) {
	e.opU32(0x23, e.global)
	e.constI64(int64(s.cost) + e.verdict.stack())
	e.op(0x7d) // i64.sub
	e.set()
	switch {
	case e.verdict.counted:
		e.get()
		e.constI64(meterSigns)
		e.op(0x83) // i64.and
		e.op(0x50) // i64.eqz
		e.out = append(e.out, 0x04, 0x40, 0x05)
		e.get()
		e.opU32(0x10, e.settle)
		e.set()
		e.op(0x0b)
	case !e.verdict.unchecked:
		e.check()
	}
}

// leave gives the stack back. The results are on the operand stack.
func (e *emitter) leave(late bool) {
	if late {
		e.check()
	}
	switch {
	case e.verdict.counted:
		e.get()
		e.constI64(e.verdict.stack())
		e.op(0x7c) // i64.add
		e.opU32(0x24, e.global)
	case e.local:
		e.save()
	}
}

// settleBody is a function that we add behind the module's own. It takes a meter
// of which some part is below zero and gives it back when only the fuel was.
func (e *emitter) settleBody() []byte {
	e.out = append(e.out[:0], 0)
	e.local, e.meterAt = true, 0
	e.check()
	e.get()
	e.constI64(meterSigns)
	e.op(0x83)                              // i64.and
	e.op(0x50)                              // i64.eqz
	e.out = append(e.out, 0x04, 0x40, 0x05) // if else
	e.get()
	e.constI32(ReasonStack)
	e.opU32(0x10, e.refill)
	e.out = append(e.out, 0x00, 0x0b) // unreachable, end
	e.get()
	e.op(0x0b)
	return e.out
}
