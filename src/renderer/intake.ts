import type { SourceRef } from '../shared/contract.ts';
import { injectStudio } from './inject-studio.ts';
import { useModels } from './stores/models.ts';
import { useNotices } from './stores/notices.ts';
import { usePanels } from './stores/panels.ts';
import { usePhoto } from './stores/photo.ts';
import { useSession } from './stores/session.ts';

const photoTypes = 'image/*,.tif,.tiff,.heic,.heif,.avif,.bmp';
const modelName = /\.(pth|pt|safetensors|onnx)$/i;

/** True for names of files that hold a model's weights. */
export function isModelName(name: string): boolean {
  return modelName.test(name);
}

/** Every way a photo or a model gets into the window: dialog, file picker, drop, paste. */
export function useIntake() {
  const studio = injectStudio();
  const photo = usePhoto();
  const models = useModels();
  const notices = useNotices();
  const panels = usePanels();
  const session = useSession();

  /** The first photo is opened, every model file is added; what was left aside is said. */
  async function takeFiles(files: readonly File[]): Promise<void> {
    try {
      for (const file of files.filter((entry) => isModelName(entry.name)))
        await takeModel(await studio.sourceForFile(file));
      const photos = files.filter((entry) => !isModelName(entry.name));
      const [first] = photos;
      if (first === undefined) return;
      photo.opening = first.name;
      await takePhotos(await studio.sourceForFile(first), photos.length);
    } catch (error) {
      photo.opening = '';
      notices.failed(error);
    }
  }

  async function takePhotos(first: SourceRef, count: number): Promise<void> {
    if (count > 1)
      notices.info(`One photo is open at a time: of ${count}, "${first.name}" was opened.`, 'several');
    await photo.open(first);
  }

  async function takeModel(source: SourceRef): Promise<void> {
    if (await models.add(source)) panels.show('models');
  }

  /** Takes a pasted picture; answers whether there was one. */
  function takePaste(data: DataTransfer | null): boolean {
    const files = [...(data?.files ?? [])];
    const [first] = files;
    if (first === undefined) return false;
    void (async () => {
      if (first.name !== '' && first.name !== 'image.png') return takeFiles(files);
      await photo.open(await studio.upload(first, 'Pasted picture.png'));
    })().catch((error: unknown) => notices.failed(error));
    return true;
  }

  async function askForPhoto(): Promise<void> {
    if (!session.isElectron)
      return pick(photoTypes, (files) => void takeFiles(files));
    try {
      const sources = await studio.call('dialog.openPhoto');
      const [first] = sources;
      if (first !== undefined) await takePhotos(first, sources.length);
    } catch (error) {
      notices.failed(error);
    }
  }

  async function askForModel(): Promise<void> {
    if (!session.isElectron) return pick('.pth,.pt,.safetensors,.onnx', (files) => void takeFiles(files));
    try {
      for (const source of await studio.call('dialog.openModel')) await takeModel(source);
    } catch (error) {
      notices.failed(error);
    }
  }

  /** Lets the user choose a picture to compare the result with; nothing is opened. */
  function askForReference(take: (source: SourceRef) => void): void {
    if (!session.isElectron) return pickOne(photoTypes, take);
    studio
      .call('dialog.openPhoto')
      .then(([first]) => {
        if (first !== undefined) take(first);
      })
      .catch((error: unknown) => notices.failed(error));
  }

  /** Lets the user choose a file of parameters, as JSON. */
  function askForParameters(take: (source: SourceRef) => void): void {
    pickOne('.json,application/json', take);
  }

  function pickOne(accept: string, take: (source: SourceRef) => void): void {
    pick(accept, ([file]) => {
      if (file === undefined) return;
      studio
        .sourceForFile(file)
        .then(take)
        .catch((error: unknown) => notices.failed(error));
    });
  }

  return { takeFiles, takePaste, askForPhoto, askForModel, askForReference, askForParameters };
}

function pick(accept: string, take: (files: readonly File[]) => void): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = accept;
  input.multiple = true;
  input.onchange = () => take([...(input.files ?? [])]);
  input.click();
}
