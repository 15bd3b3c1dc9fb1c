import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dialog, MenuItemConstructorOptions, Shell } from 'electron';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { defaultSettings } from '../../src/host/settings-file.ts';
import { runDesktop } from '../../src/main/desktop.ts';
import { menuTemplate } from '../../src/main/menu.ts';
import { nativeDialogs } from '../../src/main/native-dialogs.ts';
import { requestedFiles } from '../../src/main/requested-files.ts';
import { visibleState } from '../../src/main/window-state.ts';
import { removeFolder } from '../host/fake-engine.ts';
import { fakeElectron, FakeWindow, type Recorded } from './fake-electron.ts';

let folder = '';
let photo = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hl-test-'));
  photo = join(folder, 'old.jpg');
  writeFileSync(photo, '');
  vi.stubEnv('HEIRLOOM_DATA', join(folder, 'data'));
  vi.stubEnv('HEIRLOOM_SCRATCH', join(folder, 'scratch'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await removeFolder(folder);
});

/** Ends the program as Electron would, and waits until everything is put away. */
async function quit(recorded: Recorded): Promise<void> {
  recorded.app.emit('will-quit', { preventDefault: () => {} });
  await vi.waitFor(() => expect(recorded.app.quits).toBeGreaterThan(0));
}

const say = (recorded: Recorded, message: object): boolean => {
  const contents = FakeWindow.all.at(-1)!.webContents;
  return recorded.ipc.emit('heirloom', { sender: contents, senderFrame: contents.mainFrame }, { to: 'studio', message });
};
const heard = (): unknown[] => FakeWindow.all.at(-1)!.webContents.sent.map(({ message }) => (message as { readonly message: unknown }).message);

describe('the desktop program', () => {
  test('opens one window, shut off from everything but its preload script', async () => {
    const { electron, recorded } = fakeElectron();
    await runDesktop(electron, []);
    expect(FakeWindow.all).toHaveLength(1);
    const [window] = FakeWindow.all;
    expect(window!.loaded).toBe('studio://app/');
    expect(window!.options.webPreferences).toMatchObject({
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      navigateOnDragDrop: false,
    });
    expect(window!.options.webPreferences?.preload).toMatch(/index\.cjs$/);
    expect(recorded.app.sandboxed).toBe(true);
    expect(recorded.schemes.map(({ scheme }) => scheme)).toEqual(['studio']);
    expect([...recorded.handlers.keys()]).toEqual(['studio']);
    expect(recorded.utilities[0]!.entry).toMatch(/engine\.js$/);
    window!.emit('ready-to-show');
    expect(window!.shown).toBe(true);
    await quit(recorded);
    expect(recorded.utilities[0]!.killed).toBe(true);
  });

  test('guards every contents that is ever made', async () => {
    const { electron, recorded } = fakeElectron();
    await runDesktop(electron, []);
    const contents = FakeWindow.all[0]!.webContents;
    recorded.app.emit('web-contents-created', {}, contents);
    expect(contents.openHandler?.({} as never)).toEqual({ action: 'deny' });
    expect(recorded.session.device?.({} as never)).toBe(false);
    await quit(recorded);
  });

  test('a second start ends itself and hands its files to the first', async () => {
    const second = fakeElectron(false);
    await runDesktop(second.electron, [photo]);
    expect(second.recorded.app.quits).toBe(1);
    expect(FakeWindow.all).toHaveLength(0);

    const { electron, recorded } = fakeElectron();
    await runDesktop(electron, []);
    say(recorded, { kind: 'call', id: 1, name: 'host.info' });
    FakeWindow.all[0]!.minimized = true;
    recorded.app.emit('second-instance', {}, ['electron', folder, '--some-switch', photo, 'missing.jpg'], folder);
    await vi.waitFor(() => expect(heard()).toContainEqual({ kind: 'event', name: 'photo.requested', value: { source: expect.any(String) as string, name: 'old.jpg' } }));
    expect(heard().filter((message) => (message as { name?: string }).name === 'photo.requested')).toHaveLength(1);
    expect(FakeWindow.all[0]!.minimized).toBe(false);
    expect(FakeWindow.all).toHaveLength(1);
    await quit(recorded);
  });

  test('a file named before the window was there waits for it', async () => {
    const { electron, recorded } = fakeElectron();
    const running = runDesktop(electron, []);
    recorded.app.emit('open-file', { preventDefault: () => {} }, photo);
    await running;
    // The window is attached and hears of it once it says that it is ready.
    say(recorded, { kind: 'call', id: 1, name: 'host.info' });
    await vi.waitFor(() => expect(JSON.stringify(heard())).toContain('photo.requested'));
    await quit(recorded);
  });

  test('menu commands reach the window; the theme follows the settings', async () => {
    const { electron, recorded } = fakeElectron();
    await runDesktop(electron, []);
    const edit = recorded.menu.find(({ label }) => label === '&Edit')!.submenu as MenuItemConstructorOptions[];
    edit.find(({ label }) => label === 'Undo')!.click!(undefined as never, undefined as never, undefined as never);
    expect(heard()).toContainEqual({ kind: 'event', name: 'menu.chosen', value: 'undo' });
    // The engine never comes up in this test: settings can be changed all the same.
    recorded.utilities[0]!.emit('message', { kind: 'answer', id: 1, output: { version: '1', devices: [], device: 'cpu' } });
    say(recorded, { kind: 'call', id: 2, name: 'settings.set', input: { ...defaultSettings(), theme: 'dark' } });
    await vi.waitFor(() => expect(recorded.utilities[0]!.posted).toHaveLength(2));
    recorded.utilities[0]!.emit('message', { kind: 'answer', id: 2, output: {} });
    await vi.waitFor(() => expect(recorded.theme.themeSource).toBe('dark'));
    await quit(recorded);
  });

  test('keeps where the window was', async () => {
    const { electron, recorded } = fakeElectron();
    await runDesktop(electron, []);
    FakeWindow.all[0]!.emit('close');
    const path = join(folder, 'data', 'window.json');
    await vi.waitFor(() => expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ x: 10, y: 20, width: 1000, height: 700, maximized: false }));
    await quit(recorded);
    const again = fakeElectron();
    await runDesktop(again.electron, []);
    expect(FakeWindow.all[0]!.options).toMatchObject({ x: 10, y: 20, width: 1000, height: 700 });
    await quit(again.recorded);
  });
});

