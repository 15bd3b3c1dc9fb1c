import { useIntake } from './intake.ts';
import { maskCommands } from './mask-commands.ts';
import { usePanels } from './stores/panels.ts';
import { usePhoto } from './stores/photo.ts';
import { usePreview } from './stores/preview.ts';
import { useView } from './stores/view.ts';

/** Something the user can do by key or menu. */
export interface Command {
  readonly id: string;
  readonly title: string;
  readonly group: 'File' | 'Edit' | 'View' | 'Paint' | 'Help';
  /** 'Mod+Z': Mod is Command on a Mac and Ctrl elsewhere. The first one is shown; none where browsers keep the usual key to themselves. */
  readonly keys: readonly string[];
  enabled(): boolean;
  run(): void;
}

const panPx = 60;

/** All commands, in the order the shortcuts overlay lists them. */
export function useCommands(): readonly Command[] {
  const intake = useIntake();
  const panels = usePanels();
  const photo = usePhoto();
  const preview = usePreview();
  const view = useView();
  const hasPhoto = (): boolean => photo.info !== undefined;
  const always = (): boolean => true;
  const hasAfter = (): boolean => photo.restored !== undefined || preview.shown.length > 0;
  const pan = (id: string, title: string, key: string, x: number, y: number): Command => ({
    id,
    title,
    group: 'View',
    keys: [key],
    enabled: hasPhoto,
    run: () => view.pan(x * view.density, y * view.density),
  });
  const show = (name: 'measures' | 'models' | 'settings' | 'shortcuts') => () => panels.show(name);
  return [
    {
      id: 'open',
      title: 'Open a photo',
      group: 'File',
      keys: ['Mod+O'],
      enabled: always,
      run: () => void intake.askForPhoto(),
    },
    {
      id: 'export',
      title: 'Export the result',
      group: 'File',
      keys: ['Mod+E', 'Mod+S'],
      enabled: hasPhoto,
      run: () => panels.show('export'),
    },
    {
      id: 'close',
      title: 'Close the photo',
      group: 'File',
      keys: [],
      enabled: hasPhoto,
      run: () => void photo.close(),
    },
    {
      id: 'restore',
      title: 'Restore',
      group: 'Edit',
      keys: ['Mod+Enter'],
      enabled: () => hasPhoto() && photo.hasWork && photo.restoring === undefined,
      run: () => void photo.restore(),
    },
    {
      id: 'cancel',
      title: 'Cancel restoring',
      group: 'Edit',
      keys: ['Escape'],
      enabled: () => photo.restoring !== undefined,
      run: () => void photo.cancel(),
    },
    {
      id: 'undo',
      title: 'Undo',
      group: 'Edit',
      keys: ['Mod+Z'],
      enabled: () => photo.canUndo,
      run: photo.undo,
    },
    {
      id: 'redo',
      title: 'Redo',
      group: 'Edit',
      keys: ['Mod+Shift+Z', 'Mod+Y'],
      enabled: () => photo.canRedo,
      run: photo.redo,
    },
    {
      id: 'compare',
      title: 'Compare by slider',
      group: 'View',
      keys: ['C'],
      enabled: hasAfter,
      run: () => {
        view.compare = !view.compare;
      },
    },
    {
      id: 'fit',
      title: 'Whole photo',
      group: 'View',
      keys: ['0', 'Mod+0'],
      enabled: hasPhoto,
      run: view.fit,
    },
    {
      id: 'actual-size',
      title: 'Actual pixels',
      group: 'View',
      keys: ['1', 'Mod+1'],
      enabled: hasPhoto,
      run: () => view.actualSize(),
    },
    {
      id: 'zoom-in',
      title: 'Zoom in',
      group: 'View',
      keys: ['+', '=', 'Mod++', 'Mod+='],
      enabled: hasPhoto,
      run: view.zoomIn,
    },
    {
      id: 'zoom-out',
      title: 'Zoom out',
      group: 'View',
      keys: ['-', 'Mod+-'],
      enabled: hasPhoto,
      run: view.zoomOut,
    },
    pan('pan-left', 'Move left', 'ArrowLeft', panPx, 0),
    pan('pan-right', 'Move right', 'ArrowRight', -panPx, 0),
    pan('pan-up', 'Move up', 'ArrowUp', 0, panPx),
    pan('pan-down', 'Move down', 'ArrowDown', 0, -panPx),
    {
      id: 'preview',
      title: 'Live preview on and off',
      group: 'View',
      keys: ['P'],
      enabled: hasPhoto,
      run: () => {
        preview.enabled = !preview.enabled;
      },
    },
    {
      id: 'measures',
      title: 'Measures of the result',
      group: 'View',
      keys: ['Shift+M'],
      enabled: () => photo.restored !== undefined,
      run: show('measures'),
    },
    ...maskCommands(),
    { id: 'models', title: 'Models', group: 'Help', keys: ['M'], enabled: always, run: show('models') },
    {
      id: 'settings',
      title: 'Settings',
      group: 'Help',
      keys: ['Mod+,'],
      enabled: always,
      run: show('settings'),
    },
    {
      id: 'shortcuts',
      title: 'Keyboard shortcuts',
      group: 'Help',
      keys: ['?'],
      enabled: always,
      run: show('shortcuts'),
    },
  ];
}

/** The command a key press means, if any; of several with the same key one that can be carried out. */
export function commandFor(commands: readonly Command[], event: KeyboardEvent): Command | undefined {
  const name = keyName(event);
  const meant = commands.filter((command) => command.keys.includes(name));
  return meant.find((command) => command.enabled()) ?? meant[0];
}

/** A key press as commands write it: 'Mod+Shift+Z', 'ArrowLeft', '?'. */
export function keyName(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>,
): string {
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const isLetter = /^[A-Z]$/.test(key);
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push('Mod');
  if (event.altKey) parts.push('Alt');
  // Shift only tells letters and named keys apart; it is what makes '?' and '+' in the first place.
  if (event.shiftKey && (isLetter || key.length > 1)) parts.push('Shift');
  return [...parts, key].join('+');
}

/** Keys for people: '⌘Z' on a Mac, 'Ctrl+Z' elsewhere. */
export function showKeys(keys: string, isMac: boolean): string {
  const arrows: Readonly<Record<string, string>> = {
    ArrowLeft: '←',
    ArrowRight: '→',
    ArrowUp: '↑',
    ArrowDown: '↓',
    Escape: 'Esc',
  };
  const parts =
    keys === '+'
      ? ['+']
      : keys
          .replace(/\+\+$/, '+plus')
          .split('+')
          .map((part) => (part === 'plus' ? '+' : part));
  const names = parts.map((part) => arrows[part] ?? (part === 'Mod' ? (isMac ? '⌘' : 'Ctrl') : part));
  return names.join(isMac ? '' : '+');
}
