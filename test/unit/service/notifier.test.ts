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
    expect(notifier.told()).toMatchObject({ 'failed job-0': { subject: 'job-0' } });
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
    const [headers = ''] = readFileSync(out, 'utf8').split('\n\n');
    expect(headers.split('\n').map((line) => line.split(':')[0])).toEqual([
      'To',
      'Subject',
      'Content-Type',
      'Auto-Submitted',
    ]);
    await send({ type: 'command', command: [program] }, changes);
    expect(JSON.parse(readFileSync(out, 'utf8')).changes).toEqual(changes);
    await expect(send({ type: 'command', command: ['false'] }, changes)).rejects.toThrow('exit code 1');
  });
});
