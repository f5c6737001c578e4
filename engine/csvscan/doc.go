// Package csvscan decodes CSV text into row batches, at memory speed and from any
// row border, so that a job resumes where its last commit ended.
//
// A Decoder reads blocks of UTF-8 text straight into a batch's arena; cells are
// spans of it, and only a cell that holds doubled quotes is copied, behind the
// block. The decoder keeps nothing but its Position between two batches: what it
// gives for a file does not depend on block sizes or on where it was resumed.
// Reading and unescaping allocate nothing per row. A Decoder belongs to one
// goroutine; the batch it fills is its caller's.
//
// 64 bytes at a time are turned into masks of delimiters, line ends and quotes: by
// AVX2 where an amd64 processor has it, 20 GB/s, elsewhere eight bytes at a time,
// 2.4 GB/s. Both give the same, and tests hold both to a model.
//
// # Rules
//
// Row ends are LF, CRLF and a lone CR outside quotes. Each of them, inside quotes
// too, begins a physical line. An empty line is no row, not even in a file of one
// column. A row of blank cells (",,") is one. A cell is quoted when its first
// byte is the quote; inside, a doubled quote stands for one. White space and NUL
// bytes are data. A delimiter at the end of a row makes one more, empty cell.
// Invalid UTF-8 goes through.
//
// # Bad rows
//
// A bad row costs itself alone. It stays in the batch, with Absent cells, its raw
// text (of which at most MaxRaw bytes are kept) and one fault:
//
//   - column_count: more or fewer cells than the header.
//   - malformed: a quote inside an unquoted cell, text after a closing quote, or
//     a quote left open. The row is taken to be the physical line on which it
//     starts, and reading goes on at the next line: of a quote left open in a
//     large file, one line is lost and not the file.
//   - row_too_large: more than MaxRow bytes. Reading goes on behind the row, which
//     may have quoted line ends; if its quotes turn out to be wrong, it is malformed.
//
// Going back to the next line stays linear: no byte is read more than twice for
// it. A row that fails on a later line than its first was inside quotes at every
// line border up to the failure. Each quote turns inside into outside, so a row
// that starts at one of these borders is outside quotes at all the later ones,
// and ends at the first of them.
//
// # Beside encoding/csv
//
// Rows are the same but for these: a lone CR ends a row here; CRLF inside quotes
// stays CRLF there only as LF; there the first bad row ends the file, and a row
// with a quote left open is never read as lines.
package csvscan
