//! What `export!` exports.

use crate::job::{Job, List};
use crate::json::Value;
use crate::memory::{base, table, take, Writer, MEMORY};
use crate::row::{Cell, Row};
use crate::Plugin;

/// A module's plugin, once it is opened.
pub struct State<P> { plugin: Option<P>, width: u32, result: [u32; 5] }

impl<P> State<P> {
    pub const fn new() -> State<P> { State { plugin: None, width: 0, result: [0; 5] } }
}

pub fn alloc(size: u32) -> u32 {
    unsafe {
        if MEMORY.floor == 0 { MEMORY.floor = base(); }
        MEMORY.top = MEMORY.floor;
    }
    take(size.max(8))
}

/// # Safety
/// state is the module's own, ptr and len are the host's.
pub unsafe fn open<P: Plugin>(state: *mut State<P>, ptr: u32, len: u32) -> u64 {
    // What is declared points into the context, so it is kept, where the former one
    // was; so are copies that the plugin makes while it is opened.
    core::ptr::copy(ptr as usize as *const u8, base() as usize as *mut u8, len as usize);
    MEMORY.top = base() + len;
    let context = Value(table(base(), len));
    let value = |key| context.key(key).unwrap_or(Value(b"{}"));
    let mut job = Job { columns: value("columns"), config: value("config"), options: value("options"),
        inputs: List::new(), outputs: List::new(), pass_fields: List::new(), pass_columns: List::new() };
    let opened = P::open(&mut job);
    MEMORY.floor = MEMORY.top;
    match opened {
        Ok(plugin) => {
            (*state).plugin = Some(plugin);
            (*state).width = job.outputs.len as u32;
            job.answer()
        }
        Err(message) => {
            let mut w = Writer::new();
            w.push(b"{\"error\":");
            w.quote(message.as_bytes());
            w.push(b"}");
            w.packed()
        }
    }
}

/// # Safety
/// state is the module's own, batch is the host's.
pub unsafe fn process<P: Plugin>(state: *mut State<P>, batch: u32) -> u32 {
    let header: &[u32] = table(batch, 4);
    let (rows, cols, width) = (header[0], header[1], (*state).width);
    let input: &[Cell] = table(header[2], rows * cols);
    let room = rows + 1;
    let mut r = Row { input: &[], index: 0, done: false, failed: 0, width, rows: 0, errors: &mut [], failures: 0,
        cells: table(take(room * width * 8), room * width), source: table(take(room * 4), room) };
    if let Some(plugin) = &mut (*state).plugin {
        for i in 0..rows {
            r.input = &input[(i * cols) as usize..((i + 1) * cols) as usize];
            r.index = i;
            r.done = false;
            r.failed = 0;
            r.begin();
            plugin.row(&mut r);
            if !r.done { r.end(); }
        }
    }
    (*state).result = [r.rows, r.cells.as_ptr() as usize as u32, r.source.as_ptr() as usize as u32, r.failures,
        r.errors.as_ptr() as usize as u32];
    core::ptr::addr_of!((*state).result) as usize as u32
}

pub fn describe(text: &'static str) -> u64 { (text.as_ptr() as usize as u64) << 32 | text.len() as u64 }
