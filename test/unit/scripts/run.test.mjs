import { describe, expect, it } from 'vitest';
import { stream } from '../../../scripts/lib/run.mjs';

const run = (script, silenceLimitMs) => stream('bash', ['-c', script], { silenceLimitMs, label: 'test' });

describe('stream', () => {
  it('lets a command take as long as it likes while it says something, on whatever stream', async () => {
    const talking = await run('for n in {1..15}; do echo $n; sleep 0.2; echo $n >&2; sleep 0.2; done', 4000);

    expect(talking).toMatchObject({ succeeded: true, exitCode: 0 });
    expect(talking.output.trimEnd().split('\n')).toHaveLength(15);
  });

  it('stops a command that says nothing, with all that it started', async () => {
    const silent = await run('echo begun; sleep 1000 & sleep 1000', 500);

    expect(silent).toMatchObject({ succeeded: false, output: 'begun\n' });
  });

  it('tells how a command ended', async () => {
    expect(await run('exit 77', 60_000)).toMatchObject({ succeeded: false, exitCode: 77 });
  });
});
