/** Every failure code a user can meet. A code exists only if the user would do something different about it. */
export const failureCodes = [
  'bad-input',
  'unsupported-model',
  'missing-model',
  'corrupt-model',
  'out-of-memory',
  'device',
  'file',
  'internal',
] as const;

export type FailureCode = (typeof failureCodes)[number];

/** A failure as it travels on the wire and is shown: what happened to what, and what to do next. */
export interface Failure {
  readonly code: FailureCode;
  /** One plain sentence. */
  readonly message: string;
  /** What to do next, one plain sentence. */
  readonly hint?: string;
  /** Set when the same call may succeed if asked to make do with what can be read of a damaged file. */
  readonly retry?: 'allow-damaged';
}

/** An error whose message is meant for the user. */
export class HeirloomError extends Error {
  override readonly name = 'HeirloomError';
  readonly code: FailureCode;
  readonly hint: string | undefined;
  readonly retry: Failure['retry'] | undefined;

  constructor(code: FailureCode, message: string, hint?: string, options?: { cause?: unknown; retry?: Failure['retry'] }) {
    super(message, options);
    this.code = code;
    this.hint = hint;
    this.retry = options?.retry;
  }
}

/** Thrown by `Context.report` (and whatever waits on its signal) once a job was cancelled. A state, not a failure. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';

  constructor() {
    super('The job was cancelled.');
  }
}

/** Turns anything thrown into a `Failure`; what is not a `HeirloomError` is a bug and becomes `internal`. */
export function toFailure(error: unknown): Failure {
  if (error instanceof HeirloomError) {
    const { code, message, hint, retry } = error;
    return { code, message, ...(hint === undefined ? {} : { hint }), ...(retry === undefined ? {} : { retry }) };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: 'internal',
    message: `Something in Heirloom went wrong: ${message}`,
    hint: 'The original is untouched. Try again; if it happens again, the log has the details.',
  };
}

/** Rebuilds the error on the other side of a transport. */
export function fromFailure(failure: Failure): HeirloomError {
  const { code, message, hint, retry } = failure;
  return new HeirloomError(code, message, hint, retry === undefined ? {} : { retry });
}
