import { HeirloomError } from '../../shared/failure.ts';

const pickledHint = 'Ask its author for a .safetensors file, or save only the tensors again, with torch.save(model.state_dict(), …).';

/** The file breaks the rules of its own format: cut short, damaged, or made to deceive. */
export function corruptModel(fileName: string, what: string): HeirloomError {
  return new HeirloomError(
    'corrupt-model',
    `${fileName} is damaged or was not written by the usual tools: ${what}.`,
    'Download or copy the file again and compare its checksum with the one its author gives.',
  );
}

/** A pickle asks for code that no weights file needs. */
export function refusedGlobal(fileName: string, globalName: string): HeirloomError {
  return new HeirloomError(
    'corrupt-model',
    `${fileName} asks to run ${printable(globalName)}; a weights file must not run anything, so it was refused.`,
    pickledHint,
  );
}

/** The file is sound, but of a kind Heirloom does not read. */
export function unsupportedModel(fileName: string, what: string, hint?: string): HeirloomError {
  return new HeirloomError(
    'unsupported-model',
    `${fileName} ${what}.`,
    hint ?? 'Heirloom opens PyTorch .pth and .pt, .safetensors and .onnx files.',
  );
}

/** A name from a file, made safe to show: no control or direction-changing characters, at most 120 characters. */
export function printable(name: string): string {
  const clean = name.slice(0, 400).replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '�');
  return clean.length > 120 ? `${clean.slice(0, 119)}…` : clean;
}
