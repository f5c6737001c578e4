package torture

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// started is how every trace begins.
const started = `10 openat(AT_FDCWD</w>, "/d/store/000001.vlog", O_RDWR|O_CREAT|O_EXCL, 0666) = 13</d/store/000001.vlog>
10 mmap(NULL, 100, PROT_READ|PROT_WRITE, MAP_SHARED, 13</d/store/000001.vlog>, 0) = 0x7000
10 mmap(NULL, 100, PROT_READ|PROT_WRITE, MAP_SHARED, 11</d/store/00001.mem>, 0) = 0x8000
10 fsync(9</d/store>)                 = 0
11 read(5<TCP:[1->2]>, "POST /v1/import/companies?x=1 HTTP/1.1\r\nHost: x", 16384) = 50
`

const (
	valuesSynced = "12 msync(0x7000, 100, MS_SYNC) = 0\n"
	logSynced    = "12 msync(0x8000, 100, MS_SYNC) = 0\n"
	answered200  = `11 write(5<TCP:[1->2]>, "HTTP/1.1 200 OK\r\nDate: x", 100) = 100` + "\n"
	answered202  = `11 write(5<TCP:[1->2]>, "HTTP/1.1 202 Accepted\r\nLocation: /v1/import/jobs/imp_co_01A\r\n", 100) = 100` + "\n"
	spoolMade    = `11 openat(AT_FDCWD</w>, "/d/spool/imp_co_01A.spool2", O_WRONLY|O_CREAT, 0600) = 7</d/spool/imp_co_01A.spool2>` + "\n"
	spoolWritten = `11 write(7</d/spool/imp_co_01A.spool2>, "name"..., 4) = 4` + "\n"
	spoolSynced  = "11 fdatasync(7</d/spool/imp_co_01A.spool2>) = 0\n"
	folderSynced = "11 fsync(8</d/spool>) = 0\n"
)

func judged(t *testing.T, trace string) *judge {
	t.Helper()
	j := newJudge()
	if err := readTrace(strings.NewReader(trace), j.see); err != nil {
		t.Fatal(err)
	}
	return j
}

func TestTraceSound(t *testing.T) {
	f := func(trace, acks string) {
		t.Helper()
		j := judged(t, started+trace)
		if len(j.problems) > 0 || fmt.Sprint(j.acks) != acks {
			t.Errorf("%v, acknowledged %v, want %s", j.problems, j.acks, acks)
		}
	}
	f(valuesSynced+logSynced+answered200, "map[POST 200:1]")
	f(spoolMade+spoolWritten+spoolSynced+folderSynced+valuesSynced+logSynced+answered202, "map[POST 202:1]")
	// A failure, a replay and what only reads promise nothing new.
	f(strings.Replace(answered200, "200 OK", "400 Bad Request", 1), "map[]")
	f(strings.Replace(answered200, "Date: x", "Idempotent-Replayed: true", 1), "map[]")
	// The map has moved, and calls of several threads lie across each other.
	f("12 mremap(0x8000, 100, 200, MREMAP_MAYMOVE) = 0x9000\n"+valuesSynced+
		"12 msync(0x9000, 100, MS_SYNC <unfinished ...>\n13 munmap(0x7000, 100) = 0\n12 <... msync resumed>)              = 0\n"+answered200, "map[POST 200:1]")
	f(valuesSynced+logSynced+`11 write(5<TCP:[1->2]>, "HTTP/1.1 100 Continue`+"\n"+answered200, "map[POST 200:1]")
}

func TestTraceViolations(t *testing.T) {
	f := func(trace, want string) {
		t.Helper()
		j := judged(t, trace)
		if d := cmp.Diff([]string{want}, j.problems); d != "" {
			t.Error(d)
		}
	}
	const what = "POST /v1/import/companies was answered "
	f(started+answered200, "line 6: "+what+"200 before the store's log was synced")
	f(started+logSynced+answered200, "line 7: "+what+"200 before the log of the store's values was synced")
	// Syncs that came before the request, failed, or were not over.
	f(strings.Replace(started, "11 read", valuesSynced+logSynced+"11 read", 1)+answered200, "line 8: "+what+"200 before the store's log was synced")
	f(started+valuesSynced+strings.Replace(logSynced, "= 0", "= -1 EIO (Input/output error)", 1)+answered200, "line 8: "+what+"200 before the store's log was synced")
	f(started+valuesSynced+"12 msync(0x8000, 100, MS_SYNC <unfinished ...>\n"+answered200+"12 <... msync resumed>) = 0\n", "line 8: "+what+"200 before the store's log was synced")
	f(strings.Replace(started, "10 fsync(9</d/store>)                 = 0\n", "", 1)+valuesSynced+logSynced+answered200, "line 7: "+what+"200 before the folder of 000001.vlog was synced")
	f(started+valuesSynced+logSynced+answered202, `line 8: `+what+`202 for the job "imp_co_01A", which has no upload`)
	f(started+spoolMade+spoolSynced+spoolWritten+folderSynced+valuesSynced+logSynced+answered202, "line 12: "+what+"202 before its upload was synced, with its folder")
	f(started+folderSynced+spoolMade+spoolWritten+spoolSynced+valuesSynced+logSynced+answered202, "line 12: "+what+"202 before its upload was synced, with its folder")
	f(started+spoolMade+spoolWritten+valuesSynced+logSynced+spoolSynced+folderSynced+answered202, "line 12: "+what+"202 before the store's log was synced")
}
