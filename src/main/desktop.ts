import type * as Electron from 'electron';
import { dataDirectory, programFiles } from '../host/program-files.ts';
import { type OpenStudio, openStudio } from '../host/open-studio.ts';
import type { Settings } from '../shared/contract.ts';
import { guardApp, guardSession } from './guards.ts';
import { ipcTransport } from './ipc-transport.ts';
import { menuTemplate } from './menu.ts';
import { nativeDialogs } from './native-dialogs.ts';
import { pageUrl, scheme } from './own-page.ts';
import { requestedFiles } from './requested-files.ts';
import { studioProtocol, studioScheme } from './studio-protocol.ts';
import { forkUtilityEngine } from './utility-engine.ts';
import { visibleState, windowStateFile } from './window-state.ts';

/** The part of Electron that the desktop program uses. */
export type ElectronApi = Pick<
  typeof Electron,
  'app' | 'BrowserWindow' | 'dialog' | 'ipcMain' | 'Menu' | 'nativeTheme' | 'protocol' | 'screen' | 'session' | 'shell' | 'utilityProcess'
>;

const maxPasteBytes = 8 * 1024 ** 3;

/** Runs the desktop program. Everything before the first `await` has to happen before Electron is ready. */
export async function runDesktop(electron: ElectronApi, args: readonly string[]): Promise<void> {
  const { app } = electron;
  if (!app.requestSingleInstanceLock()) return app.quit();
  electron.protocol.registerSchemesAsPrivileged([studioScheme]);
  app.enableSandbox();
  guardApp(app);
  // A file may be named before anything is ready to show it.
  let open = (path: string): void => void early.push(path);
  const early: string[] = [...requestedFiles(args, process.cwd())];
  app.on('open-file', (event, path) => {
    event.preventDefault();
    open(path);
  });
  await app.whenReady();

  let window: Electron.BrowserWindow | undefined;
  const studio = await openStudio({
    kind: 'electron',
    dialogs: () => nativeDialogs(electron.dialog, electron.shell, () => window),
    spawn: (options, log) => forkUtilityEngine(electron.utilityProcess, programFiles().engine, options, log),
    maxUploadBytes: maxPasteBytes,
    log: (line) => void process.stderr.write(`${line}\n`),
    onOpened: (path) => app.addRecentDocument(path),
  });
  process.once('exit', studio.abandon);
  followTheme(electron.nativeTheme, studio);
  guardSession(electron.session.defaultSession);
  electron.session.defaultSession.protocol.handle(
    scheme,
    studioProtocol({ renderer: programFiles().renderer, pixels: (path) => studio.supervisor.pixels(path), uploads: studio.uploads }),
  );
  electron.Menu.setApplicationMenu(
    electron.Menu.buildFromTemplate(
      menuTemplate(process.platform, {
        choose: (command) => studio.host.emit('menu.chosen', command),
        about: () => void showAbout(electron),
      }),
    ),
  );
  const show = async (): Promise<void> => {
    window ??= await openWindow(electron, studio, () => (window = undefined));
    if (window.isMinimized()) window.restore();
    window.focus();
  };
  open = (path) => {
    studio.host.requestPhoto(path);
    void show();
  };
  app.on('second-instance', (_event, commandLine, workingDirectory) => {
    for (const path of requestedFiles(commandLine.slice(1), workingDirectory)) studio.host.requestPhoto(path);
    void show();
  });
  app.on('activate', () => void show());
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit();
  });
  closeBeforeQuit(app, studio);
  for (const path of early) studio.host.requestPhoto(path);
  await show();
}

function followTheme(theme: Electron.NativeTheme, studio: OpenStudio): void {
  const apply = (settings: Settings): void => {
    theme.themeSource = settings.theme;
  };
  apply(studio.host.settings);
  studio.host.onSettings(apply);
}

async function showAbout({ dialog, app }: ElectronApi): Promise<void> {
  const detail = `Version ${app.getVersion()}\nSettings and added models: ${dataDirectory()}\n\nEverything stays on this machine.`;
  await dialog.showMessageBox({ type: 'info', title: 'About Heirloom', message: 'Heirloom', detail, buttons: ['OK'] });
}

/** Ends the engine process and removes temporary files before the program ends. */
function closeBeforeQuit(app: Electron.App, studio: OpenStudio): void {
  let closed = false;
  app.on('will-quit', (event) => {
    if (closed) return;
    event.preventDefault();
    const end = (): void => {
      closed = true;
      app.quit();
    };
    studio.close().then(end, end);
  });
}

async function openWindow(electron: ElectronApi, studio: OpenStudio, onClosed: () => void): Promise<Electron.BrowserWindow> {
  const file = windowStateFile(dataDirectory());
  const workAreas = electron.screen.getAllDisplays().map((display) => display.workArea);
  const { maximized, ...bounds } = visibleState((await file.read()).value, workAreas);
  const window = new electron.BrowserWindow({
    ...bounds,
    minWidth: 720,
    minHeight: 480,
    show: false,
    title: 'Heirloom',
    backgroundColor: electron.nativeTheme.shouldUseDarkColors ? '#1c1b1a' : '#f5f5f4',
    webPreferences: {
      preload: programFiles().preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
    },
  });
  ipcTransport(electron.ipcMain, window.webContents, studio.grants, (transport) => studio.host.attach(transport));
  window.once('ready-to-show', () => {
    if (maximized) window.maximize();
    window.show();
  });
  window.on('close', () => {
    const state = { ...window.getNormalBounds(), maximized: window.isMaximized() };
    file.write(state).catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  });
  window.on('closed', onClosed);
  await window.loadURL(pageUrl);
  return window;
}
