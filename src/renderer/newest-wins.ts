/**
 * Sends requests so that the newest wins: while one waits for its first answer, only the newest of those that follow is kept.
 * A request that stays without any answer for `patienceMs` no longer holds back the next.
 */
export class NewestWins<T> {
  readonly #send: (request: T, id: string) => void;
  readonly #patienceMs: number;
  /** Several windows may hear the same answers. */
  readonly #prefix = `preview-${Math.random().toString(36).slice(2)}`;
  #sent = 0;
  #waiting: string | undefined;
  #next: T | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (request: T, id: string) => void, patienceMs: number) {
    this.#send = send;
    this.#patienceMs = patienceMs;
  }

  /** Id of the newest request sent; answers to others are out of date. */
  get newest(): string {
    return `${this.#prefix}-${this.#sent}`;
  }

  /** Whether this window sent the request. */
  isOwn(id: string): boolean {
    return id.startsWith(`${this.#prefix}-`);
  }

  ask(request: T): void {
    if (this.#waiting === undefined) this.#start(request);
    else this.#next = request;
  }

  /** Says that a request got an answer of any kind. */
  answered(id: string): void {
    if (id !== this.#waiting) return;
    clearTimeout(this.#timer);
    this.#waiting = undefined;
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.#start(next);
  }

  /** Drops what waits and makes every answer still to come out of date. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#sent += 1;
    this.#waiting = undefined;
    this.#next = undefined;
  }

  #start(request: T): void {
    this.#sent += 1;
    const id = this.newest;
    this.#waiting = id;
    this.#timer = setTimeout(() => this.answered(id), this.#patienceMs);
    this.#send(request, id);
  }
}
