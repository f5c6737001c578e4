package host

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secretsOf is a private key in the forms in which it may turn up.
func secretsOf(t *testing.T, keyFile string) (secrets []string) {
	t.Helper()
	text, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	number, err := key.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	secrets = []string{string(number), hex.EncodeToString(number), new(big.Int).SetBytes(number).String()}
	for _, line := range strings.Split(string(text), "\n") {
		if len(line) >= 16 && !strings.HasPrefix(line, "-") {
			secrets = append(secrets, line)
		}
	}
	return secrets
}

// Abuse 3.6: the private key of HTTPS goes through a life of the server, renewals
// that fail included, and is nowhere but in its file.
func TestAbuseTLSKey(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePair(t, certFile, keyFile, 1)
	secrets := secretsOf(t, keyFile)
	s, log := serveLogged(t, func(c *Config) { c.AdminAddr, c.TLSCert, c.TLSKey = "127.0.0.1:0", certFile, keyFile })
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	var answers bytes.Buffer
	send := func(method, url, token, body string) []byte {
		t.Helper()
		resp, answer := exchange(t, transport, method, url, token, jsonType, strings.NewReader(body))
		answers.Write(answer)
		if err := resp.Header.Write(&answers); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	api := "https://" + s.Addr()
	visit := func() {
		send("GET", api+"/healthz", "", "")
		send("GET", api+"/v1/companies", "wbk_wrong", "")
		send("POST", api+"/v1/admin/keys", s.admin, `{"tenant":`)
		send("POST", api+"/v1/admin/keys", s.admin, `{"tenant":"acme","scopes":["read:companies"]}`)
		for _, hello := range []string{"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x00\x05hello"} {
			c, err := net.Dial("tcp", s.Addr())
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, hello)
			c.(*net.TCPConn).CloseWrite()
			io.Copy(&answers, c) // it may be reset
			c.Close()
		}
	}
	visit()
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	broken := [][]byte{key[:len(key)/2], key[len(key)/2:], append(bytes.Clone(key[:60]), "!!!"...), bytes.Replace(key, []byte("PRIVATE"), []byte("SECRET"), 2)}
	writePair(t, certFile, keyFile, 2)
	secrets = append(secrets, secretsOf(t, keyFile)...)
	for _, text := range append(broken, key) { // the last is whole, and the former's
		if err := os.WriteFile(keyFile, text, 0o600); err != nil {
			t.Fatal(err)
		}
		recheck(s)
		transport.CloseIdleConnections()
		visit()
		cfg := diskConfig(t)
		cfg.TLSCert, cfg.TLSKey = certFile, keyFile
		if _, err := Open(context.Background(), cfg, slog.New(slog.NewTextHandler(log, nil))); err == nil {
			t.Fatal("opened with a key that is not the certificate's")
		} else {
			answers.WriteString(err.Error())
		}
	}
	writePair(t, certFile, keyFile, 3)
	secrets = append(secrets, secretsOf(t, keyFile)...)
	recheck(s)
	transport.CloseIdleConnections()
	visit()
	for _, path := range []string{"/metrics", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1"} {
		send("GET", "http://"+s.AdminAddr()+path, "", "")
	}
	backup := send("GET", api+"/v1/admin/backup", s.admin, "")
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, secret := range secrets {
		for where, text := range map[string]string{"the log": log.String(), "an answer": answers.String(), "a backup": string(backup)} {
			if strings.Contains(text, secret) {
				t.Errorf("form %d of a private key is in %s", i, where)
			}
		}
		for _, name := range filesWith(t, s.cfg.Data, secret) {
			t.Errorf("%s holds form %d of a private key", name, i)
		}
	}
	// These are there, so that the key was looked for where it would be.
	for _, want := range []string{"certificate not reloaded", "certificate reloaded", "TLS"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q", want)
		}
	}
	if !strings.Contains(answers.String(), "sluice_") || !bytes.Contains(backup, []byte("SLUICEBK")) {
		t.Error("the places that were looked at hold nothing")
	}
}
