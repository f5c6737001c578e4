package plugins

import (
	"fmt"
	"testing"
)

// What was read before a change, and is learnt after it, is not believed.
func TestActiveCache(t *testing.T) {
	var c activeCache
	_, known, before := c.of("acme")
	if known {
		t.Error("an empty cache knows something")
	}
	c.forget("acme") // somebody activates another plugin meanwhile
	c.learn("acme", &Info{Name: "former"}, before)
	if info, known, _ := c.of("acme"); known {
		t.Errorf("it believes %v", info)
	}
	_, _, now := c.of("acme")
	c.learn("acme", nil, now)
	if info, known, _ := c.of("acme"); info != nil || !known {
		t.Errorf("that none is active is not remembered: %v, %v", info, known)
	}
	for i := range maxKnownActive + 1 {
		c.learn(fmt.Sprint(i), nil, now)
	}
	if len(c.known) > maxKnownActive {
		t.Errorf("it grew to %d tenants", len(c.known))
	}
}
