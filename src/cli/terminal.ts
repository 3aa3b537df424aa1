import { ioError } from '../io-error.ts';
import { FAILURE } from './exit-code.ts';
import { failureLine } from './failure.ts';
import { wasTerminal } from './lost-terminal.ts';
import { escapeText } from './ui/escape.ts';
import { hasColor } from './ui/look.ts';
import type { ProgressBar } from './ui/progress-bar.ts';
import type { ProgressState } from './ui/progress-meter.ts';

/**
 * The two standard streams. Standard output stays untouched until something is printed. Every line, text or JSON, goes
 * through `escapeText` here, so none contains a character that controls the terminal.
 */
export interface Terminal {
  /** Prints result lines on standard output. `paint` adds colours if the stream supports them. */
  print(lines: readonly string[], paint?: (line: string) => string): void;
  /** Prints one line on standard error. */
  tell(line: string): void;
  /** Runs work with a progress line, if standard error is a terminal. */
  withProgress<Result>(
    label: string,
    work: (update?: (state: ProgressState) => void) => Promise<Result>,
  ): Promise<Result>;
}

const STANDARD_OUTPUT = 1;
const CLEAR_LINE = '\r\u001b[K';

/** @param showsProgress false to show no progress even on a terminal */
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

/** Writes to standard output. A reader that closes the pipe, such as `head`, is not an error. */
export function writeOutput(text: string): void {
  watchOnce(process.stdout, (error) => {
    // Nobody reads the output of a terminal that has hung up, so its failure is ignored.
    if (wasTerminal(STANDARD_OUTPUT)) return;
    writeAside(
      `${failureLine(ioError({ ...error, path: 'standard output', errnoName: error.code }, error))}\n`,
    );
    process.exit(FAILURE);
  });
  process.stdout.write(text);
}

/** Writes to standard error and ignores failures, because they cannot be reported. */
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
