import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/cli/command.ts';
import { exitCodeFor, exitCodeHelp } from '../../src/cli/exit-codes.ts';
import { exportFlags, exportOptionsFrom } from '../../src/cli/export-flags.ts';
import { describeRows, parseFlags } from '../../src/cli/flags.ts';
import { barLine, duration } from '../../src/cli/follow-job.ts';
import { applyRecipeFlags, expandPrincipals, flagName, recipeFlags } from '../../src/cli/recipe-flags.ts';
import { describeStep, steps as engineSteps } from '../../src/engine/steps/registry.ts';
import type { StepDescription } from '../../src/shared/contract.ts';
import type { ExportOptions } from '../../src/shared/export-options.ts';
import { failureCodes } from '../../src/shared/failure.ts';
import { defaultParams } from '../../src/shared/params.ts';
import { emptyRecipe, type Recipe } from '../../src/shared/recipe.ts';
import { parseWebArguments } from '../../src/web/web-command.ts';

const steps: readonly StepDescription[] = [
  {
    id: 'grain',
    version: 3,
    title: 'Grain',
    summary: 'Adds grain.',
    strength: 'blend',
    params: {
      sizePx: { kind: 'number', label: 'Size', help: 'How coarse.', min: -5, max: 10, step: 1, default: 2 },
      colored: { kind: 'flag', label: 'Colored', help: 'In color.', default: true },
      kind: { kind: 'choice', label: 'Kind', help: 'Which.', choices: [{ value: 'film', label: 'Film' }, { value: 'paper', label: 'Paper' }], default: 'film' },
    },
  },
  {
    id: 'enlarge',
    version: 1,
    title: 'Enlarge',
    summary: 'Larger.',
    strength: 'none',
    params: {
      size: { kind: 'choice', label: 'Size by', help: 'How.', choices: [{ value: 'factor', label: 'Factor' }, { value: 'long-side', label: 'Long side' }], default: 'factor' },
      factor: { kind: 'number', label: 'Factor', help: 'How much.', min: 1, max: 8, step: 0.5, default: 2 },
      longSidePx: { kind: 'number', label: 'Long side', help: 'Pixels.', min: 16, max: 60000, step: 1, default: 4000 },
      alpha: { kind: 'number', label: 'α', help: 'Mix.', min: 0, max: 1, step: 0.01, default: 0.3 },
    },
  },
];

const recipe: Recipe = {
  ...emptyRecipe,
  steps: [{ id: 'e', step: 'enlarge', version: 1, enabled: false, strength: 1, params: { ...defaultParams(steps[1]!.params), size: 'long-side' } }],
};

const apply = (...args: string[]): Recipe => applyRecipeFlags(recipe, parseFlags(expandPrincipals(args, steps), recipeFlags(steps)), steps);

describe('the flags of the steps', () => {
  test('follow from their parameters', () => {
    const names = recipeFlags(steps).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['grain', 'no-grain', 'grain-strength', 'grain-size-px', 'grain-colored', 'no-grain-colored', 'grain-kind', 'enlarge-long-side-px', 'alpha', 'long-side']));
    expect(names).not.toContain('enlarge-strength');
    // An alias is offered only where its step and parameter exist.
    expect(names).not.toContain('print-cm');
  });

  test('of the real steps are all different, and differ from those of the export', () => {
    const names = [...recipeFlags(engineSteps.map(describeStep)), ...exportFlags].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(['enlarge', 'alpha', 'tone', 'clean-strength', 'quality', 'bit-depth']));
    expect(flagName('enlarge', 'longSidePx')).toBe('enlarge-long-side-px');
  });

  test('change nothing when there are none', () => {
    expect(apply()).toEqual(recipe);
  });

  test('--enlarge 4 turns the step on and sets its factor, whichever way it is written', () => {
    const expected = { enabled: true, params: { size: 'factor', factor: 4, alpha: 0.3 } };
    for (const args of [['--enlarge', '4'], ['--enlarge=4'], ['--enlarge', '--enlarge-factor', '4'], ['--enlarge-factor=4', '--enlarge']]) {
      expect(apply(...args).steps[0]).toMatchObject(expected);
    }
    expect(apply('--enlarge').steps[0]).toMatchObject({ enabled: true, params: { size: 'long-side', factor: 2 } });
  });

  test('aliases set what they stand for', () => {
    expect(apply('--alpha', '0.7').steps[0]).toMatchObject({ enabled: true, params: { alpha: 0.7 } });
    expect(apply('--long-side', '3000').steps[0]).toMatchObject({ params: { size: 'long-side', longSidePx: 3000 } });
  });

  test('a step that is not in the recipe comes where a new recipe has it', () => {
    const changed = apply('--grain', '0.5', '--grain-size-px', '-3', '--no-grain-colored', '--grain-kind', 'paper');
    expect(changed.steps.map(({ id }) => id)).toEqual(['grain-1', 'e']);
    expect(changed.steps[0]).toEqual({ id: 'grain-1', step: 'grain', version: 3, enabled: true, strength: 0.5, params: { sizePx: -3, colored: false, kind: 'paper' } });
  });

  test('--no-step turns every use of it off', () => {
    expect(apply('--no-enlarge').steps[0]?.enabled).toBe(false);
    expect(apply('--no-grain')).toEqual(recipe);
  });

  test('--step on and --step off turn a step on and off, whichever way they are written', () => {
    for (const args of [['--enlarge', 'on'], ['--enlarge=on']]) expect(apply(...args).steps[0]?.enabled).toBe(true);
    for (const args of [['--enlarge', 'off'], ['--enlarge=off']]) expect(apply(...args).steps[0]?.enabled).toBe(false);
    expect(expandPrincipals(['--enlarge', 'on', 'scan.png'], steps)).toEqual(['--enlarge', 'scan.png']);
  });

  test('--face-strength is the strength of the step about faces', () => {
    const real = engineSteps.map(describeStep);
    const faces = (...args: string[]) =>
      applyRecipeFlags(emptyRecipe, parseFlags(expandPrincipals(args, real), recipeFlags(real)), real).steps.find(({ step }) => step === 'faces');
    expect(faces('--faces', 'on', '--face-strength', '0.4', '--face-alpha', '0.9')).toMatchObject({ enabled: true, strength: 0.4, params: { faceAlpha: 0.9 } });
    expect(faces('--face-strength', '0.25')).toMatchObject({ enabled: true, strength: 0.25 });
    expect(faces('--faces', '0.7')).toMatchObject({ enabled: true, strength: 0.7 });
    const both = applyRecipeFlags(emptyRecipe, parseFlags(expandPrincipals(['--faces', 'on', '--enlarge', '2'], real), recipeFlags(real)), real);
    expect(both.steps.map(({ step }) => step)).toEqual(['enlarge', 'faces']);
    expect(() => faces('--face-strength', '2')).toThrow('--face-strength should be a number from 0 to 1');
  });

  test.each([
    [['--enlarge', '99'], /from 1 to 8/],
    [['--enlarge-factor', 'four'], /--enlarge-factor should be a number/],
    [['--grain-size-px', '1.5'], /whole number/],
    [['--grain-strength', '2'], /0 to 1/],
    [['--grain-kind', 'velvet'], /film, paper/],
    [['--grian'], /--grian/],
    [['--alpha'], /alpha/],
    [['--grain-colored=5'], /grain-colored/],
  ])('%j is refused in words', (args, words) => {
    expect(() => apply(...args)).toThrow(words);
    expect(() => apply(...args)).toThrow(UsageError);
  });

  test('a number that is a file name stays one', () => {
    expect(expandPrincipals(['1920', '--enlarge', 'scan.png'], steps)).toEqual(['1920', '--enlarge', 'scan.png']);
    expect(expandPrincipals(['--', '--enlarge', '4'], steps)).toEqual(['--', '--enlarge', '4']);
  });
});

