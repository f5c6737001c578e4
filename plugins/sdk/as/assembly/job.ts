// What a plugin learns when it is opened, and what it declares.

import { Value, quote, quoteList } from "./json";

export class Job {
  /** Of the job; an empty object where there is none. Valid while it is opened. */
  config: Value;
  options: Value;
  /** The names of the file's columns. */
  columns: string[];
  inputs: string[] = [];
  outputs: string[] = [];
  private passed: string = "";

  constructor(context: Value) {
    this.config = context.key("config");
    this.options = context.key("options");
    this.columns = context.texts("columns");
  }

  /** Where the column that is called name is, exactly or else ignoring case, spaces, _ and -; -1: nowhere. */
  find(name: string): i32 {
    const i = this.columns.indexOf(name);
    if (i >= 0) return i;
    const wanted = folded(name);
    for (let k = 0; k < this.columns.length; k++) if (folded(this.columns[k]) == wanted) return k;
    return -1;
  }

  /** Asks for a column; the other name is tried where the file lacks the first. */
  input(name: string, other: string = ""): i32 {
    let i = this.find(name);
    if (i < 0 && other.length > 0) i = this.find(other);
    if (i < 0) return -1;
    const k = this.inputs.indexOf(this.columns[i]);
    return k >= 0 ? k : this.inputs.push(this.columns[i]) - 1;
  }

  /** Declares a field of the answer: name, domain, custom.x, … */
  output(field: string): i32 {
    const k = this.outputs.indexOf(field);
    return k >= 0 ? k : this.outputs.push(field) - 1;
  }

  /** Lets the host copy a column to a field; the plugin never sees it. False: the file lacks it. */
  pass(field: string, name: string): bool {
    const i = this.find(name);
    if (i < 0) return false;
    this.passed += (this.passed.length > 0 ? "," : "") + quote(field) + ":" + quote(this.columns[i]);
    return true;
  }

  answer(): string {
    return "{\"columns\":" + quoteList(this.outputs) + ",\"input\":" + quoteList(this.inputs) + ",\"pass\":{" + this.passed + "}}";
  }
}

function folded(s: string): string {
  let out = "";
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c != 32 && c != 95 && c != 45) out += String.fromCharCode(c);
  }
  return out.toLowerCase();
}
