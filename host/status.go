package host

import "sluice/engine/fault"

// statusOf maps a fault's code to the status of an answer. Codes of rows never
// fail a request; seen here they are bugs, and internal.
func statusOf(code fault.Code) int {
	switch code {
	case fault.Validation:
		return 400
	case fault.InvalidKey:
		return 401
	case fault.Forbidden:
		return 403
	case fault.NotFound:
		return 404
	case fault.MethodNotAllowed:
		return 405
	case fault.Conflict, fault.IdempotencyInUse:
		return 409
	case fault.PayloadTooLarge:
		return 413
	case fault.UnsupportedMedia:
		return 415
	case fault.IdempotencyReused, fault.PluginInvalid, fault.ImportFailed:
		return 422
	case fault.RateLimited:
		return 429
	case fault.Overloaded:
		return 503
	}
	return 500
}
