// Measures DuckDB: node - version, or node - run DIR CSV.
const fs = require('fs');
const { DuckDBInstance } = require('@duckdb/node-api');
const [what, dir, csv] = process.argv.slice(2);

const fields = ['name', 'website', 'industry', 'size', 'city', 'country', 'phone', 'description'];
const quote = (s) => `'${s.replaceAll("'", "''")}'`;
const written = () => Number(/^write_bytes: (\d+)/m.exec(fs.readFileSync('/proc/self/io', 'utf8'))?.[1] ?? 0);

async function main() {
  const file = dir ? `${dir}/companies.duckdb` : ':memory:';
  const connection = await (await DuckDBInstance.create(file)).connect();
  const value = async (sql) => String((await connection.runAndReadAll(sql)).getRows()[0][0]);
  if (what === 'version') return console.log(await value('SELECT version()'));

  await connection.run(`CREATE TABLE companies (domain VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, ${fields.slice(1).map((f) => f + ' VARCHAR').join(', ')})`);
  const rows = `SELECT regexp_extract(Website, '^(?:https?://)?(?:www\\.)?([^/:?#]+)', 1), Company, Website, Industry, Employees, City, Country, Phone, Description
    FROM read_csv(${quote(csv)}, header = true, all_varchar = true)`;
  const step = async (name, conflict) => {
    const began = process.hrtime.bigint(), cpu = process.cpuUsage(), bytes = written();
    await connection.run(`INSERT INTO companies ${rows} ON CONFLICT ${conflict}`);
    await connection.run('CHECKPOINT');
    const seconds = Number(process.hrtime.bigint() - began) / 1e9, used = process.cpuUsage(cpu);
    console.log(JSON.stringify({
      step: name, seconds, cpu_seconds: (used.user + used.system) / 1e6, write_bytes: written() - bytes,
      disk_bytes: fs.statSync(file).blocks * 512, rows: await value('SELECT count(*) FROM companies'),
    }));
  };
  await step('insert', 'DO NOTHING');
  await step('again', `(domain) DO UPDATE SET ${fields.map((f) => `${f} = excluded.${f}`).join(', ')}`);
}

main().catch((err) => { console.error(err); process.exitCode = 1; });
