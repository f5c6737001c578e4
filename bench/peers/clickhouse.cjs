// Measures ClickHouse in process (chdb): node - version, or node - run DIR CSV.
const fs = require('fs');
const path = require('path');
const { Session, query } = require('chdb');
const [what, dir, csv] = process.argv.slice(2);

const quote = (s) => `'${s.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const written = () => Number(/^write_bytes: (\d+)/m.exec(fs.readFileSync('/proc/self/io', 'utf8'))?.[1] ?? 0);

// A merge removes parts while the folder is read.
function disk(folder) {
  let total = 0;
  let entries = [];
  try { entries = fs.readdirSync(folder, { withFileTypes: true }); } catch { return 0; }
  for (const e of entries) {
    const at = path.join(folder, e.name);
    if (e.isDirectory()) total += disk(at);
    else { try { total += fs.lstatSync(at).blocks * 512; } catch { /* removed meanwhile */ } }
  }
  return total;
}

function main() {
  if (what === 'version') return console.log(query('SELECT version()', 'TabSeparated').trim());
  const session = new Session(dir);
  const columns = ['domain', 'name', 'website', 'industry', 'size', 'city', 'country', 'phone', 'description'];
  const source = ['Company', 'Website', 'Industry', 'Employees', 'City', 'Country', 'Phone', 'Description'];
  session.query('CREATE DATABASE bench');
  const create = () => {
    session.query('DROP TABLE IF EXISTS bench.companies SYNC');
    session.query(`CREATE TABLE bench.companies (${columns.map((c) => c + ' String').join(', ')}) ENGINE = ReplacingMergeTree ORDER BY domain
      SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`);
  };
  const insert = () => session.query(`INSERT INTO bench.companies SELECT domainWithoutWWW(Website), ${source.join(', ')}
    FROM file(${quote(csv)}, CSVWithNames, ${quote(source.map((c) => c + ' String').join(', '))})`);
  const step = (name, work) => {
    const began = process.hrtime.bigint(), cpu = process.cpuUsage(), bytes = written();
    work();
    const seconds = Number(process.hrtime.bigint() - began) / 1e9, used = process.cpuUsage(cpu);
    console.log(JSON.stringify({
      step: name, seconds, cpu_seconds: (used.user + used.system) / 1e6, write_bytes: written() - bytes, disk_bytes: disk(dir),
      rows: session.query('SELECT count() FROM bench.companies', 'TabSeparated').trim(),
    }));
  };
  // The first insert of a process takes about twice as long.
  for (let i = 0; i < 2; i++) { create(); insert(); }
  create();
  step('append', insert);
  step('again', () => { insert(); session.query('OPTIMIZE TABLE bench.companies FINAL'); });
  session.cleanup();
}

main();
