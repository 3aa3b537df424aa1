import type { Command } from 'commander';
import type { Session } from './session.ts';

export { FAILURE, SUCCESS } from './exit-code.ts';

/** What a command does; it returns its exit code. Errors are thrown. */
export type Work = (session: Session) => Promise<number>;

/** Gives the action of a command its session and takes its exit code. */
export type Run = (command: Command, work: Work) => Promise<void>;

/** How -r is described; all of it stands in docs/reference/revision-specs.md. */
export const SPEC_HELP =
  'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31)';

/** The same, where several revisions may be named. */
export const SPECS_HELP: string = `${SPEC_HELP}; all that it names`;
