// Package torture kills a server at random moments under a mixed load and
// compares what is stored afterwards with what was promised.
//
// A run starts the real binary on a temporary folder and goes in rounds: start,
// compare, load, SIGKILL. Several tenants have several lanes each. A lane has
// domains of its own and one request under way, so that its state is known
// exactly but for that request; lanes of one tenant meet in one table.
//
// # What must hold after every restart
//
//  1. What was acknowledged is there, as it was acknowledged.
//  2. What was not acknowledged is wholly there or wholly not.
//  3. A job that was answered 202 is never lost and reaches the counts, and the
//     failed rows, that it would have reached without a crash; a canceled one has
//     applied exactly the rows that it says.
//  4. No company is there twice: domains and ids are unique, an id stays with its
//     domain, and rows without a domain, which nothing merges, are as many as were
//     sent.
//  5. An idempotent retry is answered with the very bytes of the first answer,
//     and without a first answer it is carried out if and only if the first
//     attempt was not.
//  6. What an answer made visible is visible to the next request.
//  7. sluice check finds the folder sound.
//
// The order of requests follows from the seed; the moments of the kills depend
// on the machine as well, so a failing run is kept, not repeated.
package torture
