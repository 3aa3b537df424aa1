import type { Route } from './route.ts';
import { ROUTES } from './routes.ts';

const ERROR = {
  type: 'object',
  required: ['code', 'message', 'remedy'],
  properties: { code: { type: 'string' }, message: { type: 'string' }, remedy: { type: 'string' } },
};

/** The OpenAPI document of the API, made of the table of routes. https://spec.openapis.org/oas/v3.1.0 */
export function openApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ROUTES)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'backy',
      version: '1',
      description: 'The API of the backy service. It neither restores nor removes.',
    },
    paths,
    components: {
      schemas: { Error: ERROR },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
    security: [{ token: [] }],
  };
}

function operation({ path, summary, status, role, query = {}, body = {} }: Route): object {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const keys = Object.entries(body).map(([name, description]) => [name, { type: 'string', description }]);
  return {
    summary,
    description: `The role ${role} is needed.`,
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...Object.entries(query).map(([name, description]) => ({
        name,
        in: 'query',
        description,
        schema: { type: 'string' },
      })),
    ],
    ...(keys.length > 0
      ? {
          requestBody: {
            content: {
              'application/json': { schema: { type: 'object', properties: Object.fromEntries(keys) } },
            },
          },
        }
      : {}),
    responses: {
      [status]: {
        description: 'The answer',
        content: { 'application/json': { schema: { type: ['object', 'array'] } } },
      },
      default: {
        description: 'An error',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}
