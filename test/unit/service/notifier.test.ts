import { createHmac } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { NotifyTarget } from '../../../src/service/model/service-config.ts';
import type { ServiceStatus } from '../../../src/service/model/service-status.ts';
import type { Change } from '../../../src/service/notify/message.ts';
import { textOf, titleOf } from '../../../src/service/notify/message.ts';
import { Notifier } from '../../../src/service/notify/notifier.ts';
import { send } from '../../../src/service/notify/send.ts';
import { patiently } from '../../helpers/patiently.ts';
import { scratchDirectory } from '../scratch.ts';
import { jobStatus, statusOf } from './statuses.ts';

const DAY = 86_400_000;
const MINUTE = 60_000;
const target: NotifyTarget = {
  name: 'ops',
  when: ['failed', 'late', 'recovered', 'damaged', 'disk', 'config'],
  channel: { type: 'command', command: ['true'] },
};

/** A notifier with a clock that jumps from one piece of work to the next. */
function simulate(targets: readonly NotifyTarget[], isBroken: () => boolean = () => false) {
  let nowMs = 0;
  let waiting: { atMs: number; work: () => void }[] = [];
  const sent: (readonly Change[])[] = [];
  const problems: string[] = [];
  const notifier = new Notifier({
    send: async (_, changes) => {
      if (isBroken()) throw new Error('broken');
      sent.push(changes);
    },
    now: () => nowMs,
    later: (ms, work) => void waiting.push({ atMs: nowMs + ms, work }),
    onProblem: (message) => problems.push(message),
    isClosed: () => false,
  });
  notifier.configure(targets);
  const until = async (endMs: number): Promise<void> => {
    for (;;) {
      const next = waiting.filter(({ atMs }) => atMs <= endMs).sort((one, other) => one.atMs - other.atMs)[0];
      if (!next) break;
      waiting = waiting.filter((each) => each !== next);
      nowMs = next.atMs;
      next.work();
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    }
    nowMs = endMs;
  };
  return { notifier, sent, problems, until };
}

const failing = (count: number): ServiceStatus =>
  statusOf(
    Array.from({ length: count }, (_, index) =>
      jobStatus(`job-${index}`, { failures: 1, reasons: ['broken'] }),
    ),
  );