describe('export options', () => {
  const defaults: ExportOptions = { format: 'tiff', quality: 90, bitDepth: 16, chroma: '4:4:4', profile: 'source', metadata: 'keep' };
  const options = (output: string | undefined, ...args: string[]): ExportOptions => exportOptionsFrom(parseFlags(args, exportFlags), output, defaults);

  test('follow the photo, the name of the output, and the flags', () => {
    expect(options(undefined)).toEqual(defaults);
    expect(options('a.PNG')).toEqual({ ...defaults, format: 'png' });
    expect(options('a.jpg')).toEqual({ ...defaults, format: 'jpeg', bitDepth: 8 });
    expect(options('a.webp', '--quality', '70', '--lossless', '--dpi', '300', '--metadata', 'strip')).toEqual({
      ...defaults, format: 'webp', bitDepth: 8, quality: 70, lossless: true, dpi: 300, metadata: 'strip',
    });
    expect(options('a', '--format', 'png', '--bit-depth', '8')).toMatchObject({ format: 'png', bitDepth: 8 });
  });

  test.each([
    ['a.xyz', [], /unclear/],
    ['a.png', ['--format', 'jpeg'], /ends in \.png/],
    ['a.png', ['--bit-depth', '12'], /bit-depth/],
    ['a.png', ['--quality', 'good'], /--quality/],
    ['a.png', ['--quality', '101'], /--quality/],
    ['a', ['--format', 'gif'], /format/],
  ])('%s %j is refused in words', (output, args, words) => {
    expect(() => options(output, ...args)).toThrow(words);
    expect(() => options(output, ...args)).toThrow(UsageError);
  });
});

test('every failure has an exit code, and every exit code is documented', () => {
  const documented = new Set(exitCodeHelp.map(([code]) => code));
  for (const code of failureCodes) expect(documented.has(exitCodeFor(code)), code).toBe(true);
  expect(exitCodeFor('bad-input')).toBe(3);
  expect(exitCodeFor('missing-model')).toBe(4);
  expect(exitCodeFor('file')).toBe(5);
  expect(exitCodeFor('out-of-memory')).toBe(6);
});

test('the progress bar fits its terminal and says what is left', () => {
  const job = { progress: 0.5, stage: 'Enlarge', etaSeconds: 75 };
  expect(barLine(job, 80)).toBe('[###############...............] 50 %  Enlarge, 1:15 min left');
  expect(barLine(job, 30).length).toBeLessThan(30);
  expect(barLine({ progress: 0, stage: '' }, 80)).toContain('  0 %');
  expect([duration(5.4), duration(3600), duration(-1)]).toEqual(['5 s', '1:00 h', '0 s']);
});

test('help is aligned and folded', () => {
  expect(describeRows([['a', 'x'], ['bcd', `${'word '.repeat(30)}end`]]).split('\n').every((line) => line.length <= 100)).toBe(true);
});

test('arguments of the web host', () => {
  expect(parseWebArguments([])).toMatchObject({ port: 0, address: '127.0.0.1', open: false, photos: [] });
  expect(parseWebArguments(['a.jpg', '--port', '8080', '--host', '0.0.0.0'])).toMatchObject({ port: 8080, address: '0.0.0.0' });
  for (const port of ['x', '-1', '70000', '1.5']) expect(() => parseWebArguments([`--port=${port}`])).toThrow(/port/);
  expect(() => parseWebArguments(['--prot', '1'])).toThrow(TypeError);
});
