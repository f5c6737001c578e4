// Command goguest is a plugin in plain Go, written against the ABI alone: it takes
// the host out of "Website" into domain, passes the other columns on, rejects rows
// whose website is "bad" and panics on "boom".
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
package main

import (
	"bytes"
	"encoding/json"
	"unsafe"

	"sluice/plugins/abi"
)

var (
	region  []uint64 // what alloc gave; uint64 aligns it
	answer  []byte
	website int
	cols    int
	cells   []byte
	errs    []byte
	source  []byte
	result  [abi.ResultSize]byte
	code    = []byte("bad_website")
	message = []byte("the website is bad")
)

func main() {}

//go:wasmexport sluice_v1_alloc
func alloc(size uint32) uint32 {
	if n := int(size+7) / 8; n > len(region) {
		region = make([]uint64, n)
	}
	return addr(unsafe.Pointer(&region[0]))
}

//go:wasmexport sluice_v1_open
func open(ptr, n uint32) uint64 {
	var job struct{ Columns []string }
	if err := json.Unmarshal(bytesAt(ptr, n), &job); err != nil {
		answer, _ = json.Marshal(map[string]string{"error": err.Error()})
		return pack(answer)
	}
	website = -1
	columns := make([]string, 0, len(job.Columns))
	for i, c := range job.Columns {
		if c == "Website" {
			website = i
			columns = append(columns, "domain")
			continue
		}
		columns = append(columns, "custom."+c)
	}
	if website < 0 {
		answer = []byte(`{"error":"there is no column Website"}`)
		return pack(answer)
	}
	cols = len(columns)
	answer, _ = json.Marshal(map[string][]string{"columns": columns})
	return pack(answer)
}

//go:wasmexport sluice_v1_describe
func describe() uint64 {
	answer = []byte(`{"name":"goguest","version":"1.0.0"}`)
	return pack(answer)
}

//go:wasmexport sluice_v1_process
func process(ptr uint32) uint32 {
	header := bytesAt(ptr, abi.BatchSize)
	rows := int(abi.U32(header))
	in := bytesAt(abi.U32(header[8:]), uint32(rows*cols*abi.CellSize))
	cells, errs, source = cells[:0], errs[:0], source[:0]
	out, failed := 0, 0
	for i := range rows {
		row := in[i*cols*abi.CellSize:][:cols*abi.CellSize]
		at := row[website*abi.CellSize:]
		kind, n := abi.Split(abi.U32(at[4:]))
		value := bytesAt(abi.U32(at), n)
		switch string(value) {
		case "boom":
			panic("boom")
		case "bad":
			errs = append(errs, make([]byte, abi.ErrorSize)...)
			abi.Error{Row: uint32(i), Column: uint32(website),
				CodePtr: addr(unsafe.Pointer(&code[0])), CodeLen: uint32(len(code)),
				MessagePtr: addr(unsafe.Pointer(&message[0])), MessageLen: uint32(len(message))}.Put(errs[failed*abi.ErrorSize:])
			failed++
			continue
		}
		var host []byte
		if kind == abi.KindText {
			host = hostOf(value)
		}
		start := len(cells)
		cells = append(cells, row...)
		if len(host) > 0 {
			abi.PutCell(cells[start+website*abi.CellSize:], kind, addr(unsafe.Pointer(&host[0])), uint32(len(host)))
		}
		source = append(source, 0, 0, 0, 0)
		abi.PutU32(source[out*abi.SourceSize:], uint32(i))
		out++
	}
	r := abi.Result{Rows: uint32(out), Errors: uint32(failed)}
	if out > 0 {
		r.Cells, r.Source = addr(unsafe.Pointer(&cells[0])), addr(unsafe.Pointer(&source[0]))
	}
	if failed > 0 {
		r.ErrorsPtr = addr(unsafe.Pointer(&errs[0]))
	}
	r.Put(result[:])
	return addr(unsafe.Pointer(&result[0]))
}

// hostOf cuts the host out of a URL.
func hostOf(url []byte) []byte {
	if i := bytes.Index(url, []byte("://")); i >= 0 {
		url = url[i+3:]
	}
	for i, c := range url {
		if c == '/' || c == '?' || c == ':' {
			return url[:i]
		}
	}
	return url
}

func bytesAt(ptr, n uint32) []byte {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(ptr))), n)
}

func addr(p unsafe.Pointer) uint32 { return uint32(uintptr(p)) }

func pack(p []byte) uint64 { return abi.Pack(addr(unsafe.Pointer(&p[0])), uint32(len(p))) }
