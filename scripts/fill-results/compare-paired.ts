export type Verdict = 'better' | 'tie' | 'worse';

/**
 * Whether one method is better than another on the same trials: worse or better only when the mean of the paired differences is more than two
 * of its standard errors away from 0, or chance could turn it over with other places of the same photographs.
 *
 * @param differences of one measure, one a trial, positive where the first method is better.
 */
export function comparePaired(differences: readonly number[]): Verdict {
  const count = differences.length;
  const mean = differences.reduce((sum, value) => sum + value, 0) / Math.max(1, count);
  const squares = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const standardError = count < 2 ? Infinity : Math.sqrt(squares / (count - 1) / count);
  if (mean === 0 || Math.abs(mean) <= 2 * standardError) return 'tie';
  return mean > 0 ? 'better' : 'worse';
}
