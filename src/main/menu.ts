import type { MenuItemConstructorOptions } from 'electron';

export interface MenuActions {
  /** Sends a command to the window: the values of the event `menu.chosen`. */
  choose(command: string): void;
  /** Tells where the log and the data are. */
  about(): void;
}

/** The menu bar. Standard roles where the system has them; everything else is a command for the window. */
export function menuTemplate(platform: string, { choose, about }: MenuActions): MenuItemConstructorOptions[] {
  const mac = platform === 'darwin';
  const command = (label: string, name: string, accelerator?: string): MenuItemConstructorOptions => ({
    label,
    click: () => choose(name),
    ...(accelerator === undefined ? {} : { accelerator }),
  });
  const line: MenuItemConstructorOptions = { type: 'separator' };
  const settings = command('Settings…', 'settings', 'CmdOrCtrl+,');
  const application: MenuItemConstructorOptions = {
    label: 'Heirloom',
    submenu: [{ label: 'About Heirloom', click: about }, line, settings, line, { role: 'services' }, line, { role: 'hide' }, { role: 'hideOthers' }, { role: 'unhide' }, line, { role: 'quit' }],
  };
  const file: MenuItemConstructorOptions = {
    label: '&File',
    submenu: [
      command('Open…', 'open', 'CmdOrCtrl+O'),
      ...(mac ? [{ label: 'Open Recent', role: 'recentDocuments', submenu: [{ role: 'clearRecentDocuments' }] } satisfies MenuItemConstructorOptions] : []),
      line,
      command('Export…', 'export', 'CmdOrCtrl+E'),
      line,
      ...(mac ? [{ role: 'close' } satisfies MenuItemConstructorOptions] : [settings, line, { role: 'quit' } satisfies MenuItemConstructorOptions]),
    ],
  };
  // Undo and redo belong to the recipe, so they are commands; text fields have their own behind the standard roles.
  const edit: MenuItemConstructorOptions = {
    label: '&Edit',
    submenu: [
      command('Undo', 'undo', 'CmdOrCtrl+Z'),
      command('Redo', 'redo', mac ? 'Shift+Cmd+Z' : 'Ctrl+Y'),
      line,
      { role: 'cut' },
      { role: 'copy' },
      { role: 'paste' },
      { role: 'selectAll' },
    ],
  };
  const view: MenuItemConstructorOptions = {
    label: '&View',
    submenu: [
      command('Zoom In', 'zoom-in', 'CmdOrCtrl+Plus'),
      command('Zoom Out', 'zoom-out', 'CmdOrCtrl+-'),
      command('Fit', 'fit', 'CmdOrCtrl+0'),
      command('Actual Size', 'actual-size', 'CmdOrCtrl+1'),
      line,
      command('Measures…', 'measures'),
      line,
      { role: 'togglefullscreen' },
      { role: 'toggleDevTools' },
    ],
  };
  const help: MenuItemConstructorOptions = { label: '&Help', role: 'help', submenu: [{ label: 'About Heirloom', click: about }] };
  return mac ? [application, file, edit, view, { role: 'windowMenu' }] : [file, edit, view, help];
}
