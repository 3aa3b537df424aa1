import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Outcome, type Running, searchPath } from './command.ts';

/** Runs a bash script in a guest to its end, whatever that is. */
export type RunScript = (script: string) => Promise<Outcome>;

/** The time that a guest may take to boot. */
export const BOOT_PATIENCE_MS = 300_000;
const SCRIPT_PATIENCE_MS = 900_000;

/**
 * Waits until a guest is there and serves, see guest/serve.sh.
 *
 * @param machine its process; when that ends, whatever waits for the guest fails
 */
export async function talkThrough(machine: Running, connection: Promise<Socket>): Promise<RunScript> {
  const ended = machine.outcome.then(({ exitCode, stderr }) => {
    throw new Error(`the guest ended with ${exitCode}: ${stderr}`);
  });
  // It is switched off in the end, when nothing waits for it any more.
  ended.catch(() => {});
  const unlessLate = <Result>(late: Promise<never>, work: Promise<Result>): Promise<Result> =>
    Promise.race([work, ended, late]);
  const booting = tooLong(BOOT_PATIENCE_MS);
  const socket = await unlessLate(booting, connection);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next();
    // When the machine has ended, that is the better message.
    return done ? ended : value;
  };
  await unlessLate(booting, nextLine());
  let previous: Promise<unknown> = Promise.resolve();
  return (script) => {
    const answer = previous.then(() => {
      socket.write(`${Buffer.from(`${environment()}\n${script}`).toString('base64')}\n`);
      return unlessLate(tooLong(SCRIPT_PATIENCE_MS), nextLine());
    });
    previous = answer.catch(() => {});
    return answer.then(parseAnswer);
  };
}

/** Programs are found as they are here, Node included. */
function environment(): string {
  return `export PATH=${JSON.stringify(`${dirname(process.execPath)}:${searchPath}`)} LC_ALL=C`;
}

function parseAnswer(line: string): Outcome {
  const [status, ...texts] = line.split(' ');
  const [stdout = '', stderr = ''] = texts.map((text) => Buffer.from(text.slice(1), 'base64').toString());
  return { exitCode: Number(status), stdout, stderr };
}

async function tooLong(patienceMs: number): Promise<never> {
  await sleep(patienceMs, undefined, { ref: false });
  throw new Error(`the guest did not answer within ${patienceMs / 1000} s`);
}
