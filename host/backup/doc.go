// Package backup writes a consistent state of a server to a stream, and makes a
// server's folder of such streams.
//
// A backup holds every key of the store at one moment and the uploads of the jobs
// that were pending then, so nothing that was acknowledged is missing from it. It
// knows keys and values alone, not what is in them: neither the storage engine's
// files nor the formats of tables and jobs. API keys are in it as the store has
// them, hashed.
//
// One that builds upon another lists all keys again, but has the values of those
// alone that have changed. Listing them all is what tells which were deleted: the
// engine forgets its marks of deletions when it compacts.
//
// Take may be called while the store is written to; Restore wants a target of its
// own.
package backup
