/** What a command sees of the world: so that it can be tested without a terminal. */
export interface Terminal {
  /** Results. */
  out(text: string): void;
  /** Progress, warnings and failures. */
  err(text: string): void;
  /** True when somebody watches `err`: a progress bar makes sense. */
  readonly isInteractive: boolean;
  readonly columns: number;
  /** Aborted by Ctrl+C. */
  readonly signal: AbortSignal;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  help(): string;
  /** @returns the exit code. */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** The command line was not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
