// What a Sluice plugin in AssemblyScript is written against. Build it with
//
//   asc plugin.ts -o plugin.wasm -O3 --noAssert --runtime minimal --use abort= --exportStart _initialize
//
// A plugin registers its two functions and exports the SDK's exports:
//
//   import { plugin, Job, Row, Column, Field, trim, isBlank } from "sluice";
//   export { sluice_v1_alloc, sluice_v1_open, sluice_v1_process, sluice_v1_describe } from "sluice";
//
//   let company: Column = -1, site: Column = -1, name: Field = 0, domain: Field = 0;
//
//   function open(job: Job): string {
//     company = job.input("Company"); site = job.input("Website");
//     name = job.output("name"); domain = job.output("domain");
//     job.pass("phone", "Phone");
//     return ""; // or why the job is refused
//   }
//
//   function row(r: Row): void {
//     if (isBlank(r.get(company))) { r.reject(company, "no_name", "a company needs a name"); return; }
//     r.copy(name, company);
//     r.set(domain, r.lower(trim(r.get(site))));
//   }
//
//   plugin("mine", "1.0.0", "My companies", open, row);
//
// A row is answered when the function returns, unless it was skipped or rejected or
// emit was called. Fields that were not set are absent. A Text is a view of bytes
// that lasts as long as the batch; nothing is allocated for a row unless a string is
// made, and garbage is collected between batches.

export { Text, text, ptr, size, at, part, trim, isBlank, same, is, isFold, parseInteger, toString, NO_INTEGER } from "./text";
export { Value } from "./json";
export { Job } from "./job";
export { Row } from "./row";
export { plugin, log, Level, sluice_v1_alloc, sluice_v1_open, sluice_v1_process, sluice_v1_describe } from "./exports";

/** A column of the file; -1: the file has none such, it reads as absent. */
export type Column = i32;
/** A field of the answer. */
export type Field = i32;
/** Kinds of cells. NUMBER, BOOL and JSON hold their JSON text. */
export namespace Kind {
  export const TEXT: u32 = 0;
  export const ABSENT: u32 = 1;
  export const NULL: u32 = 2;
  export const NUMBER: u32 = 3;
  export const BOOL: u32 = 4;
  export const JSON: u32 = 5;
}
