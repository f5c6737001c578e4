package host

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair makes a certificate of 127.0.0.1 with a serial number and writes it
// and its key.
func writePair(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "sluice"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// served returns the serial number of the certificate that a new connection sees.
func served(t *testing.T, s *testServer) int64 {
	t.Helper()
	c, err := tls.Dial("tcp", s.Addr(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// recheck lets the next handshake look at the files.
func recheck(s *testServer) {
	s.cert.mu.Lock()
	s.cert.checked = time.Time{}
	s.cert.mu.Unlock()
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePair(t, certFile, keyFile, 1)
	s := startServer(t, func(c *Config) { c.TLSCert, c.TLSKey = certFile, keyFile })

	pool := x509.NewCertPool()
	cert, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	pool.AppendCertsFromPEM(cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()

	post := func(key string, body io.Reader) (int, string) {
		t.Helper()
		resp, answer := exchange(t, transport, "POST", "https://"+s.Addr()+"/v1/import/companies?dry_run=true", key, "text/csv", body)
		return resp.StatusCode, string(answer)
	}
	// Refused with a megabyte unread: the answer arrives all the same.
	if status, answer := post("wbk_wrong", strings.NewReader(strings.Repeat("a,b\n", 1<<18))); status != 401 {
		t.Errorf("with a wrong key: %d %s", status, answer)
	}
	if status, answer := post(s.admin, strings.NewReader("name\n")); status != 403 {
		t.Errorf("without the scope: %d %s", status, answer)
	}
	if resp, err := http.Get("http://" + s.Addr() + "/healthz"); err == nil {
		resp.Body.Close()
		if resp.StatusCode == 200 {
			t.Error("plain HTTP is served beside TLS")
		}
	}

	writePair(t, certFile, keyFile, 2)
	recheck(s)
	if got := served(t, s); got != 2 {
		t.Errorf("after a renewal: certificate %d", got)
	}
	if err := os.WriteFile(certFile, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	recheck(s)
	if got := served(t, s); got != 2 {
		t.Errorf("with a broken file: certificate %d", got)
	}
	writePair(t, certFile, keyFile, 3)
	recheck(s)
	if got := served(t, s); got != 3 {
		t.Errorf("with the file mended: certificate %d", got)
	}
}

func TestTLSConnectionLimit(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePair(t, certFile, keyFile, 1)
	s := startServer(t, func(c *Config) { c.TLSCert, c.TLSKey, c.MaxConnections = certFile, keyFile, 1 })
	first, err := tls.Dial("tcp", s.Addr(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if n, err := second.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("beyond the limit: %d bytes, %v", n, err)
	}
}

func TestTLSConfig(t *testing.T) {
	cfg := DefaultConfig()
	cfg.TLSCert = "cert.pem"
	want := "configuration: TLSKey: the certificate and its key go together: set both, or neither"
	if err := cfg.Validate(); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	_, err := loadCertificate("nowhere.pem", "key.pem", testLogger(t))
	if err == nil || err.Error() != "load certificate: stat nowhere.pem: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

// exchange sends a request with a key and reads the whole answer.
func exchange(t *testing.T, via http.RoundTripper, method, url, key, media string, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", media)
	resp, err := via.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, answer
}
