import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** An order to a worker. */
export interface Order {
  readonly order: string;
  readonly directory: string;
  /** A file that is restored to. */
  readonly target: string;
  /** A file that gets a line for everything that is told. */
  readonly diary: string;
  /** Whether to start a child in the middle of a backup, and to be killed then. */
  readonly child?: boolean;
}

/** The answer: `ok`, the code of an error, or `child` with its pid. */
export interface Answer {
  readonly code: string;
  readonly message?: string;
  readonly pid?: number;
}

/** A process that works on repositories. */
export interface Worker {
  readonly pid: number;
  /** One order at a time. */
  obey(order: Order): Promise<Answer>;
  signal(name: NodeJS.Signals): void;
  end(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('worker.mjs', import.meta.url));

/** Starts a worker. */
export function hire(): Worker {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout });
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => resolve());
  });
  return {
    pid: child.pid ?? 0,
    obey: (order) => ask(child, answers, order),
    signal: (name) => void child.kill(name),
    end: () => {
      child.kill('SIGCONT');
      child.stdin.end();
      return ended;
    },
  };
}

function ask(
  child: ChildProcess,
  answers: ReturnType<typeof createInterface>,
  order: Order,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const died = (): void => reject(new Error(`the worker died at ${order.order}`));
    child.once('exit', died);
    answers.once('line', (line) => {
      child.off('exit', died);
      resolve(JSON.parse(line));
    });
    child.stdin?.write(`${JSON.stringify(order)}\n`);
  });
}
