import { createHmac } from 'node:crypto';
import type { Channel } from '../model/service-config.ts';
import { runProgram } from '../runs/run-program.ts';
import { type Change, textOf, titleOf } from './message.ts';

const TIMEOUT_MS = 30_000;
const SENDMAIL = '/usr/sbin/sendmail';

/** Tells a target of changes. @throws Error with the reason, without secrets */
export async function send(channel: Channel, changes: readonly Change[]): Promise<void> {
  switch (channel.type) {
    case 'command':
      return sendByCommand(channel.command, JSON.stringify({ title: titleOf(changes), changes }));
    case 'sendmail':
      return sendByCommand([channel.program ?? SENDMAIL, '-t', '-i'], mailOf(channel, changes));
    case 'ping':
      return post(
        channel.url + (changes.every(({ occasion }) => occasion === 'recovered') ? '' : '/fail'),
        textOf(changes),
        {},
      );
    default:
      return sendByWeb(channel, changes);
  }
}

async function sendByCommand(command: readonly string[], input: string): Promise<void> {
  const { exitCode, problem, stderr } = await runProgram(command, { input, timeoutMs: TIMEOUT_MS }).done;
  if (exitCode !== 0)
    throw new Error(problem ?? `it ended with exit code ${exitCode} (${stderr.trim().slice(-200)})`);
}

/** Subjects and addresses hold no line breaks, so no header can be added. RFC 5322, RFC 2047. */
function mailOf({ to, from }: Extract<Channel, { type: 'sendmail' }>, changes: readonly Change[]): string {
  const subject = `=?UTF-8?B?${Buffer.from(titleOf(changes).slice(0, 200)).toString('base64')}?=`;
  const headers = [`To: ${to}`, ...(from === undefined ? [] : [`From: ${from}`]), `Subject: ${subject}`];
  return `${[...headers, 'Content-Type: text/plain; charset=utf-8', 'Auto-Submitted: auto-generated'].join('\n')}\n\n${textOf(changes)}\n`;
}

type Web = Extract<Channel, { readonly url: string; readonly secret?: string }>;

async function sendByWeb(channel: Web, changes: readonly Change[]): Promise<void> {
  const [title, text] = [titleOf(changes), textOf(changes)];
  const secret = 'secret' in channel ? channel.secret : undefined;
  switch (channel.type) {
    case 'ntfy':
      return post(channel.url, text, {
        Title: header(title),
        ...(secret ? { Authorization: `Bearer ${secret}` } : {}),
      });
    case 'gotify':
      return postJson(channel.url, { title, message: text }, secret ? { 'X-Gotify-Key': secret } : {});
    case 'slack':
      return postJson(channel.url, { text: `*${title}*\n${text}` }, {});
    default:
      return postSigned(channel.url, { title, changes }, secret);
  }
}

/** The signature covers the time, so that nobody can send the message again later. */
function postSigned(url: string, body: object, secret: string | undefined): Promise<void> {
  const time = String(Math.floor(Date.now() / 1000));
  const text = JSON.stringify(body);
  const signature = secret && createHmac('sha256', secret).update(`${time}.${text}`).digest('hex');
  const headers = signature ? { 'X-Backy-Signature': `t=${time},v1=${signature}` } : {};
  return post(url, text, { 'Content-Type': 'application/json', ...headers });
}

function postJson(url: string, body: object, headers: Readonly<Record<string, string>>): Promise<void> {
  return post(url, JSON.stringify(body), { 'Content-Type': 'application/json', ...headers });
}

async function post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      body,
      headers,
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    // The address may hold a secret, so only its host is named.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${new URL(url).host}: ${cause instanceof Error ? cause.message : cause}`);
  }
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${new URL(url).host} answers ${response.status}`);
}

/** Headers are Latin-1 on one line. */
function header(text: string): string {
  return text.replace(/[^ -~]/g, '?').slice(0, 200);
}
