import type { Command } from './commands.ts';
import { dropRemoval, type RemovalKind } from './masks/removal-edits.ts';
import { type MaskTool, useMasks } from './stores/masks.ts';
import { usePhoto } from './stores/photo.ts';
import { useRetouch } from './stores/retouch.ts';

/** What is done with masks and removals by key. */
export function maskCommands(): readonly Command[] {
  const masks = useMasks();
  const retouch = useRetouch();
  const photo = usePhoto();
  const isPainting = (): boolean => retouch.active || masks.target !== undefined;
  const isMasking = (): boolean => !retouch.active && masks.target !== undefined;
  const canRetouch = (): boolean => photo.info !== undefined && retouch.step !== undefined;
  const command = (
    id: string,
    title: string,
    keys: readonly string[],
    enabled: () => boolean,
    run: () => void,
  ): Command => ({ id, title, group: 'Paint', keys, enabled, run });
  const kind = (name: RemovalKind, title: string, key: string): Command =>
    command(`retouch-${name}`, title, [key], canRetouch, () => {
      if (retouch.active && retouch.kind === name && retouch.selected === undefined) retouch.stop();
      else retouch.start(name);
    });
  const tool = (name: MaskTool, title: string, key: string): Command =>
    command(`tool-${name}`, title, [key], isPainting, () => {
      masks.tool = name;
    });

  function remove(): void {
    const { selected, use } = retouch;
    if (selected !== undefined && use !== undefined)
      retouch.edit(dropRemoval(photo.recipe, use.id, selected.id));
    else masks.clear();
  }

  return [
    kind('fill', 'Remove things', 'R'),
    kind('heal', 'Heal from a source', 'H'),
    kind('clone', 'Clone from a source', 'S'),
    command(
      'again',
      'Fill another way',
      ['A'],
      () => retouch.active && retouch.canRepeat,
      () => retouch.again(),
    ),
    // With nothing to paint on, a brush is for removing.
    command(
      'tool-brush',
      'Brush',
      ['B'],
      () => isPainting() || canRetouch(),
      () => {
        if (!isPainting()) retouch.start();
        masks.tool = 'brush';
      },
    ),
    command(
      'tool-eraser',
      'Eraser',
      ['E'],
      () => isMasking() || retouch.selected !== undefined,
      () => {
        masks.tool = 'eraser';
      },
    ),
    tool('lasso', 'Lasso', 'L'),
    tool('rectangle', 'Rectangle', 'U'),
    command('brush-smaller', 'Smaller brush', ['['], isPainting, masks.smaller),
    command('brush-larger', 'Larger brush', [']'], isPainting, masks.larger),
    command('brush-softer', 'Softer brush', ['{'], isPainting, () =>
      masks.harden(masks.brush.hardness - 0.1),
    ),
    command('brush-harder', 'Harder brush', ['}'], isPainting, () =>
      masks.harden(masks.brush.hardness + 0.1),
    ),
    command('mask-invert', 'Invert the mask', ['I'], isMasking, masks.invert),
    command('mask-show', 'Show the mask', ['O'], isPainting, () => {
      masks.visible = !masks.visible;
    }),
    command(
      'mask-clear',
      'Clear the mask, or delete the open removal',
      ['Delete', 'Backspace'],
      () => (isMasking() && !masks.isEmpty) || (retouch.active && retouch.selected !== undefined),
      remove,
    ),
    command('leave-tool', 'Put the brush down', ['Escape'], isPainting, () => {
      if (retouch.job !== undefined && retouch.pending.length > 0) void retouch.cancel();
      else if (retouch.selected !== undefined) retouch.close();
      else if (retouch.active) retouch.stop();
      else masks.stop();
    }),
  ];
}
