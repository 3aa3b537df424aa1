import type { Role } from '../model/service-config.ts';
import type { ServiceControl } from '../model/service-control.ts';

/** A request, checked. */
export interface Request {
  readonly control: ServiceControl;
  /** Names in the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** The JSON object of the body; empty without one. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Name of the caller, for the log. */
  readonly by: string;
}

/** One route of the API. The router and the OpenAPI document are made of the table. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** The path; names in braces are parameters. */
  readonly path: string;
  readonly role: Role;
  readonly summary: string;
  /** The status of a good answer. */
  readonly status: 200 | 202;
  /** Parameters in the query, with their meaning. */
  readonly query?: Readonly<Record<string, string>>;
  /** Keys of the body, with their meaning. */
  readonly body?: Readonly<Record<string, string>>;
  readonly handle: (request: Request) => object | Promise<object>;
}
