// PLUGIN_NAME maps a list of companies: it rejects rows without a name, skips closed
// companies and sorts the staff into sizes. Make it yours.
#include "sluice/sluice.h"

static sl_column company, website, staff, status;
static sl_field name, domain, size;
static sl_text skip;

static const char *size_of(long long n) {
  return n <= 10 ? "1-10" : n <= 50 ? "11-50" : n <= 200 ? "51-200" : "201+";
}

static void open(sl_job *job) {
  company = sl_input(job, "Company");
  if (company < 0) company = sl_input(job, "Name");
  if (company < 0) { sl_refuse(job, "the file has no column Company or Name"); return; }
  website = sl_input(job, "Website");
  staff = sl_input(job, "Staff");
  status = sl_input(job, "Status");
  name = sl_output(job, "name");
  domain = sl_output(job, "domain");
  size = sl_output(job, "size");
  sl_pass(job, "city", "City");
  sl_pass(job, "country", "Country");
  skip = sl_config_text(job, "skip", "closed"); // in lower case
}

static void row(sl_row *r) {
  if (sl_blank(sl_get(r, company))) { sl_reject(r, company, "no_name", "a company needs a name"); return; }
  if (sl_same(sl_lower(r, sl_trim(sl_get(r, status))), skip)) { sl_skip(r); return; }
  sl_set(r, name, sl_trim(sl_get(r, company)));
  sl_set(r, domain, sl_trim(sl_get(r, website)));
  long long n;
  if (sl_get_int(r, staff, &n)) sl_set_str(r, size, size_of(n));
  else if (!sl_blank(sl_get(r, staff))) sl_reject(r, staff, "bad_staff", "the staff is no whole number");
}

SLUICE_PLUGIN(open, row, "{\"name\":\"PLUGIN_NAME\",\"version\":\"1.0.0\",\"description\":\"Maps a list of companies\"}")
