import { EventEmitter } from 'node:events';
import type * as Electron from 'electron';
import type { ElectronApi } from '../../src/main/desktop.ts';

/** Contents of a window: what main listens to, and what it sent. */
export class FakeContents extends EventEmitter {
  readonly sent: { readonly channel: string; readonly message: unknown }[] = [];
  mainFrame = { url: 'studio://app/' } as Electron.WebFrameMain;
  openHandler: ((details: Electron.HandlerDetails) => Electron.WindowOpenHandlerResponse) | undefined;
  url = 'studio://app/';
  isDestroyed = (): boolean => false;
  getURL = (): string => this.url;
  send = (channel: string, message: unknown): void => void this.sent.push({ channel, message });
  setWindowOpenHandler = (handler: (details: Electron.HandlerDetails) => Electron.WindowOpenHandlerResponse): void => {
    this.openHandler = handler;
  };
  /** The contents as Electron's type; only what is used is there. */
  asContents(): Electron.WebContents {
    return this as unknown as Electron.WebContents;
  }
}

export class FakeWindow extends EventEmitter {
  static readonly all: FakeWindow[] = [];
  readonly webContents = new FakeContents();
  readonly options: Electron.BrowserWindowConstructorOptions;
  loaded = '';
  focused = 0;
  minimized = false;
  maximized = false;
  shown = false;

  constructor(options: Electron.BrowserWindowConstructorOptions) {
    super();
    this.options = options;
    FakeWindow.all.push(this);
  }

  loadURL = (url: string): Promise<void> => {
    this.loaded = url;
    return Promise.resolve();
  };
  focus = (): void => void this.focused++;
  isMinimized = (): boolean => this.minimized;
  restore = (): void => void (this.minimized = false);
  maximize = (): void => void (this.maximized = true);
  show = (): void => void (this.shown = true);
  isMaximized = (): boolean => this.maximized;
  getNormalBounds = (): Electron.Rectangle => ({ x: 10, y: 20, width: 1000, height: 700 });
}

/** A utility process that answers nothing until told. */
export class FakeUtility extends EventEmitter {
  readonly entry: string;
  readonly options: Electron.ForkOptions | undefined;
  readonly posted: unknown[] = [];
  readonly stdout = new EventEmitter();
  readonly stderr = new EventEmitter();
  readonly pid = undefined;
  killed = false;

  constructor(entry: string, options: Electron.ForkOptions | undefined) {
    super();
    this.entry = entry;
    this.options = options;
  }

  postMessage = (message: unknown): void => void this.posted.push(message);
  kill = (): boolean => {
    this.killed = true;
    setImmediate(() => this.emit('exit', 15));
    return true;
  };
}

/** What was asked of the fake. */
export interface Recorded {
  readonly app: EventEmitter & { quits: number; recent: string[]; sandboxed: boolean };
  readonly ipc: EventEmitter;
  readonly schemes: Electron.CustomScheme[];
  readonly handlers: Map<string, (request: Request) => Promise<Response>>;
  readonly utilities: FakeUtility[];
  readonly theme: { themeSource: string; shouldUseDarkColors: boolean };
  readonly session: {
    request?: Parameters<Electron.Session['setPermissionRequestHandler']>[0];
    check?: Parameters<Electron.Session['setPermissionCheckHandler']>[0];
    device?: Parameters<Electron.Session['setDevicePermissionHandler']>[0];
  };
  menu: Electron.MenuItemConstructorOptions[];
}

/** Electron as far as the desktop program uses it, without Electron. `isFirst`: this start got the single-instance lock. */
export function fakeElectron(isFirst = true): { readonly electron: ElectronApi; readonly recorded: Recorded } {
  FakeWindow.all.length = 0;
  const app = Object.assign(new EventEmitter(), {
    quits: 0,
    recent: [] as string[],
    sandboxed: false,
    isPackaged: false,
    requestSingleInstanceLock: () => isFirst,
    whenReady: () => Promise.resolve(),
    getVersion: () => '1.2.3',
    enableSandbox: () => void (app.sandboxed = true),
    addRecentDocument: (path: string) => void app.recent.push(path),
    quit: () => {
      app.quits++;
      let prevented = false;
      app.emit('will-quit', { preventDefault: () => (prevented = true) });
      return prevented;
    },
  });
  const recorded: Recorded = {
    app,
    ipc: new EventEmitter(),
    schemes: [],
    handlers: new Map(),
    utilities: [],
    theme: { themeSource: 'system', shouldUseDarkColors: false },
    session: {},
    menu: [],
  };
  const protocol = {
    registerSchemesAsPrivileged: (schemes: Electron.CustomScheme[]) => void recorded.schemes.push(...schemes),
    handle: (scheme: string, handler: (request: Request) => Promise<Response>) => void recorded.handlers.set(scheme, handler),
  };
  const electron = {
    app,
    BrowserWindow: FakeWindow,
    dialog: {
      showOpenDialog: () => Promise.resolve({ canceled: true, filePaths: [] }),
      showSaveDialog: () => Promise.resolve({ canceled: true, filePath: '' }),
      showMessageBox: () => Promise.resolve({ response: 0, checkboxChecked: false }),
    },
    ipcMain: recorded.ipc,
    Menu: {
      buildFromTemplate: (template: Electron.MenuItemConstructorOptions[]) => template,
      setApplicationMenu: (template: Electron.MenuItemConstructorOptions[]) => void (recorded.menu = template),
    },
    nativeTheme: recorded.theme,
    protocol,
    screen: { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] },
    session: {
      defaultSession: {
        protocol,
        setPermissionRequestHandler: (handler: Recorded['session']['request']) => Object.assign(recorded.session, { request: handler }),
        setPermissionCheckHandler: (handler: Recorded['session']['check']) => Object.assign(recorded.session, { check: handler }),
        setDevicePermissionHandler: (handler: Recorded['session']['device']) => Object.assign(recorded.session, { device: handler }),
      },
    },
    shell: { showItemInFolder: () => {} },
    utilityProcess: {
      fork: (entry: string, _args: string[], options?: Electron.ForkOptions) => {
        const utility = new FakeUtility(entry, options);
        recorded.utilities.push(utility);
        return utility;
      },
    },
  };
  return { electron: electron as unknown as ElectronApi, recorded };
}
