//! PLUGIN_NAME maps a list of companies: it rejects rows without a name, skips closed
//! companies and sorts the staff into sizes. Make it yours.
#![no_std]

use sluice::{eq_fold, trim, Column, Field, Job, Plugin, Row};

struct Mapping {
    company: Column, website: Column, staff: Column, status: Column,
    name: Field, domain: Field, size: Field,
    skip: &'static [u8],
}

impl Plugin for Mapping {
    fn open(job: &mut Job) -> Result<Self, &'static str> {
        let company = job.input(&["Company", "Name"]);
        if !company.exists() {
            return Err("the file has no column Company or Name");
        }
        job.pass("city", &["City"]);
        job.pass("country", &["Country"]);
        Ok(Mapping {
            company, website: job.input(&["Website"]), staff: job.input(&["Staff"]), status: job.input(&["Status"]),
            name: job.output("name"), domain: job.output("domain"), size: job.output("size"),
            skip: job.config.text("skip", b"closed"),
        })
    }

    fn row(&mut self, r: &mut Row) {
        if r.blank(self.company) {
            return r.reject(self.company, "no_name", "a company needs a name");
        }
        if eq_fold(trim(r.get(self.status)), self.skip) {
            return r.skip();
        }
        r.set(self.name, trim(r.get(self.company)));
        r.set(self.domain, trim(r.get(self.website)));
        match r.int(self.staff) {
            Some(n) => r.set(self.size, size_of(n)),
            None if r.blank(self.staff) => {}
            None => r.reject(self.staff, "bad_staff", "the staff is no whole number"),
        }
    }
}

fn size_of(staff: i64) -> &'static [u8] {
    match staff {
        i64::MIN..=10 => b"1-10",
        11..=50 => b"11-50",
        51..=200 => b"51-200",
        _ => b"201+",
    }
}

sluice::export!(Mapping, r#"{"name":"PLUGIN_NAME","version":"1.0.0","description":"Maps a list of companies"}"#);
sluice::no_std!();
