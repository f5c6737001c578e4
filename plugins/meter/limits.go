package meter

// Limits bound what a module may declare. All are inclusive.
type Limits struct {
	MaxModuleBytes  int // of the upload
	MaxOutputBytes  int // of the rewritten module
	MaxMemoryPages  int // of 64 KiB; a declared maximum is lowered to it
	MaxTableEntries int // of all tables together
	MaxTables       int
	MaxTypes        int
	MaxParams       int // of a type; results too
	MaxImports      int
	MaxFunctions    int // without imports
	MaxGlobals      int
	MaxExports      int
	MaxElements     int // element segments
	MaxElementItems int // of all element segments together
	MaxDataSegments int
	MaxBodyBytes    int // of one function
	MaxLocals       int // of one function, parameters included
	MaxNesting      int // blocks within blocks
	MaxBrTable      int // targets of one br_table
	MaxNameBytes    int // of an import's or export's name
	MaxStackBytes   int // of all frames at one time, as estimated
	MaxStackFrames  int // at one time
}

// DefaultLimits are generous to what Go, Rust, C and AssemblyScript compilers
// produce. Go guests have 40,000 data segments and functions with 1,000 blocks.
func DefaultLimits() Limits {
	return Limits{
		MaxModuleBytes:  8 << 20,
		MaxOutputBytes:  32 << 20,
		MaxMemoryPages:  1024,
		MaxTableEntries: 1 << 16,
		MaxTables:       16,
		MaxTypes:        20_000,
		MaxParams:       128,
		MaxImports:      256,
		MaxFunctions:    50_000,
		MaxGlobals:      20_000,
		MaxExports:      10_000,
		MaxElements:     20_000,
		MaxElementItems: 200_000,
		MaxDataSegments: 200_000,
		MaxBodyBytes:    1 << 20,
		MaxLocals:       20_000,
		MaxNesting:      10_000,
		MaxBrTable:      20_000,
		MaxNameBytes:    1024,
		MaxStackBytes:   1 << 20,
		MaxStackFrames:  1899,
	}
}
