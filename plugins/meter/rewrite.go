package meter

import "sluice/engine/fault"

// Rewrite checks a module and returns its metered form, which imports refill
// and exports the two globals that the package comment describes.
//
// # Errors
//
// All errors are *fault.Error with code plugin_invalid: the bytes are no valid
// WebAssembly 2.0 module, a limit is exceeded, an import is not allowed, or the
// ABI's exports are missing or mistyped.
func Rewrite(wasm []byte, lim Limits) (out []byte, info *Info, err error) {
	if len(wasm) > lim.MaxModuleBytes {
		return nil, nil, reject("module: %d bytes are over the limit of %d (--plugin-max-module-bytes); strip it or leave out dependencies (Go: -ldflags=-s)", len(wasm), lim.MaxModuleBytes)
	}
	m, perr := parse(wasm, lim)
	if perr != nil {
		return nil, nil, perr
	}
	if perr = m.checkABI(); perr != nil {
		return nil, nil, perr
	}
	return m.rewrite()
}

func (m *module) rewrite() ([]byte, *Info, error) {
	w := newWalker(m)
	var graph callGraph
	for i := range m.bodies {
		if err := w.walk(i); err != nil {
			return nil, nil, err
		}
		graph.add(w)
	}
	code, types, err := m.rewriteCode(w, &graph)
	if err != nil {
		return nil, nil, err
	}
	names, named := m.nameMap()
	out := m.assemble(code, types, names)
	if len(out) > m.lim.MaxOutputBytes {
		return nil, nil, tooLarge(m.lim)
	}
	return out, m.info(named), nil
}

func tooLarge(lim Limits) *fault.Error {
	return reject("module: it grows to over %d bytes when metered; leave out dependencies", lim.MaxOutputBytes)
}

// rewriteCode walks each body a second time and writes it out: how a function is
// metered is known only when all were seen.
func (m *module) rewriteCode(w *walker, graph *callGraph) (code []byte, types *typeTable, err error) {
	types = newTypeTable(m)
	w.verdicts = graph.verdicts()
	e := newEmitter(m)
	code = appendU32(nil, uint32(len(m.bodies)+1))
	put := func(body []byte) { code = append(appendU32(code, uint32(len(body))), body...) }
	for i := range m.bodies {
		if err := w.walk(i); err != nil {
			return nil, nil, err
		}
		put(e.body(w, w.verdicts[i], types.blockType(w.sig.Results)))
		if len(code) > m.lim.MaxOutputBytes {
			return nil, nil, tooLarge(m.lim)
		}
	}
	put(e.settleBody())
	return code, types, nil
}

func (m *module) info(named int) *Info {
	info := &Info{
		Imports:        m.imports,
		Exports:        m.exports,
		MemoryMinPages: m.memMin,
		MemoryMaxPages: m.memMax,
		TableEntries:   m.tableSum,
		Functions:      len(m.funcs),
		Globals:        m.globals,
		DataSegments:   m.data,
		NamedFunctions: named,
	}
	for _, e := range m.exports {
		info.HasInitialize = info.HasInitialize || e.Name == "_initialize"
		info.HasDescribe = info.HasDescribe || e.Name == "sluice_v1_describe"
	}
	return info
}
