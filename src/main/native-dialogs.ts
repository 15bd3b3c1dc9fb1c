import { existsSync } from 'node:fs';
import { basename, extname } from 'node:path';
import type { BrowserWindow, Dialog, FileFilter, Shell } from 'electron';
import { safeFileName } from '../host/file-name.ts';
import type { GrantedTarget } from '../host/grants.ts';
import type { StudioDialogs } from '../host/studio-host.ts';

const photoFilters: FileFilter[] = [
  { name: 'Photos', extensions: ['jpg', 'jpeg', 'png', 'tif', 'tiff', 'webp', 'avif', 'bmp', 'heic', 'heif', 'gif'] },
  { name: 'All files', extensions: ['*'] },
];
const modelFilters: FileFilter[] = [
  { name: 'Model weights', extensions: ['safetensors', 'pth', 'pt', 'ckpt', 'onnx'] },
  { name: 'All files', extensions: ['*'] },
];
/** Extensions that fit a format; the first one is used when the user names none. */
const extensions: Readonly<Record<string, readonly [string, ...string[]]>> = {
  jpeg: ['jpg', 'jpeg'],
  png: ['png'],
  tiff: ['tif', 'tiff'],
  webp: ['webp'],
  avif: ['avif'],
  safetensors: ['safetensors'],
};

/** The system's own dialogs, attached to the window that is open. */
export function nativeDialogs(
  dialog: Pick<Dialog, 'showOpenDialog' | 'showSaveDialog' | 'showMessageBox'>,
  shell: Pick<Shell, 'showItemInFolder'>,
  window: () => BrowserWindow | undefined,
): StudioDialogs {
  const choose = async (title: string, filters: FileFilter[]): Promise<readonly string[]> => {
    const options = { title, filters, properties: ['openFile', 'multiSelections'] as ('openFile' | 'multiSelections')[] };
    const parent = window();
    const { canceled, filePaths } = await (parent === undefined ? dialog.showOpenDialog(options) : dialog.showOpenDialog(parent, options));
    return canceled ? [] : filePaths;
  };
  const save = async (title: string, suggestedName: string, format: string): Promise<GrantedTarget | undefined> => {
    const fitting = extensions[format] ?? [safeFileName(format, 'png')];
    const options = {
      title,
      defaultPath: safeFileName(suggestedName, `restored.${fitting[0]}`),
      filters: [{ name: fitting[0].toUpperCase(), extensions: [...fitting] }],
      properties: ['createDirectory', 'showOverwriteConfirmation'] as ('createDirectory' | 'showOverwriteConfirmation')[],
    };
    const parent = window();
    const { canceled, filePath } = await (parent === undefined ? dialog.showSaveDialog(options) : dialog.showSaveDialog(parent, options));
    if (canceled || filePath === '') return undefined;
    return target(filePath, fitting);
  };
  return {
    openPhoto: () => choose('Open photos', photoFilters),
    openModel: () => choose('Add model weights', modelFilters),
    saveImage: (suggestedName, format) => save('Save the restored photo', suggestedName, format),
    saveModel: (suggestedName) => save('Save the mixed weights', suggestedName, 'safetensors'),
    show: (path) => shell.showItemInFolder(path),
  };
}

/** The dialog asked about the name it showed. A name it did not show, with the extension added, may not replace anything. */
function target(filePath: string, fitting: readonly string[]): GrantedTarget {
  const fits = fitting.includes(extname(filePath).slice(1).toLowerCase());
  const path = fits ? filePath : `${filePath}.${fitting[0] ?? ''}`;
  return { path, label: basename(path), overwrite: fits && existsSync(path) };
}
