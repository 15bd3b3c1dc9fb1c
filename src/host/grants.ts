import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import type { SourceRef, TargetRef } from '../shared/contract.ts';
import { HeirloomError } from '../shared/failure.ts';

export interface GrantedSource {
  readonly path: string;
  readonly name: string;
  /** A copy the host made of uploaded or pasted bytes; not worth remembering. */
  readonly temporary: boolean;
}

export interface GrantedTarget {
  readonly path: string;
  readonly label: string;
  readonly overwrite: boolean;
}

/**
 * What the user named to the host. A user interface holds unguessable tokens instead of paths, so that it can
 * reach nothing else, whatever runs in it.
 */
export class Grants {
  readonly #sources = new Map<string, GrantedSource>();
  readonly #targets = new Map<string, GrantedTarget>();
  readonly #tokens = new Map<string, string>();

  /** Lets the user interface open `path`. The same path keeps its token. */
  grantSource(path: string, name = basename(path), temporary = false): SourceRef {
    const source = this.#tokens.get(path) ?? newToken();
    this.#tokens.set(path, source);
    this.#sources.set(source, { path, name, temporary });
    return { source, name };
  }

  /** Lets the user interface save to `path`, which it only knows as `label`. */
  grantTarget(path: string, label: string, overwrite: boolean): TargetRef {
    const target = newToken();
    this.#targets.set(target, { path, label, overwrite });
    return { target, label, overwrite };
  }

  /** @throws HeirloomError `bad-input` when the token was not granted. */
  source(token: string): GrantedSource {
    const granted = this.#sources.get(token);
    if (granted === undefined) {
      throw new HeirloomError('bad-input', 'This file was not chosen in this run of Heirloom.', 'Open it again.');
    }
    return granted;
  }

  /** @throws HeirloomError `bad-input` when the token was not granted. */
  target(token: string): GrantedTarget {
    const granted = this.#targets.get(token);
    if (granted === undefined) {
      throw new HeirloomError('bad-input', 'This place to save was not chosen in this run of Heirloom.', 'Choose it again.');
    }
    return granted;
  }

  /** The granted target with that path, the latest first. */
  targetByPath(path: string): TargetRef | undefined {
    const [target, granted] = [...this.#targets].findLast(([, entry]) => entry.path === path) ?? [];
    return target === undefined || granted === undefined ? undefined : { target, label: granted.label, overwrite: granted.overwrite };
  }
}

function newToken(): string {
  return randomBytes(24).toString('base64url');
}
