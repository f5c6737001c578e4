// What a plugin's module exports.

import { text } from "./text";
import { Value, quote } from "./json";
import { Job } from "./job";
import { Row, arena } from "./row";

// @ts-ignore: decorator
@external("sluice", "log") declare function hostLog(level: u32, ptr: usize, len: u32): void;

/** How grave a line of the log is. */
export namespace Level {
  export const DEBUG: u32 = 0;
  export const INFO: u32 = 1;
  export const WARN: u32 = 2;
  export const ERROR: u32 = 3;
}

/** Writes a line to the plugin's log. */
export function log(level: u32, line: string): void {
  const b = String.UTF8.encode(line);
  hostLog(level, changetype<usize>(b), <u32>b.byteLength);
}

let description = "{}";
let opener: (job: Job) => string = (_job: Job): string => "the plugin was not registered: call plugin(…) at its top level";
let eachRow: (r: Row) => void = (_r: Row): void => {};
let region: usize = 0, regionSize: usize = 0;
let said: ArrayBuffer = new ArrayBuffer(0);
const row = new Row();
const result = memory.data(20, 8);

/** Makes open and row the module's plugin. schema is JSON Schema of the configuration. */
export function plugin(name: string, version: string, about: string, open: (job: Job) => string, each: (r: Row) => void, schema: string = ""): void {
  description = "{\"name\":" + quote(name) + ",\"version\":" + quote(version) + ",\"description\":" + quote(about) +
    (schema.length > 0 ? ",\"config\":" + schema : "") + "}";
  opener = open;
  eachRow = each;
}

function say(json: string): u64 {
  said = String.UTF8.encode(json);
  return text(changetype<usize>(said), <u32>said.byteLength);
}

export function sluice_v1_alloc(size: u32): u32 {
  __collect(); // between calls nothing of a plugin is on the stack
  arena.reset();
  if (<usize>size > regionSize) {
    if (region) heap.free(region);
    regionSize = size > 65536 ? <usize>size + size / 4 : 65536;
    region = heap.alloc(regionSize + 8);
  }
  if (!region) { regionSize = 65536; region = heap.alloc(regionSize + 8); }
  return <u32>((region + 7) & ~7);
}

export function sluice_v1_open(ptr: u32, len: u32): u64 {
  const job = new Job(new Value(text(ptr, len)));
  const refused = opener(job);
  if (refused.length > 0) return say("{\"error\":" + quote(refused) + "}");
  row.width = job.outputs.length;
  return say(job.answer());
}

export function sluice_v1_describe(): u64 { return say(description); }

export function sluice_v1_process(batch: u32): u32 {
  const rows = load<u32>(batch), cols = load<u32>(batch, 4), r = row;
  r.input = load<u32>(batch, 8);
  r.rows = 0; r.failures = 0; r.errorsRoom = 0; r.errors = 0;
  r.room = rows + 1;
  r.cells = arena.take(<usize>r.room * r.width * 8);
  r.source = arena.take(<usize>r.room * 4);
  for (let i: u32 = 0; i < rows; i++, r.input += <usize>cols * 8) {
    r.index = i; r.done = false; r.failed = 0;
    r.begin();
    eachRow(r);
    if (!r.done) r.end();
  }
  store<u32>(result, r.rows); store<u32>(result, <u32>r.cells, 4); store<u32>(result, <u32>r.source, 8);
  store<u32>(result, r.failures, 12); store<u32>(result, <u32>r.errors, 16);
  return <u32>result;
}
