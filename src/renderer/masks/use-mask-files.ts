import type { Mask } from '../../shared/mask.ts';
import { fromFailure, HeirloomError } from '../../shared/failure.ts';
import { emptyMask } from '../../shared/mask.ts';
import { injectStudio } from '../inject-studio.ts';
import { useJobs } from '../stores/jobs.ts';
import { startDownload } from '../stores/models.ts';
import { useNotices } from '../stores/notices.ts';
import { usePhoto } from '../stores/photo.ts';
import { usePreview } from '../stores/preview.ts';
import { maskAt, type MaskTarget, withMaskAt, withSelectionOf } from './mask-edits.ts';

/** Masks from and to pictures: white is what is selected. */
export function useMaskFiles() {
  const studio = injectStudio();
  const photo = usePhoto();
  const preview = usePreview();
  const jobs = useJobs();
  const notices = useNotices();

  /** Lets the user choose a picture, which becomes the mask at `target`. */
  function read(target: MaskTarget): void {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = 'image/*,.tif,.tiff';
    input.onchange = () => {
      const [file] = [...(input.files ?? [])];
      if (file !== undefined) void take(target, file).catch((error: unknown) => notices.failed(error));
    };
    input.click();
  }

  async function take(target: MaskTarget, file: File): Promise<void> {
    const info = photo.info;
    if (info === undefined) return;
    const { source } = await studio.sourceForFile(file);
    const mask = await studio.call('mask.read', { source });
    const { width, height } = info.image;
    if (photo.info?.id !== info.id) return;
    if (mask.width !== width || mask.height !== height)
      throw new HeirloomError(
        'bad-input',
        `"${file.name}" is ${mask.width} × ${mask.height} pixels, but the photo is ${width} × ${height}.`,
        'Take a mask of exactly the size of the photo.',
      );
    preview.begin();
    const before = maskAt(photo.recipe, target) ?? emptyMask(info.image);
    photo.edit(withMaskAt(photo.recipe, target, withSelectionOf(before, mask)));
    photo.commit();
  }

  /** Saves a mask where the user says. */
  async function write(mask: Mask, title: string): Promise<void> {
    const info = photo.info;
    if (info === undefined) return;
    try {
      const name = info.name.replace(/\.[^.]+$/, '');
      const suggestedName = `${name} ${title.toLowerCase()} mask.png`;
      const target = await studio.call('dialog.saveImage', { suggestedName, format: 'png' });
      if (target === null) return;
      const job = await studio.call('mask.write', { photo: info.id, mask, target: target.target });
      const over = await jobs.whenOver(job);
      if (over.failure !== undefined) throw fromFailure(over.failure);
      if (over.state !== 'done') return;
      notices.info(`The mask was saved as ${over.result?.savedAs ?? target.label}.`);
      if (over.result?.download !== undefined) startDownload(over.result.download);
    } catch (error) {
      notices.failed(error);
    }
  }

  return { read, write };
}
