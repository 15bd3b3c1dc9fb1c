import type { Job } from '../shared/contract.ts';
import { CancelledError, fromFailure } from '../shared/failure.ts';
import type { Terminal } from './command.ts';
import type { LocalEngine } from './open-engine.ts';

/**
 * Shows a job's progress until it ends; Ctrl+C cancels it.
 *
 * @throws HeirloomError when it failed, CancelledError when it was cancelled.
 */
export async function followJob({ engine, call }: LocalEngine, job: Job, terminal: Terminal, json: boolean): Promise<Job> {
  const show = json ? jsonLines(terminal) : terminal.isInteractive ? progressBar(terminal) : quiet;
  const stop = engine.onEvent((name, value) => {
    if (name === 'job.changed' && (value as Job).id === job.id) show.changed(value as Job);
  });
  const cancel = (): void => void call('job.cancel', { job: job.id });
  terminal.signal.addEventListener('abort', cancel, { once: true });
  if (terminal.signal.aborted) cancel();
  try {
    const ended = await engine.jobs.finished(job.id);
    if (ended.state === 'cancelled') throw new CancelledError();
    if (ended.failure !== undefined) throw fromFailure(ended.failure);
    return ended;
  } finally {
    terminal.signal.removeEventListener('abort', cancel);
    stop();
    show.end();
  }
}

interface Progress {
  changed(job: Job): void;
  end(): void;
}

const quiet: Progress = { changed: () => {}, end: () => {} };

function jsonLines(terminal: Terminal): Progress {
  return {
    changed: ({ state, progress, stage, etaSeconds }) => {
      if (state === 'running') terminal.out(`${JSON.stringify({ event: 'progress', progress, stage, etaSeconds })}\n`);
    },
    end: () => {},
  };
}

function progressBar(terminal: Terminal): Progress {
  let shown = false;
  return {
    changed: (job) => {
      if (job.state !== 'running') return;
      terminal.err(`\r${barLine(job, terminal.columns)}\u001b[K`);
      shown = true;
    },
    end: () => {
      if (shown) terminal.err('\r\u001b[K');
    },
  };
}

/** One line no wider than the terminal: bar, percentage, stage, time left. */
export function barLine({ progress, stage, etaSeconds }: Pick<Job, 'progress' | 'stage' | 'etaSeconds'>, columns: number): string {
  const percent = `${Math.floor(progress * 100)} %`.padStart(5);
  const left = etaSeconds === undefined ? '' : `, ${duration(etaSeconds)} left`;
  const width = Math.max(8, Math.min(30, columns - 50));
  const filled = Math.round(progress * width);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]${percent}  ${stage}${left}`.slice(0, Math.max(20, columns - 1));
}

/** 75 seconds are "1:15 min", 5 are "5 s". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')} min`;
  return `${Math.floor(whole / 3600)}:${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} h`;
}
