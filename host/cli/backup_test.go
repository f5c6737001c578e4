package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/host"
	"sluice/host/backup"
	"sluice/storage/badgerkv"
)

// outliving is a part of a test whose folders stay until the whole is over.
type outliving struct {
	testing.TB
	whole testing.TB
}

func (o outliving) TempDir() string { return o.whole.TempDir() }

// TestBackupCommands goes the way of an operator: back up a running server, and
// what has changed since, restore both elsewhere, check, and serve that.
func TestBackupCommands(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	var data string
	whole := t
	t.Run("running", func(t *testing.T) {
		s := startServer(outliving{t, whole})
		data = s.data
		admin := []string{"SLUICE_URL=" + s.url, "SLUICE_DATA=" + s.data}
		importText := func(text string) {
			t.Helper()
			run(s.env, text, "import", "-").want(t, exitDone)
		}
		importText("name,domain\nOne,one.example\nTwo,two.example\n")
		run(admin, "", "backup", file("full")).want(t, exitDone, "full backup to "+file("full")+": state ")
		importText("name,domain\nThree,three.example\n")
		sum := decode[backup.Summary](t, run(admin, "", "backup", file("more"), "--base", file("full"), "--json"))
		if sum.Since == 0 || sum.Changed == 0 || sum.Changed >= sum.Keys {
			t.Errorf("%+v", sum)
		}
		piped := run(admin, "", "backup", "-").want(t, exitDone, "full backup to standard output: ")
		if got, err := backup.Verify(strings.NewReader(piped.stdout)); err != nil || got.Keys != sum.Keys {
			t.Errorf("%+v, %v", got, err)
		}
		run(nil, "", "check", "--data", s.data).refused(t, "stop the server first: "+badgerkv.ErrInUse.Error()+": "+filepath.Join(s.data, "store"))
		run(s.env, "", "backup", file("none")).want(t, exitNotDone, "insufficient_permissions: the key lacks the scope admin")
		if _, err := os.Stat(file("none")); !os.IsNotExist(err) {
			t.Errorf("a backup that failed left its file: %v", err)
		}
		run(admin, "", "backup", file("none"), "--base", filepath.Join(s.data, "admin.key")).want(t, exitNotDone, "backup is damaged")
	})
	// The server is stopped: the folder itself is backed up.
	run(nil, "", "backup", file("offline"), "--data", data, "--base", file("more")).want(t, exitDone, "backup of what changed since state ")
	run(nil, "", "restore", file("more"), "--data", file("half")).want(t, exitNotDone, "give the one that it builds upon first")
	run(nil, "", "restore", file("full"), file("more"), file("offline"), "--data", file("new")).
		want(t, exitDone, "sound: 1 tenant, 3 companies in ", "restored into "+file("new"))
	run(nil, "", "restore", file("full"), "--data", file("new")).want(t, exitNotDone, "is not empty")
	rep := decode[host.CheckReport](t, run(nil, "", "check", "--data", file("new"), "--json").want(t, exitDone))
	if !rep.Sound() || rep.Companies != 3 || rep.Jobs != 2 {
		t.Errorf("%+v", rep)
	}
	run(nil, "", "check", "--data", file("nowhere")).refused(t, host.ErrNoStore.Error()+": "+file("nowhere"))
	if entries, err := filepath.Glob(file(".backup-*")); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestCheckDamage holds that damage is told, with its key, and that the exit code says so.
func TestCheckDamage(t *testing.T) {
	var data string
	whole := t
	t.Run("running", func(t *testing.T) {
		s := startServer(outliving{t, whole})
		data = s.data
		run(s.env, "name,domain\nOne,one.example\n", "import", "-").want(t, exitDone)
	})
	path := filepath.Join(data, "store")
	logs, err := filepath.Glob(filepath.Join(path, "*.vlog"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	raw, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	// The kept answer and the job's record are JSON in the value log. Of the newest
	// log Badger drops what follows the first damage, which is both.
	at := strings.Index(string(raw), `"created_count":1`)
	if at < 0 {
		t.Fatal("no record of a job in the value log")
	}
	raw[at+3] ^= 1
	if err := os.WriteFile(logs[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	run(nil, "", "check", "--data", data).want(t, exitNotDone, "server, idempotency, key ", "tenant acme, job, key ", ": storage: damaged value: not in the value log\n", "DAMAGED, 2 problems (0 not shown)")
	rep := decode[host.CheckReport](t, run(nil, "", "check", "--data", data, "--json"))
	if len(rep.Problems) != 2 || rep.Problems[1].Tenant != "acme" || rep.Problems[1].Kind != "job" {
		t.Errorf("%+v", rep.Problems)
	}
}
