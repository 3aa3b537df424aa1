import { ioError } from '../io-error.ts';
import { FAILURE } from './exit-code.ts';
import { failureLine } from './failure.ts';
import { wasTerminal } from './lost-terminal.ts';
import { escapeText } from './ui/escape.ts';
import { hasColor } from './ui/look.ts';
import type { ProgressBar } from './ui/progress-bar.ts';
import type { ProgressState } from './ui/progress-meter.ts';

/**
 * The two standard streams. Standard output is not touched before something is printed on it. No line, whether text or
 * JSON, has a character that steers a terminal: each goes through `escapeText` here.
 */
export interface Terminal {
  /** Prints result lines on standard output, which `paint` may put into colours there. */
  print(lines: readonly string[], paint?: (line: string) => string): void;
  /** Prints one line on standard error. */
  tell(line: string): void;
  /** Runs work with a progress line, if a person is watching. */
  withProgress<Result>(
    label: string,
    work: (update?: (state: ProgressState) => void) => Promise<Result>,
  ): Promise<Result>;
}

const STANDARD_OUTPUT = 1;
const CLEAR_LINE = '\r\u001b[K';

/** @param showsProgress whether progress is wanted at all; it is only ever shown on a terminal */
export function createTerminal({ showsProgress }: { readonly showsProgress: boolean }): Terminal {
  let bar: ProgressBar | undefined;
  return {
    print: (lines, paint = (line) => line) => {
      if (lines.length === 0) return;
      const escaped = lines.map(escapeText);
      writeOutput(`${(hasColor(process.stdout, process.env) ? escaped.map(paint) : escaped).join('\n')}\n`);
    },
    tell: (line) => {
      writeAside(`${bar ? CLEAR_LINE : ''}${escapeText(line)}\n`);
    },
    withProgress: async (label, work) => {
      if (!showsProgress || !process.stderr.isTTY) return work();
      const { startProgressBar } = await import('./ui/progress-bar.ts');
      watchAside();
      const current = await startProgressBar(label);
      bar = current;
      try {
        return await work((state) => current.update(state));
      } finally {
        current.stop();
        bar = undefined;
      }
    },
  };
}

/** Writes to standard output. A reader that has seen enough, such as `head`, is no error; anything else is. */
export function writeOutput(text: string): void {
  watchOnce(process.stdout, (error) => {
    // A terminal that has gone away takes nobody's output with it: nobody is there.
    if (wasTerminal(STANDARD_OUTPUT)) return;
    writeAside(
      `${failureLine(ioError({ ...error, path: 'standard output', errnoName: error.code }, error))}\n`,
    );
    process.exit(FAILURE);
  });
  process.stdout.write(text);
}

/** Nobody is left to be told that standard error fails. */
function writeAside(text: string): void {
  watchAside();
  process.stderr.write(text);
}

function watchAside(): void {
  watchOnce(process.stderr, () => {});
}

function watchOnce(stream: NodeJS.WriteStream, onFailure: (error: NodeJS.ErrnoException) => void): void {
  if (stream.listenerCount('error') > 0) return;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') onFailure(error);
  });
}
