import * as electron from 'electron';
import { runDesktop } from './desktop.ts';

runDesktop(electron, process.argv.slice(1)).catch((error: unknown) => {
  electron.dialog.showErrorBox('Heirloom could not start', error instanceof Error ? error.message : String(error));
  electron.app.exit(1);
});
