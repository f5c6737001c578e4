package main

import (
	"fmt"
	"testing"

	sluice "sluice/plugins/sdk/go"
)

// TestRows runs the plugin natively. `sluice plugins test` runs the module itself,
// in the sandbox.
func TestRows(t *testing.T) {
	got, err := sluice.Try(`{"skip": "gone"}`, []string{"Company", "Website", "Staff", "Status"},
		[]string{" Acme ", "acme.example", "250", "active"},
		[]string{"Bolt", "bolt.example", "12", "Gone"},
		[]string{"", "nameless.example", "5", ""})
	if err != nil {
		t.Fatal(err)
	}
	if text, want := fmt.Sprint(got.Rows), "[[Acme acme.example 201+]]"; text != want {
		t.Errorf("rows %s, want %s", text, want)
	}
	if text, want := fmt.Sprint(got.Errors), "[{2 Company no_name a company needs a name}]"; text != want {
		t.Errorf("errors %s, want %s", text, want)
	}
}
