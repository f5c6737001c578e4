package host

import "testing"

func TestConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	c.Addr, c.Data, c.MaxConnections, c.BodyTimeout, c.MaxStreamBytes = "nowhere", "", 0, -1, 10
	err := c.Validate()
	const want = `configuration: Addr: "nowhere" is not host:port
Data: is empty
MaxConnections: 0 is not from 1 to 1048576
MaxStreamBytes: 10 is not from 1024 to 1125899906842624
BodyTimeout: -1ns is not above 0`
	if err == nil || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
}
