//! What a plugin learns when it is opened, and what it declares.

use crate::json::Value;
use crate::memory::Writer;
use crate::text::alike;

/// A column of the file that a plugin reads; `Column::NONE` reads as absent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Column(pub(crate) u32);

impl Column {
    /// A column that the file does not have, and that of an error of a whole row.
    pub const NONE: Column = Column(u32::MAX);
    /// Whether the file has it.
    pub fn exists(self) -> bool { self != Column::NONE }
}

/// A field that a plugin answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field(pub(crate) u32);

pub(crate) const MAX: usize = 256; // columns that one plugin reads, answers or passes

/// The job that a plugin is opened for. Its texts live until the next open.
pub struct Job {
    pub config: Value<'static>,
    pub options: Value<'static>,
    pub(crate) columns: Value<'static>,
    pub(crate) inputs: List,
    pub(crate) outputs: List,
    pub(crate) pass_fields: List,
    pub(crate) pass_columns: List,
}

#[derive(Clone, Copy)]
pub(crate) struct List { pub names: [&'static [u8]; MAX], pub len: usize }

impl List {
    pub const fn new() -> List { List { names: [&[]; MAX], len: 0 } }

    fn add(&mut self, name: &'static [u8], once: bool) -> u32 {
        if once {
            if let Some(i) = self.names[..self.len].iter().position(|n| *n == name) { return i as u32; }
        }
        self.names[self.len] = name;
        self.len += 1;
        self.len as u32 - 1
    }

    pub fn write(&self, w: &mut Writer) {
        w.push(b"[");
        for (i, name) in self.names[..self.len].iter().enumerate() {
            if i > 0 { w.push(b","); }
            w.quote(name);
        }
        w.push(b"]");
    }
}

impl Job {
    /// The names of the file's columns.
    pub fn names(&self) -> impl Iterator<Item = &'static [u8]> {
        self.columns.items().filter_map(|(_, v)| v.bytes())
    }

    /// The name, as the file has it, of the first of names that there is, exactly or
    /// else ignoring case, spaces, `_` and `-`.
    pub fn find(&self, names: &[&str]) -> Option<&'static [u8]> {
        let exact = names.iter().find_map(|want| self.names().find(|n| *n == want.as_bytes()));
        exact.or_else(|| names.iter().find_map(|want| self.names().find(|n| alike(n, want.as_bytes()))))
    }

    /// Asks for the column that `find` finds.
    pub fn input(&mut self, names: &[&str]) -> Column {
        match self.find(names) {
            Some(name) => Column(self.inputs.add(name, true)),
            None => Column::NONE,
        }
    }

    /// Declares a field of the answer: name, domain, custom.x, …
    pub fn output(&mut self, field: &'static str) -> Field { Field(self.outputs.add(field.as_bytes(), true)) }

    /// Lets the host copy the column that `find` finds to a field; the plugin never
    /// sees it. Tells whether there is such a column.
    pub fn pass(&mut self, field: &'static str, names: &[&str]) -> bool {
        let name = match self.find(names) { Some(name) => name, None => return false };
        self.pass_fields.add(field.as_bytes(), false);
        self.pass_columns.add(name, false);
        true
    }

    pub(crate) fn answer(&self) -> u64 {
        let mut w = Writer::new();
        w.push(b"{\"columns\":");
        self.outputs.write(&mut w);
        w.push(b",\"input\":");
        self.inputs.write(&mut w);
        w.push(b",\"pass\":{");
        for i in 0..self.pass_fields.len {
            if i > 0 { w.push(b","); }
            w.quote(self.pass_fields.names[i]);
            w.push(b":");
            w.quote(self.pass_columns.names[i]);
        }
        w.push(b"}}");
        w.packed()
    }
}
