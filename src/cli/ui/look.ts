/** How text looks where it is printed. Padding comes before painting, because colours have no width. */
export interface Look {
  /** Everything, in lines as long as they need to be, instead of what fits 100 columns. */
  readonly verbose: boolean;
  /** Titles and headers. */
  readonly title: (text: string) => string;
  /** Something that a person must look at. */
  readonly alarm: (text: string) => string;
}

const BOLD = '1';
const RED = '31';

/** What decides about colour. */
interface Output {
  readonly isTTY?: boolean;
}

/** Whether a stream shows colours: terminals only, and not with NO_COLOR (https://no-color.org) or TERM=dumb. */
export function hasColor({ isTTY }: Output, { NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  return isTTY === true && !NO_COLOR && TERM !== 'dumb';
}

/** The look of a stream. */
export function createLook(output: Output, env: NodeJS.ProcessEnv, verbose = false): Look {
  const paint = hasColor(output, env) ? painted : (text: string) => text;
  return { verbose, title: (text) => paint(text, BOLD), alarm: (text) => paint(text, RED) };
}

/** Short lines without colours. */
export const PLAIN: Look = createLook({}, {});

function painted(text: string, code: string): string {
  return `\u001b[${code}m${text}\u001b[0m`;
}
