package host

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// Key is what is stored of an API key. The token itself is not: only its
// SHA-256. A slow password hash would add nothing, since the token is 256 random
// bits and not a password that could be guessed, and would cost each request.
type Key struct {
	ID        string     `json:"id"`
	Prefix    string     `json:"prefix"` // first characters of the token, to know it by
	Tenant    string     `json:"tenant"`
	Scopes    []Scope    `json:"scopes"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
	RateLimit int        `json:"rate_limit"`
	Hash      [32]byte   `json:"-"`
}

// Has reports whether the key has the scope.
func (k *Key) Has(s Scope) bool { return slices.Contains(k.Scopes, s) }

func (k *Key) expired(now time.Time) bool { return k.ExpiresAt != nil && !now.Before(*k.ExpiresAt) }

const (
	tokenStart  = "wbk_"
	tokenSecret = 32 // random bytes
	prefixLen   = len(tokenStart) + 8
)

var tokenLen = len(tokenStart) + base64.RawURLEncoding.EncodedLen(tokenSecret)

func newToken() string {
	var secret [tokenSecret]byte
	rand.Read(secret[:]) // never fails
	return tokenStart + base64.RawURLEncoding.EncodeToString(secret[:])
}

func hashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// bearer returns the token of an Authorization header.
func bearer(header []byte) (string, bool) {
	scheme, token, _ := strings.Cut(string(header), " ")
	token = strings.TrimLeft(token, " ")
	return token, strings.EqualFold(scheme, "Bearer") && len(token) == tokenLen && strings.HasPrefix(token, tokenStart)
}
