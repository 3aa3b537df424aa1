import { spawn } from 'node:child_process';

/** Something that will be undone. */
export interface CleanUp {
  /** Undoes it now. */
  now(): Promise<void>;
}

/**
 * Has a shell script run when `now` is called, or else when this process ends in whatever way: mounts and loop
 * devices must not outlive a run that was interrupted or killed. A process of its own waits for the end of a pipe
 * that only this one holds.
 *
 * @param args $1, $2, ... of the script
 */
export function cleanUpWith(script: string, ...args: readonly string[]): CleanUp {
  const shell = ['-c', `cat >/dev/null\nPATH=$PATH:/usr/sbin:/sbin\n${script}`, 'clean-up', ...args];
  const guard = spawn('/bin/sh', shell, { detached: true, stdio: ['pipe', 'ignore', 'pipe'] });
  const complaints: string[] = [];
  guard.stderr.setEncoding('utf8');
  guard.stderr.on('data', (chunk: string) => complaints.push(chunk));
  const ended = new Promise<number>((resolve) => {
    guard.on('close', (code) => resolve(code ?? 1));
  });
  return {
    now: async () => {
      guard.stdin.end();
      if ((await ended) !== 0) throw new Error(`cleaning up failed: ${complaints.join('')}`);
    },
  };
}
