import { inject } from 'vue';
import { type Studio, studioKey } from './studio.ts';

/** The host this window was mounted with; for stores and components. */
export function injectStudio(): Studio {
  const studio = inject(studioKey);
  if (studio === undefined) throw new Error('The window was mounted without its host.');
  return studio;
}
