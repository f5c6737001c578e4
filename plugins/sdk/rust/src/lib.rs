//! What a Sluice plugin in Rust is written against. It needs neither `std` nor
//! `alloc`, and allocates nothing for a row.
//!
//! ```ignore
//! #![no_std]
//! use sluice::{Column, Field, Job, Plugin, Row};
//!
//! struct Mine { company: Column, site: Column, name: Field, domain: Field }
//!
//! impl Plugin for Mine {
//!     fn open(job: &mut Job) -> Result<Self, &'static str> {
//!         job.pass("phone", &["Phone"]);
//!         Ok(Mine {
//!             company: job.input(&["Company"]), site: job.input(&["Website"]),
//!             name: job.output("name"), domain: job.output("domain"),
//!         })
//!     }
//!     fn row(&mut self, r: &mut Row) {
//!         if r.blank(self.company) {
//!             return r.reject(self.company, "no_name", "a company needs a name");
//!         }
//!         r.copy(self.name, self.company);
//!         r.set(self.domain, r.lower(r.get(self.site)));
//!     }
//! }
//! sluice::export!(Mine, r#"{"name":"mine","version":"1.0.0"}"#);
//! sluice::no_std!();
//! ```
//!
//! A row is answered when `row` returns, unless it was skipped or rejected or
//! `emit` was called. Fields that were not set are absent. Text is bytes, because
//! nobody promises that a file is UTF-8. Views live as long as the batch (`'a`), so
//! the compiler keeps them from outliving it; what `Job` gives lives until the next
//! open. Only a trap ends a plugin that runs out of memory.
#![no_std]

mod exports;
mod job;
mod json;
mod memory;
mod row;
mod text;

pub use exports::{alloc, describe, open, process, State};
pub use job::{Column, Field, Job};
pub use json::Value;
pub use row::{Kind, Row};
pub use text::{blank, eq_fold, parse_int, trim};

/// What a plugin does.
pub trait Plugin: Sized {
    /// Declares what is read and answered; an error refuses the job.
    fn open(job: &mut Job) -> Result<Self, &'static str>;
    /// Answers one row.
    fn row(&mut self, row: &mut Row);
}

/// How grave a line of the log is.
#[derive(Clone, Copy)]
pub enum Level { Debug, Info, Warn, Error }

/// Writes a line to the plugin's log.
pub fn log(level: Level, text: &[u8]) {
    memory::log(level as u32, text);
}

/// Exports a `Plugin` under the names of the ABI; the text is what describe says.
#[macro_export]
macro_rules! export {
    ($plugin:ty, $describe:expr) => {
        static mut SLUICE: $crate::State<$plugin> = $crate::State::new();
        #[no_mangle]
        pub extern "C" fn sluice_v1_alloc(size: u32) -> u32 { $crate::alloc(size) }
        #[no_mangle]
        pub extern "C" fn sluice_v1_open(ptr: u32, len: u32) -> u64 {
            unsafe { $crate::open(core::ptr::addr_of_mut!(SLUICE), ptr, len) }
        }
        #[no_mangle]
        pub extern "C" fn sluice_v1_process(batch: u32) -> u32 {
            unsafe { $crate::process(core::ptr::addr_of_mut!(SLUICE), batch) }
        }
        #[no_mangle]
        pub extern "C" fn sluice_v1_describe() -> u64 { $crate::describe($describe) }
    };
}

/// The panic handler that a crate without `std` needs: it logs where, and traps.
#[macro_export]
macro_rules! no_std {
    () => {
        #[cfg(target_arch = "wasm32")]
        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo) -> ! {
            if let Some(at) = info.location() {
                $crate::log($crate::Level::Error, b"the plugin panicked in");
                $crate::log($crate::Level::Error, at.file().as_bytes());
            }
            core::arch::wasm32::unreachable()
        }
    };
}
