// Package jsonscan reads the JSON that imports are made of. ReadBody takes the
// body of an import request apart while it arrives, a Decoder turns NDJSON into
// row batches, and a few helpers read and write single values: Tags, Object,
// Valid and AppendString.
//
// The grammar is RFC 8259, without extensions, and all input is taken as
// hostile: depth, keys, names and sizes are bounded, memory never follows the
// input, and a row costs time for its bytes and one cell for each column, no
// matter how its keys are chosen. Two things are let through on purpose. Bytes in strings that are not
// UTF-8 stay as they are, so that validation can name the row and the column.
// An escape of half a surrogate pair becomes three such bytes.
//
// The scanners are plain Go that looks at eight bytes at a time. On rows of eight
// keys a Decoder does 1,050 MB/s a core and ReadBody 1,040; sonic decodes the same
// rows into structs at 250 MB/s and only validates them at 1,380, so that there is
// nothing that it could take over.
//
// Offsets in messages count bytes from 0. A Decoder belongs to one goroutine.
// Slices given to callbacks are valid until the callback returns; what a batch
// holds lives in the batch.
package jsonscan
