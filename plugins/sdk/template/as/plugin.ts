// PLUGIN_NAME maps a list of companies: it rejects rows without a name, skips closed
// companies and sorts the staff into sizes. Make it yours.
import { plugin, Job, Row, Column, Field, trim, isBlank, isFold, NO_INTEGER } from "./sluice";
export { sluice_v1_alloc, sluice_v1_open, sluice_v1_process, sluice_v1_describe } from "./sluice";

let company: Column = -1, website: Column = -1, staff: Column = -1, status: Column = -1;
let name: Field = 0, domain: Field = 0, size: Field = 0;
let skip = "";

function sizeOf(staff: i64): string {
  return staff <= 10 ? "1-10" : staff <= 50 ? "11-50" : staff <= 200 ? "51-200" : "201+";
}

function open(job: Job): string {
  company = job.input("Company", "Name");
  if (company < 0) return "the file has no column Company or Name";
  website = job.input("Website"); staff = job.input("Staff"); status = job.input("Status");
  name = job.output("name"); domain = job.output("domain"); size = job.output("size");
  job.pass("city", "City");
  job.pass("country", "Country");
  skip = job.config.text("skip", "closed");
  return "";
}

function row(r: Row): void {
  if (isBlank(r.get(company))) { r.reject(company, "no_name", "a company needs a name"); return; }
  if (isFold(trim(r.get(status)), skip)) { r.skip(); return; }
  r.set(name, trim(r.get(company)));
  r.set(domain, trim(r.get(website)));
  const n = r.int(staff);
  if (n != NO_INTEGER) r.setString(size, sizeOf(n));
  else if (!isBlank(r.get(staff))) r.reject(staff, "bad_staff", "the staff is no whole number");
}

plugin("PLUGIN_NAME", "1.0.0", "Maps a list of companies", open, row);
