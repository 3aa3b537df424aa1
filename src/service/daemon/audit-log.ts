import { join } from 'node:path';
import { appendToPlainFile } from '../../plain-file.ts';

/** The record of every action that somebody took through the API: a line of JSON for each. */
export class AuditLog {
  readonly #path: string;
  readonly #onProblem: (message: string) => void;

  constructor(baseDirectory: string, onProblem: (message: string) => void) {
    this.#path = join(baseDirectory, 'audit.log');
    this.#onProblem = onProblem;
  }

  /** Adds an entry. A failure is reported, and keeps nobody from acting. */
  add(entry: Readonly<Record<string, unknown>>): void {
    try {
      appendToPlainFile(this.#path, `${JSON.stringify(entry)}\n`);
    } catch (error) {
      this.#onProblem(`the action was not recorded: ${error instanceof Error ? error.message : error}`);
    }
  }
}
