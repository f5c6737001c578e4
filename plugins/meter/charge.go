package meter

// getFuel and setFuel use the place where this function keeps the fuel.
func (e *emitter) getFuel() {
	if e.local {
		e.opU32(0x20, e.fuelAt)
	} else {
		e.opU32(0x23, e.fuel)
	}
}

func (e *emitter) setFuel() {
	if e.local {
		e.opU32(0x21, e.fuelAt)
	} else {
		e.opU32(0x24, e.fuel)
	}
}

// storeChecked stores the fuel on the operand stack and calls refill when it is
// below zero.
func (e *emitter) storeChecked() {
	if e.local {
		e.opU32(0x22, e.fuelAt) // local.tee
	} else {
		e.opU32(0x24, e.fuel)
		e.opU32(0x23, e.fuel)
	}
	e.constI64(0)
	e.op(0x53) // i64.lt_s
	e.out = append(e.out, 0x04, 0x40)
	e.getFuel()
	e.constI32(ReasonFuel)
	e.opU32(0x10, e.refill)
	e.setFuel()
	e.op(0x0b)
}

func (e *emitter) entryCharge(s segment) {
	e.opU32(0x23, e.fuel)
	e.constI64(int64(s.cost))
	e.op(0x7d) // i64.sub
	e.storeChecked()
}

func (e *emitter) chargeSegment(s segment) {
	if s.cost == 0 {
		return
	}
	e.getFuel()
	e.constI64(int64(s.cost))
	e.op(0x7d) // i64.sub
	if s.check {
		e.storeChecked()
	} else {
		e.setFuel()
	}
}

// chargeSize charges by the i32 on top of the operand stack and leaves it
// there. A size over most can't succeed: the instruction traps, or memory.grow
// answers -1, without doing any work, so it is free and the guest's mistake
// isn't taken for lack of fuel. scale turns units into fuel.
func (e *emitter) chargeSize(most uint32, scale func()) {
	e.opU32(0x22, e.sizeAt) // local.tee
	e.getFuel()
	e.constI32(0)
	e.opU32(0x20, e.sizeAt)
	e.opU32(0x20, e.sizeAt)
	e.constI32(int32(most))
	e.op(0x4b) // i32.gt_u
	e.op(0x1b) // select
	e.op(0xad) // i64.extend_i32_u
	scale()
	e.op(0x7d) // i64.sub
	e.storeChecked()
}

// enter takes a frame from the stack budget. Refill doesn't come back when
// there is none left; the unreachable spares the engine a join.
func (e *emitter) enter(frameBytes int) {
	e.opU32(0x23, e.stack)
	e.constI64(packStack(frameBytes, 1))
	e.op(0x7d) // i64.sub
	e.opU32(0x24, e.stack)
	e.opU32(0x23, e.stack)
	e.constI64(stackSigns)
	e.op(0x83) // i64.and
	e.constI64(0)
	e.op(0x52) // i64.ne
	e.out = append(e.out, 0x04, 0x40)
	e.opU32(0x23, e.fuel)
	e.constI32(ReasonStack)
	e.opU32(0x10, e.refill)
	e.out = append(e.out, 0x1a, 0x00, 0x0b) // drop, unreachable, end
}
