package fault

// Code names a failure. Codes are part of the public contract: they are never
// renamed, and testdata/codes.golden lists them all. A Code is itself an error, so that
// errors.Is(err, fault.NotFound) reads well.
type Code string

func (c Code) Error() string { return string(c) }

// Codes of a whole request or job.
const (
	Validation        Code = "validation_error"         // 400
	InvalidKey        Code = "invalid_key"              // 401
	Forbidden         Code = "insufficient_permissions" // 403
	NotFound          Code = "not_found"                // 404
	MethodNotAllowed  Code = "method_not_allowed"       // 405
	Conflict          Code = "conflict"                 // 409
	IdempotencyInUse  Code = "idempotency_key_in_use"   // 409
	PayloadTooLarge   Code = "payload_too_large"        // 413
	UnsupportedMedia  Code = "unsupported_media_type"   // 415
	IdempotencyReused Code = "idempotency_key_reused"   // 422
	PluginInvalid     Code = "plugin_invalid"           // 422
	ImportFailed      Code = "import_failed"            // 422
	RateLimited       Code = "rate_limited"             // 429
	Overloaded        Code = "overloaded"               // 503
	Internal          Code = "internal_error"           // 500
)

// Codes of a single row, in errors[] and in results. A plugin adds its own.
const (
	Malformed       Code = "malformed"         // not a CSV record or JSON line
	InvalidType     Code = "invalid_type"      // no object, or a value of the wrong kind
	ColumnCount     Code = "column_count"      // more or fewer cells than the header
	RowTooLarge     Code = "row_too_large"     // over 1 MB
	InvalidEncoding Code = "invalid_encoding"  // not UTF-8
	InvalidDomain   Code = "invalid_domain"    // not a host name of two labels or more
	TooLong         Code = "too_long"          // over a field's limit
	Required        Code = "required"          // a new company without a name
	PluginTrap      Code = "plugin_trap"       // the plugin trapped on this row
	SkippedByPlugin Code = "skipped_by_plugin" // the plugin answered nothing for it
	Duplicate       Code = "duplicate"         // skipped: the domain is there already
)

// Request lists the codes of requests and jobs, in the order of the docs.
func Request() []Code {
	return []Code{Validation, InvalidKey, Forbidden, NotFound, MethodNotAllowed, Conflict,
		IdempotencyInUse, PayloadTooLarge, UnsupportedMedia, IdempotencyReused, PluginInvalid,
		ImportFailed, RateLimited, Overloaded, Internal}
}

// Row lists the codes of rows, in the order of the docs.
func Row() []Code {
	return []Code{Malformed, InvalidType, ColumnCount, RowTooLarge, InvalidEncoding, InvalidDomain,
		TooLong, Required, PluginTrap, SkippedByPlugin, Duplicate}
}
