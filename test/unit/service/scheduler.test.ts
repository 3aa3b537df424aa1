import { describe, expect, it } from 'vitest';
import { makeJob, makeServiceConfig, Simulation } from './simulation.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const start = Date.parse('2026-01-01T00:00:00Z');

async function simulate(config: ReturnType<typeof makeServiceConfig>): Promise<Simulation> {
  const simulation = new Simulation(config, start);
  return simulation;
}

async function begin(simulation: Simulation, config: ReturnType<typeof makeServiceConfig>): Promise<void> {
  await simulation.scheduler.configure(config, () => undefined);
}

describe('the scheduler', () => {
  it('backs each of 200 jobs up once a day, at its own time, within seconds', async () => {
    const jobs = Array.from({ length: 200 }, (_, index) => makeJob(`job-${index}`));
    const config = makeServiceConfig(jobs);
    const simulation = await simulate(config);
    simulation.spreadOf = (name) => ((Number(name.slice(4)) * 7919) % 1440) * MINUTE;
    await begin(simulation, config);
    await simulation.until(start + 10 * DAY);
    const late: number[] = [];
    for (const { name } of jobs) {
      const runs = simulation
        .runsOf(name)
        .filter(({ startMs }) => startMs >= start + 6 * DAY && startMs < start + 10 * DAY);
      expect(runs.map(({ startMs }) => Math.floor((startMs - start) / DAY))).toEqual([6, 7, 8, 9]);
      late.push(...runs.map(({ startMs }) => (startMs - simulation.spreadOf(name) - start) % DAY));
    }
    expect(Math.max(...late)).toBeLessThan(5000);
  });

  it('runs no more at once than there are workers, and none twice', async () => {
    const jobs = Array.from({ length: 20 }, (_, index) => makeJob(`job-${index}`));
    const config = makeServiceConfig(jobs, { workers: { fast: 3, slow: 1 } });
    const simulation = await simulate(config);
    simulation.outcomeOf = () => ({ ms: 5 * MINUTE });
    await begin(simulation, config);
    let most = 0;
    for (let minute = 0; minute < 120; minute += 1) {
      await simulation.until(start + minute * MINUTE);
      const running = simulation.runs.filter(({ endMs }) => endMs === undefined);
      most = Math.max(most, running.length);
      expect(new Set(running.map(({ job }) => job.name)).size).toBe(running.length);
    }
    expect(most).toBe(3);
    expect(simulation.runs.length).toBe(20);
  });

  it('tells how late each run of a schedule began, and the pool of each that ended', async () => {
    const config = makeServiceConfig([makeJob('one'), makeJob('two')], { workers: { fast: 1, slow: 1 } });
    const simulation = await simulate(config);
    simulation.outcomeOf = () => ({ ms: MINUTE });
    await begin(simulation, config);
    await simulation.until(start + 4 * DAY);
    const scheduled = simulation.events.filter(
      ({ type, run }) => type === 'run-started' && run?.askedBy === 'schedule',
    );
    const late = scheduled.slice(-4).map(({ lateSeconds }) => lateSeconds ?? -1);
    expect(late.sort((one, other) => one - other)).toEqual([0, 0, 60, 60]);
    const ended = simulation.events.filter(({ type }) => type === 'run-ended');
    expect(new Set(ended.map(({ pool }) => pool))).toEqual(new Set(['fast']));
  });

  it('keeps to the limit of a place, while jobs of other places go on', async () => {
    const jobs = Array.from({ length: 8 }, (_, index) => makeJob(`job-${index}`));
    const config = makeServiceConfig(jobs, {
      workers: { fast: 8, slow: 1 },
      limits: new Map([['ceph:slow', 1]]),
    });
    const simulation = await simulate(config);
    simulation.placeOf = ({ name }) => (Number(name.slice(4)) < 4 ? 'ceph:slow' : 'disk:8:0');
    // The cluster hangs.
    simulation.outcomeOf = ({ job }) => ({
      ms: Number(job.name.slice(4)) < 4 ? Number.POSITIVE_INFINITY : MINUTE,
    });
    await begin(simulation, config);
    await simulation.until(start + HOUR);
    const slow = simulation.runs.filter(({ job }) => Number(job.name.slice(4)) < 4);
    expect(slow.length).toBe(1);
    expect(simulation.runs.length - slow.length).toBe(4);
  });

  it('lets slow jobs keep no fast one waiting', async () => {
    const jobs = [makeJob('slow'), makeJob('fast')];
    const config = makeServiceConfig(jobs, { workers: { fast: 1, slow: 1 } });
    const simulation = await simulate(config);
    simulation.spreadOf = (name) => (name === 'slow' ? HOUR : 2 * HOUR);
    simulation.outcomeOf = ({ job }) => ({ ms: job.name === 'slow' ? 5 * HOUR : 1000 });
    await begin(simulation, config);
    await simulation.until(start + 5 * DAY);
    const late = simulation.runsOf('fast').filter(({ startMs }) => startMs > start + DAY);
    expect(late.every(({ startMs }) => (startMs - start) % DAY === 2 * HOUR)).toBe(true);
  });

  it('tries a failed job again after 2, 4, 8 … minutes, and 6 hours at most', async () => {
    const config = makeServiceConfig([makeJob('web1')]);
    const simulation = await simulate(config);
    simulation.outcomeOf = () => ({
      ms: 0,
      result: { outcome: 'failed', code: 'BACKY_IO', message: 'broken' },
    });
    await begin(simulation, config);
    await simulation.until(start + 2 * DAY);
    const starts = simulation.runs.map(({ startMs }) => startMs);
    const waits = starts.slice(1).map((time, index) => (time - (starts[index] ?? 0)) / MINUTE);
    expect(waits.slice(0, 10)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
    expect(simulation.scheduler.status('web1')).toMatchObject({
      verdict: 'critical',
      failures: starts.length,
      phase: 'backing-off',
      run: { outcome: 'failed', code: 'BACKY_IO' },
    });
  });

  it('does not count a busy repository as a failure', async () => {
    const config = makeServiceConfig([makeJob('web1')]);
    const simulation = await simulate(config);
    simulation.outcomeOf = ({ startMs }) =>
      startMs < start + 10 * MINUTE ? { ms: 0, result: { outcome: 'busy', code: 'BACKY_LOCKED' } } : {};
    await begin(simulation, config);
    await simulation.until(start + HOUR);
    expect(simulation.runs.at(-1)?.startMs).toBe(start + 10 * MINUTE);
    expect(simulation.scheduler.status('web1')).toMatchObject({ failures: 0, verdict: 'ok' });
  });

  it('runs a job now, at the head of its pool, and always takes a revision', async () => {
    const jobs = Array.from({ length: 5 }, (_, index) => makeJob(`job-${index}`));
    const config = makeServiceConfig(jobs, { workers: { fast: 1, slow: 1 } });
    const simulation = await simulate(config);
    simulation.outcomeOf = () => ({ ms: MINUTE });
    await begin(simulation, config);
    await simulation.until(start + 30_000);
    const ticket = simulation.scheduler.run('job-4', 'backup', 'root');
    expect(simulation.scheduler.run('job-4', 'backup', 'root')).toEqual(ticket);
    await simulation.until(start + HOUR);
    expect(simulation.runs[1]).toMatchObject({ job: { name: 'job-4' }, tags: ['daily'] });
    simulation.scheduler.run('job-4', 'backup', 'root');
    await simulation.until(start + 2 * HOUR);
    expect(simulation.runsOf('job-4')[1]).toMatchObject({ tags: ['manual:run'], slotMs: undefined });
    expect(() => simulation.scheduler.run('nobody', 'backup', 'root')).toThrow('no job');
  });

  it('takes the due tags of a job that was never backed up, without the delay of the service', async () => {
    const config = makeServiceConfig([makeJob('web1')]);
    const simulation = await simulate(config);
    simulation.spreadOf = () => 4 * MINUTE;
    await begin(simulation, config);
    simulation.scheduler.run('web1', 'backup', 'root');
    await simulation.until(start + HOUR);
    expect(simulation.runs.map(({ tags, startMs }) => [tags, startMs])).toEqual([[['daily'], start]]);
  });

  it('pauses a job with a reason, until its end', async () => {
    const config = makeServiceConfig([makeJob('web1')]);
    const simulation = await simulate(config);
    await begin(simulation, config);
    await simulation.until(start + HOUR);
    const until = new Date(start + 4 * DAY);
    simulation.scheduler.pause('web1', { reason: 'moving', until, by: 'alice' });
    await simulation.until(start + 3 * DAY);
    expect(simulation.runs.length).toBe(1);
    expect(simulation.scheduler.status('web1')).toMatchObject({
      phase: 'paused',
      verdict: 'warning',
      pause: { reason: 'moving', by: 'alice', until: until.toISOString() },
    });
    expect(() => simulation.scheduler.run('web1', 'backup', 'root')).toThrow('moving');
    await simulation.until(start + 5 * DAY);
    expect(simulation.runs.length).toBeGreaterThan(1);
    expect(simulation.scheduler.status('web1')).toMatchObject({ pause: null, verdict: 'ok' });
  });

  it('begins runs in the window of a job only, and ends them with it if told so', async () => {
    const windows = new Map([['night', { fromMs: 22 * HOUR, toMs: 23 * HOUR, stop: 'cancel' as const }]]);
    const config = makeServiceConfig([makeJob('web1', { window: 'night' })], { windows });
    const simulation = await simulate(config);
    simulation.spreadOf = () => 10 * MINUTE;
    simulation.outcomeOf = () => ({ ms: 3 * HOUR });
    await begin(simulation, config);
    await simulation.until(start + 2 * DAY);
    const [first] = simulation.runs;
    expect((first?.startMs ?? 0) - start).toBe(22 * HOUR + 10 * MINUTE);
    expect(first).toMatchObject({ cancelled: true });
    expect((first?.endMs ?? 0) - start).toBeLessThanOrEqual(23 * HOUR + 30_000);
    for (const { startMs } of simulation.runs) {
      const hour = ((startMs - start) % DAY) / HOUR;
      expect(hour >= 22 && hour < 23).toBe(true);
    }
  });

  it('catches up once after the clock or the service stood still for a day', async () => {
    const config = makeServiceConfig([makeJob('web1')]);
    const simulation = await simulate(config);
    simulation.spreadOf = () => 5 * HOUR;
    await begin(simulation, config);
    await simulation.until(start + 3 * DAY);
    const before = simulation.runs.length;
    simulation.nowMs += 2 * DAY;
    await simulation.until(simulation.nowMs + HOUR);
    expect(simulation.runs.length).toBe(before + 1);
    // Backwards: what is dated in the future does not count, and one revision follows.
    simulation.nowMs -= DAY;
    await simulation.until(simulation.nowMs + 2 * HOUR);
    expect(simulation.runs.length).toBeLessThanOrEqual(before + 2);
  });

  it('forgets a job that left after its run, and takes new ones', async () => {
    const config = makeServiceConfig([makeJob('web1'), makeJob('web2')]);
    const simulation = await simulate(config);
    simulation.outcomeOf = () => ({ ms: HOUR });
    await begin(simulation, config);
    await simulation.until(start + MINUTE);
    await begin(simulation, makeServiceConfig([makeJob('web2'), makeJob('web3')]));
    expect(() => simulation.scheduler.status('web1')).toThrow('no job');
    await simulation.until(start + 3 * HOUR);
    expect(simulation.runsOf('web1').map(({ endMs }) => endMs !== undefined)).toEqual([true]);
    expect(simulation.runsOf('web3').length).toBe(1);
    expect(simulation.scheduler.statuses().map(({ job }) => job)).toEqual(['web2', 'web3']);
  });

  it('verifies what was not verified for so long, after backups', async () => {
    const config = makeServiceConfig([makeJob('web1', { verifyMs: 7 * DAY })]);
    const simulation = await simulate(config);
    simulation.outcomeOf = (run) => {
      const facts = simulation.facts.get('web1');
      if (run.kind === 'verify' && facts)
        simulation.facts.set('web1', { ...facts, verifiedSinceMs: simulation.nowMs });
      else if (facts) simulation.facts.set('web1', { ...facts, oldestMs: start });
      return {};
    };
    await begin(simulation, config);
    await simulation.until(start + 20 * DAY);
    const verifications = simulation.runs.filter(({ kind }) => kind === 'verify');
    expect(verifications.length).toBe(2);
  });

  it('begins nothing once it stops', async () => {
    const config = makeServiceConfig([makeJob('web1')]);
    const simulation = await simulate(config);
    await begin(simulation, config);
    simulation.scheduler.stop();
    await simulation.until(start + 3 * DAY);
    expect(simulation.runs.length).toBeLessThanOrEqual(1);
    expect(() => simulation.scheduler.run('web1', 'backup', 'root')).toThrow('stopping');
  });
});
