package meter

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"
)

// specDir finds the official test suite's modules, which wazero's own source
// carries.
func specDir(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("find wazero's source: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest/v2/testdata")
}

// lax are limits under which the suite's modules, which aren't plugins, pass.
func lax() Limits {
	lim := DefaultLimits()
	lim.MaxTables = 100
	lim.MaxTableEntries = 1 << 24
	lim.MaxMemoryPages = 1 << 16
	lim.MaxNameBytes = 1 << 16
	return lim
}

// rewriteAny meters a module that need not keep to the ABI.
func rewriteAny(wasm []byte, lim Limits) ([]byte, error) {
	m, err := parse(wasm, lim)
	if err != nil {
		return nil, err
	}
	out, _, err := m.rewrite()
	return out, err
}

// Whatever wazero accepts and we accept stays acceptable, and what it refuses
// isn't made valid by rewriting.
func TestSpecValidity(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(specDir(t), "*.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	e := engines(t)[1]
	accepted := 0
	for _, file := range files {
		wasm, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out, err := rewriteAny(wasm, lax())
		if err != nil {
			continue
		}
		accepted++
		_, before := e.rt.CompileModule(t.Context(), wasm)
		compiled, after := e.rt.CompileModule(t.Context(), out)
		if (before == nil) != (after == nil) {
			t.Errorf("%s: before rewriting %v, afterwards %v", filepath.Base(file), before, after)
		}
		if compiled != nil {
			compiled.Close(t.Context())
		}
	}
	t.Logf("%d of %d modules were rewritten", accepted, len(files))
	if len(files) < 3000 || accepted < 900 {
		t.Errorf("only %d of %d modules were rewritten", accepted, len(files))
	}
}

type specValue struct {
	Type     string          `json:"type"`
	LaneType string          `json:"lane_type"`
	Value    json.RawMessage `json:"value"`
}

type specCommand struct {
	Type     string `json:"type"`
	Line     int    `json:"line"`
	Name     string `json:"name"`
	Filename string `json:"filename"`
	Action   struct {
		Type   string      `json:"type"`
		Module string      `json:"module"`
		Field  string      `json:"field"`
		Args   []specValue `json:"args"`
	} `json:"action"`
}

// words converts a value to what wazero takes as parameters.
func (v specValue) words() ([]uint64, error) {
	var text string
	if v.Type == "v128" {
		var lanes []string
		if err := json.Unmarshal(v.Value, &lanes); err != nil {
			return nil, err
		}
		words := make([]uint64, 2)
		bits := 128 / len(lanes)
		for i, lane := range lanes {
			n, err := parseBits(lane)
			if err != nil {
				return nil, err
			}
			if bits < 64 {
				n &= 1<<bits - 1
			}
			words[i*bits/64] |= n << (i * bits % 64)
		}
		return words, nil
	}
	if err := json.Unmarshal(v.Value, &text); err != nil {
		return nil, err
	}
	n, err := parseBits(text)
	return []uint64{n}, err
}

func parseBits(text string) (uint64, error) {
	if text == "null" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return uint64(n), err
}

// All calls that the official test suite makes give the same results metered
// and not, on both engines, and cost the same fuel on both.
func TestSpecDifferential(t *testing.T) {
	dir := specDir(t)
	scripts, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".json")
		t.Run(name, func(t *testing.T) { total += runScript(t, dir, script) })
	}
	t.Logf("%d calls compared", total)
	if total < 20_000 {
		t.Errorf("only %d calls compared", total)
	}
}

func runScript(t *testing.T, dir, script string) (calls int) {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Commands []specCommand `json:"commands"`
	}
	if err := json.Unmarshal(text, &suite); err != nil {
		t.Fatal(err)
	}
	both := engines(t)
	var pairs []pair
	for _, c := range suite.Commands {
		switch c.Type {
		case "module":
			pairs = startPairs(t, both, filepath.Join(dir, c.Filename))
		case "action", "assert_return", "assert_trap", "assert_exhaustion":
			if c.Action.Type != "invoke" || c.Action.Module != "" || len(pairs) == 0 {
				continue
			}
			var args []uint64
			for _, v := range c.Action.Args {
				words, err := v.words()
				if err != nil {
					t.Fatalf("line %d: %v", c.Line, err)
				}
				args = append(args, words...)
			}
			comparePairs(t, fmt.Sprintf("line %d: %s", c.Line, c.Action.Field), pairs, c.Action.Field, args)
			calls++
		}
	}
	return calls
}

// A pair is a module on one engine, metered and not.
type pair struct {
	engine         string
	plain, metered *guest
}

// startPairs gives none for a module that we refuse.
func startPairs(t *testing.T, both []engine, file string) (pairs []pair) {
	t.Helper()
	wasm, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out, err := rewriteAny(wasm, lax())
	if err != nil {
		return nil
	}
	for _, e := range both {
		plain, err := e.tryStart(wasm)
		metered, merr := e.tryStart(out)
		if (err == nil) != (merr == nil) {
			t.Errorf("%s, %s: starts with %v, metered with %v", filepath.Base(file), e.name, err, merr)
		}
		if err == nil && merr == nil {
			pairs = append(pairs, pair{e.name, plain, metered})
		}
	}
	return pairs
}

// comparePairs makes one call everywhere.
func comparePairs(t *testing.T, what string, pairs []pair, name string, args []uint64) {
	t.Helper()
	var fuel []int64
	trapped := false
	for _, p := range pairs {
		want, werr := p.plain.call(name, args...)
		got, gerr := p.metered.call(name, args...)
		if (werr == nil) != (gerr == nil) {
			t.Errorf("%s, %s: unmetered error %v, metered %v", what, p.engine, werr, gerr)
		}
		trapped = trapped || gerr != nil
		types := p.plain.mod.ExportedFunction(name).Definition().ResultTypes()
		if gerr == nil && !sameResults(types, want, got) {
			t.Errorf("%s, %s: got %v, want %v", what, p.engine, got, want)
		}
		fuel = append(fuel, p.metered.spent())
	}
	if len(fuel) == 2 && fuel[0] != fuel[1] {
		t.Errorf("%s: fuel is %d compiled and %d interpreted", what, fuel[0], fuel[1])
	}
	for _, p := range pairs {
		if trapped { // a host would discard the instance, the suite goes on
			p.metered.resetStack()
		}
	}
}

// sameResults compares bit by bit, but for the pointers behind references and
// the payload of NaNs.
func sameResults(types []api.ValueType, a, b []uint64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		kind := byte(0)
		if i < len(types) && len(types) == len(a) {
			kind = types[i]
		}
		switch kind {
		case api.ValueTypeExternref, byte(FuncRef):
			if (a[i] == 0) != (b[i] == 0) {
				return false
			}
		case api.ValueTypeF32:
			x, y := math.Float32frombits(uint32(a[i])), math.Float32frombits(uint32(b[i]))
			if uint32(a[i]) != uint32(b[i]) && (x == x || y == y) {
				return false
			}
		case api.ValueTypeF64:
			x, y := math.Float64frombits(a[i]), math.Float64frombits(b[i])
			if a[i] != b[i] && (x == x || y == y) {
				return false
			}
		default:
			if a[i] != b[i] {
				return false
			}
		}
	}
	return true
}
