package host

import (
	"testing"

	"sluice/engine/fault"
)

func TestConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	c.Addr, c.Data, c.MaxConnections, c.BodyTimeout, c.MaxStreamBytes = "nowhere", "", 0, -1, 10
	err := c.Validate()
	const want = `validation_error: configuration: Addr: "nowhere" is not host:port
Data: is empty
MaxConnections: 0 is not from 1 to 1048576
MaxStreamBytes: 10 is not from 1024 to 1125899906842624
BodyTimeout: -1ns is not above 0`
	if f, ok := err.(*fault.Error); !ok || f.Code != fault.Validation || "validation_error: "+f.Message != want {
		t.Fatalf("%v, want %s", err, want)
	}
}
