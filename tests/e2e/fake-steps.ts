import type { ModelCard, StepDescription } from '../../src/shared/contract.ts';

/** Steps that have every kind of parameter, for tests of the window alone. */
export const fakeSteps: readonly StepDescription[] = [
  {
    id: 'repair',
    version: 1,
    title: 'Repair',
    summary: 'Finds scratches and dust, and fills them from their surroundings.',
    strength: 'none',
    proposesMask: true,
    params: {
      sensitivity: {
        kind: 'number',
        label: 'Sensitivity',
        help: 'How little it takes to count as damage.',
        min: 0,
        max: 1,
        step: 0.01,
        default: 0.5,
      },
      scratches: { kind: 'flag', label: 'Scratches', help: 'Look for scratches.', default: true },
      stains: { kind: 'flag', label: 'Stains', help: 'Look for stains.', default: true },
    },
  },
  {
    id: 'clean',
    version: 1,
    title: 'Clean',
    summary: 'Removes noise and the blocks of strong JPEG compression.',
    strength: 'blend',
    params: {
      model: { kind: 'model', role: 'clean', label: 'Model', help: 'Which network cleans.', default: '' },
    },
  },
  {
    id: 'tone',
    version: 1,
    title: 'Tone',
    summary: 'Brings faded prints back to a full range and takes off a color cast.',
    strength: 'own',
    params: {
      fade: {
        kind: 'number',
        label: 'Fade',
        help: 'How much of the fading is undone.',
        min: 0,
        max: 1,
        step: 0.01,
        default: 0.5,
      },
      gamma: {
        kind: 'number',
        label: 'Midtones',
        help: 'Below 1 darker, above 1 lighter.',
        min: 0.5,
        max: 2,
        step: 0.05,
        default: 1,
      },
      cast: {
        kind: 'flag',
        label: 'Take off the color cast',
        help: 'Estimates the cast of faded dyes from the photo.',
        default: true,
      },
    },
  },
  {
    id: 'faces',
    version: 1,
    title: 'Faces',
    summary: 'Restores faces, and leaves those alone that would become somebody else.',
    strength: 'own',
    perFace: true,
    params: {
      guard: {
        kind: 'flag',
        label: 'Keep the person',
        help: 'Who would become somebody else stays as she is.',
        default: true,
      },
    },
  },
  {
    id: 'enlarge',
    version: 1,
    title: 'Enlarge',
    summary: 'Makes the photo larger and finer with a network.',
    strength: 'none',
    changesSize: true,
    params: {
      size: {
        kind: 'choice',
        label: 'Size',
        help: 'How much larger the photo becomes.',
        choices: [
          { value: 'x1', label: 'Same size' },
          { value: 'x2', label: '2 times' },
          { value: 'x4', label: '4 times' },
        ],
        default: 'x2',
      },
      alpha: {
        kind: 'number',
        label: 'Character',
        help: 'From true to the photo to crisp and partly invented.',
        min: 0,
        max: 1,
        step: 0.01,
        default: 0.3,
      },
    },
  },
];

export const fakeModels: readonly ModelCard[] = [
  card('fidelity', 'Compact ×4, fidelity', {
    partner: 'perception',
    end: 'fidelity',
    scale: 4,
    msPerMegapixel: 5300,
  }),
  card('perception', 'Compact ×4, perception', { partner: 'fidelity', end: 'perception', scale: 4 }),
  card('restorer', 'A large restorer', {
    origin: 'catalog',
    present: false,
    license: 'BSD-3-Clause',
    sizeBytes: 67_040_989,
    url: 'https://example.org/restorer.pth',
  }),
];

function card(id: string, title: string, change: Partial<ModelCard>): ModelCard {
  return {
    id,
    title,
    role: 'enlarge',
    origin: 'embedded',
    present: true,
    architecture: 'SRVGGNetCompact',
    parameters: 621_424,
    receptiveFieldPx: 39,
    gflopPerMegapixel: 1240,
    license: 'CC BY-SA 4.0',
    sha256: '0'.repeat(64),
    sizeBytes: 1_250_000,
    ...change,
  };
}