test('a window that would lie off the screens comes back to the middle', () => {
  const screens = [{ x: 0, y: 0, width: 1920, height: 1080 }];
  const state = { width: 800, height: 600, maximized: false };
  expect(visibleState({ ...state, x: 100, y: 100 }, screens)).toEqual({ ...state, x: 100, y: 100 });
  expect(visibleState({ ...state, x: 3000, y: 100 }, screens)).toEqual(state);
  expect(visibleState({ ...state, x: 100, y: -300 }, screens)).toEqual(state);
  expect(visibleState({ ...state, x: -700, y: 0 }, screens)).toEqual(state);
});

test('only files count on a command line', () => {
  expect(requestedFiles(['--inspect', folder, 'old.jpg', 'missing.jpg', ''], folder)).toEqual([photo]);
});

describe('dialogs', () => {
  const dialogs = (filePath: string, canceled = false) => {
    const showSaveDialog = vi.fn((..._args: unknown[]) => Promise.resolve({ canceled, filePath }));
    const dialog = { showOpenDialog: () => Promise.resolve({ canceled, filePaths: [filePath] }), showSaveDialog } as unknown as Dialog;
    return { made: nativeDialogs(dialog, { showItemInFolder: () => {} } as unknown as Shell, () => undefined), showSaveDialog };
  };

  test('a save dialog asks about replacing; a name it never showed replaces nothing', async () => {
    expect(await dialogs(photo).made.saveImage('x.jpg', 'jpeg')).toEqual({ path: photo, label: 'old.jpg', overwrite: true });
    writeFileSync(join(folder, 'new.png'), '');
    expect(await dialogs(join(folder, 'new')).made.saveImage('new.png', 'png')).toEqual({ path: join(folder, 'new.png'), label: 'new.png', overwrite: false });
    expect(await dialogs(join(folder, 'other.tiff')).made.saveImage('x', 'tiff')).toMatchObject({ label: 'other.tiff', overwrite: false });
    expect(await dialogs(photo).made.saveImage('x', 'png')).toMatchObject({ label: 'old.jpg.png' });
  });

  test('cancelling is no choice; a suggested name has no folders', async () => {
    expect(await dialogs('', true).made.saveImage('x.png', 'png')).toBeUndefined();
    expect(await dialogs(photo, true).made.openPhoto()).toEqual([]);
    const { made, showSaveDialog } = dialogs(photo);
    await made.saveModel('../../mixed.safetensors');
    expect(showSaveDialog.mock.calls[0]![0]).toMatchObject({ defaultPath: 'mixed.safetensors' });
  });
});

test.each(['linux', 'win32', 'darwin'])('the menu on %s has the commands of the contract, each once', (platform) => {
  const chosen: string[] = [];
  const click = (items: MenuItemConstructorOptions[]): void => {
    for (const item of items) {
      if (Array.isArray(item.submenu)) click(item.submenu);
      else item.click?.(undefined as never, undefined as never, undefined as never);
    }
  };
  click(menuTemplate(platform, { choose: (command) => chosen.push(command), about: () => {} }));
  expect(chosen.sort()).toEqual(['actual-size', 'export', 'fit', 'measures', 'open', 'redo', 'settings', 'undo', 'zoom-in', 'zoom-out']);
});
