/** Runs other programs so that Ctrl-C ends them and lets the caller clean up. */
import { spawn } from 'node:child_process';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
}

/** @throws when somebody pressed Ctrl-C */
export function expectNoInterruption() {
  interruption.signal.throwIfAborted();
}

/**
 * Runs a program to its end and returns its standard output.
 * @param {readonly string[]} argv program and arguments; no shell is involved
 * @param {{ cwd?: string, env?: Record<string, string> }} [options]
 * @returns {Promise<string>}
 * @throws when the program cannot be started, fails, or the benchmark is interrupted
 */
export async function run(argv, options = {}) {
  expectNoInterruption();
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: 'C', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: the interruption has to reach the children of the child as well.
    detached: true,
  });
  const stop = () => endGroup(child);
  interruption.signal.addEventListener('abort', stop, { once: true });
  try {
    const { code, stdout, stderr } = await finished(child);
    expectNoInterruption();
    if (code !== 0) throw new Error(`${argv.join(' ')} failed: ${stderr.trim() || `exit code ${code}`}`);
    return stdout;
  } finally {
    interruption.signal.removeEventListener('abort', stop);
  }
}

function endGroup(child) {
  try {
    process.kill(-child.pid, 'SIGTERM');
  } catch {
    // It has ended meanwhile.
  }
}

function finished(child) {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
}
