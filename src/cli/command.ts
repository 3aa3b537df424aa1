import type { Command } from 'commander';
import type { Session } from './session.ts';

/** The work of a command. It returns the exit code and throws errors. */
export type Work = (session: Session) => Promise<number>;

/** Gives the action of a command its session and takes its exit code. */
export type Run = (command: Command, work: Work) => Promise<void>;
