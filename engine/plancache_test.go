package engine

import (
	"fmt"
	"strings"
	"testing"
)

func TestPlanCache(t *testing.T) {
	c := newPlanCache()
	keys := []string{"Company", "domain"}
	p := c.of(keys)
	if c.of([]string{"Company", "domain"}) != p {
		t.Error("the same keys have another plan")
	}
	keys[0] = "city" // the caller's slice is not kept
	if q := c.of(keys); q == p || p.names[0] != "Company" || q.names[0] != "city" {
		t.Errorf("plans of %v and %v", p.names, q.names)
	}
	if c.of([]string{"Company\x00domain"}) == p || c.of([]string{"domain", "Company"}) == p {
		t.Error("other keys have the plan")
	}
	for sum := range c.plans { // all hashes collide
		c.plans[sum] = p
	}
	if q := c.of(keys); q.names[0] != "city" {
		t.Errorf("keys %v have the plan of %v", keys, q.names)
	}
	long := []string{strings.Repeat("k", maxPlanBytes)}
	if once, again := c.of(long), c.of(long); once == again {
		t.Error("a plan of long keys is kept")
	}
	for i := range maxPlans + 1 {
		c.of([]string{fmt.Sprint(i)})
	}
	if len(c.plans) > maxPlans {
		t.Errorf("it grew to %d plans", len(c.plans))
	}
}

// Columns that come one by one, for each of which a plugin answers anew, leave no more
// plans behind than a few.
func TestPlansOfAnswersAreBounded(t *testing.T) {
	s := &stages{plans: map[string]*plan{}}
	for i := range 10 * maxAnswers {
		names := []string{"name", fmt.Sprint("custom.", i)}
		p, err := s.planOf(names)
		if err != nil || p.names[1] != names[1] {
			t.Fatal(p, err)
		}
		if again, err := s.planOf(names); again != p || err != nil {
			t.Fatalf("%v has another plan, %v", names, err)
		}
		if len(s.plans) > maxAnswers {
			t.Fatalf("%d plans are kept", len(s.plans))
		}
	}
}
