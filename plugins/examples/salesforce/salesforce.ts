// salesforce takes Salesforce's report of accounts as it comes: its column names,
// ids of 15 characters made to the safe ones of 18, the lines that Salesforce puts
// under a report left out. Account type and rating become tags.
//
// Configuration, all of it optional:
//
//   {"types": ["Customer", "Prospect"]}   only accounts of these types
//   {"keep_id": false}                    no custom.salesforce_id
import { plugin, Job, Row, Column, Field, Text, ptr, size, at, part, text, trim, isBlank, isFold, parseInteger, NO_INTEGER } from "../../sdk/as/assembly/index";
export { sluice_v1_alloc, sluice_v1_open, sluice_v1_process, sluice_v1_describe } from "../../sdk/as/assembly/index";

let account: Column = -1, id: Column = -1, site: Column = -1, employees: Column = -1, type: Column = -1;
let name: Field = 0, domain: Field = 0, website: Field = 0, sizeOut: Field = 0, tags: Field = 0, salesforceID: Field = -1;
let types: string[] = [];

function open(job: Job): string {
  account = job.input("Account Name", "Name");
  if (account < 0) return "this is no Salesforce report of accounts: it has no column \"Account Name\"";
  id = job.input("Account ID", "Id");
  site = job.input("Website");
  employees = job.input("Employees", "NumberOfEmployees");
  type = job.input("Type");
  name = job.output("name");
  domain = job.output("domain");
  website = job.output("website");
  sizeOut = job.output("size");
  tags = job.output("tags");
  salesforceID = job.config.bool("keep_id", true) && id >= 0 ? job.output("custom.salesforce_id") : -1;
  types = job.config.texts("types");
  job.pass("industry", "Industry");
  job.pass("phone", "Phone");
  job.pass("description", "Description");
  if (!job.pass("city", "Billing City")) job.pass("city", "BillingCity");
  if (!job.pass("country", "Billing Country")) job.pass("country", "BillingCountry");
  job.pass("custom.salesforce_owner", "Account Owner");
  return "";
}

function row(r: Row): void {
  const title = trim(r.get(account)), key = trim(r.get(id));
  if (size(key) == 0 && isBlank(r.get(site)) && isFooter(title)) { r.skip(); return; }
  if (id >= 0) {
    if (!isID(key)) { r.reject(id, "bad_id", "a Salesforce id has 15 or 18 letters and digits"); return; }
    if (salesforceID >= 0) r.set(salesforceID, size(key) == 15 ? longID(r, key) : key);
  }
  const kind = trim(r.get(type));
  if (types.length > 0 && !listed(kind)) { r.skip(); return; }
  if (size(kind) > 0) r.set(tags, kind);
  if (size(title) > 0) r.set(name, title);
  const address = trim(r.get(site));
  if (size(address) > 0) {
    r.set(website, address);
    const host = r.lower(hostOf(address));
    if (size(host) > 0) r.set(domain, host);
  }
  const n = parseInteger(r.get(employees));
  if (n > 0) r.setString(sizeOut, bucketOf(n));
  else if (n == NO_INTEGER && !isBlank(r.get(employees))) r.reject(employees, "bad_employees", "the number of employees is no whole number");
}

function listed(kind: Text): bool {
  for (let i = 0; i < types.length; i++) if (isFold(kind, types[i])) return true;
  return false;
}

/** The lines under a report: totals, a legal note, nothing. */
function isFooter(t: Text): bool {
  return size(t) == 0 || begins(t, "Grand Total") || begins(t, "Confidential Information") || begins(t, "Copyright");
}

function begins(t: Text, s: string): bool { return size(t) >= <u32>s.length && isFold(part(t, 0, s.length), s); }

function isID(t: Text): bool {
  if (size(t) != 15 && size(t) != 18) return false;
  for (let i: u32 = 0; i < size(t); i++) {
    const c = at(t, i);
    if (c - 48 > 9 && (c | 32) - 97 > 25) return false;
  }
  return true;
}

/** Adds the three characters that say which of 15 letters are capitals. */
function longID(r: Row, t: Text): Text {
  const p = r.alloc(18);
  memory.copy(p, ptr(t), 15);
  for (let block: u32 = 0; block < 3; block++) {
    let bits: u32 = 0;
    for (let i: u32 = 0; i < 5; i++) if (at(t, block * 5 + i) - 65 < 26) bits |= 1 << i;
    store<u8>(p + 15 + block, bits < 26 ? 65 + bits : 48 + bits - 26);
  }
  return text(p, 18);
}

/** Cuts the host out of a web address. */
function hostOf(t: Text): Text {
  let from: u32 = 0, n = size(t);
  for (let i: u32 = 0; i + 2 < n && i < 8; i++) if (at(t, i) == 58 && at(t, i + 1) == 47 && at(t, i + 2) == 47) { from = i + 3; break; }
  if (n - from > 4 && isFold(part(t, from, from + 4), "www.")) from += 4;
  let end = from;
  for (; end < n; end++) {
    const c = at(t, end);
    if (c == 47 || c == 63 || c == 35 || c == 58) break;
  }
  return part(t, from, end);
}

function bucketOf(n: i64): string {
  if (n <= 10) return "1-10";
  if (n <= 50) return "11-50";
  if (n <= 200) return "51-200";
  if (n <= 500) return "201-500";
  if (n <= 1000) return "501-1000";
  if (n <= 5000) return "1001-5000";
  return n <= 10000 ? "5001-10000" : "10001+";
}

plugin("salesforce", "1.0.0", "Salesforce's report of accounts", open, row,
  "{\"type\":\"object\",\"properties\":{\"types\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"keep_id\":{\"type\":\"boolean\"}}}");
