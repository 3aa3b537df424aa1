import { createHmac } from 'node:crypto';
import type { Channel } from '../model/service-config.ts';
import { runProgram } from '../runs/run-program.ts';
import { type Change, textOf, titleOf } from './message.ts';

const TIMEOUT_MS = 30_000;
const NEVER = new AbortController().signal;
const SENDMAIL = '/usr/sbin/sendmail';

/**
 * Tells a target of changes.
 *
 * @param signal gives up
 * @throws Error with the reason, without secrets
 */
export async function send(
  channel: Channel,
  changes: readonly Change[],
  signal: AbortSignal = NEVER,
): Promise<void> {
  signal.throwIfAborted();
  switch (channel.type) {
    case 'command':
      return sendByCommand(channel.command, JSON.stringify({ title: titleOf(changes), changes }), signal);
    case 'sendmail':
      return sendByCommand([channel.program ?? SENDMAIL, '-t', '-i'], mailOf(channel, changes), signal);
    case 'ping':
      return post(
        channel.url + (changes.every(({ occasion }) => occasion === 'recovered') ? '' : '/fail'),
        textOf(changes),
        {},
        signal,
      );
    default:
      return sendByWeb(channel, changes, signal);
  }
}

/** The outputs of a program may hold secrets, so its exit code has to do. */
async function sendByCommand(command: readonly string[], input: string, signal: AbortSignal): Promise<void> {
  const ended = await runProgram(command, { input, timeoutMs: TIMEOUT_MS, signal }).done;
  if (ended.problem !== null) throw new Error(ended.problem);
  if (ended.signal !== null) throw new Error(`${ended.signal} ended ${command[0]}`);
  if (ended.exitCode !== 0) throw new Error(`${command[0]} ended with exit code ${ended.exitCode}`);
}

const MAIL_HEADERS = [
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  'Auto-Submitted: auto-generated',
];

/** Subjects and addresses hold no line breaks, so no header can be added. RFC 5322, RFC 2047. */
function mailOf({ to, from }: Extract<Channel, { type: 'sendmail' }>, changes: readonly Change[]): string {
  const subject = encodedWords(titleOf(changes).slice(0, 200));
  const headers = [`To: ${to}`, ...(from === undefined ? [] : [`From: ${from}`]), `Subject: ${subject}`];
  // Lines of a mail have 998 bytes at most, and in base64 76.
  const body =
    Buffer.from(`${textOf(changes)}\n`)
      .toString('base64')
      .match(/.{1,76}/g) ?? [];
  return `${[...headers, ...MAIL_HEADERS].join('\n')}\n\n${body.join('\n')}\n`;
}

/** An encoded word has 75 characters at most, so a header may need several. RFC 2047, section 2. */
function encodedWords(text: string): string {
  const words = Array.from(text.matchAll(/.{1,11}/gsu), ([part]) => Buffer.from(part).toString('base64'));
  return words.map((word) => `=?UTF-8?B?${word}?=`).join('\n ');
}

type Web = Extract<Channel, { readonly url: string; readonly secret?: string }>;

async function sendByWeb(channel: Web, changes: readonly Change[], signal: AbortSignal): Promise<void> {
  const [title, text] = [titleOf(changes), textOf(changes)];
  const secret = 'secret' in channel ? channel.secret : undefined;
  switch (channel.type) {
    case 'ntfy':
      return post(
        channel.url,
        text,
        {
          Title: header(title),
          ...(secret ? { Authorization: `Bearer ${secret}` } : {}),
        },
        signal,
      );
    case 'gotify':
      return postJson(
        channel.url,
        { title, message: text },
        secret ? { 'X-Gotify-Key': secret } : {},
        signal,
      );
    case 'slack':
      return postJson(channel.url, { text: escapeSlack(`*${title}*\n${text}`) }, {}, signal);
    default:
      return postSigned(channel.url, { title, changes }, secret, signal);
  }
}

/** The signature covers the time, so that nobody can send the message again later. */
function postSigned(
  url: string,
  body: object,
  secret: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const time = String(Math.floor(Date.now() / 1000));
  const text = JSON.stringify(body);
  const signature = secret && createHmac('sha256', secret).update(`${time}.${text}`).digest('hex');
  const headers = signature ? { 'X-Backy-Signature': `t=${time},v1=${signature}` } : {};
  return post(url, text, { 'Content-Type': 'application/json', ...headers }, signal);
}

function postJson(
  url: string,
  body: object,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  return post(url, JSON.stringify(body), { 'Content-Type': 'application/json', ...headers }, signal);
}

async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      body,
      headers,
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  } catch (error) {
    // The address may hold a secret, so only its host is named.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${new URL(url).host}: ${cause instanceof Error ? cause.message : cause}`);
  }
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${new URL(url).host} answers ${response.status}`);
}

/** No name of a job can call a whole channel. https://docs.slack.dev/messaging/formatting-message-text */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Headers are Latin-1 on one line. */
function header(text: string): string {
  return text.replace(/[^ -~]/g, '?').slice(0, 200);
}
