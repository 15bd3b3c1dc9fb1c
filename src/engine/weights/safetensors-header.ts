/** One tensor as a safetensors header describes it. */
export interface HeaderTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, HeaderTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Parses the JSON header of a safetensors file, accepting only what the format allows.
 *
 * A parser of its own, because `JSON.parse` lets duplicate names pass, rounds huge integers and unfolds any nesting.
 * Format: https://huggingface.co/docs/safetensors
 *
 * @throws SyntaxError with what is wrong, as the end of a sentence.
 */
export function parseSafetensorsHeader(text: string): SafetensorsHeader {
  return new HeaderParser(text).parse();
}

const quote = 0x22;
const backslash = 0x5c;
const maxTensors = 100_000;

class HeaderParser {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  parse(): SafetensorsHeader {
    const tensors = new Map<string, HeaderTensor>();
    let metadata: Map<string, string> | undefined;
    this.object((name) => {
      if (name === '__metadata__') {
        if (metadata !== undefined) throw new SyntaxError('its header has two __metadata__');
        metadata = this.metadata();
        return;
      }
      if (tensors.has(name)) throw new SyntaxError(`its header names ${name} twice`);
      if (tensors.size === maxTensors) throw new SyntaxError(`its header names more than ${maxTensors} tensors`);
      tensors.set(name, this.tensor(name));
    });
    this.space();
    if (this.at < this.text.length) throw new SyntaxError('its header has something after its end');
    return { tensors, metadata: Object.fromEntries(metadata ?? []) };
  }

  private tensor(name: string): HeaderTensor {
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    this.object((field) => {
      const known = { dtype, shape, data_offsets: offsets }[field];
      if (known !== undefined) throw new SyntaxError(`its header gives the ${field} of ${name} twice`);
      if (field === 'dtype') dtype = this.string();
      else if (field === 'shape') shape = this.counts();
      else if (field === 'data_offsets') offsets = this.counts();
      else throw new SyntaxError(`its header gives ${name} the unknown field ${field}`);
    });
    const [begin, end, ...rest] = offsets ?? [];
    if (dtype === undefined || shape === undefined || begin === undefined || end === undefined || rest.length > 0) {
      throw new SyntaxError(`its header describes ${name} incompletely`);
    }
    return { dtype, shape, begin, end };
  }

  private metadata(): Map<string, string> {
    const entries = new Map<string, string>();
    this.object((key) => {
      if (entries.has(key)) throw new SyntaxError(`its metadata has ${key} twice`);
      entries.set(key, this.string());
    });
    return entries;
  }

  private object(field: (name: string) => void): void {
    this.expect('{');
    if (this.accept('}')) return;
    do {
      const name = this.string();
      this.expect(':');
      field(name);
    } while (this.accept(','));
    this.expect('}');
  }

  /** An array of at most 32 whole numbers from 0 to 2^53. */
  private counts(): number[] {
    const counts: number[] = [];
    this.expect('[');
    if (this.accept(']')) return counts;
    do {
      this.space();
      const [digits] = /^(0|[1-9]\d{0,15})(?![\d.eE])/.exec(this.text.slice(this.at, this.at + 18)) ?? [];
      const count = Number(digits);
      if (digits === undefined || !Number.isSafeInteger(count)) throw new SyntaxError('its header has something else than a count where a count belongs');
      if (counts.length === 32) throw new SyntaxError('its header has a shape of more than 32 dimensions');
      counts.push(count);
      this.at += digits.length;
    } while (this.accept(','));
    this.expect(']');
    return counts;
  }

  private string(): string {
    this.space();
    const start = this.at;
    if (this.text[start] !== '"') throw new SyntaxError('its header is not the JSON that it should be');
    let end = start + 1;
    while (end < this.text.length && this.text.charCodeAt(end) !== quote) end += this.text.charCodeAt(end) === backslash ? 2 : 1;
    this.at = end + 1;
    try {
      return String(JSON.parse(this.text.slice(start, this.at)));
    } catch {
      throw new SyntaxError('its header has a broken text');
    }
  }

  private accept(character: string): boolean {
    this.space();
    const found = this.text[this.at] === character;
    if (found) this.at++;
    return found;
  }

  private expect(character: string): void {
    if (!this.accept(character)) throw new SyntaxError('its header is not the JSON that it should be');
  }

  private space(): void {
    for (let code = this.text.charCodeAt(this.at); code === 0x20 || (code >= 0x09 && code <= 0x0d); code = this.text.charCodeAt(this.at)) this.at++;
  }
}
