import { expect, test } from 'vitest';
import { damageParams, kindsWanted } from '../../src/shared/damage.ts';
import { repair } from '../../src/engine/steps/repair.ts';
import { defaultParams } from '../../src/shared/params.ts';

test('what is not mentioned has the default of the step Repair; stains only when asked for', () => {
  expect(kindsWanted({})).toEqual(kindsWanted(defaultParams(repair.params)));
  expect(kindsWanted({})).toEqual(['scratch', 'dust', 'fold', 'tear']);
  expect(kindsWanted({ stains: true, dust: false })).toEqual(['scratch', 'stain', 'fold', 'tear']);
  expect(Object.values(damageParams).every((name) => repair.params[name].kind === 'flag')).toBe(true);
});
