import type { ProgressState } from './progress-meter.ts';
import { createProgressMeter } from './progress-meter.ts';

/** One line on a terminal that shows how far work has come. */
export interface ProgressBar {
  update(state: ProgressState): void;
  /** Removes the line. */
  stop(): void;
}

/** Puts a progress line on standard error, which must be a terminal. */
export async function startProgressBar(label: string): Promise<ProgressBar> {
  const { SingleBar } = await import('cli-progress');
  const meter = createProgressMeter(performance.now());
  const bar = new SingleBar({
    stream: process.stderr,
    format: `${label} [{bar}] {line}`,
    barsize: 20,
    clearOnComplete: true,
    hideCursor: true,
    linewrap: false,
  });
  bar.start(1, 0, { line: '' });
  return {
    update: (state) => {
      bar.setTotal(Math.max(1, state.total));
      bar.update(state.done, { line: meter.line(state, performance.now()) });
    },
    stop: () => bar.stop(),
  };
}
