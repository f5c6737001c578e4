package badgerkv_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/storage"
	"sluice/storage/badgerkv"
)

// The child of TestKill is this test binary with childDir set.
const (
	childDir  = "SLUICE_KILL_DIR"
	childFrom = "SLUICE_KILL_FROM"
	roundsEnv = "SLUICE_KILL_ROUNDS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Println("child:", commitPairs(dir, os.Getenv(childFrom)))
		os.Exit(1) // it is meant to be killed
	}
	goleak.VerifyTestMain(m)
}

// childWriters commit at once in the child, each its own numbers.
const childWriters = 4

// commitPairs commits numbered pairs until it is killed, and prints the number of
// each once it is acknowledged. A pair is a small value and one of the value log.
func commitPairs(dir, from string) error {
	base, err := strconv.Atoi(from)
	if err != nil {
		return err
	}
	kv, err := open(dir)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	failed := make(chan error)
	for w := range childWriters {
		go func() {
			for n := base + w; ; n += childWriters {
				if err := kv.Commit(context.Background(), pair(n), nil); err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Println("ack", n)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

func open(dir string) (*badgerkv.KV, error) {
	cfg := badgerkv.DefaultConfig(dir)
	cfg.ValueLogFileSize = 1 << 20 // many files
	cfg.MinFreeBytes = 1 << 20
	return badgerkv.Open(cfg)
}

func key(side string, n int) []byte { return fmt.Appendf(nil, "%s/%010d", side, n) }

// bigValue is what must be found again, for any n of up to 40 KB.
func bigValue(n int) []byte {
	value := make([]byte, 2000+n%40*1000)
	rand.New(rand.NewSource(int64(n))).Read(value)
	return value
}

func pair(n int) []storage.Op {
	return []storage.Op{
		{Key: key("small", n), Value: strconv.AppendInt(nil, int64(n), 10)},
		{Key: key("big", n), Value: storage.Seal(nil, key("big", n), 1, 1, bigValue(n))},
	}
}

// TestKill kills a process that commits, again and again on one folder:
//
//   - each pair that was acknowledged is there, and right;
//   - no pair is there by half.
func TestKill(t *testing.T) {
	rounds := 20
	if s := os.Getenv(roundsEnv); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewSource(seed))
	dir := t.TempDir()
	acked := map[int]bool{}
	for round := range rounds {
		for _, n := range runChild(t, dir, 1_000_000*round, time.Duration(rnd.Intn(150))*time.Millisecond) {
			acked[n] = true
		}
		checkPairs(t, dir, acked)
	}
	if len(acked) < rounds {
		t.Fatalf("only %d pairs in %d rounds", len(acked), rounds)
	}
	t.Logf("%d pairs acknowledged", len(acked))
}

// runChild kills a child some time after its first acknowledgement and returns
// all of them.
func runChild(t *testing.T, dir string, from int, after time.Duration) (acks []int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childFrom+"="+strconv.Itoa(from))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var kill *time.Timer
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // a line cut off was not received
		} else if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "ack ")))
		if err != nil {
			t.Fatalf("child said %q", line)
		}
		acks = append(acks, n)
		if kill == nil {
			kill = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("child: %v", err)
	}
	return acks
}

func checkPairs(t *testing.T, dir string, acked map[int]bool) {
	t.Helper()
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]bool{}
	err = kv.Scan(context.Background(), []byte("big/"), nil, func(k, value []byte) error {
		n, err := strconv.Atoi(strings.TrimPrefix(string(k), "big/"))
		if err != nil {
			return err
		}
		_, payload, err := storage.Open(k, value, 1)
		if err != nil || string(payload) != string(bigValue(n)) {
			return fmt.Errorf("pair %d: wrong value, %w", n, err)
		}
		found[n] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	halves := 0
	err = kv.Scan(context.Background(), []byte("small/"), nil, func(k, value []byte) error {
		n, err := strconv.Atoi(string(value))
		if err != nil || string(k) != string(key("small", n)) || !found[n] {
			return fmt.Errorf("%s=%s: half a pair or a wrong value, %w", k, value, err)
		}
		halves++
		return nil
	})
	if err != nil || halves != len(found) {
		t.Fatalf("%d small of %d big: %v", halves, len(found), err)
	}
	for n := range acked {
		if !found[n] {
			t.Fatalf("acknowledged pair %d is lost", n)
		}
	}
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
}