describe('the notifier', () => {
  it('tells of a change once, again each day while it lasts, and when it is over', async () => {
    const { notifier, sent, until } = simulate([target]);
    notifier.observe(failing(1));
    await until(MINUTE);
    notifier.observe(failing(1));
    await until(2 * MINUTE);
    expect(sent).toMatchObject([[{ occasion: 'failed', subject: 'job-0' }]]);
    await until(DAY + MINUTE);
    notifier.observe(failing(1));
    await until(DAY + 2 * MINUTE);
    expect(sent.length).toBe(2);
    notifier.observe(statusOf([jobStatus('job-0')]));
    await until(DAY + 3 * MINUTE);
    expect(sent[2]).toMatchObject([{ occasion: 'recovered', subject: 'job-0', text: 'no longer failed' }]);
  });

  it('makes one message of 300 jobs that fail at once', async () => {
    const { notifier, sent, until } = simulate([target]);
    for (let count = 1; count <= 300; count += 1) notifier.observe(failing(count));
    await until(MINUTE);
    expect(sent.map((changes) => changes.length)).toEqual([300]);
    expect(titleOf(sent[0] ?? [])).toBe('backy: 300 failed');
    expect(textOf(sent[0] ?? []).split('\n').length).toBe(51);
  });

  it('sends few messages while jobs fail one after the other for a day', async () => {
    const { notifier, sent, until } = simulate([target]);
    for (let count = 1; count <= 288; count += 1) {
      notifier.observe(failing(count));
      await until(count * 5 * MINUTE);
    }
    expect(sent.length).toBeLessThan(32);
    expect(new Set(sent.flat().map(({ subject }) => subject)).size).toBeGreaterThan(270);
  });

  it('tells a target that was away for days one message, of what is wrong by then', async () => {
    let isAway = true;
    const { notifier, sent, until } = simulate([target], () => isAway);
    for (let hour = 1; hour <= 72; hour += 1) {
      notifier.observe(failing(hour));
      await until(hour * 60 * MINUTE);
      // A kill at this moment loses nothing: what was not delivered is not remembered.
      expect(notifier.told()).toEqual({ ops: {} });
    }
    isAway = false;
    notifier.observe(failing(3));
    await until(75 * 60 * MINUTE);
    expect(sent.map((changes) => changes.map(({ subject }) => subject))).toEqual([
      ['job-0', 'job-1', 'job-2'],
    ]);
  });

  it('tells of a return of what was over, also a target that does not want to hear of the end', async () => {
    const { notifier, sent, until } = simulate([{ ...target, when: ['failed'] }]);
    for (const [index, status] of [failing(1), failing(0), failing(1)].entries()) {
      notifier.observe(status);
      await until((index + 1) * 10 * MINUTE);
    }
    expect(sent.flat().map(({ occasion }) => occasion)).toEqual(['failed', 'failed']);
  });

  it('pings every few minutes, by the state of the moment', async () => {
    const { notifier, sent, until } = simulate([
      { ...target, channel: { type: 'ping', url: 'http://localhost/uuid' } },
    ]);
    for (let minute = 1; minute <= 60; minute += 1) {
      notifier.observe(failing(minute < 31 ? 0 : 1));
      await until(minute * MINUTE);
    }
    expect(sent.length).toBeGreaterThanOrEqual(10);
    expect(sent.length).toBeLessThanOrEqual(13);
    expect(sent[0]).toEqual([]);
    expect(sent.at(-1)).toMatchObject([{ occasion: 'failed' }]);
  });

  it('tells each target what it wants to hear', async () => {
    const { notifier, sent, until } = simulate([{ ...target, when: ['damaged'] }]);
    notifier.observe(failing(2));
    await until(MINUTE);
    notifier.observe(statusOf([jobStatus('job-0', { damaged: 1, failures: 1 })]));
    await until(2 * MINUTE);
    expect(sent).toMatchObject([[{ occasion: 'damaged', subject: 'job-0' }]]);
  });

  it('tries a target that fails again, says so once, and remembers over a restart', async () => {
    let isBroken = true;
    const { notifier, sent, problems, until } = simulate([target], () => isBroken);
    notifier.observe(failing(1));
    await until(10 * MINUTE);
    expect([sent, problems]).toEqual([[], ['the notification by ops failed: broken']]);
    expect(notifier.statuses()).toEqual([{ name: 'ops', type: 'command', problem: 'broken' }]);
    isBroken = false;
    await until(DAY / 2);
    expect(sent.length).toBe(1);
    expect(notifier.statuses()).toMatchObject([{ problem: null }]);
    expect(notifier.told()).toMatchObject({ ops: { 'failed job-0': { subject: 'job-0' } } });
  });
});

const changes: readonly Change[] = [
  { occasion: 'failed', subject: 'web1\nBcc: x@example.com', text: 'broken' },
  { occasion: 'late', subject: 'db1', text: 'never backed up' },
];

