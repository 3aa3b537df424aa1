/** The look of a report. Reports mark lines; colours are added when the line is printed, after all escaping. */
export interface Look {
  /** Show all facts in lines of any length, instead of fitting 100 columns. */
  readonly verbose: boolean;
  /** Marks a line as a title or header. */
  readonly title: (line: string) => string;
  /** Marks a line that needs attention. */
  readonly alarm: (line: string) => string;
  /** The line in the colour of its mark. */
  readonly paint: (line: string) => string;
}

/** The property of a stream that decides about colour. */
interface Output {
  readonly isTTY?: boolean;
}

const BOLD = '1';
const RED = '31';

/** Whether a stream shows colours: terminals only, and not with NO_COLOR (https://no-color.org) or TERM=dumb. */
export function hasColor({ isTTY }: Output, { NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  return isTTY === true && !NO_COLOR && TERM !== 'dumb';
}

export function createLook({ verbose = false }: { readonly verbose?: boolean } = {}): Look {
  const colors = new Map<string, string>();
  const mark = (color: string) => (line: string) => {
    if (line !== '') colors.set(line, color);
    return line;
  };
  return {
    verbose,
    title: mark(BOLD),
    alarm: mark(RED),
    paint: (line) => {
      const color = colors.get(line);
      return color === undefined ? line : painted(line, color);
    },
  };
}

/** A title on a terminal. */
export function bold(text: string): string {
  return painted(text, BOLD);
}

function painted(text: string, color: string): string {
  return `\u001b[${color}m${text}\u001b[0m`;
}
