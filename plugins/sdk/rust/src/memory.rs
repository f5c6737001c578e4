//! A guest's memory behind its own data: what open keeps, then the host's region,
//! then what a batch needs. alloc begins anew, so nothing is ever freed.

use core::slice;

pub struct Memory {
    pub floor: u32, // what is below is kept until the next open
    pub top: u32,
}

pub static mut MEMORY: Memory = Memory { floor: 0, top: 0 };

#[cfg(target_arch = "wasm32")]
mod wasm {
    extern "C" { static __heap_base: u8; }
    #[link(wasm_import_module = "sluice")]
    extern "C" { #[link_name = "log"] fn host_log(level: u32, ptr: *const u8, len: u32); }

    pub fn base() -> u32 { unsafe { core::ptr::addr_of!(__heap_base) as u32 } }

    pub fn log(level: u32, text: &[u8]) { unsafe { host_log(level, text.as_ptr(), text.len() as u32) } }

    /// Makes memory reach to end, or traps.
    pub fn reach(end: u64) {
        let have = (core::arch::wasm32::memory_size(0) as u64) << 16;
        if end <= have { return; }
        let pages = ((end - have + 65535) >> 16) as usize;
        // Half as much again, where the limit allows: batches grow alike.
        if core::arch::wasm32::memory_grow(0, pages + pages / 2) == usize::MAX
            && core::arch::wasm32::memory_grow(0, pages) == usize::MAX {
            core::arch::wasm32::unreachable()
        }
    }
}

/// Natively only pure functions can be tested; a plugin runs in the sandbox.
#[cfg(not(target_arch = "wasm32"))]
mod wasm {
    pub fn base() -> u32 { 0 }
    pub fn log(_: u32, _: &[u8]) {}
    pub fn reach(_: u64) { unimplemented!("a plugin's memory is wasm32 alone") }
}

pub use wasm::{base, log};

/// Gives n bytes, 8-aligned, that last until the batch is answered.
pub fn take(n: u32) -> u32 {
    unsafe {
        let at = (MEMORY.top + 7) & !7;
        let end = at as u64 + n as u64;
        wasm::reach(end);
        MEMORY.top = end as u32;
        at
    }
}

/// A slice of n values at an address that take or the host gave.
pub unsafe fn table<'a, T>(at: u32, n: u32) -> &'a mut [T] {
    if n == 0 { return &mut []; }
    slice::from_raw_parts_mut(at as usize as *mut T, n as usize)
}

pub fn address(p: &[u8]) -> u32 { p.as_ptr() as usize as u32 }

/// Bytes that grow at the top of memory.
pub struct Writer { at: u32, len: u32 }

impl Writer {
    pub fn new() -> Writer { Writer { at: take(0), len: 0 } }

    pub fn push(&mut self, text: &[u8]) {
        let at = self.at + self.len;
        wasm::reach(at as u64 + text.len() as u64);
        unsafe {
            MEMORY.top = at + text.len() as u32;
            table::<u8>(at, text.len() as u32).copy_from_slice(text);
        }
        self.len += text.len() as u32;
    }

    /// Appends text as a JSON string.
    pub fn quote(&mut self, text: &[u8]) {
        self.push(b"\"");
        for &c in text {
            match c {
                b'"' | b'\\' => self.push(&[b'\\', c]),
                0..=31 => {
                    let hex = b"0123456789abcdef";
                    self.push(&[b'\\', b'u', b'0', b'0', hex[(c >> 4) as usize], hex[(c & 15) as usize]]);
                }
                _ => self.push(&[c]),
            }
        }
        self.push(b"\"");
    }

    pub fn bytes<'a>(&self) -> &'a [u8] { unsafe { table(self.at, self.len) } }

    pub fn packed(&self) -> u64 { (self.at as u64) << 32 | self.len as u64 }
}
