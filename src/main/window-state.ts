import { join } from 'node:path';
import type { Rectangle } from 'electron';
import { jsonFile } from '../host/json-file.ts';
import { boolean, type Infer, integer, object, optional } from '../shared/schema.ts';

const stateSchema = object({
  x: optional(integer()),
  y: optional(integer()),
  width: integer(200, 20_000),
  height: integer(200, 20_000),
  maximized: boolean(),
});

export type WindowState = Infer<typeof stateSchema>;

const initial: WindowState = { width: 1400, height: 900, maximized: false };

/** Where the window was when it was closed. */
export function windowStateFile(dataDirectory: string) {
  return jsonFile(join(dataDirectory, 'window.json'), stateSchema, initial);
}

/** The state to open with: where it was if a good part of that is still on a screen, else its size in the middle. */
export function visibleState(state: WindowState, workAreas: readonly Rectangle[]): WindowState {
  const { x, y, width, height, maximized } = state;
  const visible = workAreas.some((area) => {
    if (x === undefined || y === undefined) return false;
    const shownWidth = Math.min(x + width, area.x + area.width) - Math.max(x, area.x);
    const shownHeight = Math.min(y + height, area.y + area.height) - Math.max(y, area.y);
    return shownWidth >= 200 && shownHeight >= 100 && y >= area.y;
  });
  return visible ? state : { width, height, maximized };
}
