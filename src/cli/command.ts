import type { Command } from 'commander';
import type { Session } from './session.ts';

/** What a command does; it returns its exit code. Errors are thrown. */
export type Work = (session: Session) => Promise<number>;

/** Gives the action of a command its session and takes its exit code. */
export type Run = (command: Command, work: Work) => Promise<void>;
