import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import type { Compatibility, ModelCard, SourceRef } from '../../shared/contract.ts';
import { fromFailure } from '../../shared/failure.ts';
import { injectStudio } from '../inject-studio.ts';
import { useJobs } from './jobs.ts';
import { useNotices } from './notices.ts';

export const useModels = defineStore('models', () => {
  const studio = injectStudio();
  const notices = useNotices();
  const jobs = useJobs();
  const cards = shallowRef<readonly ModelCard[]>([]);
  /** The job that installs a model, by model id. */
  const installing = shallowRef<ReadonlyMap<string, string>>(new Map());
  /** The card the panel shows opened. */
  const selected = ref('');

  async function load(): Promise<void> {
    cards.value = await studio.call('model.list');
  }

  /** Adds a model file and shows its card. */
  async function add(source: SourceRef): Promise<boolean> {
    try {
      const card = await studio.call('model.add', { source: source.source });
      await load();
      selected.value = card.id;
      notices.info(
        `"${card.title}" was added: ${card.architecture}${card.scale === undefined ? '' : ` ×${card.scale}`}.`,
      );
      return true;
    } catch (error) {
      notices.failed(error);
      return false;
    }
  }

  async function remove(card: ModelCard): Promise<void> {
    try {
      await studio.call('model.remove', { model: card.id });
      await load();
    } catch (error) {
      notices.failed(error);
    }
  }

  async function install(card: ModelCard): Promise<void> {
    try {
      const job = await studio.call('model.install', { model: card.id });
      installing.value = new Map(installing.value).set(card.id, job.id);
      const over = await jobs.whenOver(job);
      if (over.failure !== undefined) throw fromFailure(over.failure);
      if (over.state === 'done') notices.info(`"${card.title}" was installed.`);
      await load();
    } catch (error) {
      notices.failed(error);
    } finally {
      const rest = new Map(installing.value);
      rest.delete(card.id);
      installing.value = rest;
    }
  }

  async function compare(a: string, b: string): Promise<Compatibility | undefined> {
    try {
      return await studio.call('model.compare', { a, b });
    } catch (error) {
      notices.failed(error);
      return undefined;
    }
  }

  /** Saves the mix of two models as a model of its own, where the user says. */
  async function saveMix(a: ModelCard, b: ModelCard, alpha: number): Promise<void> {
    try {
      const target = await studio.call('dialog.saveModel', {
        suggestedName: `${a.title} ${alpha.toFixed(2)} ${b.title}.safetensors`,
      });
      if (target === null) return;
      const over = await jobs.whenOver(
        await studio.call('model.interpolate', { a: a.id, b: b.id, alpha, target: target.target }),
      );
      if (over.failure !== undefined) throw fromFailure(over.failure);
      if (over.state === 'done')
        notices.show({ kind: 'done', text: `The mix was saved as ${over.result?.savedAs ?? target.label}.` });
      if (over.result?.download !== undefined) startDownload(over.result.download);
    } catch (error) {
      notices.failed(error);
    }
  }

  studio.on('model.changed', (next) => {
    cards.value = next;
  });
  return { cards, installing, selected, load, add, remove, install, compare, saveMix };
});

/** Web host: lets the browser save what the host has ready. */
export function startDownload(address: string): void {
  const link = document.createElement('a');
  link.href = new URL(address, location.href).href;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}