async function received(work: (url: string) => Promise<void>) {
  const requests: { url: string; headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      requests.push({ url: request.url ?? '', headers: request.headers, body });
      response.writeHead(request.url === '/refuse?token=hidden' ? 500 : 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await work(`http://127.0.0.1:${port}`);
  } finally {
    server.close();
  }
  return requests;
}

describe('the channels', () => {
  it('send to the web, signed where there is a secret', async () => {
    const [webhook, ntfy, gotify, slack, ping] = await received(async (url) => {
      await send({ type: 'webhook', url: `${url}/hook`, secret: 's' }, changes);
      await send({ type: 'ntfy', url: `${url}/topic` }, changes);
      await send({ type: 'gotify', url: `${url}/message`, secret: 'key' }, changes);
      await send({ type: 'slack', url: `${url}/slack` }, changes);
      await send({ type: 'ping', url: `${url}/uuid` }, changes);
    });
    const [, time, signature] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(webhook?.headers['x-backy-signature'])) ?? [];
    expect(createHmac('sha256', 's').update(`${time}.${webhook?.body}`).digest('hex')).toBe(signature);
    expect(JSON.parse(webhook?.body ?? '')).toMatchObject({ title: 'backy: 1 failed, 1 late', changes });
    expect(ntfy?.headers.title).toBe('backy: 1 failed, 1 late');
    expect([gotify?.headers['x-gotify-key'], JSON.parse(gotify?.body ?? '').title]).toEqual([
      'key',
      'backy: 1 failed, 1 late',
    ]);
    expect(JSON.parse(slack?.body ?? '').text).toContain('db1: late: never backed up');
    expect(ping?.url).toBe('/uuid/fail');
  });

  it('name the host of a failure, and no secret', async () => {
    await received(async (url) => {
      await expect(send({ type: 'webhook', url: `${url}/refuse?token=hidden` }, changes)).rejects.toThrow(
        /^127\.0\.0\.1:\d+ answers 500$/,
      );
    });
    await expect(send({ type: 'webhook', url: 'http://127.0.0.1:1/?token=hidden' }, changes)).rejects.toThrow(
      /^127\.0\.0\.1:1: (?!.*hidden)/,
    );
  });

  it('hand a mail to sendmail whose headers nobody can add to, and JSON to commands', async () => {
    const directory = scratchDirectory();
    const [program, out] = [join(directory, 'sendmail'), join(directory, 'out')];
    writeFileSync(program, `#!/bin/sh\ncat > ${out}\n`);
    chmodSync(program, 0o755);
    await send({ type: 'sendmail', to: 'ops@example.com', program }, [changes[0] as Change]);
    const [headers = '', body = ''] = readFileSync(out, 'utf8').split('\n\n');
    expect(headers.split('\n').every((line) => line.length <= 78)).toBe(true);
    const subject = headers.replaceAll('\n ', '').match(/(?<==\?UTF-8\?B\?)[^?]+/g) ?? [];
    expect(Buffer.concat(subject.map((word) => Buffer.from(word, 'base64'))).toString()).toBe(
      'backy: web1\nBcc: x@example.com: failed',
    );
    expect(
      headers
        .replaceAll('\n ', '')
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual([
      'To',
      'Subject',
      'MIME-Version',
      'Content-Type',
      'Content-Transfer-Encoding',
      'Auto-Submitted',
    ]);
    expect(Buffer.from(body, 'base64').toString()).toBe('web1 Bcc: x@example.com: failed: broken\n');
    await send({ type: 'command', command: [program] }, changes);
    expect(JSON.parse(readFileSync(out, 'utf8')).changes).toEqual(changes);
    await expect(send({ type: 'command', command: ['false'] }, changes)).rejects.toThrow('exit code 1');
  });

  it('call nobody in Slack by the name of a job', async () => {
    const [slack] = await received((url) =>
      send({ type: 'slack', url }, [{ occasion: 'failed', subject: '<!channel>', text: 'a & b' }]),
    );
    expect(JSON.parse(slack?.body ?? '').text).toContain('&lt;!channel&gt;: failed: a &amp; b');
  });

  it('give up a command with all that it started, and a server that does not answer', async () => {
    const directory = scratchDirectory();
    const alive = join(directory, 'alive');
    const closing = new AbortController();
    const script = `setsid sleep 600 & echo $! > ${alive}; sleep 600 & wait`;
    const command = send({ type: 'command', command: ['sh', '-c', script] }, changes, closing.signal);
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const web = send({ type: 'webhook', url: `http://127.0.0.1:${port}` }, changes, closing.signal);
    const both = Promise.allSettled([command, web]);
    await patiently(async () => expect(readFileSync(alive, 'utf8')).toMatch(/\n/), 100, 20);
    closing.abort();
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    silent.close();
    process.kill(Number(readFileSync(alive, 'utf8')));
  });

  it('keep the outputs of a command to themselves', async () => {
    const command = ['sh', '-c', 'echo token >&2; exit 3'];
    await expect(send({ type: 'command', command }, changes)).rejects.toThrow(/^sh ended with exit code 3$/);
  });
});
