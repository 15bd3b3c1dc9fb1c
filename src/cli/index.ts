import type { Terminal } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { runCli } from './run-cli.ts';

/** Entry of `heirloom`. */
const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second one means at once; `exit` handlers still remove temporary files.
    if (abort.signal.aborted) process.exit(exitCodes.cancelled);
    abort.abort();
  });
}
// The reader of a pipe may leave: `heirloom steps | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.file));

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isInteractive: Boolean(process.stderr.isTTY),
  columns: process.stderr.columns ?? 80,
  signal: abort.signal,
};

process.exitCode = await runCli(process.argv.slice(2), terminal);
