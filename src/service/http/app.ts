import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { isObject } from '../../domain/shape.ts';
import { type BackyError, backyError, type ErrorCode, isBackyError } from '../../errors.ts';
import type { ApiConfig, TokenOwner } from '../model/service-config.ts';
import type { ServiceControl } from '../model/service-control.ts';
import { callerOf, type Listener, mayAct } from './caller.ts';
import { streamEvents } from './events.ts';
import { jobPage } from './job-page.ts';
import { metricsText } from './metrics.ts';
import { openApi } from './open-api.ts';
import { pageOf } from './page.ts';
import type { Route } from './route.ts';
import { ROUTES } from './routes.ts';

/** The surroundings of the API. */
export interface AppOptions {
  readonly control: ServiceControl;
  readonly api: () => Pick<ApiConfig, 'tokens'>;
  readonly listener: Listener;
  /** Takes a line of JSON for each action. */
  readonly audit: (entry: Readonly<Record<string, unknown>>) => void;
}

type Env = { Variables: { caller: TokenOwner } };

const LARGEST_BODY = 64 * 1024;
const HEADERS: readonly (readonly [string, string])[] = [
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cache-Control', 'no-store'],
  [
    'Content-Security-Policy',
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
];

const PATHS: readonly string[] = [
  ...new Set(ROUTES.map(pathOf)),
  '/',
  '/jobs/:job',
  '/healthz',
  '/v1/events',
  '/metrics',
  '/openapi.json',
];

/** The HTTP application of one listener: the routes of the table, metrics, health, and the page. */
export function createApp(options: AppOptions): Hono<Env> {
  const { listener, api } = options;
  const app = new Hono<Env>();
  app.use(
    bodyLimit({
      maxSize: LARGEST_BODY,
      onError: (c) => refuse(c, 413, 'BACKY_USAGE', 'The body is too large'),
    }),
  );
  app.use(async (c, next) => {
    for (const [name, value] of HEADERS) c.header(name, value);
    const caller = callerOf(listener, c.req.header('authorization'), api());
    if (!caller) return forbid(c, 401, 'a valid bearer token is needed');
    // A page of somebody else may make a browser send requests, but not with this content type, nor from its own origin.
    if (c.req.method !== 'GET' && c.req.header('origin') !== undefined)
      return forbid(c, 403, 'it comes from the page of somebody else');
    c.set('caller', caller);
    return next();
  });
  for (const route of ROUTES) app.on(route.method, pathOf(route), (c) => answer(c, route, options));
  addPages(app, options);
  refuseOtherMethods(app);
  app.notFound((c) => refuse(c, 404, 'BACKY_USAGE', 'There is nothing at this path'));
  app.onError((error, c) => failure(c, error));
  return app;
}

/** Everything beside the table: events, metrics, health, and the pages. */
function addPages(app: Hono<Env>, { control }: AppOptions): void {
  app.get('/v1/events', (c) => streamEvents(c, control));
  app.all('/v1/backups/:job/purge', refuseRemoval);
  app.get('/healthz', (c) => c.json({ ok: true, configOk: control.status().configOk }));
  app.get('/metrics', async (c) => c.text(await metricsText(control.status(), Date.now())));
  app.get('/openapi.json', (c) => c.json(openApi()));
  app.get('/', (c) => c.html(pageOf(control.status())));
  app.get('/jobs/:job', async (c) => {
    const job = control.job(c.req.param('job'));
    return c.html(jobPage(job, await control.revisions(job.job), control.status()));
  });
}

/** Answers 405 on a path that takes other methods. Routes before it come first. */
function refuseOtherMethods(app: Hono<Env>): void {
  for (const path of PATHS)
    app.all(path, (c) => refuse(c, 405, 'BACKY_USAGE', `${c.req.path} does not take ${c.req.method}`));
}

/** The Python backy removed over HTTP. This one never does. */
function refuseRemoval(c: Context): Response {
  const message = 'The service removes nothing over HTTP';
  const remedy = 'Run "backy purge" in the repository';
  return c.json({ code: 'BACKY_UNAUTHORIZED', message, remedy }, 403);
}

function pathOf({ path }: Route): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

async function answer(c: Context<Env>, route: Route, { control, audit }: AppOptions): Promise<Response> {
  const caller = c.get('caller');
  const what = `${route.method} ${c.req.path}`;
  if (!mayAct(caller.role, route.role)) return forbid(c, 403, `${caller.name} lacks the role ${route.role}`);
  const record = (result: string): void => {
    if (route.method !== 'GET') audit({ time: new Date().toISOString(), who: caller.name, what, result });
  };
  try {
    const body = await bodyOf(c);
    const params = c.req.param();
    const result = await route.handle({ control, params, query: c.req.query(), body, by: caller.name });
    record('ok');
    return c.json(result, route.status);
  } catch (error) {
    record(isBackyError(error) ? error.code : 'BACKY_PANIC');
    throw error;
  }
}

async function bodyOf(c: Context): Promise<Readonly<Record<string, unknown>>> {
  if (c.req.method === 'GET') return {};
  const text = await c.req.text();
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Reported below.
  }
  throw new SyntaxError('The body is not a JSON object');
}

const STATUS: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  BACKY_JOB_UNKNOWN: 404,
  BACKY_JOB_PAUSED: 409,
  BACKY_SERVICE_STOPPING: 503,
  BACKY_INVALID_ARGUMENT: 400,
  BACKY_CONFIG_INVALID: 409,
};

function failure(c: Context, error: unknown): Response {
  if (error instanceof SyntaxError) return refuse(c, 400, 'BACKY_USAGE', error.message);
  if (!isBackyError(error))
    return refuse(c, 500, 'BACKY_PANIC', 'The service met a defect; its log has more');
  return c.json(errorBody(error), STATUS[error.code] ?? 500);
}

function forbid(c: Context, status: 401 | 403, reason: string): Response {
  return c.json(errorBody(backyError('BACKY_UNAUTHORIZED', { reason })), status);
}

function errorBody({ code, message, remedy }: BackyError) {
  return { code, message, remedy };
}

function refuse(c: Context, status: ContentfulStatusCode, code: string, message: string): Response {
  return c.json({ code, message, remedy: '/openapi.json describes the API' }, status);
}
