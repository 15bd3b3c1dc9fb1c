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
}

/** An error whose message is meant for the user. */
export class HeirloomError extends Error {
  override readonly name = 'HeirloomError';
  readonly code: FailureCode;
  readonly hint: string | undefined;

  constructor(code: FailureCode, message: string, hint?: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.hint = hint;
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
    const { code, message, hint } = error;
    return hint === undefined ? { code, message } : { code, message, hint };
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
  return new HeirloomError(failure.code, failure.message, failure.hint);
}
