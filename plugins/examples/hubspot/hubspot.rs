//! hubspot takes HubSpot's export of companies as it comes: its column names, its
//! industries in capitals, its counts of employees; its record id, owner and
//! lifecycle stage go to custom fields, the stage and what `Tags` holds to tags.
//!
//! Configuration, all of it optional:
//!
//!     {"skip_stages": ["Other"]}   leave companies in these lifecycle stages out
//!     {"require_domain": true}     reject companies that have neither domain nor website
#![no_std]

use sluice::{eq_fold, trim, Column, Field, Job, Plugin, Row, Value};

struct Hubspot {
    name_in: Column, domain_in: Column, site_in: Column, industry_in: Column, employees: Column, stage_in: Column,
    name: Field, domain: Field, website: Field, industry: Field, size: Field, tags: Field,
    skip: Option<Value<'static>>, require_domain: bool,
}

impl Plugin for Hubspot {
    fn open(job: &mut Job) -> Result<Self, &'static str> {
        let name_in = job.input(&["Company name", "Name"]);
        if !name_in.exists() {
            return Err("this is no HubSpot export of companies: it has no column \"Company name\"");
        }
        job.pass("city", &["City"]);
        job.pass("country", &["Country/Region", "Country"]);
        job.pass("phone", &["Phone Number", "Phone"]);
        job.pass("description", &["Description"]);
        job.pass("linkedin_url", &["LinkedIn Company Page", "LinkedIn"]);
        job.pass("custom.hubspot_id", &["Record ID", "Record ID - Company", "Company ID"]);
        job.pass("custom.hubspot_owner", &["Company owner"]);
        Ok(Hubspot {
            name_in,
            domain_in: job.input(&["Company Domain Name", "Domain"]),
            site_in: job.input(&["Website URL", "Website"]),
            industry_in: job.input(&["Industry"]),
            employees: job.input(&["Number of Employees"]),
            stage_in: job.input(&["Lifecycle Stage"]),
            name: job.output("name"), domain: job.output("domain"), website: job.output("website"),
            industry: job.output("industry"), size: job.output("size"), tags: job.output("tags"),
            skip: job.config.key("skip_stages"), require_domain: job.config.bool("require_domain", false),
        })
    }

    fn row(&mut self, r: &mut Row) {
        let stage = trim(r.get(self.stage_in));
        if let Some(skip) = self.skip {
            if !stage.is_empty() && skip.items().any(|(_, v)| v.bytes().map_or(false, |s| eq_fold(s, stage))) {
                return r.skip();
            }
        }
        let name = trim(r.get(self.name_in));
        if !name.is_empty() { r.set(self.name, name); }
        let site = trim(r.get(self.site_in));
        if !site.is_empty() { r.set(self.website, site); }
        let domain = trim(r.get(self.domain_in));
        let domain = r.lower(host_of(if domain.is_empty() { site } else { domain }));
        if !domain.is_empty() {
            r.set(self.domain, domain);
        } else if self.require_domain {
            return r.reject(self.domain_in, "no_domain", "the company has neither a domain nor a website");
        }
        let industry = trim(r.get(self.industry_in));
        if !industry.is_empty() { r.set(self.industry, readable(r, industry)); }
        if let Some(n) = r.int(self.employees) {
            if n > 0 { r.set(self.size, bucket_of(n)); }
        } else if !r.blank(self.employees) {
            r.reject(self.employees, "bad_employees", "the number of employees is no whole number");
        }
        if !stage.is_empty() { r.set(self.tags, stage); }
    }
}

/// Cuts the host out of a web address.
fn host_of(mut t: &[u8]) -> &[u8] {
    if let Some(i) = t.windows(3).take(8).position(|w| w == b"://") { t = &t[i + 3..]; }
    if let Some(i) = t.iter().position(|c| matches!(c, b'/' | b'?' | b'#')) { t = &t[..i]; }
    if let Some(i) = t.iter().rposition(|c| *c == b'@') { t = &t[i + 1..]; }
    if let Some(i) = t.iter().position(|c| *c == b':') { t = &t[..i]; }
    if t.len() > 4 && eq_fold(&t[..4], b"www.") { t = &t[4..]; }
    t
}

/// COMPUTER_SOFTWARE becomes Computer Software; what is not in capitals stays.
fn readable<'a>(r: &Row<'a>, t: &'a [u8]) -> &'a [u8] {
    if !t.iter().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == b'_') { return t; }
    let to = r.room(t.len());
    let mut first = true;
    for (to, c) in to.iter_mut().zip(t) {
        *to = if *c == b'_' { b' ' } else if first { *c } else { c.to_ascii_lowercase() };
        first = *c == b'_';
    }
    to
}

fn bucket_of(n: i64) -> &'static [u8] {
    match n {
        i64::MIN..=10 => b"1-10",
        i64::MIN..=50 => b"11-50",
        i64::MIN..=200 => b"51-200",
        i64::MIN..=500 => b"201-500",
        i64::MIN..=1000 => b"501-1000",
        i64::MIN..=5000 => b"1001-5000",
        i64::MIN..=10000 => b"5001-10000",
        _ => b"10001+",
    }
}

sluice::export!(Hubspot, r#"{"name":"hubspot","version":"1.0.0","description":"HubSpot's export of companies","config":{"type":"object","properties":{"skip_stages":{"type":"array","items":{"type":"string"}},"require_domain":{"type":"boolean"}}}}"#);
sluice::no_std!();
